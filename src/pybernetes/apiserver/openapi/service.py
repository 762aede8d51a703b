"""Hands out the OpenAPI documents as bytes: built on the first request, kept on disk, never in the way of the start."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import orjson

from pybernetes.apimachinery.scheme import RESOURCES, Resource
from pybernetes.apimachinery.version import GIT_VERSION

if TYPE_CHECKING:
    from pybernetes.apiserver.openapi.definitions import Definitions

PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""The Content-Type of the protobuf form; `@` in it is no valid media type, though clients ask for it that way."""
PROTOBUF_ACCEPTED = (PROTOBUF, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")


_OPENID = (".well-known/openid-configuration", "openid/v1/jwks")
_PATHS, _DEFINITIONS = b'"paths":{', b'},"definitions":{'


class Custom(Protocol):
    """What custom resources add; see crd/publication.py."""

    def group_versions(self) -> list[tuple[str, str]]: ...

    def hash(self, group: str = "", version: str = "") -> str: ...

    def adds_to_v2(self) -> bool: ...

    def v3(self, group: str, version: str, definitions: Definitions) -> bytes: ...

    def v2_json(self) -> tuple[bytes, bytes]: ...

    def v2_protobuf(self) -> bytes: ...


class OpenApi:
    """The documents of /openapi/v2 and /openapi/v3.

    With a cache directory they are written there and read again on the next request and after a restart; a directory
    that cannot be written does no harm. Without one they stay in memory. Building takes tens of milliseconds (v3, one
    group-version) to a few hundred (v2) and is not async: run it in a thread.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        custom: Custom | None = None,
        resources: Sequence[Resource] = RESOURCES,
    ) -> None:
        self._resources = resources
        """The built-in resources that are served."""
        self._cache_dir = cache_dir
        self._custom = custom
        self._custom_made: dict[str, tuple[str, bytes]] = {}
        """By document: (hash of what it was made of, the document)."""
        self._memory: dict[str, bytes] = {}
        self._version = ""

    def v2_json(self) -> bytes:
        def build() -> bytes:
            from pybernetes.apiserver.openapi import documents

            return documents.v2_json(self._definitions(), self._resources)

        base = self._cached("v2.json", build)
        custom = self._custom
        if custom is None or not custom.adds_to_v2():
            return base

        def splice() -> bytes:
            paths, definitions = custom.v2_json()
            start = base.index(_PATHS) + len(_PATHS)
            at = base.index(_DEFINITIONS) + len(_DEFINITIONS)
            separator = b"," if definitions else b""
            return b"".join((base[:start], paths, b",", base[start:at], definitions, separator, base[at:]))

        return self._made("v2.json", custom.hash(), splice)

    def v2_protobuf(self) -> bytes:
        def build() -> bytes:
            from pybernetes.apiserver.openapi import protobuf

            return protobuf.v2_protobuf(self._definitions(), self._resources)

        base = self._cached("v2.pb", build)
        custom = self._custom
        if custom is None or not custom.adds_to_v2():
            return base
        return self._made("v2.pb", custom.hash(), lambda: base + custom.v2_protobuf())

    def v3_index(self) -> bytes:
        """The list of documents, each with a URL that changes when the document does."""
        paths = {n: {"serverRelativeURL": f"/openapi/v3/{n}?hash={self.hash_of(n)}"} for n in self.v3_names()}
        return orjson.dumps({"paths": paths})

    def v3_names(self) -> list[str]:
        """What /openapi/v3/<name> can be asked for: api, api/v1, apis, apis/apps, apis/apps/v1, …, version."""
        from pybernetes.apiserver.openapi import operations

        found = {"api", "apis", "version", *_OPENID}
        for group, version in operations.group_versions(self._resources):
            found |= {f"apis/{group}", f"apis/{group}/{version}"} if group else {f"api/{version}"}
        for group, version in self._custom.group_versions() if self._custom is not None else ():
            found |= {f"apis/{group}", f"apis/{group}/{version}"}
        return sorted(found)

    def _is_custom(self, name: str) -> tuple[str, str] | None:
        """The group-version of a document that describes custom resources alone."""
        parts = name.split("/")
        if self._custom is None or len(parts) != 3 or (parts[1], parts[2]) not in self._custom.group_versions():
            return None
        return parts[1], parts[2]

    def hash_of(self, name: str) -> str:
        """What the URL of a document in the index carries: the same as long as the document is."""
        custom = self._is_custom(name)
        if custom is None or self._custom is None:
            return self.version().upper()
        return hashlib.sha256(f"{self.version()} {self._custom.hash(*custom)}".encode()).hexdigest().upper()

    def v3_document(self, name: str) -> bytes | None:
        """One document by its name in the index; `apps/v1` and `v1` will do too. None: there is none."""
        names = self.v3_names()
        full = next((n for n in (name, f"apis/{name}", f"api/{name}") if n in names), None)
        if full is None:
            return None
        custom = self._is_custom(full)
        if custom is not None and self._custom is not None:
            documents_of = self._custom
            return self._made(full, self.hash_of(full), lambda: documents_of.v3(*custom, self._definitions()))

        def build() -> bytes:
            from pybernetes.apiserver.openapi import documents, operations

            match full.split("/"):
                case ["api"]:
                    items = [operations.group_discovery("")]
                case ["apis"]:
                    items = [operations.all_groups()]
                case [".well-known", _] | ["openid", _, _]:
                    items = [operations.openid()[_OPENID.index(full)]]
                case ["version"]:
                    items = [operations.version()]
                case ["apis", group]:
                    items = [operations.group_discovery(group)]
                case [*_, version]:
                    group = full.split("/")[1] if full.startswith("apis/") else ""
                    items = list(operations.paths(group, version, self._resources))
            return documents.v3_json(items, self._definitions())

        return self._cached(f"v3-{full.replace('/', '_')}.json", build)

    def version(self) -> str:
        """A hash that is the same as long as all documents are; serves as ETag and in the index."""
        if not self._version:
            from pybernetes.apiserver.openapi.definitions import location

            digest = hashlib.sha256(GIT_VERSION.encode())
            digest.update(" ".join(f"{r.api_version}/{r.plural}" for r in self._resources).encode())
            for path in [location(), *sorted(Path(__file__).parent.glob("*.py"))]:
                digest.update(path.read_bytes())
            self._version = digest.hexdigest()
        return self._version

    def etag(self, document: str) -> str:
        """The ETag, with quotes, of a document: "v2.json", "v2.pb", "v3" or a name of the index."""
        custom = self._custom
        changing = document in ("v2.json", "v2.pb", "v3") and custom is not None and custom.adds_to_v2()
        seed = f"{self.hash_of(document)} {document}" + (f" {custom.hash()}" if custom and changing else "")
        return f'"{hashlib.sha256(seed.encode()).hexdigest()[:32].upper()}"'

    def _made(self, name: str, seed: str, build: Callable[[], bytes]) -> bytes:
        """A document with custom resources in it; the last one made is kept."""
        held = self._custom_made.get(name)
        if held is None or held[0] != seed:
            held = self._custom_made[name] = (seed, build())
        return held[1]

    def _definitions(self) -> Definitions:
        from pybernetes.apiserver.openapi.definitions import Definitions, location

        return Definitions(location().read_bytes())

    def _cached(self, name: str, build: Callable[[], bytes]) -> bytes:
        if name in self._memory:
            return self._memory[name]
        file = None
        if self._cache_dir is not None:
            file = self._cache_dir / f"openapi-{self.version()[:16]}-{name}"
            try:
                return file.read_bytes()
            except OSError:
                pass
        document = build()
        if file is None or not _stored(file, document):
            self._memory[name] = document
        return document


def _stored(file: Path, document: bytes) -> bool:
    """Writes a file as a whole or not at all."""
    partial = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(document)
        partial.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        return False
    return True
