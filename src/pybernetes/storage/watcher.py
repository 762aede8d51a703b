"""One watcher of a watch cache: a queue, bounded in events and bytes, between the commit and a client's connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from pybernetes.storage.recent import Recent, Selection, WatchEvent

_BATCH_LIMIT = 512
_BATCH_BYTES = 128 << 10
"""A batch becomes one chunk for its client, so it is small enough to lie in thousands of buffers."""
_QUEUE_BYTES = 8 << 20
"""What a watcher may keep of events that nobody else needs any more."""


def _some(events: Iterator[WatchEvent]) -> list[WatchEvent]:
    """The next batch; empty at the end."""
    batch: list[WatchEvent] = []
    size = 0
    for event in islice(events, _BATCH_LIMIT):
        batch.append(event)
        size += len(event.value)
        if size > _BATCH_BYTES:
            break
    return batch


class Watcher:
    """Async iterator of event batches in order of revision. Made by `WatchCache.watch`."""

    def __init__(
        self,
        selection: Selection,
        *,
        position: Callable[[], int],
        closed: Callable[[Watcher], None],
        queue_limit: int,
        bookmark_every_s: float,
    ) -> None:
        self.scope: tuple[str, str] = ("", "")
        self.fell_behind = False
        """Ended because the queue was full."""
        self._selection = selection
        self._position = position
        self._closed = closed
        self._queue_limit = queue_limit
        self._bookmark_every_s = bookmark_every_s
        self._earlier: Iterator[WatchEvent] | None = None
        self._queue: deque[WatchEvent] = deque()
        self._queued_bytes = 0
        self._ended = False
        self._not_before = 0
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        if bookmark_every_s:
            self._arm()

    def begin(self, earlier: Iterator[WatchEvent]) -> None:
        """What comes before the queue: made while it is read, never all at once."""
        self._earlier = earlier

    def not_before(self, revision: int) -> None:
        """Changes up to here are known to the client (it may be ahead of this process)."""
        self._not_before = revision

    def offer(self, recent: Recent, attributes: Callable[[bytes], Any] | None) -> None:
        if recent.revision <= self._not_before:
            return
        event = self._selection.event_of(recent, attributes)
        if event is None:
            return
        if len(self._queue) >= self._queue_limit or self._queued_bytes > _QUEUE_BYTES:
            self.fell_behind = True
            self.end()
            return
        self._queue.append(event)
        self._queued_bytes += len(event.value)
        self._wake()

    def bookmark(self) -> None:
        """Queues a BOOKMARK: everything up to its revision has been sent before it."""
        if self._ended:
            return
        event = WatchEvent("BOOKMARK", "", b"", max(self._position(), self._not_before))
        if self._queue and self._queue[-1].type == "BOOKMARK":
            self._queue[-1] = event
        else:
            self._queue.append(event)
        self._wake()

    def end(self) -> None:
        """What is queued is still delivered, then the iteration stops."""
        if not self._ended:
            self._ended = True
            if self._timer is not None:
                self._timer.cancel()
            self._closed(self)
            self._wake()

    def close(self) -> None:
        """The consumer is done."""
        self._earlier = None
        self._queue.clear()
        self._queued_bytes = 0
        self.end()

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> list[WatchEvent]:
        if self._earlier is not None:
            batch = _some(self._earlier)
            if batch:
                return batch
            self._earlier = None
        while not self._queue:
            if self._ended:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        queue = self._queue
        if len(queue) <= _BATCH_LIMIT and self._queued_bytes <= _BATCH_BYTES:
            batch = list(queue)
            queue.clear()
            self._queued_bytes = 0
            return batch
        batch, size = [], 0
        while queue and len(batch) < _BATCH_LIMIT and size <= _BATCH_BYTES:
            event = queue.popleft()
            size += len(event.value)
            batch.append(event)
        self._queued_bytes -= size
        return batch

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._bookmark_every_s, self._fire)

    def _fire(self) -> None:
        self.bookmark()
        self._arm()
