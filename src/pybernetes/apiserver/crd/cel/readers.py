"""What an object's values are to rules: fields by their escaped names, times, bytes, sets.

An object is read field by field as rules ask for it; what was read once is kept.
Source: apiserver/pkg/cel/common/valuesunstructured.go.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pybernetes.apimachinery.formats import nanos_of
from pybernetes.apimachinery.patience import TakesLongError, hurried
from pybernetes.apimachinery.trees import equal as same_trees
from pybernetes.apiserver.crd.cel.types import with_type_meta
from pybernetes.apiserver.crd.structural import Structural
from pybernetes.cel import values
from pybernetes.cel.functions.times import read_timestamp
from pybernetes.cel.names import escape
from pybernetes.cel.syntax import CelError
from pybernetes.cel.values import ABSENT, Duration, Meter, Record, TypedList, TypedMap

Reader = Callable[[Any], Any]
_MANY = 5_000
"""More entries than an event loop waits for to be read."""
Fields = Mapping[str, tuple[str, Reader]]
"""By name in expressions: the name on the wire, and what reads it."""


class ObjectValue(Record):
    __slots__ = ("_fields", "_known", "_names", "tree")

    def __init__(self, tree: Mapping[str, Any], fields: Fields, names: Mapping[str, str]) -> None:
        self.tree = tree
        self._fields = fields
        self._names = names
        """By name on the wire: the name in expressions."""
        self._known: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        found = self._known.get(name, ABSENT)
        if found is not ABSENT:
            return found
        field = self._fields.get(name)
        if field is None:
            return ABSENT
        raw = self.tree.get(field[0])
        if raw is None:
            return ABSENT
        found = self._known[name] = field[1](raw)
        return found

    def names(self) -> Iterator[str]:
        return (self._names[wire] for wire in self.tree if wire in self._names)

    def __len__(self) -> int:
        return len(self.tree)

    def same(self, other: Any, meter: Meter) -> bool:
        if len(other) != len(self):
            return False
        meter.did(len(self))
        for wire, raw in self.tree.items():
            name = self._names.get(wire)
            if name is None:
                if not isinstance(other, ObjectValue):
                    raise CelError(values.NO_OVERLOAD)
                if wire in other.tree and not same_trees(raw, other.tree[wire]):
                    return False
                continue
            mine = self.get(name)
            its = other.get(name) if isinstance(other, Record) else other.get(name, ABSENT)
            if mine is ABSENT or its is ABSENT:
                if mine is not its:
                    return False
            elif not values.equal(mine, its, meter):
                return False
        return True


def reader(schema: Structural) -> Reader:
    """What makes values of a node."""
    read = _reader(schema)
    if read is _as_it_is:
        return read
    return lambda tree: None if tree is None else read(tree)


def _reader(schema: Structural) -> Reader:
    if schema.int_or_string:
        return _as_it_is
    match schema.type:
        case "object" if schema.additional is not None:
            return _map_reader(reader(schema.additional))
        case "object":
            return _object_reader(with_type_meta(schema) if schema.embedded else schema)
        case "array" if schema.items is not None:
            return _list_reader(schema, reader(schema.items))
        case "string":
            return _FORMATS.get(str(schema.tree.get("format")), _as_it_is)
        case "number":
            return lambda tree: float(tree) if type(tree) is int else tree
        case "integer":
            return lambda tree: int(tree) if isinstance(tree, float) and tree.is_integer() else tree
    return _as_it_is


def _as_it_is(tree: Any) -> Any:
    return tree


def _mind_size(entries: Any) -> None:
    if len(entries) > _MANY and hurried():
        raise TakesLongError


def _map_reader(read: Reader) -> Reader:
    def make(tree: Any) -> Any:
        if not isinstance(tree, dict):
            return tree
        _mind_size(tree)
        return TypedMap(tree if read is _as_it_is else ((name, read(value)) for name, value in tree.items()))

    return make


def _list_reader(schema: Structural, read: Reader) -> Reader:
    keys = tuple(escape(key) or key for key in schema.list_keys) if schema.list_type == "map" else ()
    unique = schema.list_type == "set"

    def make(tree: Any) -> Any:
        if not isinstance(tree, list):
            return tree
        _mind_size(tree)
        return TypedList(tree if read is _as_it_is else map(read, tree), unique=unique, keys=keys)

    return make


def _object_reader(schema: Structural) -> Reader:
    fields: dict[str, tuple[str, Reader]] = {}
    names: dict[str, str] = {}
    for wire, child in schema.properties.items():
        name = escape(wire)
        names[wire] = name or wire
        if name:
            fields[name] = (wire, reader(child))

    def make(tree: Any) -> Any:
        return ObjectValue(tree, fields, names) if isinstance(tree, dict) else tree

    return make


def _bytes(text: Any) -> Any:
    try:
        return base64.b64decode(text)
    except (ValueError, TypeError, binascii.Error):
        raise CelError(f"Invalid byte formatted string {text}") from None


def _date(text: Any) -> Any:
    found = read_timestamp(f"{text}T00:00:00Z")
    if found is None:
        raise CelError(f"Invalid date formatted string {text}")
    return found


def _date_time(text: Any) -> Any:
    found = read_timestamp(str(text).upper().replace(" ", "T"))
    if found is None:
        raise CelError(f"Invalid date-time formatted string {text}")
    return found


def _duration(text: Any) -> Any:
    nanos = nanos_of(str(text))
    if nanos is None:
        raise CelError(f"Invalid duration {text}")
    return Duration(nanos)


_FORMATS: Mapping[str, Reader] = {"byte": _bytes, "date": _date, "date-time": _date_time, "duration": _duration}
