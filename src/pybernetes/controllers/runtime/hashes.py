"""Hashes that become parts of names: of ReplicaSets, of ControllerRevisions. Pure.

Source: apimachinery/pkg/util/rand/rand.go (SafeEncodeString).
"""

from __future__ import annotations

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def name_hash(data: bytes) -> str:
    """FNV-1a in letters that make no words."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(value))
