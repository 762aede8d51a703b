"""Blocks of PEM in a text, whatever else stands around them. Source: RFC 7468, Go encoding/pem."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE = re.compile(rb"-----(?:BEGIN ([^\n-]+)-----\s|END ([^\n-]+)-----)")


class Block(NamedTuple):
    kind: str
    """CERTIFICATE, PRIVATE KEY, …"""
    text: bytes
    """With its first and its last line."""


def blocks(text: bytes) -> list[Block]:
    """In time that grows with the text alone: the lines are looked for once, and paired as they come."""
    found: list[Block] = []
    begun: re.Match[bytes] | None = None
    for line in _LINE.finditer(text):
        if line[1] is not None:
            begun = line
            continue
        if begun is not None and begun[1] == line[2]:
            found.append(Block(line[2].decode(errors="replace"), text[begun.start() : line.end()] + b"\n"))
        begun = None
    return found
