"""The values of expressions: what they are, when they are equal, which comes first, how they become others.

Python's None, bool, int, float, str, bytes, list and dict are CEL's; the rest is here. Whatever walks through a value
says to the `Meter` how much it did.
Source: cel-go/common/types, apiserver/pkg/cel/common/valuesunstructured.go (lists and maps of schemas).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from pybernetes.apimachinery.quantity import from_nano
from pybernetes.cel import types
from pybernetes.cel.syntax import CelError, Uint
from pybernetes.cel.types import Type

ABSENT: Any = object()
INT64 = (-(2**63), 2**63 - 1)
UINT64 = (0, 2**64 - 1)
SECOND = 10**9
EARLIEST, LATEST = -62135596800, 253402300799
"""The seconds between which timestamps are."""


class Meter(Protocol):
    """Counts the work of an evaluation; raises when there was too much."""

    def did(self, steps: int) -> None: ...


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    nanos: int


@dataclass(frozen=True, slots=True)
class Timestamp:
    """`offset_s` is the zone it is shown in."""

    nanos: int
    offset_s: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.nanos == other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)


@dataclass(frozen=True, slots=True)
class Optional:
    value: Any = ABSENT

    @property
    def present(self) -> bool:
        return self.value is not ABSENT


NOTHING = Optional()


@dataclass(frozen=True, slots=True)
class Quantity:
    """In units of 10^-9."""

    nano: int

    @property
    def amount(self) -> Decimal:
        return Decimal(self.nano).scaleb(-9)

    def __str__(self) -> str:
        return from_nano(self.nano)


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value of Kubernetes's own: `kind` is its type, `value` what its functions work on, `size` what it costs."""

    kind: Type
    value: Any
    size: int = 1


class Record:
    """An object with declared fields; `get` finds a field by its name in expressions."""

    __slots__ = ()

    def get(self, name: str) -> Any:
        """A field's value, ABSENT when there is none. Raises CelError for one that cannot be read."""
        raise NotImplementedError

    def names(self) -> Iterator[str]:
        """The names of the fields that are there."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def same(self, other: Any, meter: Meter) -> bool:
        raise NotImplementedError


class TypedList(list[Any]):
    """A list that a schema describes; `keys` are those of a list of type map, whose items are records."""

    __slots__ = ("keys", "unique")

    def __init__(self, items: Any = (), *, unique: bool = False, keys: tuple[str, ...] = ()) -> None:
        super().__init__(items)
        self.unique = unique
        self.keys = keys

    def key_of(self, item: Any) -> Any:
        found = [_field(item, name) for name in self.keys]
        return tuple((type(each), each) for each in found)


class TypedMap(dict[str, Any]):
    """A map that a schema describes."""

    __slots__ = ()


def _field(item: Any, name: str) -> Any:
    found = item.get(name) if isinstance(item, Record | dict) else None
    return None if found is ABSENT else found


NO_OVERLOAD = "no such overload"
_KINDS: dict[type, Type] = {
    type(None): types.NULL,
    bool: types.BOOL,
    int: types.INT,
    Uint: types.UINT,
    float: types.DOUBLE,
    str: types.STRING,
    bytes: types.BYTES,
    list: types.LIST,
    TypedList: types.LIST,
    dict: types.MAP,
    TypedMap: types.MAP,
    Duration: types.DURATION,
    Timestamp: types.TIMESTAMP,
    Optional: types.optional_of(types.DYN),
    Quantity: types.QUANTITY,
    Type: types.TYPE,
}


def type_of(value: Any) -> Type:
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    return value.kind if isinstance(value, Opaque) else types.MAP


def named(kind: Type) -> Type:
    """The type that expressions know a value's by: without parameters."""
    return Type(kind.kind, kind.name)


def size_of(value: Any) -> int:
    """What a value counts in costs: items, characters, bytes; one for anything else."""
    if isinstance(value, str | bytes | list | dict | Record):
        return len(value)
    if isinstance(value, Opaque):
        return value.size
    if isinstance(value, Optional) and value.present:
        return size_of(value.value)
    return 1


# -- equality and order ----------------------------------------------------------------------------


def equal(left: Any, right: Any, meter: Meter) -> bool:
    """Raises CelError for values that cannot be held against each other."""
    if left is None or right is None:
        return left is None and right is None
    kind = type(left)
    if kind is str or kind is bytes:
        if type(right) is not kind:
            return False
        if len(left) > 256:
            meter.did(len(left) >> 8)
        return bool(left == right)
    if kind is bool or type(right) is bool:
        return left is right
    if isinstance(left, int | float):
        return isinstance(right, int | float) and left == right
    if isinstance(left, list):
        return _same_lists(left, right, meter)
    if isinstance(left, dict):
        return _same_maps(left, right, meter)
    if isinstance(left, Record):
        if not isinstance(right, Record | dict):
            raise CelError(NO_OVERLOAD)
        return left.same(right, meter)
    if isinstance(left, Optional):
        if not isinstance(right, Optional) or left.present is not right.present:
            return False
        return not left.present or equal(left.value, right.value, meter)
    if isinstance(left, Type):
        return isinstance(right, Type) and named(left) == named(right)
    if type(left) is not type(right) or (isinstance(left, Opaque) and left.kind != right.kind):
        if isinstance(left, Opaque | Quantity):
            raise CelError(NO_OVERLOAD)
        return False
    return bool(left == right)


def _same_lists(left: list[Any], right: Any, meter: Meter) -> bool:
    if not isinstance(right, list):
        if isinstance(left, TypedList):
            raise CelError(NO_OVERLOAD)
        return False
    if len(left) != len(right):
        return False
    meter.did(len(left))
    if isinstance(left, TypedList) and left.unique:
        known = frozenset(map(hashable, left))
        return all(hashable(item) in known for item in right)
    if isinstance(left, TypedList) and left.keys:
        by_key = {left.key_of(item): item for item in left}
        for item in right:
            same = by_key.get(left.key_of(item), ABSENT)
            if same is ABSENT or not equal(same, item, meter):
                return False
        return True
    return all(equal(one, other, meter) for one, other in zip(left, right, strict=True))


def hashable(value: Any) -> Any:
    """A value that is equal to those of its own type alone."""
    return (type(value), value)


def _same_maps(left: dict[Any, Any], right: Any, meter: Meter) -> bool:
    if isinstance(right, Record):
        right = {name: right.get(name) for name in right.names()}
    if not isinstance(right, dict):
        if isinstance(left, TypedMap):
            raise CelError(NO_OVERLOAD)
        return False
    if len(left) != len(right):
        return False
    meter.did(len(left))
    for key, value in left.items():
        other = lookup(right, key)
        if other is ABSENT or not equal(value, other, meter):
            return False
    return True


def lookup(entries: dict[Any, Any], key: Any) -> Any:
    """A map's value, ABSENT when there is none: true is no number here, while 1, 1u and 1.0 are one key."""
    if isinstance(key, bool):
        return next((value for known, value in entries.items() if known is key), ABSENT)
    try:
        found = entries.get(key, ABSENT)
    except TypeError:
        return ABSENT
    if isinstance(key, int | float) and key in (0, 1) and found is not ABSENT:
        same = (value for known, value in entries.items() if known == key and not isinstance(known, bool))
        return next(same, ABSENT)
    return found


def compared(left: Any, right: Any) -> int:
    """-1, 0 or 1. Raises CelError."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        if isinstance(left, bool) is not isinstance(right, bool):
            raise CelError(NO_OVERLOAD)
        if left != left or right != right:
            raise CelError("NaN values cannot be ordered")
        return ordered(left, right)
    if type(left) is not type(right):
        raise CelError(NO_OVERLOAD)
    if isinstance(left, str | bytes):
        return ordered(left, right)
    if isinstance(left, Timestamp | Duration):
        return ordered(left.nanos, right.nanos)
    raise CelError(NO_OVERLOAD)


def ordered(left: Any, right: Any) -> int:
    """-1, 0 or 1 for what has an order."""
    return int(left > right) - int(left < right)


def within(value: int, bounds: tuple[int, int], problem: str) -> int:
    if not bounds[0] <= value <= bounds[1]:
        raise CelError(problem)
    return value


def is_zero(value: Any) -> bool:
    """Whether a value is what its type is without one."""
    if isinstance(value, str | bytes | list | dict | Record):
        return len(value) == 0
    if isinstance(value, Optional):
        return not value.present
    if isinstance(value, Duration):
        return value.nanos == 0
    if isinstance(value, Timestamp):
        return value.nanos == EARLIEST * SECOND
    return value is None or (isinstance(value, int | float) and not value and not math.isnan(value))


def weight(value: Any, meter: Meter) -> int:
    """What walking through a value costs.

    Source: traversalCost in apiserver/pkg/cel/library/cost.go.
    """
    if isinstance(value, str):
        return int(len(value.encode("utf-8", "surrogatepass")) * 0.1)
    if isinstance(value, bytes):
        return int(len(value) * 0.1)
    if isinstance(value, list):
        meter.did(len(value))
        return sum(weight(item, meter) for item in value)
    if isinstance(value, dict):
        meter.did(len(value))
        return sum(weight(key, meter) + weight(item, meter) for key, item in value.items())
    if isinstance(value, Record):
        meter.did(len(value))
        return sum(weight(name, meter) + weight(value.get(name), meter) for name in value.names())
    return 1
