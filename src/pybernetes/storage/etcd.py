"""The store on an etcd cluster, 3.4 or later: for several apiservers on the same objects.

Revisions are etcd's. A write is one transaction: it compares the key's revision, writes the object, its
journal entry and `last` (see `etcd_layout`), all at one revision. The journal entry's key is new for every
write and compared too, so a transaction whose answer was lost can be sent again: it happens once, and the
second answer tells the first one's revision.

A write is answered after this process's watch has delivered it, so whoever reads the caches behind it sees
it. `sync` asks etcd for the revision of now, by quorum, and waits until the watch is there: what any
apiserver acknowledged before is then in the caches. Those who ask at the same time share one question.

Source: staging/src/k8s.io/apiserver/pkg/storage/etcd3 (store.go, lease_manager.go), KEP-2340.
Differs: the caches are fed by one watch of everything, not by one a resource.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any

from pybernetes.host.clock import Clock, SystemClock
from pybernetes.storage.etcd_client import EtcdClient, EtcdConfig, EtcdRefusal
from pybernetes.storage.etcd_follower import EtcdFollower, Events, PastCompacted, read_past
from pybernetes.storage.etcd_layout import EtcdLayout, decode_entry, encode_entry
from pybernetes.storage.etcd_leases import EtcdLeases
from pybernetes.storage.expiry import EXPIRED
from pybernetes.storage.hub import Hub
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

_PATIENCE_S = 0.1
_ENTRIES_LIMIT = 8192
"""Journal entries of the latest writes, by any apiserver, that are kept at hand."""


class EtcdStore:
    """See `Store`. `journal_keep_s`: how long journal entries outlive their versions."""

    shared = True

    def __init__(
        self,
        config: EtcdConfig,
        clock: Clock | None = None,
        *,
        journal_keep_s: int = 24 * 3600,
        watch_queue_limit: int = 16_384,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._journal_keep_s = journal_keep_s
        self._watch_queue_limit = watch_queue_limit
        self._layout = EtcdLayout(config.prefix)
        self._hub = Hub()
        self._entries: OrderedDict[int, JournalEntry] = OrderedDict()
        self._last_event = 0
        """Revision of the newest event of ours that was delivered."""
        self._compact_revision = 0
        self._instance = secrets.token_hex(4)
        self._numbers = itertools.count()
        self._next_sync: asyncio.Task[int] | None = None
        self._running_sync: asyncio.Task[int] | None = None
        self._writes: set[asyncio.Task[int]] = set()

    async def start(self) -> None:
        self._client = EtcdClient(self._config)
        self._pb = pb = self._client.pb
        self._leases = EtcdLeases(self._client)
        try:
            # An event of ours at the beginning: who reads the past up to it sees its end.
            first = await self._client.call("KV/Put", pb.PutRequest(key=self._layout.progress))
            self._last_event = first.header.revision
            self._hub.advance(first.header.revision)
            self._follower = EtcdFollower(
                self._client, self._layout, position=self.current_revision, deliver=self._deliver,
                progress=self._hub.advance, wait=self._hub.wait, lost=self._on_gap,
            )  # fmt: skip
            await self._follower.start()
        except StoreError:
            await self._client.close()
            raise

    async def stop(self) -> None:
        if self._writes:
            await asyncio.wait(self._writes, timeout=5)
        for task in (self._running_sync, self._next_sync):
            if task is not None:
                task.cancel()
        await self._follower.stop()
        await self._client.close()

    def current_revision(self) -> int:
        return self._hub.revision

    def problem(self) -> str:
        return f"no watch of etcd: {self._follower.problem}" if self._follower.problem else ""

    # -- reads

    async def get(self, key: str) -> Stored | None:
        answer = await self._client.call("KV/Range", self._pb.RangeRequest(key=self._layout.key(key)))
        return self._stored(answer.kvs[0]) if answer.kvs else None

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        if revision and revision < self._compact_revision:
            raise Compacted(self._compact_revision)
        low, high = self._layout.span(prefix, start)
        request = self._pb.RangeRequest(key=low, range_end=high, limit=limit, revision=revision)
        answer = await self._read_at(request)
        if not revision:
            # Who subscribed before has been delivered what this page holds.
            await self._follower.reach(answer.header.revision, ask=True)
        items = [self._stored(kv) for kv in answer.kvs]
        at = revision or answer.header.revision
        return Page(items=items, revision=at, more=answer.more, remaining=max(answer.count - len(items), 0))

    async def count(self, prefix: str) -> int:
        low, high = self._layout.span(prefix)
        request = self._pb.RangeRequest(key=low, range_end=high, count_only=True)
        return int((await self._client.call("KV/Range", request)).count)

    async def stale(self, key: str) -> bool:
        return False

    async def journal(self, *, key: str = "", after_revision: int = 0, limit: int = 1000) -> list[JournalEntry]:
        low, high = self._layout.journal, self._layout.journal_end
        if key:
            low = self._layout.journal_of(key)
            high = low[:-1] + b"0"
        request = self._pb.RangeRequest(
            key=low, range_end=high, limit=limit, min_mod_revision=after_revision + 1,
            sort_order=self._pb.RangeRequest.ASCEND, sort_target=self._pb.RangeRequest.MOD,
        )  # fmt: skip
        answer = await self._client.call("KV/Range", request)
        return [decode_entry(kv.value, kv.mod_revision) for kv in answer.kvs]

    async def journal_at(self, revision: int) -> JournalEntry | None:
        if revision <= 0:
            return None
        found = self._entries.get(revision)
        if found is not None:
            return found
        try:
            kv = await self._last_at(revision)
        except FutureRevision:
            return None
        except Compacted:
            return await self._from_the_journal(revision)
        return decode_entry(kv.value, revision) if kv is not None and kv.mod_revision == revision else None

    def trace_of(self, revision: int) -> str:
        found = self._entries.get(revision)
        return found.traceparent if found is not None else ""

    async def revision_at(self, time_s: float) -> int:
        low, high, best = self._compact_revision, self._hub.revision, 0
        while low < high:
            middle = (low + high + 1) // 2
            try:
                kv = await self._last_at(middle)
            except Compacted:
                low = middle
                continue
            if kv is None or decode_entry(kv.value, kv.mod_revision).time_s <= time_s:
                low, best = middle, kv.mod_revision if kv is not None else best
            else:
                high = min(middle, kv.mod_revision) - 1
        return max(best, self._compact_revision)

    # -- watching

    async def watch(self, prefix: str, after_revision: int) -> AsyncIterator[list[Change]]:
        async for batch in self._hub.watch(prefix, after_revision, self._past, self._watch_queue_limit):
            yield batch

    async def changes(self, prefix: str, after_revision: int, *, limit: int = 1000) -> list[Change]:
        return await self._past(prefix, after_revision, self._hub.revision, limit)

    def subscribe(
        self, prefix: str, deliver: Callable[[list[Change]], None], lost: Callable[[], None]
    ) -> Callable[[], None]:
        return self._hub.subscribe(prefix, deliver, lost)

    async def wait(self, revision: int) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._hub.wait(revision)
        except TimeoutError:
            await self.sync()  # it may be a revision without a change of ours
            await self._hub.wait(revision)

    async def sync(self) -> int:
        if self._next_sync is None:
            self._next_sync = asyncio.get_running_loop().create_task(self._ask_revision(self._running_sync))
        return await asyncio.shield(self._next_sync)

    # -- writes

    async def create(self, key: str, value: bytes, cause: Cause, ttl_s: int = 0) -> int:
        there = self._compare(key, create_revision=0)
        try:
            return await self._write(key, there, value, cause, ttl_s)
        except RevisionMismatch:
            raise KeyExists(key) from None

    async def update(self, key: str, value: bytes, expected_revision: int, cause: Cause, ttl_s: int = 0) -> int:
        return await self._write(key, self._compare(key, mod_revision=expected_revision), value, cause, ttl_s)

    async def delete(self, key: str, expected_revision: int, cause: Cause) -> int:
        if expected_revision:
            there = self._compare(key, mod_revision=expected_revision)
        else:
            there = self._compare(key, create_revision=0)
            there.result = self._pb.Compare.GREATER
        return await self._write(key, there, None, cause, 0)

    async def compact(self, revision: int) -> None:
        if revision > self._hub.revision:
            raise FutureRevision
        if revision <= self._compact_revision:
            return
        try:
            await self._client.call("KV/Compact", self._pb.CompactionRequest(revision=revision))
        except EtcdRefusal as refusal:
            if not refusal.compacted:  # by another apiserver
                raise
        self._compact_revision = max(self._compact_revision, revision)

    async def _write(self, key: str, there: Any, value: bytes | None, cause: Cause, ttl_s: int) -> int:
        # A caller that is cancelled leaves its write under way; the outcome stays the store's business.
        task = asyncio.get_running_loop().create_task(self._transact(key, there, value, cause, ttl_s))
        self._writes.add(task)
        task.add_done_callback(self._forget_write)
        return await asyncio.shield(task)

    def _forget_write(self, task: asyncio.Task[int]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()

    async def _transact(self, key: str, there: Any, value: bytes | None, cause: Cause, ttl_s: int) -> int:
        pb, layout = self._pb, self._layout
        now = self._clock.now()
        name = layout.key(key)
        entry = encode_entry(key, now, cause)
        unique = f"{int(now * 1e6):015x}-{self._instance}-{next(self._numbers):x}"
        entry_key = layout.journal_of(key) + unique.encode()
        recorded = True
        while True:
            lease = journal_lease = 0
            try:
                if ttl_s:
                    lease = await self._leases.lease(ttl_s)
                if value is None:
                    changes = [pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=name))]
                else:
                    changes = [_put(pb, name, value, lease)]
                if recorded:
                    journal_lease = await self._leases.lease(self._journal_keep_s)
                    changes += [_put(pb, entry_key, entry, journal_lease), _put(pb, layout.last, entry, 0)]
                request = pb.TxnRequest(
                    compare=[there, self._compare_bytes(entry_key, create_revision=0)],
                    success=changes,
                    failure=[
                        pb.RequestOp(request_range=pb.RangeRequest(key=name)),
                        pb.RequestOp(request_range=pb.RangeRequest(key=entry_key)),
                    ],
                )
                answer = await self._client.call("KV/Txn", request)
                break
            except EtcdRefusal as refusal:
                if refusal.full and value is None and recorded:
                    # Deletions make room, so a full etcd takes them, but nothing is put beside them: the journal
                    # does not tell of this one, who and why is lost, and it looks as if the object had expired.
                    recorded = False
                elif refusal.lease_unknown:
                    self._leases.forget(lease, journal_lease)
                else:
                    raise
        revision = int(answer.header.revision)
        if not answer.succeeded:
            current, earlier = (response.response_range.kvs for response in answer.responses)
            if not earlier:
                # Whoever tries again shall see in the caches what stood in the way.
                await self._follower.reach(revision, ask=True)
                raise RevisionMismatch(self._stored(current[0]) if current else None)
            revision = int(earlier[0].mod_revision)
        await self._follower.reach(revision, ask=False)
        return revision

    # -- following

    def _deliver(self, events: Events) -> None:
        """Whole revisions, in order."""
        put = self._pb.Event.PUT
        layout = self._layout
        changes: list[Change] = []
        for event in events:
            kv = event.kv
            if layout.is_object(kv.key):
                changes.append(self._change(event, put))
            elif kv.key == layout.last and event.type == put:
                self._entries[kv.mod_revision] = decode_entry(kv.value, kv.mod_revision)
        for change in changes:
            if change.kind == "delete" and change.revision not in self._entries:
                self._entries[change.revision] = JournalEntry(
                    change.revision, self._clock.now(), EXPIRED.verb, change.key, EXPIRED.user, "", "", 0
                )
        while len(self._entries) > _ENTRIES_LIMIT:
            self._entries.popitem(last=False)
        self._last_event = events[-1].kv.mod_revision
        if changes:
            self._hub.publish(changes)
        self._hub.advance(self._last_event)

    def _on_gap(self, compacted: int, revision: int) -> None:
        self._compact_revision = max(self._compact_revision, compacted)
        self._last_event = revision
        self._hub.lose(revision)

    async def _past(self, prefix: str, after_revision: int, until_revision: int, limit: int) -> list[Change]:
        if after_revision < self._compact_revision:
            raise Compacted(self._compact_revision)
        last = min(self._last_event, until_revision)
        if last <= after_revision:
            return []
        put = self._pb.Event.PUT
        found: list[Change] = []

        def take(events: Events) -> bool:
            for event in events:
                revision = event.kv.mod_revision
                if revision <= after_revision:
                    continue
                full = len(found) >= limit and revision != found[-1].revision
                if full or revision > until_revision:
                    return True
                if self._layout.is_object(event.kv.key) and self._layout.name(event.kv.key).startswith(prefix):
                    found.append(self._change(event, put))
            return False

        try:
            await read_past(self._client, self._layout, after_revision, self._last_event, take)
        except PastCompacted as past:
            raise Compacted(past.compact_revision) from None
        return found

    async def _ask_revision(self, before: asyncio.Task[int] | None) -> int:
        if before is not None and not before.done():
            await asyncio.wait([before])
        # From here on a question would come too late for those who ask later.
        self._running_sync, self._next_sync = self._next_sync, None
        request = self._pb.RangeRequest(key=self._layout.progress, keys_only=True)
        revision = int((await self._client.call("KV/Range", request)).header.revision)
        await self._follower.reach(revision, ask=True)
        return revision

    # -- translating

    def _compare(self, key: str, **revision: int) -> Any:
        return self._compare_bytes(self._layout.key(key), **revision)

    def _compare_bytes(self, key: bytes, **revision: int) -> Any:
        target = self._pb.Compare.MOD if "mod_revision" in revision else self._pb.Compare.CREATE
        return self._pb.Compare(key=key, target=target, **revision)

    def _stored(self, kv: Any) -> Stored:
        return Stored(self._layout.name(kv.key), kv.value, kv.mod_revision, kv.create_revision)

    def _change(self, event: Any, put: int) -> Change:
        kv, before = event.kv, event.prev_kv
        key = self._layout.name(kv.key)
        previous = before.value if before.mod_revision else None
        if previous is None and (event.type != put or kv.create_revision != kv.mod_revision):
            # Compacted since it happened, so the compaction is at this revision or after it.
            raise PastCompacted(kv.mod_revision)
        if event.type == put:
            return Change("put", key, kv.value, previous, kv.mod_revision, kv.create_revision)
        return Change("delete", key, previous or b"", previous, kv.mod_revision, before.create_revision)

    async def _read_at(self, request: Any) -> Any:
        try:
            return await self._client.call("KV/Range", request)
        except EtcdRefusal as refusal:
            if refusal.compacted:
                raise Compacted(max(self._compact_revision, request.revision + 1)) from None
            if refusal.future:
                raise FutureRevision from None
            raise

    async def _last_at(self, revision: int) -> Any:
        """`last` as it was at a revision; None before the first write. Raises Compacted, FutureRevision."""
        answer = await self._read_at(self._pb.RangeRequest(key=self._layout.last, revision=revision))
        return answer.kvs[0] if answer.kvs else None

    async def _from_the_journal(self, revision: int) -> JournalEntry | None:
        request = self._pb.RangeRequest(
            key=self._layout.journal, range_end=self._layout.journal_end,
            min_mod_revision=revision, max_mod_revision=revision,
        )  # fmt: skip
        answer = await self._client.call("KV/Range", request)
        return decode_entry(answer.kvs[0].value, revision) if answer.kvs else None


def _put(pb: Any, key: bytes, value: bytes, lease: int) -> Any:
    return pb.RequestOp(request_put=pb.PutRequest(key=key, value=value, lease=lease))
