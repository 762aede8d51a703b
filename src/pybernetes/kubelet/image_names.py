"""Which registry an image is of, and which credentials are for it. Pure.

Source: pkg/credentialprovider/keyring.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The server is not told: containerd takes only URLs for it, and pull secrets mostly have none."""

    username: str = ""
    password: str = ""
    auth: str = ""
    identity_token: str = ""
    registry_token: str = ""


def registry_of(image: str) -> tuple[str, str]:
    """Host and repository, with Docker's defaults for short names."""
    name = image.partition("@")[0]
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        host, path = first, rest
    else:
        host, path = "docker.io", name if slash else f"library/{name}"
    return ("index.docker.io" if host == "docker.io" else host), path.rpartition(":")[0] if ":" in path else path


def best_first(image: str, entries: Iterable[tuple[str, _T]]) -> list[_T]:
    """Those of the entries whose pattern matches the image, the most specific first, each once.

    A pattern is a registry, perhaps with a beginning of repositories; `*` stands for a part of a domain's name.
    """
    host, path = registry_of(image)
    whole = f"{host}/{path}"
    found: list[tuple[int, _T]] = []
    for key, entry in entries:
        server = re.sub(r"^https?://", "", key).removesuffix("/").removesuffix("/v1").removesuffix("/v2")
        server = "index.docker.io" + server.removeprefix("docker.io") if server.startswith("docker.io") else server
        pattern = re.escape(server).replace(r"\*", "[^./]*")
        if re.match(rf"^{pattern}(?:$|/|:)", whole + "/"):
            found.append((len(server), entry))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return list(dict.fromkeys(entry for _, entry in found))
