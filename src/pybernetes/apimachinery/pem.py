"""Blocks of PEM in a text, whatever else stands around them. Source: RFC 7468, Go encoding/pem."""

from __future__ import annotations

import re
from typing import NamedTuple

_BLOCK = re.compile(rb"-----BEGIN ([^\n-]+)-----\s.*?-----END \1-----", re.S)


class Block(NamedTuple):
    kind: str
    """CERTIFICATE, PRIVATE KEY, …"""
    text: bytes
    """With its first and its last line."""


def blocks(text: bytes) -> list[Block]:
    return [Block(found[1].decode(errors="replace"), found[0] + b"\n") for found in _BLOCK.finditer(text)]
