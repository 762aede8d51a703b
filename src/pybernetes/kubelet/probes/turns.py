"""Who is probed next where many are due: so many at a time, and one Pod after the other.

A Pod with a thousand probes waits for itself, not its neighbours for it; a probe's timeout runs from its turn. One that
takes long waits for somebody else and costs the node little: it gives its place on after a while, so that containers
which never answer hold up nobody.

Differs: upstream's kubelet asks all that are due at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator


class Turns:
    def __init__(self, places: int, longest_s: float) -> None:
        """`longest_s` is how long a place is kept."""
        self._free = places
        self._longest_s = longest_s
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By Pod; whose turn is next comes first."""

    @contextlib.asynccontextmanager
    async def turn(self, pod_uid: str) -> AsyncIterator[None]:
        if self._free:
            self._free -= 1
        else:
            await self._wait(pod_uid)
        kept = True

        def give_on() -> None:
            nonlocal kept
            if kept:
                kept = False
                self._pass_on()

        limit = asyncio.get_running_loop().call_later(self._longest_s, give_on)
        try:
            yield
        finally:
            limit.cancel()
            give_on()

    async def _wait(self, pod_uid: str) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(pod_uid, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # the place has come already
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            pod_uid = next(iter(self._waiting))
            queue = self._waiting.pop(pod_uid)
            mine = queue.popleft()
            if queue:
                self._waiting[pod_uid] = queue
            if not mine.done():
                mine.set_result(None)
                return
        self._free += 1
