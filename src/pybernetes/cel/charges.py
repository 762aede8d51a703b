"""What a call costs when it is made, by what it is given, which may be anything where types are not known.

Every cost is known before the work is done, so that work which costs too much is not begun.
Source: cel-go/interpreter/runtimecost.go, apiserver/pkg/cel/library/cost.go, cel-go/ext/{lists,sets}.go.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pybernetes.cel import costs, types, values
from pybernetes.cel.costs import PATTERN, TRAVERSAL, times
from pybernetes.cel.functions.kubernetes import pattern_length
from pybernetes.cel.values import Meter, Opaque, Quantity, size_of

FAILED = "?"
"""What a failed argument counts as: a value of size one."""
Charge = Callable[..., int]
"""charge(meter, *arguments)"""


def charge_of(function: str, overload: str) -> Charge | None:
    """What calls of a function cost; None of those that cost one. `overload` is "" when types leave it open."""
    if overload.endswith(("_sort", "_sortByAssociatedKeys")):
        return _sorted
    if (found := _OF_LISTS.get(overload)) is not None:
        return found
    if function in costs.ONE or overload == "cidr_ip":
        return None
    if function in ("containsIP", "containsCIDR"):
        return functools.partial(_within, function, overload)
    return _BY_FUNCTION.get(function) or _BY_OVERLOAD.get(overload)


def equality(left: Any, right: Any) -> int:
    return 1 if isinstance(left, Opaque | Quantity) else inequality(left, right)


def inequality(left: Any, right: Any) -> int:
    return times(min(size_of(left), size_of(right)), TRAVERSAL)


def _first(factor: float) -> Charge:
    return lambda _meter, value, *_: times(size_of(value), factor)


def _walk(meter: Meter, value: Any, *_: Any) -> int:
    return 1 if value is FAILED else values.weight(value, meter)


def _pattern(_meter: Meter, text: Any, pattern: Any, *_: Any) -> int:
    return times(1 + size_of(text), TRAVERSAL) * times(size_of(pattern), PATTERN)


def _validated(_meter: Meter, form: Any, text: Any) -> int:
    length = pattern_length(form.value) if isinstance(form, Opaque) and form.kind == types.FORMAT else 1
    return times(1 + size_of(text), TRAVERSAL) * times(length, PATTERN)


def _joined(meter: Meter, items: Any, between: Any = "") -> int:
    size = size_of(items)
    meter.did(size >> 2)
    texts = items if isinstance(items, list | str) else ()
    length = sum(len(text) for text in texts if isinstance(text, str)) + size_of(between) * max(size - 1, 0)
    return times(length, 2 * TRAVERSAL)


def _within(function: str, overload: str, _meter: Meter, network: Any, other: Any) -> int:
    size = size_of(network)
    found = times(2 * size, TRAVERSAL)
    if function == "containsCIDR":
        found += times(size, TRAVERSAL) + 1
    return found + (times(size_of(other), TRAVERSAL) if overload.endswith("_string") else 0)


def _selector(_meter: Meter, _authorizer: Any, text: Any) -> int:
    return costs.selector(size_of(text))


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 1


def _allocated(size: float) -> int:
    return int(size) + 1 + costs.NEW_LIST


def _sorted(_meter: Meter, items: Any, keys: Any = None) -> int:
    return _against_itself(items if keys is None else keys)


def _against_itself(items: Any) -> int:
    size = size_of(items)
    factor = 2 + TRAVERSAL if isinstance(items, list) and items and isinstance(items[0], str | bytes) else 2
    return _allocated(size * size * factor)


def _sets(factor: int) -> Charge:
    return lambda _meter, one, other: 1 + size_of(one) * size_of(other) * factor


_OF_LISTS: dict[str, Charge] = {
    "list_slice": lambda _meter, _items, start, end: _allocated(max(_whole(end) - _whole(start), 0)),
    "list_flatten": lambda _meter, items: _allocated(size_of(items)),
    "list_flatten_int": lambda _meter, items, depth: _allocated(size_of(items) * max(_whole(depth), 0)),
    "lists_range": lambda _meter, end: _allocated(max(_whole(end), 0)),
    "list_reverse": lambda _meter, items: _allocated(size_of(items)),
    "list_distinct": lambda _meter, items: _against_itself(items),
    "list_sets_contains_list": _sets(1),
    "list_sets_intersects_list": _sets(1),
    "list_sets_equivalent_list": _sets(2),
}
_BY_FUNCTION: dict[str, Charge] = {
    "check": lambda *_: costs.CHECK,
    "fieldSelector": _selector,
    "labelSelector": _selector,
    **dict.fromkeys(costs.OVER_LIST, _walk),
    **dict.fromkeys(
        [
            "url",
            "lowerAscii",
            "upperAscii",
            "substring",
            "trim",
            "cidr",
            "isIP",
            "isCIDR",
            "ip",
            "quantity",
            "isQuantity",
            "semver",
            "isSemver",
        ],
        _first(TRAVERSAL),
    ),
    **dict.fromkeys(("replace", "split", "ip.isCanonical"), _first(2 * TRAVERSAL)),
    "join": _joined,
    "find": _pattern,
    "findAll": _pattern,
    "validate": _validated,
}
_BY_OVERLOAD: dict[str, Charge] = {
    **dict.fromkeys(
        [
            "starts_with_string",
            "ends_with_string",
            "string_to_bytes",
            "bytes_to_string",
            "strings_quote",
            "string_format",
        ],
        _first(TRAVERSAL),
    ),
    **dict.fromkeys(costs.ORDERS, lambda _meter, left, right: inequality(left, right)),
    "in_list": lambda _meter, _item, items: size_of(items),
    "add_string": lambda _meter, left, right: times(size_of(left) + size_of(right), TRAVERSAL),
    "add_bytes": lambda _meter, left, right: times(size_of(left) + size_of(right), TRAVERSAL),
    "matches_string": _pattern,
    "contains_string": lambda _meter, text, part: times(size_of(text), TRAVERSAL) * times(size_of(part), TRAVERSAL),
}
