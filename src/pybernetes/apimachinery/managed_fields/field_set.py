"""Sets of field paths, kept in the form of FieldsV1: nested maps from path element to the set below it.

A path element is text: `f:name` (a field or map key), `k:{"name":"web"}` (an item of a keyed list), `v:"x"` (an item of
a set), `i:0`. What stands behind it:

    {}              the path itself is in the set, nothing below it
    {".": {}, …}    the path itself and some below it
    {…}             only some below it

Sets are values: no function changes an argument, results share branches with arguments.

Source: KEP-555; structured-merge-diff/fieldpath.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

FieldSet = dict[str, Any]

SELF = "."
_LEAF: FieldSet = {}


def is_member(node: FieldSet) -> bool:
    """Whether the path of a node is itself in the set."""
    return not node or SELF in node


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    if not left:
        return right
    if not right:
        return left
    result = dict(left)
    for element, node in right.items():
        mine = result.get(element)
        if mine is None:
            result[element] = node
        elif mine is not node:
            result[element] = _union_node(mine, node)
    return result


def _union_node(left: FieldSet, right: FieldSet) -> FieldSet:
    if not left or not right:
        other = left or right
        return other if not other or SELF in other else {SELF: _LEAF, **other}
    return union(left, right)


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """The paths of `left` that are not in `right`; a path in `right` says nothing of the paths below it."""
    if not right:
        return left
    result: FieldSet = {}
    for element, node in left.items():
        other = right.get(element)
        if other is None:
            result[element] = node
            continue
        if element == SELF:
            continue
        rest = _difference_node(node, other)
        if rest is not None:
            result[element] = rest
    return result


def _difference_node(left: FieldSet, right: FieldSet) -> FieldSet | None:
    member = is_member(left) and not is_member(right)
    below = {e: n for e, n in difference(left, right).items() if e != SELF} if left else {}
    if below:
        return {SELF: _LEAF, **below} if member else below
    return _LEAF if member else None


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    result: FieldSet = {}
    for element, node in left.items():
        other = right.get(element)
        if other is None or element == SELF:
            continue
        common = _intersection_node(node, other)
        if common is not None:
            result[element] = common
    return result


def _intersection_node(left: FieldSet, right: FieldSet) -> FieldSet | None:
    member = is_member(left) and is_member(right)
    below = intersection(left, right)
    if below:
        return {SELF: _LEAF, **below} if member else below
    return _LEAF if member else None


def without_branch(fields: FieldSet, path: tuple[str, ...]) -> FieldSet:
    """The set without a path and everything below it; `path` is path elements."""
    element, rest = path[0], path[1:]
    node = fields.get(element)
    if node is None:
        return fields
    result = dict(fields)
    if rest and node:
        below = without_branch(node, rest)
        if below is node:
            return fields
        if below and below != {SELF: _LEAF}:
            result[element] = below
            return result
        if SELF in node:
            result[element] = _LEAF
            return result
    elif rest:
        return fields
    del result[element]
    return result


def has(fields: FieldSet, path: tuple[str, ...]) -> bool:
    """Whether the path itself is in the set."""
    node: FieldSet | None = fields
    for element in path:
        if not node or (node := node.get(element)) is None:
            return False
    return node is not None and is_member(node)


def paths(fields: FieldSet, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every path in the set: at each level first the members, then what lies below, both in order."""
    elements = sorted(element for element in fields if element != SELF)
    for element in elements:
        if is_member(fields[element]):
            yield (*above, element)
    for element in elements:
        if fields[element]:
            yield from paths(fields[element], (*above, element))


def path_text(path: tuple[str, ...]) -> str:
    """`.spec.containers[name="web"].image`."""
    return "".join(map(_element_text, path))


def _element_text(element: str) -> str:
    kind, text = element[:2], element[2:]
    if kind == "f:":
        return f".{text}"
    if kind == "k:":
        fields = json.loads(text)
        return f"[{','.join(f'{name}={json.dumps(fields[name], ensure_ascii=False)}' for name in sorted(fields))}]"
    return f"[={text}]" if kind == "v:" else f"[{text}]"
