"""The Store protocol: etcd's semantics, as narrow as the apiserver needs them.

Keys are text such as `/registry/pods/default/web` (upstream's layout); values are an object's
canonical JSON bytes *without* metadata.resourceVersion, which is the revision of the write and
is spliced in by the reader (`pybernetes.storage.canonical.with_resource_version`).

Every write has one revision, greater by one or more than the write before it; reads and
watches see writes in that order. Contract: tests/contract/test_store.py, run against every store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec


class Cause(msgspec.Struct, frozen=True, gc=False):
    """Who makes a write and why; goes into the journal in the write's own transaction."""

    user: str = ""
    user_agent: str = ""
    verb: str = ""
    """create, update, patch, apply, delete, deletecollection, status, bind, …"""
    traceparent: str = ""
    """W3C trace context, shared by all writes that one user request led to."""
    cause_revision: int = 0
    """Revision of the write whose observation led to this one; 0 when a user asked."""


@dataclass(slots=True, frozen=True)
class JournalEntry:
    revision: int
    time_s: float
    """Wall time, seconds since the epoch."""
    verb: str
    key: str
    user: str
    user_agent: str
    traceparent: str
    cause_revision: int


class Stored(msgspec.Struct, frozen=True, gc=False):
    key: str
    value: bytes
    revision: int
    """Revision of the last write to this key."""
    create_revision: int


@dataclass(slots=True, frozen=True)
class Page:
    items: list[Stored]
    """In order of key."""
    revision: int
    """The store's revision at which the page was read."""
    more: bool
    remaining: int
    """Keys of the range after this page."""


class Change(msgspec.Struct, frozen=True, gc=False):
    kind: Literal["put", "delete"]
    key: str
    value: bytes
    """put: the new value. delete: the value before it."""
    previous: bytes | None
    """The value before this write; None on creation."""
    revision: int
    create_revision: int


class StoreError(Exception):
    """The store cannot serve: disk full, read-only, I/O error, unreachable. Reads may still work."""


class KeyExists(Exception):
    """create() found the key."""


class RevisionMismatch(Exception):
    """A compare-and-set failed; `current` is what is there now, None when nothing is."""

    def __init__(self, current: Stored | None) -> None:
        super().__init__("revision mismatch")
        self.current = current


class Compacted(Exception):
    """The revision asked for is older than the last compaction."""

    def __init__(self, compact_revision: int) -> None:
        super().__init__(f"compacted up to {compact_revision}")
        self.compact_revision = compact_revision


class FutureRevision(Exception):
    """The revision asked for has not happened yet."""


class Store(Protocol):
    @property
    def shared(self) -> bool:
        """Whether other processes write to it too: then a consistent read waits for `sync` first."""
        ...

    async def start(self) -> None:
        """Opens or creates the store. Raises StoreError with a line for the user."""
        ...

    async def stop(self) -> None: ...

    def problem(self) -> str:
        """What keeps it from serving, in one line; "" when it is well. May look whether it is over."""
        ...

    def current_revision(self) -> int:
        """Revision of the last committed write that this process knows of."""
        ...

    async def get(self, key: str) -> Stored | None: ...

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        """The keys with `prefix`, from key `start` on, at `revision` (0: now).

        Raises Compacted, FutureRevision.
        """
        ...

    async def count(self, prefix: str) -> int: ...

    async def stale(self, key: str) -> bool:
        """Whether the value lies there in a form that a write of the same bytes would renew (another cipher's)."""
        ...

    async def create(self, key: str, value: bytes, cause: Cause, ttl_s: int = 0) -> int:
        """Returns the revision, after the write is durable. Raises KeyExists, StoreError."""
        ...

    async def update(self, key: str, value: bytes, expected_revision: int, cause: Cause, ttl_s: int = 0) -> int:
        """Compare-and-set on the key's revision. Raises RevisionMismatch, StoreError."""
        ...

    async def delete(self, key: str, expected_revision: int, cause: Cause) -> int:
        """Compare-and-delete (expected_revision 0: whatever is there). Raises RevisionMismatch."""
        ...

    def watch(self, prefix: str, after_revision: int) -> AsyncIterator[list[Change]]:
        """Every change with a revision > after_revision, in order, in batches, no gap, no repeat.

        Raises Compacted at the first step. A watcher that falls too far behind is ended with
        Compacted. Close the iterator to stop.
        """
        ...

    async def changes(self, prefix: str, after_revision: int, *, limit: int = 1000) -> list[Change]:
        """The oldest committed changes with a revision > after_revision, at most `limit`.

        Raises Compacted, also where a store cannot answer from its history.
        """
        ...

    def subscribe(
        self, prefix: str, deliver: Callable[[list[Change]], None], lost: Callable[[], None]
    ) -> Callable[[], None]:
        """Calls `deliver` with every change under `prefix` that comes after this call, in order.

        The in-process seam of the watch caches: no queue and no task between a commit and its
        subscribers. `deliver` runs on the loop, before the write is answered, must not block, and
        has been called for everything up to `current_revision()`. `lost` says that the stream has
        a gap and ended (a remote store only): subscribe and read again. Returns the unsubscriber.
        """
        ...

    async def wait(self, revision: int) -> None:
        """Returns once `current_revision()` is at least `revision`."""
        ...

    async def sync(self) -> int:
        """A revision not older than any write acknowledged before this call, by any process.

        Subscribers have been delivered everything up to it.
        """
        ...

    async def revision_at(self, time_s: float) -> int:
        """The last revision written at or before this wall time; the compact revision if older."""
        ...

    async def compact(self, revision: int) -> None:
        """Forgets versions before `revision`."""
        ...

    async def journal(self, *, key: str = "", after_revision: int = 0, limit: int = 1000) -> list[JournalEntry]:
        """Entries in order of revision: of one key, or of all keys with key == "" ."""
        ...

    async def journal_at(self, revision: int) -> JournalEntry | None: ...

    def trace_of(self, revision: int) -> str:
        """The traceparent of a write, at once; "" when this process does not know it (any more)."""
        ...
