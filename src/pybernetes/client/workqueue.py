"""The queue between informer handlers and workers. Source: client-go/util/workqueue.

A key waits at most once, is worked on by one worker at a time, and comes back after `done` when it
was added meanwhile. After an error it waits for its own back-off or, when many fail at once, for its turn.
A key whose work grows with what it controls can `rest`: what is added meanwhile is one piece of work, not many.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from pybernetes.apimachinery.metrics_text import Histogram
from pybernetes.client import cause as causes
from pybernetes.client.cause import Cause

K = TypeVar("K", bound=Hashable)


_RETRIES_PER_S = 10.0
_RETRIES_AT_ONCE = 100
_SHORTEST_REST_S = 0.001
BUCKETS = tuple(10.0**exponent for exponent in range(-8, 4))
"""Of the histograms of queues and workers, in seconds."""


class ShutDown(Exception):
    """get() on a queue that was shut down and is empty."""


class RateLimitedQueue(Generic[K]):
    def __init__(self, name: str = "", *, base_delay_s: float = 0.005, max_delay_s: float = 1000.0) -> None:
        self.name = name
        self.adds = 0
        self.retries = 0
        self.waited = Histogram(BUCKETS)
        """How long keys waited for a worker."""
        self._bucket_full_at = 0.0
        self._base_delay_s = base_delay_s
        self._max_delay_s = max_delay_s
        self._waiting: OrderedDict[K, float] = OrderedDict()
        self._processing: set[K] = set()
        self._dirty: set[K] = set()
        """Added while being worked on, or resting."""
        self._resting: dict[K, asyncio.TimerHandle] = {}
        self._causes: dict[K, Cause] = {}
        self._failures: dict[K, int] = {}
        self._timers: dict[K, tuple[float, asyncio.TimerHandle, Cause]] = {}
        self._getters: list[asyncio.Future[None]] = []
        self._shut_down = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is worked on; delayed keys do not count."""
        return not self._waiting and not self._processing and not self._dirty

    def add(self, key: K) -> None:
        """Queues `key` now, with the current cause when that is newer than the one it waits with."""
        self._add(key, causes.current())

    def add_after(self, key: K, delay_s: float) -> None:
        """Queues `key` after a delay; of several delays the one that ends first counts."""
        if self._shut_down:
            return
        if delay_s <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + delay_s
        cause = causes.current()
        if (waiting := self._timers.get(key)) is not None:
            if waiting[0] <= due:
                self._timers[key] = (waiting[0], waiting[1], waiting[2].newest(cause))
                return
            waiting[1].cancel()
            cause = waiting[2].newest(cause)
        self._timers[key] = (due, loop.call_later(delay_s, self._due, key), cause)

    def add_rate_limited(self, key: K) -> None:
        """Queues `key` after its back-off, which doubles with every call until `forget`; many of them take turns."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.retries += 1
        own_s = min(self._base_delay_s * 2 ** min(failures, 64), self._max_delay_s)
        self.add_after(key, max(own_s, self._turn_s()))

    def rest(self, key: K, rest_s: float) -> None:
        """Hands `key` out again only after `rest_s`, however often it is added; said by who works on it."""
        if rest_s < _SHORTEST_REST_S or self._shut_down:
            return
        if (earlier := self._resting.pop(key, None)) is not None:
            earlier.cancel()
        self._resting[key] = asyncio.get_running_loop().call_later(rest_s, self._rested, key)

    def _turn_s(self) -> float:
        """Seconds until the bucket of all keys has a token. Source: DefaultTypedControllerRateLimiter."""
        now = asyncio.get_running_loop().time()
        self._bucket_full_at = max(self._bucket_full_at, now) + 1 / _RETRIES_PER_S
        return self._bucket_full_at - now - _RETRIES_AT_ONCE / _RETRIES_PER_S

    def forget(self, key: K) -> None:
        """Ends the back-off of `key`."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """The next key; its cause becomes current in the calling task. Raises ShutDown."""
        while not self._waiting:
            if self._shut_down:
                raise ShutDown(self.name)
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter in self._getters:
                    self._getters.remove(getter)
                elif self._waiting:
                    self._wake_one()
                raise
        key, since = self._waiting.popitem(last=False)
        self.waited.add(asyncio.get_running_loop().time() - since)
        self._processing.add(key)
        causes.set_current(self._causes.pop(key, causes.NONE))
        return key

    def done(self, key: K) -> None:
        """Ends the work on `key`; what was added meanwhile is queued."""
        self._processing.discard(key)
        causes.set_current(causes.NONE)
        self._again(key)

    def shut_down(self) -> None:
        """No more adds; get() hands out what waits, then raises ShutDown."""
        self._shut_down = True
        for _, timer, _ in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for key, timer in list(self._resting.items()):
            timer.cancel()
            self._rested(key)
        while self._getters:
            self._wake_one()

    def _due(self, key: K) -> None:
        _, _, cause = self._timers.pop(key)
        self._add(key, cause)

    def _rested(self, key: K) -> None:
        del self._resting[key]
        self._again(key)

    def _again(self, key: K) -> None:
        """Queues what was added meanwhile, once it is neither worked on nor resting."""
        if key in self._dirty and key not in self._processing and key not in self._resting:
            self._dirty.discard(key)
            self._waiting[key] = asyncio.get_running_loop().time()
            self._wake_one()

    def _add(self, key: K, cause: Cause) -> None:
        if self._shut_down:
            return
        known = self._causes.get(key)
        self._causes[key] = cause if known is None else known.newest(cause)
        if key in self._waiting or key in self._dirty:
            return
        self.adds += 1
        if key in self._processing or key in self._resting:
            self._dirty.add(key)
            return
        self._waiting[key] = asyncio.get_running_loop().time()
        self._wake_one()

    def _wake_one(self) -> None:
        while self._getters:
            getter = self._getters.pop(0)
            if not getter.done():
                getter.set_result(None)
                return
