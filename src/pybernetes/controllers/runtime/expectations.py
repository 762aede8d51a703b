"""What a controller has asked for and not yet seen through its informers. Source: pkg/controller/controller_utils.go.

A controller that acts again before its own creations and deletions have come back through the informer
would create or delete twice. It expects them, and waits until they were observed or five minutes passed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

_TIMEOUT_S = 300.0


@dataclass(slots=True)
class _Expected:
    creations: int = 0
    deletions: set[str] = field(default_factory=set)
    since: float = 0.0


class Expectations:
    """By key of the controlling object: a number of creations, and the keys of deletions."""

    def __init__(self) -> None:
        self._expected: dict[str, _Expected] = {}

    def satisfied(self, key: str) -> bool:
        """True when all was observed, nothing was ever expected, or the wait has been too long."""
        expected = self._expected.get(key)
        if expected is None or (expected.creations <= 0 and not expected.deletions):
            return True
        return asyncio.get_running_loop().time() - expected.since > _TIMEOUT_S

    def expect_creations(self, key: str, count: int) -> None:
        """Replaces what was expected before."""
        self._expected[key] = _Expected(creations=count, since=asyncio.get_running_loop().time())

    def expect_deletions(self, key: str, deleted: list[str]) -> None:
        """`deleted`: keys (with uid) of the objects. Replaces what was expected before."""
        self._expected[key] = _Expected(deletions=set(deleted), since=asyncio.get_running_loop().time())

    def creation_observed(self, key: str, count: int = 1) -> None:
        """Also called for each creation that failed."""
        if (expected := self._expected.get(key)) is not None:
            expected.creations -= count

    def deletion_observed(self, key: str, deleted: str) -> None:
        if (expected := self._expected.get(key)) is not None:
            expected.deletions.discard(deleted)

    def forget(self, key: str) -> None:
        self._expected.pop(key, None)
