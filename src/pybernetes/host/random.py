"""Randomness behind a seam, so that a seed replays a run."""

from __future__ import annotations

import os
import random as _random
from collections.abc import Callable

_NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_POOL_BYTES = 4096
_pool = bytearray()
os.register_at_fork(after_in_child=_pool.clear)


class Random:
    """All the randomness of a component; with a seed, the same sequence every time."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = _random.Random(seed)  # for jitter and ties, which nobody gains by guessing
        self._bytes: Callable[[int], bytes] = _pooled if seed is None else self._seeded

    def uid(self) -> str:
        """A version 4 UUID."""
        digits = self._bytes(16).hex()
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def suffix(self, length: int = 5) -> str:
        """Letters and digits that make no words. Source: apimachinery/pkg/util/rand."""
        return "".join([_NAME_ALPHABET[byte * len(_NAME_ALPHABET) >> 8] for byte in self._bytes(length)])

    def hex(self, length: int) -> str:
        """So many hexadecimal digits; an even number."""
        return self._bytes(length // 2).hex()

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def choice_index(self, count: int) -> int:
        return self._random.randrange(count)

    def _seeded(self, count: int) -> bytes:
        return self._random.getrandbits(count * 8).to_bytes(count)


def _pooled(count: int) -> bytes:
    """Random bytes for names that must be unique; asked of the system many at a time."""
    if len(_pool) < count:
        _pool.extend(os.urandom(_POOL_BYTES))
    found = bytes(_pool[-count:])
    del _pool[-count:]
    return found
