"""Functions of lists, sets of them, and maps that comprehensions build.

Source: apiserver/pkg/cel/library/lists.go, cel-go/ext/{lists,sets,comprehensions}.go.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pybernetes.cel import macros, values
from pybernetes.cel.functions.standard import add
from pybernetes.cel.syntax import CelError, Uint
from pybernetes.cel.values import Duration, Meter, compared, equal, type_of


def _is_sorted(meter: Meter, items: list[Any]) -> bool:
    meter.did(len(items))
    return all(compared(items[i], items[i + 1]) <= 0 for i in range(len(items) - 1))


def _sum(overload: str) -> Callable[[Meter, list[Any]], Any]:
    zeros = {"list_int_sum_int": 0, "list_uint_sum_uint": Uint(0), "list_double_sum_double": 0.0}
    zero = zeros.get(overload, Duration(0))

    def work(meter: Meter, items: list[Any]) -> Any:
        meter.did(len(items))
        return functools.reduce(functools.partial(add, meter), items, zero)

    return work


def _extreme(name: str, wanted: int) -> Callable[[Meter, list[Any]], Any]:
    def work(meter: Meter, items: list[Any]) -> Any:
        if not items:
            raise CelError(f"{name} called on empty list")
        meter.did(len(items))
        found = items[0]
        for item in items[1:]:
            if compared(found, item) == wanted:
                found = item
        return found

    return work


def _slice(_meter: Meter, items: list[Any], start: int, end: int) -> list[Any]:
    at = f"cannot slice({start}, {end})"
    if start < 0 or end < 0:
        raise CelError(f"{at}, negative indexes not supported")
    if start > end:
        raise CelError(f"{at}, start index must be less than or equal to end index")
    if end > len(items):
        raise CelError(f"{at}, list is length {len(items)}")
    return list(items)[start:end]


def _flatten(meter: Meter, items: list[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise CelError("level must be non-negative")
    found: list[Any] = []
    meter.did(len(items))
    for item in items:
        if isinstance(item, list) and depth:
            found += _flatten(meter, item, depth - 1)
        else:
            found.append(item)
    return found


def _range(_meter: Meter, end: int) -> list[int]:
    return list(range(end))


def _reverse(_meter: Meter, items: list[Any]) -> list[Any]:
    return list(items)[::-1]


def _distinct(meter: Meter, items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        meter.did(len(found))
        if not any(equal(item, known, meter) for known in found):
            found.append(item)
    return found


def _sort(meter: Meter, items: list[Any]) -> list[Any]:
    return _sort_by_keys(meter, items, items)


def _sort_by_keys(meter: Meter, items: list[Any], keys: list[Any]) -> list[Any]:
    if len(items) != len(keys):
        why = "expected a list of the same size as the associated keys list"
        sizes = f"{len(items)} and {len(keys)} elements respectively"
        raise CelError(f"@sortByAssociatedKeys() {why}, but got {sizes}")
    if len({type_of(key) for key in keys}) > 1:
        raise CelError("list elements must have the same type")
    meter.did(len(items))

    def before(one: int, other: int) -> int:
        return compared(keys[one], keys[other])

    order = sorted(range(len(items)), key=functools.cmp_to_key(before))
    return [items[i] for i in order]


def _contains(meter: Meter, whole: list[Any], part: list[Any]) -> bool:
    return all(any(_same(meter, each, item) for each in whole) for item in part)


def _same(meter: Meter, one: Any, other: Any) -> bool:
    meter.did(1)
    return equal(one, other, meter)


def _intersects(meter: Meter, one: list[Any], other: list[Any]) -> bool:
    return any(_same(meter, left, right) for right in other for left in one)


def _inserted(meter: Meter, entries: dict[Any, Any], *what: Any) -> dict[Any, Any]:
    """The map itself, with more in it: only comprehensions call this, on maps that nobody else has yet."""
    more = {what[0]: what[1]} if len(what) == 2 else what[0]
    meter.did(len(more))
    for key, value in more.items():
        if values.lookup(entries, key) is not values.ABSENT:
            raise CelError(f"insert failed: key {key} already exists")
        entries[key] = value
    return entries


TABLE: dict[str, Callable[..., Any]] = {
    "isSorted": _is_sorted,
    "min": _extreme("min", 1),
    "max": _extreme("max", -1),
    "slice": _slice,
    "flatten": _flatten,
    "lists.range": _range,
    "reverse": _reverse,
    "distinct": _distinct,
    "sort": _sort,
    macros.SORT_BY_KEYS: _sort_by_keys,
    macros.MAP_INSERT: _inserted,
    "sets.contains": _contains,
    "sets.equivalent": lambda meter, one, other: _contains(meter, one, other) and _contains(meter, other, one),
    "sets.intersects": _intersects,
    **{
        overload: _sum(overload)
        for overload in (
            "list_int_sum_int",
            "list_uint_sum_uint",
            "list_double_sum_double",
            "list_duration_sum_duration",
        )
    },
}
"""sum() is by its overload: what the sum of nothing is, depends on the type."""
