"""What a controller has asked for and not yet seen through its informers. Source: pkg/controller/controller_utils.go.

A controller that acts again before its own creations and deletions have come back through the informer
would create or delete twice. It expects them, and waits until they were observed or five minutes passed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

_TIMEOUT_S = 300.0
_DOUBT_S = 2.0
"""How long to look out for what a request without an answer may have done."""


@dataclass(slots=True)
class _Expected:
    creations: int = 0
    deletions: set[str] = field(default_factory=set)
    since: float = 0.0


class Expectations:
    """By key of the controlling object: a number of creations, and the keys of deletions."""

    def __init__(self) -> None:
        self._expected: dict[str, _Expected] = {}
        self._doubtful_until: dict[str, float] = {}

    def satisfied(self, key: str) -> bool:
        """True when all was observed, nothing was ever expected, or the wait has been too long."""
        return self.wait_s(key) <= 0

    def wait_s(self, key: str) -> float:
        """Seconds until `satisfied` by the passing of time alone; <= 0: it is."""
        now = asyncio.get_running_loop().time()
        left_s = self._doubtful_until.get(key, now) - now
        expected = self._expected.get(key)
        if expected is not None and (expected.creations > 0 or expected.deletions):
            left_s = max(left_s, expected.since + _TIMEOUT_S - now)
        return left_s

    def expect(self, key: str, created: int, deleted: list[str]) -> None:
        """`deleted`: keys (with uid) of the objects. Replaces what was expected before."""
        self._expected[key] = _Expected(created, set(deleted), asyncio.get_running_loop().time())

    def expect_creations(self, key: str, count: int) -> None:
        self.expect(key, count, [])

    def expect_deletions(self, key: str, deleted: list[str]) -> None:
        self.expect(key, 0, deleted)

    def creation_observed(self, key: str, count: int = 1) -> None:
        """Also called for each creation that failed."""
        if (expected := self._expected.get(key)) is not None:
            expected.creations -= count

    def deletion_observed(self, key: str, deleted: str) -> None:
        if (expected := self._expected.get(key)) is not None:
            expected.deletions.discard(deleted)

    def doubt(self, key: str) -> None:
        """A request got no answer: it may have been done, and then the informer will soon show it.

        Differs: upstream tries again at once, and makes a Pod too many when the answer was lost.
        """
        self._doubtful_until[key] = asyncio.get_running_loop().time() + _DOUBT_S

    def forget(self, key: str) -> None:
        self._expected.pop(key, None)
        self._doubtful_until.pop(key, None)
