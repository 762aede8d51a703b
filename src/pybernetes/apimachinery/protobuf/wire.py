"""How protobuf messages are taken apart: fields by number, without a table of what they are.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

Data = TypeVar("Data", bytes, memoryview)


class ProtobufError(ValueError):
    """The bytes are not what they should be."""


def fields(data: Data) -> Iterator[tuple[int, int | Data]]:
    """Number and value (a varint, or the bytes) of every field. Raises ProtobufError."""
    at, end = 0, len(data)
    while at < end:
        tag, at = varint_at(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = varint_at(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = varint_at(data, at)
        elif wire == 1:
            size = 8
        elif wire == 5:
            size = 4
        else:
            raise ProtobufError(f"proto: illegal wireType {wire}")
        if at + size > end:
            raise ProtobufError("unexpected EOF")
        yield number, data[at : at + size]
        at += size


def varint_at(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """(the number, where it ends). Raises ProtobufError."""
    result = shift = 0
    while True:
        if at >= len(data):
            raise ProtobufError("unexpected EOF")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
        if shift > 63:
            raise ProtobufError("proto: integer overflow")


def packed(data: bytes | memoryview) -> Iterator[int]:
    """The numbers of a repeated field that is one. Raises ProtobufError."""
    at = 0
    while at < len(data):
        value, at = varint_at(data, at)
        yield value


def signed(value: int | bytes | memoryview) -> int:
    """A varint as an int64. Raises ProtobufError."""
    if not isinstance(value, int):
        raise ProtobufError("proto: wrong wireType for an integer")
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value
