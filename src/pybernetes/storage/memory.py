"""A store in memory: for tests and simulations, and the shortest reading of the contract.

Every operation is done at once on the loop; nothing survives the process.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Callable

from pybernetes.host.clock import Clock, SystemClock
from pybernetes.storage.expiry import EXPIRED, Expiry
from pybernetes.storage.hub import Hub, prefix_end
from pybernetes.storage.store import (
    Cause,
    Change,
    Compacted,
    FutureRevision,
    JournalEntry,
    KeyExists,
    Page,
    RevisionMismatch,
    Stored,
)


class MemoryStore:
    shared = False

    def __init__(self, clock: Clock | None = None, *, watch_queue_limit: int = 16_384) -> None:
        self._clock = clock or SystemClock()
        self._watch_queue_limit = watch_queue_limit
        self._hub = Hub()
        self._expiry = Expiry(self._clock, self._expire)
        self._current: dict[str, Stored] = {}
        self._keys: list[str] = []
        self._history: list[Change] = []
        """Every change after the compact revision, and before it the last put of each key."""
        self._journal: list[JournalEntry] = []
        self._compact_revision = 0

    async def start(self) -> None:
        self._hub.advance(1)

    async def stop(self) -> None:
        self._expiry.stop()

    def problem(self) -> str:
        return ""

    def current_revision(self) -> int:
        return self._hub.revision

    async def get(self, key: str) -> Stored | None:
        return self._current.get(key)

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        if revision > self._hub.revision:
            raise FutureRevision
        if revision and revision < self._compact_revision:
            raise Compacted(self._compact_revision)
        current, keys = self._current, self._keys
        if revision and revision != self._hub.revision:
            current = self._state_at(revision)
            keys = sorted(current)
        low = bisect_left(keys, max(start, prefix))
        high = bisect_left(keys, prefix_end(prefix))
        end = min(high, low + limit) if limit else high
        return Page(
            items=[current[key] for key in keys[low:end]],
            revision=revision or self._hub.revision,
            more=end < high,
            remaining=max(high - end, 0),
        )

    async def count(self, prefix: str) -> int:
        return bisect_left(self._keys, prefix_end(prefix)) - bisect_left(self._keys, prefix)

    async def stale(self, key: str) -> bool:
        return False

    async def create(self, key: str, value: bytes, cause: Cause, ttl_s: int = 0) -> int:
        if key in self._current:
            raise KeyExists(key)
        return self._put(key, value, None, cause, ttl_s)

    async def update(self, key: str, value: bytes, expected_revision: int, cause: Cause, ttl_s: int = 0) -> int:
        current = self._current.get(key)
        if current is None or current.revision != expected_revision:
            raise RevisionMismatch(current)
        return self._put(key, value, current, cause, ttl_s)

    async def delete(self, key: str, expected_revision: int, cause: Cause) -> int:
        current = self._current.get(key)
        if current is None or expected_revision not in (0, current.revision):
            raise RevisionMismatch(current)
        return self._remove(current, cause)

    async def watch(self, prefix: str, after_revision: int) -> AsyncIterator[list[Change]]:
        async for batch in self._hub.watch(prefix, after_revision, self._past, self._watch_queue_limit):
            yield batch

    async def changes(self, prefix: str, after_revision: int, *, limit: int = 1000) -> list[Change]:
        return self._changes(prefix, after_revision, self._hub.revision, limit)

    def subscribe(
        self, prefix: str, deliver: Callable[[list[Change]], None], lost: Callable[[], None]
    ) -> Callable[[], None]:
        return self._hub.subscribe(prefix, deliver, lost)

    async def wait(self, revision: int) -> None:
        await self._hub.wait(revision)

    async def sync(self) -> int:
        return self._hub.revision

    async def revision_at(self, time_s: float) -> int:
        at = bisect_right(self._journal, time_s, key=lambda entry: entry.time_s)
        return max(self._journal[at - 1].revision if at else 0, self._compact_revision)

    async def compact(self, revision: int) -> None:
        if revision > self._hub.revision:
            raise FutureRevision
        if revision <= self._compact_revision:
            return
        kept = {stored.revision for stored in self._state_at(revision).values()}
        self._history = [c for c in self._history if c.revision > revision or c.revision in kept]
        self._compact_revision = revision

    async def journal(self, *, key: str = "", after_revision: int = 0, limit: int = 1000) -> list[JournalEntry]:
        at = bisect_right(self._journal, after_revision, key=lambda entry: entry.revision)
        if not key:
            return self._journal[at : at + limit]
        return [entry for entry in self._journal[at:] if entry.key == key][:limit]

    async def journal_at(self, revision: int) -> JournalEntry | None:
        at = bisect_left(self._journal, revision, key=lambda entry: entry.revision)
        return self._journal[at] if at < len(self._journal) and self._journal[at].revision == revision else None

    def trace_of(self, revision: int) -> str:
        at = bisect_left(self._journal, revision, key=lambda entry: entry.revision)
        found = at < len(self._journal) and self._journal[at].revision == revision
        return self._journal[at].traceparent if found else ""

    def _put(self, key: str, value: bytes, current: Stored | None, cause: Cause, ttl_s: int) -> int:
        revision = self._hub.revision + 1
        create_revision = current.create_revision if current else revision
        self._current[key] = Stored(key, value, revision, create_revision)
        if current is None:
            insort(self._keys, key)
        if ttl_s:
            self._expiry.add(key, revision, self._clock.now() + ttl_s)
        previous = current.value if current else None
        self._commit(Change("put", key, value, previous, revision, create_revision), cause)
        return revision

    def _remove(self, current: Stored, cause: Cause) -> int:
        revision = self._hub.revision + 1
        del self._current[current.key]
        del self._keys[bisect_left(self._keys, current.key)]
        change = Change("delete", current.key, current.value, current.value, revision, current.create_revision)
        self._commit(change, cause)
        return revision

    def _commit(self, change: Change, cause: Cause) -> None:
        self._history.append(change)
        self._journal.append(
            JournalEntry(
                change.revision, self._clock.now(), cause.verb, change.key, cause.user, cause.user_agent,
                cause.traceparent, cause.cause_revision,
            )
        )  # fmt: skip
        self._hub.publish([change])

    def _expire(self, key: str, revision: int) -> None:
        current = self._current.get(key)
        if current is not None and current.revision == revision:
            self._remove(current, EXPIRED)

    async def _past(self, prefix: str, after_revision: int, until_revision: int, limit: int) -> list[Change]:
        return self._changes(prefix, after_revision, until_revision, limit)

    def _changes(self, prefix: str, after_revision: int, until_revision: int, limit: int) -> list[Change]:
        if after_revision < self._compact_revision:
            raise Compacted(self._compact_revision)
        low = bisect_right(self._history, after_revision, key=lambda change: change.revision)
        found: list[Change] = []
        for change in self._history[low:]:
            if change.revision > until_revision or len(found) >= limit:
                break
            if change.key.startswith(prefix):
                found.append(change)
        return found

    def _state_at(self, revision: int) -> dict[str, Stored]:
        state: dict[str, Stored] = {}
        for change in self._history:
            if change.revision > revision:
                break
            if change.kind == "put":
                state[change.key] = Stored(change.key, change.value, change.revision, change.create_revision)
            else:
                state.pop(change.key, None)
        return state
