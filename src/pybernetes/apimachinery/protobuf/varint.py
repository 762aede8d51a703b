"""Whole numbers as protobuf writes them on the wire."""

from __future__ import annotations

SHORT = [bytes((number,)) for number in range(128)]


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; negative numbers as 64 bits in two's complement."""
    if 0 <= value < 128:
        return SHORT[value]
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
