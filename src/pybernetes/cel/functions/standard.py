"""Operators, conversions, optionals.

Source: cel-go/common/types (what each does, and what it says when it cannot), cel-go/cel/library.go (optionals).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from pybernetes.apimachinery.trees import go_float
from pybernetes.cel import values
from pybernetes.cel.functions.times import duration_text, read_duration, read_timestamp, timestamp_text
from pybernetes.cel.syntax import CelError, Uint
from pybernetes.cel.values import (
    INT64,
    NO_OVERLOAD,
    NOTHING,
    SECOND,
    UINT64,
    Duration,
    Meter,
    Opaque,
    Optional,
    Timestamp,
    TypedList,
    compared,
    type_of,
    within,
)

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[+-]?((\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][+-]?\d+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_LONGEST_NUMBER = 400
_OVERFLOW = "integer overflow"
_UNSIGNED_OVERFLOW = "unsigned integer overflow"


def _no_overload(name: str, *given: Any) -> CelError:
    return CelError(f"{NO_OVERLOAD}: {name}({', '.join(type_of(each).runtime_name for each in given)})")


# -- arithmetic ------------------------------------------------------------------------------------


def _number(value: int, like: Any) -> int:
    if isinstance(like, Uint):
        return Uint(within(value, UINT64, _UNSIGNED_OVERFLOW))
    return within(value, INT64, _OVERFLOW)


def _nanos(value: int) -> Duration:
    return Duration(within(value, INT64, "duration overflow"))


def _moment(nanos: int, offset_s: int) -> Timestamp:
    within(nanos // SECOND, (values.EARLIEST, values.LATEST), "timestamp overflow")
    return Timestamp(nanos, offset_s)


def add(meter: Meter, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is type(right):
        if kind is int or kind is Uint:
            return _number(left + right, left)
        if kind is float or kind is str or kind is bytes:
            return left + right
        if kind is Duration:
            return _nanos(left.nanos + right.nanos)
    if isinstance(left, list) and isinstance(right, list):
        return _joined(meter, left, right)
    if isinstance(left, Duration) and isinstance(right, Timestamp):
        left, right = right, left
    if isinstance(left, Timestamp) and isinstance(right, Duration):
        return _moment(left.nanos + right.nanos, left.offset_s)
    raise CelError(NO_OVERLOAD)


def _joined(meter: Meter, left: list[Any], right: list[Any]) -> list[Any]:
    meter.did(len(left) + len(right) >> 3)
    if not isinstance(left, TypedList):
        return [*left, *right]
    if left.unique:
        known = set(map(values.hashable, left))
        fresh = []
        for item in right:
            if (key := values.hashable(item)) not in known:
                known.add(key)
                fresh.append(item)
        return TypedList([*left, *fresh], unique=True)
    if left.keys:
        by_key = {left.key_of(item): item for item in left}
        by_key.update({left.key_of(item): item for item in right})
        return TypedList(by_key.values(), keys=left.keys)
    return TypedList([*left, *right])


def subtract(_meter: Meter, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is type(right):
        if kind is int or kind is Uint:
            return _number(left - right, left)
        if kind is float:
            return left - right
        if kind is Duration:
            return _nanos(left.nanos - right.nanos)
        if kind is Timestamp:
            return _nanos(left.nanos - right.nanos)
    if isinstance(left, Timestamp) and isinstance(right, Duration):
        return _moment(left.nanos - right.nanos, left.offset_s)
    raise CelError(NO_OVERLOAD)


def multiply(_meter: Meter, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is not type(right) or kind not in (int, Uint, float):
        raise CelError(NO_OVERLOAD)
    return left * right if kind is float else _number(left * right, left)


def divide(_meter: Meter, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is not type(right) or kind not in (int, Uint, float):
        raise CelError(NO_OVERLOAD)
    if kind is float:
        if right:
            return left / right
        return math.nan if not left or left != left else math.copysign(math.inf, left) * math.copysign(1, right)
    if not right:
        raise CelError("division by zero")
    quotient = abs(left) // abs(right)
    return _number(quotient if (left < 0) is (right < 0) else -quotient, left)


def modulo(_meter: Meter, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is not type(right) or kind not in (int, Uint):
        raise CelError(NO_OVERLOAD)
    if not right:
        raise CelError("modulus by zero")
    if left == INT64[0] and right == -1:
        raise CelError(_OVERFLOW)
    rest = abs(left) % abs(right)
    return _number(-rest if left < 0 else rest, left)


def negate(_meter: Meter, value: Any) -> Any:
    if type(value) is int:
        return within(-value, INT64, _OVERFLOW)
    if type(value) is float:
        return -value
    if type(value) is Duration:
        return _nanos(-value.nanos)
    raise CelError(NO_OVERLOAD)


def _not(_meter: Meter, value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError(NO_OVERLOAD)
    return not value


def _ordering(holds: Callable[[int], bool]) -> Callable[[Meter, Any, Any], bool]:
    return lambda _meter, left, right: holds(compared(left, right))


# -- containers and types ----------------------------------------------------------------------------


def contained(meter: Meter, item: Any, container: Any) -> bool:
    """Whether a list has an item or a map a key."""
    if isinstance(container, list):
        problem: CelError | None = None
        for each in container:
            meter.did(1)
            try:
                if values.equal(each, item, meter):
                    return True
            except CelError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return False
    if isinstance(container, dict):
        return values.lookup(container, item) is not values.ABSENT
    if isinstance(container, values.Record):
        return isinstance(item, str) and container.get(item) is not values.ABSENT
    raise CelError(NO_OVERLOAD)


def _size(_meter: Meter, value: Any) -> int:
    if not isinstance(value, str | bytes | list | dict | values.Record):
        raise _no_overload("size", value)
    return len(value)


def _type(_meter: Meter, value: Any) -> Any:
    return values.named(type_of(value))


# -- conversions -------------------------------------------------------------------------------------


def _cannot(value: Any, wanted: str) -> CelError:
    return CelError(f"type conversion error from '{type_of(value).runtime_name}' to '{wanted}'")


def _to_bool(_meter: Meter, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if value in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise _cannot(value, "bool")


def _to_bytes(_meter: Meter, value: Any) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)


def _to_double(_meter: Meter, value: Any) -> float:
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER or not _FLOAT.fullmatch(value) or "_" in value:
            raise _cannot(value, "double")
        found = float(value)
        if math.isinf(found) and "inf" not in value.lower():
            raise _cannot(value, "double")
        return found
    return float(value)


def _whole(text: str, wanted: str, bounds: tuple[int, int]) -> int:
    if not _INTEGER.fullmatch(text) or (bounds is UINT64 and text[0] in "+-"):
        raise _cannot(text, wanted)
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > 20 or not bounds[0] <= (found := int(text)) <= bounds[1]:
        raise _cannot(text, wanted)
    return found


def _to_int(_meter: Meter, value: Any) -> int:
    if isinstance(value, str):
        return _whole(value, "int", INT64)
    if isinstance(value, float):
        if not math.isfinite(value) or not -(2.0**63) < value < 2.0**63:
            raise CelError(_OVERFLOW)
        return int(value)
    if isinstance(value, Duration):
        return value.nanos
    if isinstance(value, Timestamp):
        return value.nanos // SECOND
    return within(int(value), INT64, _OVERFLOW)


def _to_uint(_meter: Meter, value: Any) -> Uint:
    if isinstance(value, str):
        return Uint(_whole(value, "uint", UINT64))
    if isinstance(value, float):
        if not math.isfinite(value) or not 0 <= value < 2.0**64:
            raise CelError(_UNSIGNED_OVERFLOW)
        return Uint(int(value))
    return Uint(within(int(value), UINT64, _UNSIGNED_OVERFLOW))


def to_string(_meter: Meter, value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return go_float(value)
        case int():
            return str(int(value))
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None
        case Duration():
            return duration_text(value)
        case Timestamp():
            return timestamp_text(value)
        case Opaque():
            return str(value.value)
    raise _cannot(value, "string")


def _to_duration(_meter: Meter, value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        if (nanos := read_duration(value)) is None:
            raise _cannot(value, "google.protobuf.Duration")
        return Duration(nanos)
    return Duration(value)


def _to_timestamp(_meter: Meter, value: Any) -> Timestamp:
    if isinstance(value, Timestamp):
        return value
    if isinstance(value, str):
        found = read_timestamp(value)
        if found is None:
            raise _cannot(value, "google.protobuf.Timestamp")
        return _moment(found.nanos, found.offset_s)
    within(value, (values.EARLIEST, values.LATEST), "timestamp overflow")
    return Timestamp(value * SECOND)


# -- optionals ---------------------------------------------------------------------------------------


def _value(_meter: Meter, optional: Optional) -> Any:
    if not optional.present:
        raise CelError("optional.none() dereference")
    return optional.value


def _unwrapped(meter: Meter, items: list[Any]) -> list[Any]:
    meter.did(len(items))
    if any(not isinstance(item, Optional) for item in items):
        raise CelError(NO_OVERLOAD)
    return [item.value for item in items if item.present]


TABLE: dict[str, Callable[..., Any]] = {
    "_+_": add,
    "_-_": subtract,
    "_*_": multiply,
    "_/_": divide,
    "_%_": modulo,
    "-_": negate,
    "!_": _not,
    "_<_": _ordering(lambda order: order < 0),
    "_<=_": _ordering(lambda order: order <= 0),
    "_>_": _ordering(lambda order: order > 0),
    "_>=_": _ordering(lambda order: order >= 0),
    "@in": contained,
    "size": _size,
    "type": _type,
    "dyn": lambda _meter, value: value,
    "bool": _to_bool,
    "bytes": _to_bytes,
    "double": _to_double,
    "int": _to_int,
    "uint": _to_uint,
    "string": to_string,
    "duration": _to_duration,
    "timestamp": _to_timestamp,
    "optional.of": lambda _meter, value: Optional(value),
    "optional.ofNonZeroValue": lambda _meter, value: NOTHING if values.is_zero(value) else Optional(value),
    "optional.none": lambda _meter: NOTHING,
    "optional.unwrap": _unwrapped,
    "unwrapOpt": _unwrapped,
    "value": _value,
    "hasValue": lambda _meter, optional: optional.present,
    "first": lambda _meter, items: Optional(items[0]) if items else NOTHING,
    "last": lambda _meter, items: Optional(items[-1]) if items else NOTHING,
}
