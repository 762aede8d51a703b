"""How committed changes reach those who watch a store, inside one process.

A store calls `publish` once a commit, in order of revision; the hub hands the changes to
subscribers (synchronously) and to the queues of watchers. It holds no history: a watcher that
starts in the past is given the gap by its store's `history` function first.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable

from pybernetes.storage.store import Change, Compacted

_log = logging.getLogger(__name__)
_QUEUE_LIMIT = 16_384
_BATCH_LIMIT = 1024
_FOLDERS = 10_000
"""Folders whose subscribers are remembered at most: a namespace of one kind each."""

History = Callable[[str, int, int, int], Awaitable[list[Change]]]
"""history(prefix, after_revision, until_revision, limit): the oldest changes; raises Compacted."""


def prefix_end(prefix: str) -> str:
    """The first key after all keys with this prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else "\U0010ffff"


class Hub:
    def __init__(self) -> None:
        self.revision = 0
        """Everything up to here has been delivered."""
        self._subscribers: dict[str, list[_Subscriber]] = {}
        self._by_folder: dict[str, tuple[list[str], list[str]]] = {}
        """For the folder of a key: prefixes that all its keys have, and those that some may have."""
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._ticket = 0

    def subscribe(
        self, prefix: str, deliver: Callable[[list[Change]], None], lost: Callable[[], None]
    ) -> Callable[[], None]:
        subscriber = _Subscriber(deliver, lost)
        if prefix not in self._subscribers:
            self._subscribers[prefix] = []
            self._by_folder.clear()
        self._subscribers[prefix].append(subscriber)

        def unsubscribe() -> None:
            subscribers = self._subscribers.get(prefix, [])
            if subscriber in subscribers:
                subscribers.remove(subscriber)
                if not subscribers:
                    del self._subscribers[prefix]
                    self._by_folder.clear()

        return unsubscribe

    def publish(self, changes: list[Change]) -> None:
        """Delivers one commit; `changes` is not empty and follows what was published before."""
        self.revision = changes[-1].revision
        by_prefix: dict[str, list[Change]] = {}
        for change in changes:
            for prefix in self._prefixes_of(change.key):
                theirs = by_prefix.get(prefix)
                if theirs is None:
                    by_prefix[prefix] = [change]
                else:
                    theirs.append(change)
        for prefix, theirs in by_prefix.items():
            subscribers = self._subscribers.get(prefix, [])
            for subscriber in list(subscribers):
                try:
                    subscriber.deliver(theirs)
                except Exception:
                    _log.exception("a subscriber of %s failed and has to read again", prefix)
                    if subscriber in subscribers:
                        subscribers.remove(subscriber)
                    subscriber.lost()
        self.advance(self.revision)

    def _prefixes_of(self, key: str) -> list[str]:
        """The subscribed prefixes that a key has; found once for all keys of a folder."""
        folder = key[: key.rfind("/") + 1]
        found = self._by_folder.get(folder)
        if found is None:
            if len(self._by_folder) >= _FOLDERS:
                self._by_folder.clear()
            whole = [prefix for prefix in self._subscribers if folder.startswith(prefix)]
            inside = [prefix for prefix in self._subscribers if prefix.startswith(folder) and prefix != folder]
            found = self._by_folder[folder] = whole, inside
        whole, inside = found
        return [*whole, *(prefix for prefix in inside if key.startswith(prefix))] if inside else whole

    def advance(self, revision: int) -> None:
        """Everything up to `revision` is known to have been delivered; wakes those who wait."""
        self.revision = max(self.revision, revision)
        while self._waiting and self._waiting[0][0] <= self.revision:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)

    def lose(self, revision: int) -> None:
        """What happened up to `revision` was not seen: everybody has to read again."""
        subscribers = [one for some in self._subscribers.values() for one in some]
        self._subscribers.clear()
        self._by_folder.clear()
        for subscriber in subscribers:
            subscriber.lost()
        self.advance(revision)

    async def wait(self, revision: int) -> None:
        if revision <= self.revision:
            return
        self._ticket += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (revision, self._ticket, future))
        await future

    async def watch(
        self, prefix: str, after_revision: int, history: History, queue_limit: int = _QUEUE_LIMIT
    ) -> AsyncGenerator[list[Change], None]:
        """The body of `Store.watch`: the gap from `history`, then what is published."""
        queue: deque[Change] = deque()
        wake = asyncio.Event()
        overflown = False

        def deliver(changes: list[Change]) -> None:
            nonlocal overflown
            overflown = overflown or len(queue) + len(changes) > queue_limit
            if not overflown:
                queue.extend(changes)
            wake.set()

        def lost() -> None:
            nonlocal overflown
            overflown = True
            wake.set()

        unsubscribe = self.subscribe(prefix, deliver, lost)
        until = self.revision
        try:
            position = after_revision
            while True:
                gap = await history(prefix, position, until, _BATCH_LIMIT)
                if not gap:
                    break
                yield gap
                position = gap[-1].revision
            while True:
                while queue:
                    batch = [queue.popleft() for _ in range(min(len(queue), _BATCH_LIMIT))]
                    batch = [change for change in batch if change.revision > after_revision]
                    if batch:
                        yield batch
                if overflown:
                    raise Compacted(self.revision)
                wake.clear()
                await wake.wait()
        finally:
            unsubscribe()


class _Subscriber:
    __slots__ = ("deliver", "lost")

    def __init__(self, deliver: Callable[[list[Change]], None], lost: Callable[[], None]) -> None:
        self.deliver = deliver
        self.lost = lost
