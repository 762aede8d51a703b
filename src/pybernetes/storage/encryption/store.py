"""A store whose values are encrypted: around any other one, which only ever sees what lies at rest.

Above it everything is plain: the watch caches, history, the journal's objects. Below it, in files, snapshots and
etcd, there is no plain value of a resource that the configuration names. A change that comes with a data key not
known here (another apiserver's) is read again in order, after the KMS plugin was asked for it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from pybernetes.storage.encryption.configuration import GroupResource
from pybernetes.storage.encryption.providers import Encryption
from pybernetes.storage.encryption.transformers import ENCRYPTED, KeyMissing, TransformError
from pybernetes.storage.store import Cause, Change, JournalEntry, Page, RevisionMismatch, Store, Stored

T = TypeVar("T")
ResourceOf = Callable[[str], GroupResource | None]
"""Whose a key is; None: nobody's that an API has."""


class EncryptedStore:
    """See `Store`. It starts and stops `encryption`; the inner store is its maker's."""

    def __init__(self, inner: Store, encryption: Encryption, resource_of: ResourceOf) -> None:
        self._inner = inner
        self.encryption = encryption
        self._figures = encryption.figures
        self._resource_of = resource_of

    @property
    def shared(self) -> bool:
        return self._inner.shared

    async def start(self) -> None:
        await self.encryption.start()

    async def stop(self) -> None:
        await self.encryption.stop()

    def problem(self) -> str:
        return self._inner.problem()

    def current_revision(self) -> int:
        return self._inner.current_revision()

    async def get(self, key: str) -> Stored | None:
        found = await self._inner.get(key)
        return None if found is None else await self._opened(found)

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        page = await self._inner.range(prefix, start=start, limit=limit, revision=revision)
        return Page([await self._opened(item) for item in page.items], page.revision, page.more, page.remaining)

    async def count(self, prefix: str) -> int:
        return await self._inner.count(prefix)

    async def create(self, key: str, value: bytes, cause: Cause, ttl_s: int = 0) -> int:
        return await self._inner.create(key, self._sealed(key, value), cause, ttl_s)

    async def update(self, key: str, value: bytes, expected_revision: int, cause: Cause, ttl_s: int = 0) -> int:
        try:
            return await self._inner.update(key, self._sealed(key, value), expected_revision, cause, ttl_s)
        except RevisionMismatch as mismatch:
            raise await self._mismatch(mismatch) from None

    async def delete(self, key: str, expected_revision: int, cause: Cause) -> int:
        try:
            return await self._inner.delete(key, expected_revision, cause)
        except RevisionMismatch as mismatch:
            raise await self._mismatch(mismatch) from None

    async def stale(self, key: str) -> bool:
        found = await self._inner.get(key)
        return found is not None and (await self._read(key, found.value))[1]

    async def watch(self, prefix: str, after_revision: int) -> AsyncIterator[list[Change]]:
        async for batch in self._inner.watch(prefix, after_revision):
            yield [await self._opened_change(change) for change in batch]

    async def changes(self, prefix: str, after_revision: int, *, limit: int = 1000) -> list[Change]:
        found = await self._inner.changes(prefix, after_revision, limit=limit)
        return [await self._opened_change(change) for change in found]

    def subscribe(
        self, prefix: str, deliver: Callable[[list[Change]], None], lost: Callable[[], None]
    ) -> Callable[[], None]:
        def take(changes: list[Change]) -> None:
            try:
                plain = [self._plain_change(change) for change in changes]
            except (KeyMissing, TransformError):
                unsubscribe()
                lost()  # reading again may wait for the key, and tells what is wrong
                return
            deliver(plain)

        unsubscribe = self._inner.subscribe(prefix, take, lost)
        return unsubscribe

    async def wait(self, revision: int) -> None:
        await self._inner.wait(revision)

    async def sync(self) -> int:
        return await self._inner.sync()

    async def revision_at(self, time_s: float) -> int:
        return await self._inner.revision_at(time_s)

    async def compact(self, revision: int) -> None:
        await self._inner.compact(revision)

    async def journal(self, *, key: str = "", after_revision: int = 0, limit: int = 1000) -> list[JournalEntry]:
        return await self._inner.journal(key=key, after_revision=after_revision, limit=limit)

    async def journal_at(self, revision: int) -> JournalEntry | None:
        return await self._inner.journal_at(revision)

    def trace_of(self, revision: int) -> str:
        return self._inner.trace_of(revision)

    # -- values

    def _sealed(self, key: str, value: bytes) -> bytes:
        resource = self._resource_of(key)
        transformer = None if resource is None else self.encryption.providers.of(resource)
        if transformer is None:
            return value
        name, began = _qualified(resource), time.perf_counter()
        try:
            sealed = transformer.write(value, key.encode())
        except TransformError as error:
            self._figures.operation(name, "to_storage", "unknown", 0.0, "unknown-non-grpc")
            raise _told(key, error) from None
        self._figures.operation(name, "to_storage", transformer.prefix_of(sealed), time.perf_counter() - began)
        return sealed

    def _plain(self, key: str, value: bytes) -> tuple[bytes, bool]:
        """Raises TransformError, KeyMissing."""
        resource = self._resource_of(key)
        transformer = None if resource is None else self.encryption.providers.of(resource)
        if transformer is None:
            if value.startswith(ENCRYPTED):
                raise _told(key, TransformError("it is encrypted, and no provider of its resource is configured"))
            return value, False
        name, prefix, began = _qualified(resource), transformer.prefix_of(value), time.perf_counter()
        try:
            plain = transformer.read(value, key.encode())
        except TransformError as error:
            self._figures.operation(name, "from_storage", prefix, 0.0, "unknown-non-grpc")
            raise _told(key, error) from None
        self._figures.operation(name, "from_storage", prefix, time.perf_counter() - began)
        return plain

    async def _read(self, key: str, value: bytes) -> tuple[bytes, bool]:
        return await self._with_keys(key, lambda: self._plain(key, value))

    async def _opened(self, stored: Stored) -> Stored:
        plain, _ = await self._read(stored.key, stored.value)
        return Stored(stored.key, plain, stored.revision, stored.create_revision)

    async def _opened_change(self, change: Change) -> Change:
        return await self._with_keys(change.key, lambda: self._plain_change(change))

    async def _with_keys(self, key: str, read: Callable[[], T]) -> T:
        """What `read` gives, once every data key that it lacks was fetched."""
        while True:
            try:
                return read()
            except KeyMissing as missing:
                try:
                    await missing.fetch()
                except TransformError as error:
                    raise _told(key, error) from None

    def _plain_change(self, change: Change) -> Change:
        value = self._plain(change.key, change.value)[0] if change.value else change.value
        previous = change.previous
        if change.kind == "delete":
            previous = value if previous is not None else None
        elif previous:
            previous = self._plain(change.key, previous)[0]
        return Change(change.kind, change.key, value, previous, change.revision, change.create_revision)

    async def _mismatch(self, mismatch: RevisionMismatch) -> RevisionMismatch:
        current = mismatch.current
        return RevisionMismatch(None if current is None else await self._opened(current))


def _qualified(resource: GroupResource | None) -> str:
    group, plural = resource or ("", "")
    return f"{plural}.{group}" if group else plural


def _told(key: str, error: TransformError) -> TransformError:
    said = str(error)
    return (
        error if said.startswith("unable to transform") else TransformError(f'unable to transform key "{key}": {said}')
    )
