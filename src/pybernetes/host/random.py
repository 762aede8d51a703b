"""Randomness behind a seam, so that a seed replays a run."""

from __future__ import annotations

import random as _random

_NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Random:
    """All the randomness of a component; with a seed, the same sequence every time."""

    def __init__(self, seed: int | None = None) -> None:
        self._random: _random.Random = _random.SystemRandom() if seed is None else _random.Random(seed)

    def uid(self) -> str:
        """A version 4 UUID."""
        digits = f"{self._random.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def suffix(self, length: int = 5) -> str:
        """Letters and digits that make no words. Source: apimachinery/pkg/util/rand."""
        return "".join(self._random.choices(_NAME_ALPHABET, k=length))

    def hex(self, length: int) -> str:
        return f"{self._random.getrandbits(length * 4):0{length}x}"

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def choice_index(self, count: int) -> int:
        return self._random.randrange(count)
