"""Keys that end by themselves (Events): one timer to the next expiry, no polling."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from pybernetes.host.clock import Clock
from pybernetes.storage.store import Cause

_LONGEST_TIMER_S = 3600.0
EXPIRED = Cause(user="system:apiserver", verb="expire")


class Expiry:
    """Calls `expire(key, revision)` when the write `revision` of `key` has outlived its time.

    A key written again or deleted needs no cancelling: the receiver compares the revision.
    """

    def __init__(self, clock: Clock, expire: Callable[[str, int], None]) -> None:
        self._clock = clock
        self._expire = expire
        self._due: list[tuple[float, int, str]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, key: str, revision: int, expires_s: float) -> None:
        heapq.heappush(self._due, (expires_s, revision, key))
        if self._due[0][1] == revision:
            self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due.clear()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due:
            # A wall clock that jumps is noticed after an hour at the latest.
            delay_s = min(max(self._due[0][0] - self._clock.now(), 0.0), _LONGEST_TIMER_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            _, revision, key = heapq.heappop(self._due)
            self._expire(key, revision)
        self._arm()
