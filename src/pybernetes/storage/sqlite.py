"""The embedded store on SQLite: one writer, group commit, every version kept until compaction.

A compare-and-set is decided here on the loop, against an index of the keys. Writes that arrive
together travel to the writer thread as one INSERT, which is one transaction and one fsync
(WAL, synchronous=FULL). After the commit, in this order: the index, the watchers, the answers.
So nobody sees a write that could still be lost. A write to a key whose write is under way waits
for its outcome before it is decided.

Reads run on the loop on a connection of their own, by revision.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from pybernetes.host.clock import Clock, SystemClock
from pybernetes.storage import sqlite_file
from pybernetes.storage.expiry import EXPIRED, Expiry
from pybernetes.storage.hub import Hub, prefix_end
from pybernetes.storage.newest import NewestValues
from pybernetes.storage.sqlite_file import DELETE, PUT
from pybernetes.storage.sqlite_writer import FileLimitReached, Writer
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
    StoreError,
)

_BATCH_LIMIT = 64
_SWEEP_CHUNK = 500
_EXPIRY_RETRY_S = 10.0
_VACUUM_PAGES = 1000
_TRACES = 8192
"""Traceparents in memory; older ones are read from the file."""
_NEWEST_BYTES = 4 << 20
MAX_BYTES = 8 << 30

_log = logging.getLogger(__name__)


class SqliteStore:
    """See `Store`.

    `journal_limit`: journal entries kept of versions that are compacted away. `check_s`: for how long the
    file is looked through before it is served; a greater one is looked through to its end beside the service
    (0: not at all). `max_bytes`: how large it may become; once there, old versions are forgotten at once, and
    when that is not enough only deletions are accepted.
    """

    shared = False

    def __init__(
        self,
        path: str | Path,
        clock: Clock | None = None,
        *,
        journal_limit: int = 100_000,
        watch_queue_limit: int = 16_384,
        vfs: str = "",
        check_s: float = 0.3,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._path = Path(path)
        self._check_s = check_s
        self._max_bytes = max_bytes
        self._clock = clock or SystemClock()
        self._journal_limit = journal_limit
        self._watch_queue_limit = watch_queue_limit
        self._vfs = vfs
        self._lock = sqlite_file.Lock(self._path)
        self._hub = Hub()
        self._expiry = Expiry(self._clock, self._expire)
        self._index: dict[str, tuple[int, int]] = {}
        """Committed state: key -> (revision, create_revision)."""
        self._keys: list[str] = []
        self._keys_hold = False
        """Whether `_keys` are the index's keys in order; a write only says that they are not."""
        self._traces: dict[int, str] = {}
        """The traceparents of the newest writes: what they cause asks for them soon after."""
        self._newest = NewestValues(_NEWEST_BYTES)
        self._pending: dict[str, _Write] = {}
        self._queue: deque[_Write] = deque()
        self._in_flight = False
        self._problem = ""
        """Why the last write failed."""
        self._probing = False
        self._damage = ""
        """What the check beside the service found."""
        self._checking: threading.Thread | None = None
        self._unreadable: tuple[str, tuple[Any, ...]] | None = None
        """The last read that failed."""
        self._at_limit = False
        self._making_room: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._compact_revision = 0
        self._swept_revision = 0
        self._writer: Writer | None = None
        self._reader: apsw.Connection | None = None

    async def start(self) -> None:
        noted = self._lock.acquire()
        if not self._path.exists():
            noted = 0
        connection: apsw.Connection | None = None
        try:
            checked = not self._check_s or sqlite_file.check(self._path, self._vfs, self._check_s)
            connection = sqlite_file.open_writer(self._path, self._vfs, self._max_bytes)
            self._reader = sqlite_file.open_reader(self._path, self._vfs)
            self._load()
            if self._hub.revision < noted:
                raise StoreError(
                    f"{self._path} ends at revision {self._hub.revision}, but {noted} was acknowledged: its -wal file "
                    f"was lost or cut short; put it back, restore a snapshot, or delete {self._path}.lock to do without"
                )
            self._lock.note(self._hub.revision)
        except StoreError:
            for opened in (self._reader, connection):
                if opened is not None:
                    sqlite_file.close_as_it_is(opened)
            self._reader = None
            self._lock.release()
            raise
        self._writer = Writer(self._path, self._vfs, connection, self._max_bytes)
        self._idle.set()
        if not checked:
            self._checking = threading.Thread(target=self._check_on, name="store check", daemon=True)
            self._checking.start()

    async def stop(self) -> None:
        """Finishes the writes under way; later ones get StoreError."""
        writer, self._writer = self._writer, None
        self._expiry.stop()
        if self._making_room is not None:
            await asyncio.gather(self._making_room, return_exceptions=True)
        if self._checking is not None:
            await asyncio.to_thread(self._checking.join)
        if writer is not None:
            if self._queue and not self._in_flight:
                self._hand_over(writer)
            await self._idle.wait()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if writer is not None:
            await writer.stop()
        self._lock.release()

    def problem(self) -> str:
        if self._problem and not self._probing and self._writer is not None:
            self._probing = True
            self._writer.submit(partial(_mark, name="probe", revision=self._hub.revision), self._probed)
        if self._unreadable is not None and self._reader is not None:
            with contextlib.suppress(StoreError):
                self._select(*self._unreadable)
                self._unreadable = None
        if self._unreadable is not None:
            return self._problem or f"{self._path} cannot be read"
        return self._damage or self._problem

    def _probed(self, error: StoreError | None) -> None:
        self._probing = False
        self._problem = "" if error is None else str(error)

    def _check_on(self) -> None:
        """Looks a large file through beside the service."""
        try:
            sqlite_file.check(self._path, self._vfs, stop=lambda: self._writer is None)
        except StoreError as error:
            self._damage = str(error)
            _log.error("%s", error)

    def current_revision(self) -> int:
        return self._hub.revision

    # -- reads

    async def get(self, key: str) -> Stored | None:
        found = self._index.get(key)
        return None if found is None else self._stored(key, *found)

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        if revision > self._hub.revision:
            raise FutureRevision
        if revision and revision < self._compact_revision:
            raise Compacted(self._compact_revision)
        if revision and revision != self._hub.revision:
            return self._range_at(prefix, start, limit, revision)
        keys = self._sorted_keys()
        low = bisect_left(keys, max(start, prefix))
        high = max(low, bisect_left(keys, prefix_end(prefix)))
        end = min(high, low + limit) if limit else high
        items = [self._stored(key, *self._index[key]) for key in keys[low:end]]
        return Page(items=items, revision=self._hub.revision, more=end < high, remaining=high - end)

    async def count(self, prefix: str) -> int:
        keys = self._sorted_keys()
        return bisect_left(keys, prefix_end(prefix)) - bisect_left(keys, prefix)

    def _sorted_keys(self) -> list[str]:
        """Ranges are read when a watch cache starts, and seldom later: so reads pay for the order, not writes."""
        if not self._keys_hold:
            self._keys = sorted(self._index)
            self._keys_hold = True
        return self._keys

    async def stale(self, key: str) -> bool:
        return False

    async def journal(self, *, key: str = "", after_revision: int = 0, limit: int = 1000) -> list[JournalEntry]:
        until = self._hub.revision
        if key:
            rows = self._select(sqlite_file.JOURNAL_OF_KEY, (key, after_revision, until, limit))
        else:
            rows = self._select(sqlite_file.JOURNAL, (after_revision, until, limit))
        return [JournalEntry(*row) for row in rows]

    async def journal_at(self, revision: int) -> JournalEntry | None:
        if revision > self._hub.revision:
            return None
        rows = self._select(sqlite_file.JOURNAL_AT, (revision,))
        return JournalEntry(*rows[0]) if rows else None

    def trace_of(self, revision: int) -> str:
        if not 0 < revision <= self._hub.revision:
            return ""
        if (known := self._traces.get(revision)) is not None:
            return known
        rows = self._select(sqlite_file.TRACE, (revision,))
        return str(rows[0][0]) if rows else ""

    async def revision_at(self, time_s: float) -> int:
        low, high = self._compact_revision, self._hub.revision
        while low < high:
            middle = (low + high + 1) // 2
            rows = self._select("SELECT min(revision), time_s FROM writes WHERE revision >= ?", (middle,))
            if rows[0][0] is None or rows[0][1] > time_s:
                high = middle - 1
            else:
                low = middle
        return low

    # -- watching

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

    # -- writes

    async def create(self, key: str, value: bytes, cause: Cause, ttl_s: int = 0) -> int:
        if key in self._pending:
            await self._settled(key)
        if key in self._index:
            raise KeyExists(key)
        return await self._enqueue(_Write(PUT, key, value, None, 0, cause, self._expires(ttl_s)))

    async def update(self, key: str, value: bytes, expected_revision: int, cause: Cause, ttl_s: int = 0) -> int:
        if key in self._pending:
            await self._settled(key)
        previous = self._written_over(key, expected_revision)
        created = self._index[key][1]
        return await self._enqueue(_Write(PUT, key, value, previous, created, cause, self._expires(ttl_s)))

    async def delete(self, key: str, expected_revision: int, cause: Cause) -> int:
        if key in self._pending:
            await self._settled(key)
        revision, created = self._index.get(key, (0, 0))
        previous = self._written_over(key, expected_revision or revision)
        return await self._enqueue(_Write(DELETE, key, None, previous, created, cause, None))

    async def compact(self, revision: int) -> None:
        if revision > self._hub.revision:
            raise FutureRevision
        if self._writer is None:
            raise StoreError(f"{self._path} is not open")
        if revision > self._compact_revision:
            await self._writer.run(partial(_mark, name="compact", revision=revision))
            self._compact_revision = max(self._compact_revision, revision)
        while (low := self._swept_revision) < self._compact_revision and self._writer is not None:
            high = min(low + _SWEEP_CHUNK, self._compact_revision)
            await self._writer.run(partial(_sweep, low=low, high=high))
            self._swept_revision = max(self._swept_revision, high)
        if self._writer is not None and (oldest_kept := self._compact_revision - self._journal_limit) > 0:
            await self._writer.run(partial(_trim, until=oldest_kept))
        more = [True]
        while more[0] and self._writer is not None:
            await self._writer.run(partial(_shrink, more=more))

    async def _settled(self, key: str) -> None:
        while (pending := self._pending.get(key)) is not None:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            pending.waiters.append(waiter)
            await waiter

    def _written_over(self, key: str, expected_revision: int) -> bytes:
        """The value that a write replaces. Raises RevisionMismatch."""
        found = self._index.get(key)
        if found is None or found[0] != expected_revision:
            raise RevisionMismatch(None if found is None else self._stored(key, *found))
        value = self._newest.take(expected_revision)
        return self._stored(key, *found).value if value is None else value

    def _enqueue(self, write: _Write) -> asyncio.Future[int]:
        """The revision to come. A caller that is cancelled leaves its write under way: it is the store's business."""
        if self._writer is None:
            raise StoreError(f"{self._path} is not open")
        loop = asyncio.get_running_loop()
        write.future = loop.create_future()
        self._pending[write.key] = write
        self._queue.append(write)
        if not self._in_flight and len(self._queue) == 1:
            self._idle.clear()
            # After everything that is ready to run has added its write.
            loop.call_soon(self._hand_over, self._writer)
        return write.future

    def _hand_over(self, writer: Writer) -> None:
        if self._in_flight or not self._queue:
            return
        kind = self._queue[0].kind if self._at_limit else None
        batch: list[_Write] = []
        while self._queue and len(batch) < _BATCH_LIMIT and kind in (None, self._queue[0].kind):
            batch.append(self._queue.popleft())
        now = self._clock.now()
        row: list[Any] = []
        for revision, write in enumerate(batch, self._hub.revision + 1):
            write.revision = revision
            write.create_revision = write.create_revision or revision
            row += write.row(now)
        statement = sqlite_file.insert(len(batch))
        self._in_flight = True
        job = partial(_execute, statement=statement, values=row)
        if kind == DELETE:
            job = partial(_execute_with_reserve, statement=statement, values=row, max_bytes=self._max_bytes)
        writer.submit(
            job,
            partial(self._committed, writer, batch),
        )

    def _committed(self, writer: Writer, batch: list[_Write], error: StoreError | None) -> None:
        self._in_flight = False
        self._problem = "" if error is None else str(error)
        if isinstance(error, FileLimitReached):
            self._make_room()
        elif error is None and batch[0].kind == PUT:
            self._at_limit = False
        for write in batch:
            del self._pending[write.key]
        if error is None:
            self._lock.note(batch[-1].revision)
            changes = [self._apply(write) for write in batch]
            self._hub.publish(changes)
        for write in batch:
            write.settle(error)
        if self._queue:
            # A turn later: those who wait for these writes may have their next ones ready by then.
            asyncio.get_running_loop().call_soon(self._hand_over, writer)
        else:
            self._idle.set()

    def _make_room(self) -> None:
        """Forgets all old versions, once each time the file meets its limit."""
        if not self._at_limit:
            self._at_limit = True
            _log.warning("%s; old versions are forgotten", self._problem)
            self._making_room = asyncio.get_running_loop().create_task(self._forget_all())

    async def _forget_all(self) -> None:
        with contextlib.suppress(StoreError):  # told by problem()
            await self.compact(self._hub.revision)

    def _apply(self, write: _Write) -> Change:
        key = write.key
        self._traces[write.revision] = write.cause.traceparent
        if len(self._traces) > _TRACES:
            del self._traces[next(iter(self._traces))]
        if write.kind == DELETE:
            del self._index[key]
            self._keys_hold = False
            before = write.previous or b""
            return Change("delete", key, before, before, write.revision, write.create_revision)
        if write.previous is None:
            self._keys_hold = False
        self._index[key] = (write.revision, write.create_revision)
        if write.expires_s is not None:
            self._expiry.add(key, write.revision, write.expires_s)
        assert write.value is not None
        self._newest.put(write.revision, write.value)
        return Change("put", key, write.value, write.previous, write.revision, write.create_revision)

    def _expires(self, ttl_s: int) -> float | None:
        return self._clock.now() + ttl_s if ttl_s else None

    def _expire(self, key: str, revision: int) -> None:
        found = self._index.get(key)
        if found is None or found[0] != revision or key in self._pending or self._writer is None:
            return

        def outcome(future: asyncio.Future[int]) -> None:
            if not future.cancelled() and future.exception() is not None:
                self._expiry.add(key, revision, self._clock.now() + _EXPIRY_RETRY_S)

        try:
            value = self._written_over(key, revision)
        except StoreError:
            self._expiry.add(key, revision, self._clock.now() + _EXPIRY_RETRY_S)
            return
        self._enqueue(_Write(DELETE, key, None, value, found[1], EXPIRED, None)).add_done_callback(outcome)

    # -- the file

    def _load(self) -> None:
        marks = dict(self._select("SELECT name, revision FROM marks", ()))
        self._compact_revision = marks.get("compact", 0)
        self._swept_revision = marks.get("swept", 0)
        for key, revision, create_revision, expires_s in self._select(sqlite_file.LATEST, ()):
            self._index[key] = (revision, create_revision)
            if expires_s is not None:
                self._expiry.add(key, revision, expires_s)
        ((newest,),) = self._select("SELECT max(revision) FROM writes", ())
        self._hub.advance(newest or 1)

    def _select(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        if self._reader is None:
            raise StoreError(f"{self._path} is not open")
        try:
            return self._reader.execute(statement, values).fetchall()
        except apsw.Error as error:
            self._unreadable = (statement, values)
            raise sqlite_file.plain(error, self._path) from error

    def _stored(self, key: str, revision: int, create_revision: int) -> Stored:
        rows = self._select(sqlite_file.VALUE, (revision,))
        if not rows or rows[0][0] is None:
            raise StoreError(f"{self._path} is damaged: revision {revision} of {key} is missing; restore a snapshot")
        return Stored(key, rows[0][0], revision, create_revision)

    def _range_at(self, prefix: str, start: str, limit: int, revision: int) -> Page:
        low, high = max(start, prefix), prefix_end(prefix)
        rows = self._select(sqlite_file.STATE_AT, (low, high, revision, limit + 1 if limit else -1))
        items = [Stored(*row) for row in rows]
        remaining = 0
        if limit and len(items) > limit:
            items.pop()
            remaining = self._select(sqlite_file.COUNT_AT, (low, high, revision))[0][0] - limit
        return Page(items=items, revision=revision, more=remaining > 0, remaining=remaining)

    async def _past(self, prefix: str, after_revision: int, until_revision: int, limit: int) -> list[Change]:
        return self._changes(prefix, after_revision, until_revision, limit)

    def _changes(self, prefix: str, after_revision: int, until_revision: int, limit: int) -> list[Change]:
        if after_revision < self._compact_revision:
            raise Compacted(self._compact_revision)
        bounds = (after_revision, until_revision, prefix, prefix_end(prefix), limit)
        return [
            Change("delete", key, previous, previous, revision, created)
            if kind == DELETE
            else Change("put", key, value, previous, revision, created)
            for revision, key, kind, created, value, previous in self._select(sqlite_file.CHANGES, bounds)
        ]


class _Write:
    """A write that is decided and not yet committed."""

    __slots__ = (
        "cause", "create_revision", "expires_s", "future", "key", "kind", "previous", "revision", "value", "waiters",
    )  # fmt: skip

    future: asyncio.Future[int]
    """Its caller's, who may have gone."""

    def __init__(
        self,
        kind: int,
        key: str,
        value: bytes | None,
        previous: bytes | None,
        create_revision: int,
        cause: Cause,
        expires_s: float | None,
    ) -> None:
        self.kind = kind
        self.key = key
        self.value = value
        self.previous = previous
        self.create_revision = create_revision
        """0: this write creates the key."""
        self.cause = cause
        self.expires_s = expires_s
        self.revision = 0
        self.waiters: list[asyncio.Future[None]] = []
        """Those who want to write to the same key."""

    def settle(self, error: StoreError | None) -> None:
        """Tells the outcome to whoever still waits for it."""
        if not self.future.done():
            if error is None:
                self.future.set_result(self.revision)
            else:
                self.future.set_exception(StoreError(str(error)))
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def row(self, now: float) -> tuple[Any, ...]:
        cause = self.cause
        return (
            self.revision, self.key, self.kind, self.create_revision, self.expires_s, now, cause.verb, cause.user,
            cause.user_agent, cause.traceparent, cause.cause_revision, self.value,
        )  # fmt: skip


def _execute(connection: apsw.Connection, statement: str, values: list[Any]) -> None:
    connection.execute(statement, values)


def _mark(connection: apsw.Connection, name: str, revision: int) -> None:
    connection.execute(sqlite_file.MARK, (name, revision))


def _sweep(connection: apsw.Connection, low: int, high: int) -> None:
    with connection:
        connection.execute(sqlite_file.SWEEP, (low, high))
        connection.execute(sqlite_file.MARK, ("swept", high))


def _execute_with_reserve(connection: apsw.Connection, statement: str, values: list[Any], max_bytes: int) -> None:
    sqlite_file.limit_size(connection, max_bytes, reserve=True)
    try:
        connection.execute(statement, values)
    finally:
        sqlite_file.limit_size(connection, max_bytes)


def _trim(connection: apsw.Connection, until: int) -> None:
    connection.execute(sqlite_file.TRIM, (until,))


def _shrink(connection: apsw.Connection, more: list[bool]) -> None:
    """Gives a part of the free pages back to the disk when a quarter of the file is free."""
    free, pages = (connection.execute(f"PRAGMA {name}").get for name in ("freelist_count", "page_count"))
    more[0] = free > max(pages // 4, _VACUUM_PAGES)
    if more[0]:
        connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
