"""From the schemas of an OpenAPI v3 document to the types that expressions are checked with. Pure.

Objects are named by their definition, or by the way to them. What no schema describes is not seen, as by upstream.
Source: apiserver/pkg/cel/common/schemas.go, apiserver/pkg/cel/openapi. Differs: what can be of several types
(quantities) is looked into by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.cel import types
from pybernetes.cel.names import escape
from pybernetes.cel.types import Type

Tree = Mapping[str, Any]
_KINDS = "x-kubernetes-group-version-kind"
_PLAIN = {"boolean": types.BOOL, "number": types.DOUBLE, "integer": types.INT}
_TEXTS = {
    "byte": types.BYTES,
    "duration": types.DURATION,
    "date": types.TIMESTAMP,
    "date-time": types.TIMESTAMP,
}
_META: Tree = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}},
}
_ROOT: Tree = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": _META}


class Declarations:
    """The types of one document; `structs` are the fields of those that were asked for so far."""

    def __init__(self, document: Tree) -> None:
        self._schemas: Tree = document.get("components", {}).get("schemas", {})
        self.structs: dict[str, dict[str, Type]] = {}

    def kind(self, group: str, version: str, kind: str) -> Type | None:
        """The type of an object of this kind; None when the document does not describe it."""
        wanted = {"group": group, "version": version, "kind": kind}
        for name, schema in self._schemas.items():
            if wanted in schema.get(_KINDS, ()) and schema.get("type") == "object":
                properties = {**_ROOT, **schema.get("properties", {})}
                return self._object(f"{name}@root", properties)
        return None

    def _type(self, schema: Tree, path: str) -> Type | None:
        reference = schema.get("$ref") or next((s["$ref"] for s in schema.get("allOf", ()) if "$ref" in s), None)
        if reference is not None:
            name = reference.rpartition("/")[2]
            return self._type(self._schemas.get(name, {}), name)
        if schema.get("oneOf") or schema.get("format") == "int-or-string" or "x-kubernetes-int-or-string" in schema:
            return types.DYN
        match schema.get("type"):
            case "array":
                item = self._type(schema.get("items", {}), f"{path}.@idx")
                return types.list_of(item) if item is not None else None
            case "object" if isinstance(more := schema.get("additionalProperties"), Mapping):
                value = self._type(more, f"{path}.@elem")
                return types.map_of(types.STRING, value) if value is not None else None
            case "object":
                return self._object(path, schema.get("properties", {}))
            case "string":
                return _TEXTS.get(schema.get("format", ""), types.STRING)
            case plain:
                return _PLAIN.get(plain or "")

    def _object(self, name: str, properties: Tree) -> Type:
        found = Type("struct", name)
        if name in self.structs:
            return found  # also while its own fields are looked at: definitions may contain themselves
        fields = self.structs[name] = {}
        for wire, schema in properties.items():
            escaped, below = escape(wire), self._type(schema, f"{name}.{wire}")
            if escaped and below is not None:
                fields[escaped] = below
        return found
