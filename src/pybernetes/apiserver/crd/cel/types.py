"""What a schema is to the compiler of rules: types, names of fields, and how much of what there can be.

Source: apiserver/pkg/cel/common/schemas.go, apiserver/pkg/cel/{types,limits}.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pybernetes.apiserver.crd.structural import Structural
from pybernetes.cel import types
from pybernetes.cel.environment import Environment
from pybernetes.cel.estimates import Path
from pybernetes.cel.names import escape
from pybernetes.cel.types import Type

MAX_REQUEST_BYTES = 3 * 1024 * 1024
SELF, OLD_SELF = "self", "oldSelf"
_SELF_TYPE = "selfType"
_TEXT = Structural({"type": "string"})
_META = Structural(
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}},
    }
)
_TIMES: Mapping[str, tuple[Type, int, int]] = {
    "duration": (types.DURATION, 32, 3),
    "date": (types.TIMESTAMP, 12, 12),
    "date-time": (types.TIMESTAMP, 32, 21),
}
"""By format: the type, the most characters and the fewest bytes."""


def with_type_meta(schema: Structural) -> Structural:
    """The root of a resource: apiVersion, kind and metadata's name can be read too."""
    found = Structural({**schema.tree})
    found.properties = {**found.properties, "apiVersion": _TEXT, "kind": _TEXT, "metadata": _META}
    return found


@dataclass(slots=True)
class Declared:
    """A schema's node as rules know it."""

    type: Type
    most: int = 0
    """The most items, entries or characters that a value can have."""
    least_bytes: int = 1
    """The fewest bytes of JSON that a value needs."""
    element: Declared | None = None
    fields: dict[str, Declared] = field(default_factory=dict)
    """By escaped name."""

    @property
    def most_often(self) -> int:
        """How often such a value can stand in one object where nothing else says it."""
        return MAX_REQUEST_BYTES // (self.least_bytes + 1)

    def most_elements(self, path: Path) -> int | None:
        """For estimates: `path` starts with a variable, whatever that is called."""
        node: Declared | None = self
        for step in path[1:]:
            assert node is not None
            if step in ("@items", "@values"):
                node = node.element
            elif step == "@keys":
                return 0 if node.type.kind == "map" else None
            else:
                node = node.fields.get(step)
            if node is None:
                return None
        assert node is not None
        return node.most


def declared(schema: Structural, *, root: bool, name: str = _SELF_TYPE) -> Declared | None:
    """None for what rules do not see: unknown contents, and lists and maps of such. `name` is an object's type's."""
    if schema.int_or_string:
        longest = schema.tree.get("maxLength")
        return Declared(types.DYN, _longest(longest), 1)
    if root or schema.embedded:
        schema = with_type_meta(schema)
    match schema.type:
        case "array":
            return _list(schema, name)
        case "object" if schema.additional is not None:
            return _map(schema, schema.additional, name)
        case "object":
            return _object(schema, name)
        case "string":
            return _string(schema)
        case "boolean":
            return Declared(types.BOOL, 0, 4)
        case "number":
            return Declared(types.DOUBLE)
        case "integer":
            return Declared(types.INT)
    return None


def _longest(declared_length: int | None) -> int:
    return MAX_REQUEST_BYTES - 2 if declared_length is None else max(declared_length, 0) * 4


def _list(schema: Structural, name: str) -> Declared | None:
    item = declared(schema.items, root=False, name=f"{name}.@idx") if schema.items is not None else None
    if item is None:
        return None
    most = schema.tree.get("maxItems")
    most = (MAX_REQUEST_BYTES - 2) // (item.least_bytes + 1) if most is None else max(most, 0)
    return Declared(types.list_of(item.type), most, 2, item)


def _map(schema: Structural, values: Structural, name: str) -> Declared | None:
    value = declared(values, root=False, name=f"{name}.@elem")
    if value is None:
        return None
    most = schema.tree.get("maxProperties")
    most = (MAX_REQUEST_BYTES - 2) // (value.least_bytes + 6) if most is None else max(most, 0)
    return Declared(types.map_of(types.STRING, value.type), most, 2, value)


def _object(schema: Structural, name: str) -> Declared:
    found = Declared(Type("struct", name), 0, 2)
    required = schema.tree.get("required") or ()
    for wire, child in schema.properties.items():
        escaped = escape(wire)
        below = declared(child, root=False, name=f"{name}.{escaped}")
        if below is None:
            continue
        if escaped:
            found.fields[escaped] = below
        if wire in required and child.default is None:
            found.least_bytes += len(wire.encode()) + below.least_bytes + 4
    return found


def _string(schema: Structural) -> Declared:
    form, longest = schema.tree.get("format"), schema.tree.get("maxLength")
    if form == "byte":
        return Declared(types.BYTES, MAX_REQUEST_BYTES - 2 if longest is None else max(longest, 0), 2)
    if isinstance(form, str) and form in _TIMES:
        return Declared(*_TIMES[form])
    if longest is None and (options := schema.tree.get("enum")):
        return Declared(types.STRING, max(len(o.encode()) if isinstance(o, str) else 0 for o in options), 2)
    return Declared(types.STRING, _longest(longest), 2)


def environment(root: Declared, *, optional_old: bool = False) -> Environment:
    """What a node's rules may use; with `optional_old` there may be no old value."""
    structs: dict[str, dict[str, Type]] = {}
    _collect(root, structs)
    old = types.optional_of(root.type) if optional_old else root.type
    return Environment({SELF: root.type, OLD_SELF: old}, structs)


def _collect(node: Declared, structs: dict[str, dict[str, Type]]) -> None:
    if node.element is not None:
        _collect(node.element, structs)
    if node.type.kind == "struct":
        structs[node.type.name] = {name: below.type for name, below in node.fields.items()}
        for below in node.fields.values():
            _collect(below, structs)
