"""Quantities, times and base64 as the API writes them back, in place on a freshly decoded Struct; zeros that count
as absent (Go's omitempty) become absent.

Only the branches of a Struct that can hold such a scalar are visited; which those are is worked out once a class.
"""

from __future__ import annotations

import binascii
import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from pybernetes.apimachinery.quantity import canonical
from pybernetes.apimachinery.schema import Schema, schema_of
from pybernetes.apimachinery.times import canonical_micro_time, canonical_time

T = TypeVar("T", bound=msgspec.Struct)
_CANONICAL_TIME = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII
).fullmatch
_ZERO = re.compile(r"Zero|list\[.*\| None$").match
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII).fullmatch


def canonical_base64(text: str) -> str:
    """Base64 without line breaks. Raises ValueError with the position of the first wrong byte."""
    if _BASE64(text):
        return text
    plain = text.replace("\n", "").replace("\r", "")
    if not _BASE64(plain):
        wrong = re.search(r"[^A-Za-z0-9+/=\r\n]|=(?![=\r\n]*$)", text)
        raise ValueError(f"illegal base64 data at input byte {wrong.start() if wrong else len(text) - len(text) % 4}")
    try:
        return binascii.b2a_base64(binascii.a2b_base64(plain), newline=False).decode()
    except binascii.Error:
        raise ValueError(f"illegal base64 data at input byte {len(text)}") from None


def time(text: str) -> str:
    return text if _CANONICAL_TIME(text) else canonical_time(text)


CANONICAL: dict[str, Callable[[str], str]] = {
    "quantity": canonical,
    "time": time,
    "micro_time": canonical_micro_time,
    "bytes": canonical_base64,
}
"""By Schema.scalar: text as it came in to text as the API writes it. Raises ValueError."""

_Visit = Callable[[Any], Any]


def normalise(found: T) -> T:
    """`found`, its scalars in canonical form. Raises ValueError with upstream's message."""
    visit = _struct_visit(type(found))
    if visit is not None:
        visit(found)
    return found


@functools.cache
def _struct_visit(struct: type[msgspec.Struct]) -> _Visit | None:
    """What to do with a value of the Struct; None where no such scalar lies below."""
    if not _reaches(schema_of(struct), ()):
        return None
    steps: tuple[tuple[str, _Visit], ...] | None = None
    zeros = _zeros(struct)

    def into(found: Any) -> Any:
        nonlocal steps
        if steps is None:
            steps = _steps(struct)
        for name in zeros:
            value = getattr(found, name)
            if not value and value is not None:
                setattr(found, name, None)
        for name, visit in steps:
            value = getattr(found, name)
            if value or value == "":
                changed = visit(value)
                if changed is not value:
                    setattr(found, name, changed)
        return found

    return into


def _steps(struct: type[msgspec.Struct]) -> tuple[tuple[str, _Visit], ...]:
    """(attribute, what to do with its value) for the attributes that lead to such a scalar."""
    schema = schema_of(struct)
    names = zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
    found = ((name, _visit(schema.fields[wire])) for name, wire in names)
    return tuple((name, visit) for name, visit in found if visit is not None)


def _zeros(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """The attributes whose zero value counts as absent: Zero… scalars, and lists that are null rather than empty.

    A list that is left out when it is None is there when it is empty.
    """
    fields, defaults = struct.__struct_fields__, struct.__struct_defaults__
    optional = {name for name, default in zip(reversed(fields), reversed(defaults), strict=False) if default is None}
    kinds = struct.__annotations__
    return tuple(
        name for name in fields if _ZERO(kinds[name]) and not (name in optional and kinds[name].startswith("list["))
    )


def _visit(schema: Schema) -> _Visit | None:
    if schema.kind == "scalar":
        return CANONICAL.get(schema.scalar)
    if schema.struct is not None:
        return _struct_visit(schema.struct)
    if schema.element is None or (inner := _visit(schema.element)) is None:
        return None
    if schema.kind == "map":
        return _each_value(inner)
    return _each_struct(inner) if schema.element.struct is not None else _each_item(inner)


def _reaches(schema: Schema, above: tuple[type[msgspec.Struct] | None, ...]) -> bool:
    """Whether a scalar to normalise lies anywhere below."""
    if schema.kind == "scalar":
        return schema.scalar in CANONICAL
    if schema.struct is None:
        return schema.element is not None and _reaches(schema.element, above)
    if schema.struct in above:
        return False
    if _zeros(schema.struct):
        return True
    return any(_reaches(field, (*above, schema.struct)) for field in schema.fields.values())


def _each_value(visit: _Visit) -> _Visit:
    def into(values: dict[str, Any]) -> dict[str, Any]:
        for key, value in values.items():
            values[key] = visit(value)
        return values

    return into


def _each_struct(visit: _Visit) -> _Visit:
    def into(values: list[Any]) -> list[Any]:
        for value in values:
            visit(value)
        return values

    return into


def _each_item(visit: _Visit) -> _Visit:
    def into(values: list[Any]) -> list[Any]:
        values[:] = map(visit, values)
        return values

    return into
