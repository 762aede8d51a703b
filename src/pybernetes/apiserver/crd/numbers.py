"""Numbers held against bounds and factors as upstream does: a whole number against the whole part of either.

Source: kube-openapi/pkg/validation/validate/{values,validator}.go, go-openapi/swag/convert.go.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pybernetes.apimachinery.trees import go_float

_LARGEST_EXACT = 2**53 - 1
_LARGEST_FLOAT32 = 3.4028234663852886e38
_SMALL = 1e-9
_INTEGERS = {"int32": 2**31, "int64": 2**63}


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a number; `whole` is said of no field at all, else `shown` is the value that is shown."""

    said: str
    shown: Any = ""
    whole: bool = False


def is_whole(value: float) -> bool:
    """Whether a float stands for an integer that floats hold exactly."""
    if not math.isfinite(value) or abs(value) > _LARGEST_EXACT:
        return False
    whole = float(int(abs(value)))
    gap = abs(abs(value) - whole)
    return gap == 0 or (whole != 0 and gap / (abs(value) + whole) < _SMALL)


def plain(schema: Mapping[str, Any]) -> bool:
    """Whether JSON Schema and upstream read the numeric words of a schema the same."""
    kind, factor = schema.get("type"), schema.get("multipleOf")
    bounds = [schema[word] for word in ("minimum", "maximum") if schema.get(word) is not None]
    if not all(map(math.isfinite, (*bounds, factor or 0))):
        return False
    if factor is not None and (factor <= 0 or float(factor) != int(factor)):
        return False
    if any(float(bound) != int(bound) for bound in bounds):
        return False
    if kind == "integer" or schema.get("x-kubernetes-int-or-string"):
        return all(abs(bound) < 2**31 for bound in bounds) and abs(factor or 0) < 2**31
    return schema.get("format") != "float" and all(abs(bound) <= _LARGEST_EXACT for bound in bounds)


def problems(value: int | float, schema: Mapping[str, Any], path: str) -> Iterator[Wrong]:
    """What is wrong with a number, in upstream's order."""
    kind = "integer" if schema.get("x-kubernetes-int-or-string") else schema.get("type") or ""
    form = schema.get("format") or ""
    if kind == "integer" and form not in _INTEGERS:
        form = ""
    yield from _in_range(value, kind, form, "Checked", path)
    factor, least, most = schema.get("multipleOf"), schema.get("minimum"), schema.get("maximum")
    if factor is not None:
        beyond = list(_in_range(float(factor), kind, form, "MultipleOf", path))
        yield from beyond
        yield from _multiple(float(value) if beyond else value, factor, path)
    if least is not None:
        beyond = list(_in_range(float(least), kind, form, "Minimum boundary", path))
        yield from beyond
        exclusive = bool(schema.get("exclusiveMinimum"))
        wanted = f"greater than {'' if exclusive else 'or equal to '}"
        yield from _bound(float(value) if beyond else value, least, exclusive, -1, wanted)
    if most is not None:
        beyond = list(_in_range(float(most), kind, form, "Maximum boundary", path))
        yield from beyond
        exclusive = bool(schema.get("exclusiveMaximum"))
        wanted = f"less than {'' if exclusive else 'or equal to '}"
        yield from _bound(float(value) if beyond else value, most, exclusive, 1, wanted)


def _in_range(value: int | float, kind: str, form: str, what: str, path: str) -> Iterator[Wrong]:
    if kind == "integer":
        limit = _INTEGERS.get(form, 2**63)
        if float(value).is_integer() and -limit <= value < limit:
            return
    elif form != "float" or abs(value) <= _LARGEST_FLOAT32:
        return
    told = f"with format {form}" if form else "(default format)"
    yield Wrong(f"{what} value must be of type {kind} {told} in {path}", whole=True)


def _multiple(value: int | float, factor: float, path: str) -> Iterator[Wrong]:
    if isinstance(value, int) and math.isfinite(factor):
        factor = int(factor)
        fits = factor > 0 and value % factor == 0
    else:
        fits = factor > 0 and is_whole(1 / factor * value if factor < 1 else value / factor)
    if factor <= 0:
        yield Wrong(f"factor MultipleOf declared for {path} must be positive: {shown(factor)}", factor)
    elif not fits:
        yield Wrong(f"should be a multiple of {shown(factor)}", value)


def _bound(value: int | float, bound: float, exclusive: bool, sign: int, wanted: str) -> Iterator[Wrong]:
    if isinstance(value, int) and math.isfinite(bound):
        bound = int(bound)
    distance = (value - bound) * sign
    if distance > 0 or (exclusive and distance == 0):
        text = shown(bound) if isinstance(value, int) else go_float(bound)
        yield Wrong(f"should be {wanted}{text}", value)


def without_points(tree: Any) -> Any:
    """A tree as Go writes it: whole floats as integers."""
    if isinstance(tree, dict):
        return {name: without_points(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [without_points(item) for item in tree]
    if isinstance(tree, float) and tree.is_integer() and abs(tree) < 1e21:
        return int(Decimal(repr(tree)))
    return tree


def shown(number: float) -> str:
    """A whole number without a point, any other as Go prints it."""
    return str(number) if isinstance(number, int) else go_float(number)
