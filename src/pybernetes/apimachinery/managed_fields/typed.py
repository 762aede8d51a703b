"""Trees seen through a schema: which fields a tree has, how two differ, how one merges into another.

Source: structured-merge-diff/typed (compare, merge, tofieldset, remove, validate).
Functions here are pure; results share unchanged branches with their arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from pybernetes.apimachinery.managed_fields.field_set import SELF, FieldSet, is_member, path_text, union
from pybernetes.apimachinery.scalars import CANONICAL
from pybernetes.apimachinery.schema import ATOMIC, DEDUCED, Schema
from pybernetes.apimachinery.trees import go_text, go_type

_SORTED = orjson.OPT_SORT_KEYS
_LEAF: FieldSet = {}
_ABSENT: Any = object()


class TypedError(ValueError):
    """A tree that does not fit its schema: `.spec.foo: field not declared in schema`."""


def element_of(item: Any, schema: Schema) -> str:
    """The path element of an item of a keyed list or a set. Raises TypedError."""
    keys = schema.keys
    if not keys:
        if isinstance(item, dict | list) or item is None:
            what = "an explicit null" if item is None else "a map type" if isinstance(item, dict) else "a list type"
            raise TypedError(f"associative list without keys has an element that's {what}")
        return "v:" + orjson.dumps(item).decode()
    if not isinstance(item, dict):
        what = "a null element" if item is None else "non-map elements"
        raise TypedError(f"associative list with keys may not have {what}")
    if len(keys) == 1 and keys[0] in item:
        return f'k:{{"{keys[0]}":{orjson.dumps(item[keys[0]]).decode()}}}'
    found = {
        name: item[name] if name in item else schema.defaults[name]
        for name in keys
        if name in item or name in schema.defaults
    }
    if not found:
        quoted = " ".join(f'"{name}"' for name in keys)
        raise TypedError(
            f"associative list with keys has an element that omits all key fields [{quoted}]"
            " (and doesn't have default values for any key fields)"
        )
    return "k:" + orjson.dumps(found, option=_SORTED).decode()


def is_leaf(value: Any, schema: Schema) -> bool:
    """Whether a value is owned as a whole: scalars, atomic lists and maps, empty ones."""
    if isinstance(value, dict):
        return not value or schema.atomic or schema.kind in ("scalar", "list")
    if isinstance(value, list):
        return not value or schema.kind != "list" or schema.list_type == "atomic"
    return True


def child_of(schema: Schema, name: str) -> Schema:
    """The schema of a field or map key; a field that is not declared counts as one whole."""
    return schema.child(name) or ATOMIC


def everything(value: Any, schema: Schema) -> FieldSet:
    """The set below a value that was not there before: all its leaves and all its containers.

    Returns what stands behind the value's own path element, in order where the maps of the value are.
    """
    if isinstance(value, dict):
        if not value or schema.atomic:
            return _LEAF
        node: FieldSet = {SELF: _LEAF}
        if schema.kind == "object":
            fields = schema.fields
            for name, child in value.items():
                below = fields.get(name)
                if below is not None and below.kind == "scalar":
                    node["f:" + name] = _LEAF
                else:
                    node["f:" + name] = everything(child, below or schema.element or ATOMIC)
        else:
            element = child_of(schema, "")
            for name, child in value.items():
                node["f:" + name] = _LEAF if element.kind == "scalar" else everything(child, element)
        return node
    if isinstance(value, list) and not is_leaf(value, schema):
        node = {SELF: _LEAF}
        element = schema.element or DEDUCED
        for item in value:
            key = element_of(item, schema)
            node[key] = _LEAF if key in node else everything(item, element)
        return dict(sorted(node.items()))
    return _LEAF


def field_set(value: Any, schema: Schema) -> FieldSet:
    """The fields that an applied tree mentions: leaves, items of lists, keys of maps; not the objects around them."""
    return _mentioned(value, schema) or {}


def _mentioned(value: Any, schema: Schema) -> FieldSet | None:
    """What stands behind the value's path element: None for nothing, {} for the value itself alone."""
    if isinstance(value, dict):
        if schema.atomic:
            return _LEAF
        node: FieldSet = {}
        named = schema.fields if schema.kind == "object" else {}
        for name, child in value.items():
            below = named.get(name)
            inner = _mentioned(child, below or schema.element or child_of(schema, name))
            if child is None or child == {} or (below is None and not isinstance(child, list | dict)) or below is None:
                inner = _with_self(inner)
            if inner is not None:
                node["f:" + name] = inner
        return node or None
    if isinstance(value, list):
        if schema.kind != "list" or schema.list_type == "atomic":
            return _LEAF
        node = {}
        repeated = set()
        element = schema.element or DEDUCED
        for item in value:
            key = element_of(item, schema)
            if key in node:
                repeated.add(key)
            node[key] = _LEAF if key in repeated else _with_self(_mentioned(item, element))
        return node or None
    if value is None and schema.kind != "scalar":
        return None
    return _LEAF


def _with_self(node: FieldSet | None) -> FieldSet:
    if not node:
        return _LEAF
    return node if SELF in node else {SELF: _LEAF, **node}


class Comparison:
    """How `right` differs from `left`: the paths that were removed, modified, added."""

    __slots__ = ("added", "modified", "removed")

    def __init__(self, left: dict[str, Any], right: dict[str, Any], schema: Schema) -> None:
        self.removed: FieldSet = {}
        self.modified: FieldSet = {}
        self.added: FieldSet = {}
        if left != right:
            self.removed, self.modified, self.added = _compare_maps(left, right, schema)

    @property
    def changed(self) -> FieldSet:
        """Modified and added together."""
        return union(self.modified, self.added)


_Triple = tuple[FieldSet, FieldSet, FieldSet]


def _compare_maps(left: dict[str, Any], right: dict[str, Any], schema: Schema) -> _Triple:
    result: _Triple = ({}, {}, {})
    for name, value in left.items():
        other = right.get(name, _ABSENT)
        if other is _ABSENT:
            result[0]["f:" + name] = everything(value, child_of(schema, name))
        elif value is not other and value != other:
            _compare_into(result, "f:" + name, value, other, child_of(schema, name))
    for name, value in right.items():
        if name not in left:
            result[2]["f:" + name] = everything(value, child_of(schema, name))
    return result


def _compare_lists(left: list[Any], right: list[Any], schema: Schema) -> _Triple:
    result: _Triple = ({}, {}, {})
    element = schema.element or DEDUCED
    before, after = _by_element(left, schema), _by_element(right, schema)
    for key, items in before.items():
        others = after.get(key)
        if others is None:
            result[0][key] = everything(items[0], element) if len(items) == 1 else _LEAF
        elif len(items) == 1 and len(others) == 1:
            if items[0] != others[0]:
                _compare_into(result, key, items[0], others[0], element)
        elif len(items) == 1:
            result[0][key] = everything(items[0], element)
            result[2][key] = _LEAF
        elif len(others) == 1:
            result[0][key] = _LEAF
            result[2][key] = everything(others[0], element)
        elif items != others:
            result[1][key] = _LEAF
    for key, items in after.items():
        if key not in before:
            result[2][key] = everything(items[0], element) if len(items) == 1 else _LEAF
    return result


def _compare_into(result: _Triple, key: str, left: Any, right: Any, schema: Schema) -> None:
    """Adds what differs between two unequal values, behind their path element, to the triple."""
    if isinstance(left, dict) and isinstance(right, dict):
        if not left and not schema.atomic and schema.kind != "scalar":
            result[2][key] = _below(everything(right, schema))
            return
        if not schema.atomic and schema.kind != "scalar":
            inner = _compare_maps(left, right, schema)
        else:
            result[1][key] = _LEAF
            return
    elif isinstance(left, list) and isinstance(right, list) and schema.kind == "list" and schema.list_type != "atomic":
        inner = _compare_lists(left, right, schema)
    elif left is None and not is_leaf(right, schema):
        result[2][key] = _below(everything(right, schema))
        return
    elif right is None and not is_leaf(left, schema):
        result[0][key] = _below(everything(left, schema))
        return
    else:
        result[1][key] = _LEAF
        if type(left) is not type(right):  # what lay below goes, what lies below comes
            for part, value in ((result[0], left), (result[2], right)):
                if not is_leaf(value, schema) and (below := _below(everything(value, schema))):
                    part[key] = below
        return
    for part, found in zip(result, inner, strict=True):
        if found:
            part[key] = found


def _below(node: FieldSet) -> FieldSet:
    return {element: inner for element, inner in node.items() if element != SELF}


def _by_element(items: list[Any], schema: Schema) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(element_of(item, schema), []).append(item)
    return found


def merge(left: Any, right: Any, schema: Schema) -> Any:
    """`right` (an applied tree) merged into `left`: right wins at leaves, nothing is removed."""
    if isinstance(left, dict) and isinstance(right, dict | None):
        if schema.atomic or schema.kind == "scalar" or (not left and not right):
            return right
        result = dict(left)
        for name, value in (right or {}).items():
            mine = result.get(name, _ABSENT)
            result[name] = value if mine is _ABSENT else merge(mine, value, child_of(schema, name))
        return result
    if isinstance(left, list) and isinstance(right, list | None) and schema.kind == "list" and (left or right):
        return right if schema.list_type == "atomic" else _merge_lists(left, right or [], schema)
    return right


def _merge_lists(left: list[Any], right: list[Any], schema: Schema) -> list[Any]:
    """Items of both, in the applied order; an item that only the live list has keeps its place before its successor."""
    element = schema.element or DEDUCED
    mine = [element_of(item, schema) for item in left]
    theirs = [element_of(item, schema) for item in right]
    live: dict[str, Any] = {}
    for key, item in zip(mine, left, strict=True):
        live[key] = None if key in live else item
    applied = dict(zip(theirs, right, strict=True))
    shared = iter([key for key in theirs if key in live])
    next_shared = next(shared, None)
    result: list[Any] = []
    merged: set[str] = set()
    i = j = 0

    def take(key: str) -> None:
        item = live.get(key)
        result.append(applied[key] if item is None else merge(item, applied[key], element))
        merged.add(key)

    while i < len(mine) or j < len(theirs):
        if i < len(mine) and j < len(theirs):
            if mine[i] == theirs[j]:
                take(mine[i])
                i, j, next_shared = i + 1, j + 1, next(shared, None)
                continue
            if mine[i] in applied and next_shared is not None and next_shared != mine[i]:
                i += 1
                continue
        if i < len(mine):
            if mine[i] not in applied:
                result.append(left[i])
                i += 1
                continue
            if mine[i] in merged:
                i += 1
        if j < len(theirs):
            take(theirs[j])
            if next_shared == theirs[j]:
                next_shared = next(shared, None)
            j += 1
    return result


def remove(value: Any, fields: FieldSet, schema: Schema) -> Any:
    """The value without the paths in the set; None when nothing is left of it.

    A container below it that is not in the set itself stays, and be it empty.
    """
    if isinstance(value, dict):
        if schema.atomic:
            return None
        result = {}
        for name, child in value.items():
            node = fields.get("f:" + name)
            if node is None:
                result[name] = child
            elif not is_member(node):
                result[name] = _emptied(child, remove(child, node, child_of(schema, name)))
        return result or None
    if isinstance(value, list):
        if schema.kind != "list" or schema.list_type == "atomic":
            return None
        items = []
        for item in value:
            node = fields.get(element_of(item, schema))
            if node is None:
                items.append(item)
            elif not is_member(node):
                items.append(_emptied(item, remove(item, node, schema.element or DEDUCED)))
        return items or None
    return value


def _emptied(value: Any, rest: Any) -> Any:
    return type(value)() if rest is None else rest


def with_named_fields(fields: FieldSet, schema: Schema) -> FieldSet:
    """The set with every object field on the way to a member made a member too."""
    result: FieldSet = {}
    for element, node in fields.items():
        if not node or element == SELF:
            result[element] = node
            continue
        if element.startswith("f:"):
            name = element[2:]
            below = with_named_fields(node, child_of(schema, name))
            named = schema.kind == "object" and name in schema.fields
            result[element] = {SELF: _LEAF, **below} if named else below
        else:
            result[element] = with_named_fields(node, schema.element or DEDUCED)
    return result


def canonical(value: Any, schema: Schema) -> Any:
    """The value with quantities and times as the API writes them, so that 0.5 and 500m are no difference.

    What cannot be read is left as it is; decoding refuses it later with a better message.
    """
    if isinstance(value, dict):
        if schema.kind == "object":
            return {name: canonical(child, schema.fields.get(name) or DEDUCED) for name, child in value.items()}
        if schema.kind == "map" and schema.element is not None:
            return {name: canonical(child, schema.element) for name, child in value.items()}
    elif isinstance(value, list):
        if schema.kind == "list" and schema.element is not None and schema.element.kind != "any":
            return [canonical(item, schema.element) for item in value]
    elif schema.scalar in CANONICAL and isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return CANONICAL[schema.scalar](value if isinstance(value, str) else repr(value))
        except ValueError:
            return value
    return value


_SCALAR_WORDS = {
    "string": ("string", (str,)),
    "boolean": ("boolean", (bool,)),
    "number": ("numeric (int or float)", (int, float)),
    "int32": ("numeric (int or float)", (int, float)),
    "int64": ("numeric (int or float)", (int, float)),
    "bytes": ("string", (str,)),
    "time": ("string", (str,)),
    "micro_time": ("string", (str,)),
}


def problems(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """What keeps an applied tree from fitting its schema, as `.path: message`."""
    if value is None or schema.kind == "any":
        return
    if schema.kind in ("object", "map"):
        if not isinstance(value, dict):
            yield f"{path}: expected map, got {_shown(value)}"
            return
        for name, child in value.items():
            below = schema.child(name)
            if below is None:
                yield f"{path}.{name}: field not declared in schema"
                return
            else:
                yield from problems(child, below, f"{path}.{name}")
    elif schema.kind == "list":
        if not isinstance(value, list):
            yield f"{path}: expected list, got {_shown(value)}"
            return
        yield from _item_problems(value, schema, path)
    else:
        word, types = _SCALAR_WORDS.get(schema.scalar, ("scalar", (str, int, float)))
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            shown = _shown(value)
            if schema.scalar in ("number", "int32", "int64"):
                shown = go_type(value)
            elif word == "string":
                shown = f"&value.valueUnstructured{{Value:{go_text(value)}}}"
            yield f"{path}: expected {word}, got {shown}"


def _item_problems(items: list[Any], schema: Schema, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for i, item in enumerate(items):
        at = f"{path}[{i}]"
        if schema.list_type != "atomic":
            try:
                key = element_of(item, schema)
            except TypedError as error:
                yield f"{path}: element {i}: {error}"
                continue
            at = path + path_text((key,))
            if key in seen:
                yield f"{path}: duplicate entries for key {path_text((key,))}"
            seen.add(key)
        yield from problems(item, schema.element or DEDUCED, at)


def _shown(value: Any) -> str:
    return f"&{{{go_text(value)}}}"
