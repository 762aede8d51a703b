"""What is served beside the built-in kinds in the OpenAPI documents: custom resources, and in v2 other servers' too.

A custom group-version has a v3 document of its own; all share the v2 document.

Built when a document is asked for after a definition changed; pure apart from that.
Source: apiextensions-apiserver/pkg/controller/openapi/{builder/builder.go,v2/conversion.go}.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from pybernetes.apiserver.aggregation.merging import NoRemotes, Remotes
from pybernetes.apiserver.openapi import documents, operations, protobuf
from pybernetes.apiserver.openapi.definitions import V2_PREFIX, V3_PREFIX, Definitions, location

if TYPE_CHECKING:
    from pybernetes.apiserver.crd.kinds import CustomKind, CustomVersion

Tree = dict[str, Any]
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_STRATEGIC = "application/strategic-merge-patch+json"
_LIKE = "io.k8s.api.core.v1.ConfigMap"
"""A built-in kind that has nothing of its own to say about the fields that every object has."""
_JUNCTORS = ("oneOf", "anyOf", "allOf", "not", "nullable")


def definition_name(group: str, version: str, kind: str) -> str:
    """com.example.v1.Widget of (example.com, v1, Widget)."""
    return ".".join([*reversed(group.split(".")), version, kind])


class CustomDocuments:
    """What the served custom resources add to OpenAPI; `kinds` tells them as they are now."""

    def __init__(self, kinds: Callable[[], list[CustomKind]], remotes: Remotes | None = None) -> None:
        self._kinds = kinds
        self._remotes: Remotes = remotes or NoRemotes()

    def _versions(self) -> list[CustomVersion]:
        return [v for kind in self._kinds() for v in kind.versions.values() if v.spec.served]

    def group_versions(self) -> list[tuple[str, str]]:
        return sorted({(v.resource.group, v.resource.version) for v in self._versions()})

    def hash(self, group: str = "", version: str = "") -> str:
        """Changes when anything published does: of one group-version, or of all."""
        digest = hashlib.sha256()
        for v in self._versions():
            r = v.resource
            if group and (r.group, r.version) != (group, version):
                continue
            meta = v.kind.definition.metadata
            digest.update(f"{r.qualified}/{r.version} {meta.uid} {meta.generation} {r.kind}\n".encode())
        if not group:
            for at, described in sorted(self._remotes.described.items()):
                digest.update(f"{at} {described.tag}\n".encode())
        return digest.hexdigest()

    def adds_to_v2(self) -> bool:
        """Whether there is anything to say beside the built-in kinds."""
        return bool(self._remotes.described) or bool(self._versions())

    def v3(self, group: str, version: str, definitions: Definitions) -> bytes:
        """The document of one group-version."""
        found = [v for v in self._versions() if (v.resource.group, v.resource.version) == (group, version)]
        items = [operations.discovery(group, version)]
        known: dict[str, Tree] = {}
        for v in found:
            items += _paths(v)
            known |= _schemas(v, V3_PREFIX, v3_schema)
        return documents.v3_json(items, _Both(definitions, known), _without_strategic)

    def v2_json(self) -> tuple[bytes, bytes]:
        """Members of `paths` and of `definitions`, without braces."""
        paths, known = self._v2()
        return _members(paths), _members(known.items())

    def v2_protobuf(self) -> bytes:
        """Fields that a parser merges with those of the document they are appended to."""
        paths, known = self._v2()
        return protobuf.addition(paths, known.items())

    def _v2(self) -> tuple[list[tuple[str, Tree]], dict[str, Tree]]:
        paths: list[tuple[str, Tree]] = []
        known: dict[str, Tree] = {}
        for group, version in self.group_versions():
            item = operations.discovery(group, version)
            paths.append((item.path, documents.v2_path(item)))
        for group in dict.fromkeys(group for group, _ in self.group_versions()):
            item = operations.group_discovery(group)
            paths.append((item.path, documents.v2_path(item)))
        for v in self._versions():
            paths += [(item.path, _without_strategic(documents.v2_path(item))) for item in _paths(v)]
            known |= _schemas(v, V2_PREFIX, v2_schema)
        said = {path for path, _ in paths}
        for described in self._remotes.described.values():
            paths += [(path, tree) for path, tree in described.paths.items() if path not in said]
            known |= {name: tree for name, tree in described.definitions.items() if name not in known}
        return paths, known


class _Both(Definitions):
    """The definitions of built-in kinds and of custom ones."""

    def __init__(self, built_in: Definitions, custom: Mapping[str, Tree]) -> None:
        self._raw = built_in._raw
        self._custom = custom

    def __contains__(self, name: str) -> bool:
        return name in self._custom or super().__contains__(name)

    def v3(self, name: str) -> Tree:
        found = self._custom.get(name)
        return super().v3(name) if found is None else found


def _members(trees: Iterable[tuple[str, Tree]]) -> bytes:
    return b",".join(orjson.dumps(name) + b":" + orjson.dumps(tree) for name, tree in trees)


def _paths(version: CustomVersion) -> Iterator[operations.PathItem]:
    r = version.resource
    return operations.paths_of(r, definition_name(r.group, r.version, r.kind), r.list_kind)


def _without_strategic(tree: Tree) -> Tree:
    """A path item whose PATCH does not take what custom resources cannot."""
    patch = tree.get("patch")
    if patch is not None:
        if "consumes" in patch:
            patch["consumes"] = [c for c in patch["consumes"] if c != _STRATEGIC]
        content = patch.get("requestBody", {}).get("content")
        if content is not None and _STRATEGIC in content:
            patch["requestBody"]["content"] = {k: v for k, v in content.items() if k != _STRATEGIC}
    return tree


# -- schemas ---------------------------------------------------------------------------------------


@functools.cache
def _described(kind: str) -> dict[str, str]:
    """What the definitions of the built-in kinds say of apiVersion, kind and metadata, by field."""
    properties = Definitions(location().read_bytes()).v2(kind)["properties"]
    return {name: properties[name]["description"] for name in ("apiVersion", "kind", "metadata")}


def _schemas(version: CustomVersion, prefix: str, convert: Callable[[Tree], Tree]) -> dict[str, Tree]:
    """The kind and its list, by name of definition."""
    r = version.resource
    name = definition_name(r.group, r.version, r.kind)
    schema = version.schema_tree
    if schema is None or (prefix == V2_PREFIX and schema.get("x-kubernetes-preserve-unknown-fields")):
        # Nothing else can be said: old clients complain about every field that is not named.
        tree: Tree = {"type": "object"}
    else:
        tree = convert(schema)
        _with_type_meta(tree, prefix)
    tree["x-kubernetes-group-version-kind"] = [{"group": r.group, "kind": r.kind, "version": r.version}]
    if version.spec.selectableFields:
        fields = [{"fieldPath": f.jsonPath.removeprefix(".")} for f in version.spec.selectableFields]
        tree["x-kubernetes-selectable-fields"] = fields
    said = _described(f"{_LIKE}List")
    listed: Tree = {
        "description": f"{r.list_kind} is a list of {r.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"description": said["apiVersion"], "type": "string"},
            "items": {
                "description": f"The objects, each a {r.kind}.",
                "type": "array",
                "items": {"$ref": prefix + name},
            },
            "kind": {"description": said["kind"], "type": "string"},
            "metadata": _reference("ListMeta", said["metadata"], prefix),
        },
        "x-kubernetes-group-version-kind": [{"group": r.group, "kind": r.list_kind, "version": r.version}],
    }
    return {name: tree, definition_name(r.group, r.version, r.list_kind): listed}


def _reference(name: str, description: str, prefix: str) -> Tree:
    target = {"$ref": f"{prefix}{_META}{name}"}
    if prefix == V3_PREFIX:
        return {"description": description, "allOf": [target]}
    return {"description": description, **target}


def _with_type_meta(tree: Tree, prefix: str) -> None:
    """apiVersion, kind and metadata, which every object and every embedded one has."""
    said = _described(_LIKE)
    tree["properties"] = {
        **tree.get("properties", {}),
        "apiVersion": {"description": said["apiVersion"], "type": "string"},
        "kind": {"description": said["kind"], "type": "string"},
        "metadata": _reference("ObjectMeta", said["metadata"], prefix),
    }


def v3_schema(tree: Tree) -> Tree:
    """A version's schema as v3 shows it: as it is, embedded objects with what every object has."""
    made: Tree = orjson.loads(orjson.dumps(tree))
    _embedded(made)
    return made


def _embedded(tree: Tree) -> None:
    for child in (tree.get("properties") or {}).values():
        _embedded_child(child)
    for word in ("items", "additionalProperties"):
        if isinstance(tree.get(word), dict):
            _embedded_child(tree[word])


def _embedded_child(tree: Tree) -> None:
    _embedded(tree)
    if tree.get("x-kubernetes-embedded-resource"):
        _as_embedded(tree, V3_PREFIX)


def v2_schema(tree: Tree) -> Tree:
    """A version's schema in what v2 and old clients understand: without junctors, open where unknown fields may be."""
    made = {word: value for word, value in tree.items() if word not in _JUNCTORS}
    preserve = made.get("x-kubernetes-preserve-unknown-fields")
    if tree.get("nullable") or tree.get("x-kubernetes-int-or-string") or preserve:
        if tree.get("nullable"):
            made.pop("type", None)
        made.pop("items", None)
        made.pop("properties", None)
    if preserve or (made.get("type") == "array" and "items" not in made):
        made.pop("type", None)
    if "properties" in made:
        made["properties"] = {name: v2_schema(child) for name, child in made["properties"].items()}
        nullable = {name for name, child in tree["properties"].items() if child.get("nullable")}
        required = [name for name in made.get("required", ()) if name not in nullable]
        made.pop("required", None)
        if required:
            made["required"] = required
    if isinstance(made.get("items"), dict):
        made["items"] = v2_schema(made["items"])
    if isinstance(made.get("additionalProperties"), dict):
        made["additionalProperties"] = v2_schema(made["additionalProperties"])
    if tree.get("x-kubernetes-embedded-resource") and not preserve:
        _as_embedded(made, V2_PREFIX)
    return made


def _as_embedded(tree: Tree, prefix: str) -> None:
    _with_type_meta(tree, prefix)
    tree["required"] = [
        *tree.get("required", ()),
        *(f for f in ("kind", "apiVersion") if f not in tree.get("required", ())),
    ]
