"""Pure: what has to be done to packets without taking them apart: ageing, cutting off, telling questions apart.

Nothing here raises for a broken packet. Source: RFC 1035 4.1, 2308 5, 6891 6.1.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER_BYTES = 12
_OPT, _SOA = 41, 6
_TRUNCATED = 0x02
_MAX_LABELS = 128


@dataclass(frozen=True, slots=True)
class Record:
    """Where a record of a packet has what."""

    kind: int
    ttl_at: int
    ttl: int
    end: int


def question_end(packet: bytes) -> int:
    """Where the one question of a packet ends; 0 when there is not exactly one, or it is broken."""
    if len(packet) < HEADER_BYTES or packet[4:6] != b"\x00\x01":
        return 0
    end = _name_end(packet, HEADER_BYTES)
    return end + 4 if end and end + 4 <= len(packet) else 0


def is_answer_to(query: bytes, reply: bytes) -> bool:
    """Whether the reply repeats the question, in whatever case."""
    end = question_end(query)
    return bool(end) and question_end(reply) == end and query[12:end].lower() == reply[12:end].lower()


def truncated(packet: bytes) -> bytes:
    """The question alone, with the word that there is more."""
    end = question_end(packet)
    if not end:
        return b""
    return packet[:2] + bytes((packet[2] | _TRUNCATED, packet[3])) + b"\x00\x01" + bytes(6) + packet[12:end]


def records(packet: bytes) -> list[Record] | None:
    """All of them but EDNS's; None for a broken packet."""
    position = question_end(packet)
    if not position:
        return None
    found = []
    for _ in range(sum(struct.unpack_from("!HHH", packet, 6))):
        position = _name_end(packet, position)
        if not position or position + 10 > len(packet):
            return None
        kind, _, ttl, length = struct.unpack_from("!HHIH", packet, position)
        end = position + 10 + length
        if end > len(packet):
            return None
        if kind != _OPT:
            found.append(Record(kind, position + 4, ttl, end))
        position = end
    return found


def lifetime(packet: bytes) -> int:
    """For how many seconds the answer may be kept: 0 for failures and what says so."""
    found = records(packet)
    if not found or packet[3] & 0x0F not in (0, 3):
        return 0
    negative = packet[6:8] == b"\x00\x00"
    lives = [record.ttl for record in found]
    if negative:  # the SOA's last field says how long there is no such thing
        lives += [int.from_bytes(packet[r.end - 4 : r.end], "big") for r in found if r.kind == _SOA]
    return min(lives)


def aged(packet: bytes, seconds: int) -> bytes:
    """With the lifetimes that are left after so long."""
    older = bytearray(packet)
    for record in records(packet) or ():
        struct.pack_into("!I", older, record.ttl_at, max(record.ttl - seconds, 0))
    return bytes(older)


def _name_end(packet: bytes, position: int) -> int:
    """Behind a name; 0 for a broken one."""
    for _ in range(_MAX_LABELS):
        if position >= len(packet):
            return 0
        length = packet[position]
        if length == 0:
            return position + 1
        if length >= 0xC0:
            return position + 2 if position + 2 <= len(packet) else 0
        if length > 63:
            return 0
        position += 1 + length
    return 0
