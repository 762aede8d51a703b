"""Pure: the annotations of an Ingress as typed values. No text of a user reaches the proxy's configuration unparsed.

They are those of ingress-nginx that manifests carry most. One that protects (authentication, networks that may not ask)
and is not known refuses the Ingress, any other unknown one is told and ignored.

Source: https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations.
Differs: rewrite-target knows no free regular expressions, only the customary ending (.*) of a path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from pybernetes.ingress.configuration import is_text
from pybernetes.ingress.table import Treatment

PREFIX = "nginx.ingress.kubernetes.io/"
_SIZE = re.compile(r"(\d{1,12})([kKmMgG]?)")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_PATH = re.compile(r"/[A-Za-z0-9\-._~+,;=:@/!&*]*")
"""What a path may hold that stands in the configuration as it is: none of its quotes, escapes or variables."""
_REST = re.compile(r"\$[12]$")
_LONGEST_S = 86400
_PROTOCOLS = {"HTTP": "http", "HTTPS": "https", "GRPC": "h2c", "GRPCS": "h2"}
_IGNORED = frozenset({"use-regex"})
_REFUSED = frozenset({"denylist-source-range"})
_SOURCES = ("allowlist-source-range", "whitelist-source-range")
"""The new name and the old one, which counts where both are."""


class Unusable(Exception):
    """The Ingress must not be served as its annotations ask."""


@dataclass(frozen=True, slots=True)
class Options:
    """What annotations change about every path of an Ingress. "" leaves the default."""

    treatment: Treatment = field(default_factory=Treatment)
    """Its `rest_from` is to be counted from the end of the path of each rule."""
    ssl_redirect: bool = True
    force_ssl_redirect: bool = False
    protocol: str = ""


def options(annotations: Mapping[str, str]) -> tuple[Options, list[str]]:
    """The options, and one sentence for each annotation that is wrong or unknown and therefore ignored.

    Raises Unusable where ignoring it would open what was to be closed.
    """
    made: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in sorted(annotations.items()):
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX)
        if name.startswith("auth-") or name in _REFUSED:
            raise Unusable(f"annotation {key} is not supported, so this Ingress is not served")
        if name in _IGNORED:
            continue
        parse = _PARSERS.get(name)
        if parse is None:
            problems.append(f"annotation {key} is not supported and ignored")
            continue
        try:
            if not is_text(value):
                raise ValueError("it has control characters")
            made |= parse(value.strip())
        except ValueError as error:
            sentence = f"annotation {key}: {error}"
            if name in _SOURCES:
                raise Unusable(f"{sentence}; this Ingress is not served") from None
            problems.append(f"{sentence}; it is ignored")
    reads = [made.pop(name) for name in ("read_ms", "send_ms") if name in made]
    if reads:
        made["read_ms"] = max(reads)
    own = {name: made.pop(name) for name in ("ssl_redirect", "force_ssl_redirect", "protocol") if name in made}
    return Options(Treatment(**made), **own), problems


def _size(value: str) -> dict[str, Any]:
    found = _SIZE.fullmatch(value)
    if found is None:
        raise ValueError(f"{value[:40]!r} is no size such as 8m")
    return {"body_bytes": int(found[1]) * _UNITS[found[2].lower()]}


def _flag(field: str) -> Callable[[str], dict[str, Any]]:
    def parse(value: str) -> dict[str, Any]:
        if value.lower() not in ("true", "false"):
            raise ValueError(f"{value[:40]!r} is neither true nor false")
        return {field: value.lower() == "true"}

    return parse


def _seconds(field: str) -> Callable[[str], dict[str, Any]]:
    def parse(value: str) -> dict[str, Any]:
        digits = value.removesuffix("s")
        if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:9]) <= _LONGEST_S):
            raise ValueError(f"{value[:40]!r} is no number of seconds from 1 to {_LONGEST_S}")
        return {field: int(digits) * 1000}

    return parse


def _rewrite(value: str) -> dict[str, Any]:
    rest = _REST.search(value)
    target = value[: rest.start()] if rest else value
    if not _PATH.fullmatch(target):
        raise ValueError(f"{value[:40]!r} is no path, perhaps with $1 or $2 at its end")
    return {"rewrite": target, "rest_from": 1 if rest else None}


def _protocol(value: str) -> dict[str, Any]:
    if value.upper() not in _PROTOCOLS:
        raise ValueError(f"{value[:40]!r} is none of {', '.join(_PROTOCOLS)}")
    return {"protocol": _PROTOCOLS[value.upper()]}


def _sources(value: str) -> dict[str, Any]:
    return {"sources": tuple(str(ip_network(part.strip(), strict=False)) for part in value.split(",") if part.strip())}


_PARSERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "rewrite-target": _rewrite,
    "proxy-body-size": _size,
    "proxy-connect-timeout": _seconds("connect_ms"),
    "proxy-read-timeout": _seconds("read_ms"),
    "proxy-send-timeout": _seconds("send_ms"),
    "ssl-redirect": _flag("ssl_redirect"),
    "force-ssl-redirect": _flag("force_ssl_redirect"),
    "backend-protocol": _protocol,
    **dict.fromkeys(_SOURCES, _sources),
}
