"""What every store promises. Parametrised over the stores of conftest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from pybernetes.storage.store import (
    Cause,
    Change,
    Compacted,
    FutureRevision,
    KeyExists,
    RevisionMismatch,
    Store,
)

ALICE = Cause(user="alice", user_agent="kubectl/v1.36", verb="create", traceparent="00-aa-bb-01", cause_revision=7)
P = "/registry/pods/"

Body = Callable[[Store], Awaitable[None]]
Run = Callable[..., None]


@pytest.fixture
def run(open_store: Callable[..., Any]) -> Run:
    """Runs an async test body against a fresh store of each kind."""

    def run(body: Body, **options: object) -> None:
        async def main() -> None:
            async with open_store(**options) as store:
                await asyncio.wait_for(body(store), 60)

        asyncio.run(main())

    return run


async def take(store: Store, prefix: str, after: int, count: int) -> list[Change]:
    """The first `count` changes of a watch."""
    found: list[Change] = []
    async with aclosing(store.watch(prefix, after)) as watch:  # type: ignore[type-var]
        async for batch in watch:
            assert batch, "batches are never empty"
            found += batch
            if len(found) >= count:
                break
    return found


def test_create_get_update_delete(run: Run) -> None:
    async def body(store: Store) -> None:
        first = await store.create(P + "a/x", b"1", ALICE)
        assert store.current_revision() == first
        stored = await store.get(P + "a/x")
        assert stored is not None
        assert (stored.key, stored.value, stored.revision, stored.create_revision) == (P + "a/x", b"1", first, first)
        second = await store.update(P + "a/x", b"2", first, ALICE)
        stored = await store.get(P + "a/x")
        assert stored is not None
        assert (stored.value, stored.revision, stored.create_revision) == (b"2", second, first)
        third = await store.delete(P + "a/x", second, ALICE)
        assert first < second < third
        assert await store.get(P + "a/x") is None
        fourth = await store.create(P + "a/x", b"3", ALICE)
        stored = await store.get(P + "a/x")
        assert stored is not None and stored.create_revision == fourth

    run(body)


def test_compare_and_set_refusals(run: Run) -> None:
    async def body(store: Store) -> None:
        first = await store.create(P + "x", b"1", ALICE)
        with pytest.raises(KeyExists):
            await store.create(P + "x", b"2", ALICE)
        with pytest.raises(RevisionMismatch) as stale:
            await store.update(P + "x", b"2", first + 5, ALICE)
        assert stale.value.current is not None and stale.value.current.value == b"1"
        with pytest.raises(RevisionMismatch):
            await store.delete(P + "x", first + 5, ALICE)
        with pytest.raises(RevisionMismatch) as gone:
            await store.update(P + "y", b"2", first, ALICE)
        assert gone.value.current is None
        with pytest.raises(RevisionMismatch):
            await store.delete(P + "y", 0, ALICE)
        assert store.current_revision() == first, "a refused write takes no revision"
        await store.delete(P + "x", 0, ALICE)

    run(body)


def test_one_of_many_writers_wins(run: Run) -> None:
    async def body(store: Store) -> None:
        outcomes = await asyncio.gather(
            *(store.create(P + "x", b"%d" % n, ALICE) for n in range(10)), return_exceptions=True
        )
        won = [o for o in outcomes if isinstance(o, int)]
        assert len(won) == 1
        assert all(isinstance(o, (int, KeyExists)) for o in outcomes)
        outcomes = await asyncio.gather(
            *(store.update(P + "x", b"u%d" % n, won[0], ALICE) for n in range(10)), return_exceptions=True
        )
        assert sorted(type(o).__name__ for o in outcomes) == ["RevisionMismatch"] * 9 + ["int"]
        revisions = await asyncio.gather(*(store.create(f"{P}{n}", b"", ALICE) for n in range(100)))
        assert len(set(revisions)) == 100

    run(body)


def test_range_pages_in_order_of_key(run: Run) -> None:
    async def body(store: Store) -> None:
        for key in ["b/1", "a/2", "a/1", "c/1", "a/10"]:
            await store.create(P + key, key.encode(), ALICE)
        await store.create("/registry/podsx/a", b"other", ALICE)
        page = await store.range(P)
        assert [item.key.removeprefix(P) for item in page.items] == ["a/1", "a/10", "a/2", "b/1", "c/1"]
        assert (page.more, page.remaining, page.revision) == (False, 0, store.current_revision())
        page = await store.range(P + "a/", limit=2)
        assert [item.value for item in page.items] == [b"a/1", b"a/10"]
        assert (page.more, page.remaining) == (True, 1)
        page = await store.range(P + "a/", start=page.items[-1].key + "\0", limit=2)
        assert [item.value for item in page.items] == [b"a/2"]
        assert not page.more
        assert (await store.range(P, start=P + "d")).items == []
        assert await store.count(P) == 5
        assert await store.count(P + "a/") == 3
        assert await store.count("/registry/nothing/") == 0

    run(body)


def test_range_at_an_earlier_revision(run: Run) -> None:
    async def body(store: Store) -> None:
        a = await store.create(P + "a", b"a1", ALICE)
        b = await store.create(P + "b", b"b1", ALICE)
        await store.update(P + "a", b"a2", a, ALICE)
        await store.delete(P + "b", b, ALICE)
        await store.create(P + "c", b"c1", ALICE)
        page = await store.range(P, revision=b)
        assert [(i.key, i.value, i.revision) for i in page.items] == [(P + "a", b"a1", a), (P + "b", b"b1", b)]
        assert page.revision == b
        page = await store.range(P, revision=b, limit=1)
        assert ([i.value for i in page.items], page.more, page.remaining) == ([b"a1"], True, 1)
        page = await store.range(P, revision=b, limit=1, start=P + "a\0")
        assert ([i.value for i in page.items], page.more) == ([b"b1"], False)
        with pytest.raises(FutureRevision):
            await store.range(P, revision=store.current_revision() + 1)

    run(body)


def test_watch_replays_then_follows(run: Run) -> None:
    async def body(store: Store) -> None:
        before = store.current_revision()
        first = await store.create(P + "a", b"1", ALICE)
        await store.create("/registry/other/a", b"x", ALICE)
        following = asyncio.create_task(take(store, P, before, 4))
        await asyncio.sleep(0)
        second = await store.update(P + "a", b"2", first, ALICE)
        third = await store.delete(P + "a", second, ALICE)
        fourth = await store.create(P + "a", b"3", ALICE)
        changes = await following
        assert [(c.kind, c.value, c.previous, c.revision, c.create_revision) for c in changes] == [
            ("put", b"1", None, first, first),
            ("put", b"2", b"1", second, first),
            ("delete", b"2", b"2", third, first),
            ("put", b"3", None, fourth, fourth),
        ]
        assert await take(store, P, before, 4) == changes, "history reads as it happened"
        assert await take(store, P, second, 2) == changes[2:]
        assert await store.changes(P, first, limit=2) == changes[1:3]

    run(body)


def test_watch_from_the_future_waits(run: Run) -> None:
    async def body(store: Store) -> None:
        first = await store.create(P + "a", b"1", ALICE)
        following = asyncio.create_task(take(store, P, first + 1, 1))
        await asyncio.sleep(0)
        second = await store.update(P + "a", b"2", first, ALICE)
        await store.update(P + "a", b"3", second, ALICE)
        assert [c.value for c in await following] == [b"3"]

    run(body)


def test_slow_watcher_is_ended(run: Run) -> None:
    async def body(store: Store) -> None:
        watch = store.watch(P, store.current_revision())
        following = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        await store.create(P + "first", b"", ALICE)
        await following
        for number in range(20):
            await store.create(f"{P}{number}", b"", ALICE)
        with pytest.raises(Compacted):
            async for _ in watch:
                pass

    run(body, watch_queue_limit=5)


def test_subscribers_know_before_the_writer(run: Run) -> None:
    async def body(store: Store) -> None:
        seen: list[int] = []
        unsubscribe = store.subscribe(P, lambda changes: seen.extend(c.revision for c in changes), lambda: None)
        revisions = await asyncio.gather(*(store.create(f"{P}{n}", b"", ALICE) for n in range(20)))
        assert seen == sorted(revisions)
        await store.create("/registry/other", b"", ALICE)
        assert seen == sorted(revisions)
        await store.wait(seen[-1])
        assert await store.sync() == store.current_revision()
        waiting = asyncio.create_task(store.wait(store.current_revision() + 1))
        await asyncio.sleep(0)
        assert not waiting.done()
        unsubscribe()
        await store.create(P + "later", b"", ALICE)
        await waiting
        assert seen == sorted(revisions)

    run(body)


def test_compaction(run: Run) -> None:
    async def body(store: Store) -> None:
        a1 = await store.create(P + "a", b"a1", ALICE)
        b1 = await store.create(P + "b", b"b1", ALICE)
        a2 = await store.update(P + "a", b"a2", a1, ALICE)
        gone = await store.delete(P + "b", b1, ALICE)
        a3 = await store.update(P + "a", b"a3", a2, ALICE)
        await store.compact(gone)
        with pytest.raises(Compacted) as compacted:
            await store.range(P, revision=a2)
        assert compacted.value.compact_revision == gone
        with pytest.raises(Compacted):
            await take(store, P, a1, 1)
        with pytest.raises(Compacted):
            await store.changes(P, a1)
        page = await store.range(P, revision=gone)
        assert [(i.key, i.value) for i in page.items] == [(P + "a", b"a2")]
        (change,) = await take(store, P, gone, 1)
        assert (change.value, change.previous, change.revision) == (b"a3", b"a2", a3)
        await store.compact(a1)
        with pytest.raises(FutureRevision):
            await store.compact(a3 + 1)
        await store.compact(a3)
        stored = await store.get(P + "a")
        assert stored is not None and stored.value == b"a3"
        assert [e.revision for e in await store.journal(key=P + "a")] == [a1, a2, a3], "the journal outlives versions"

    run(body)


def test_journal_tells_who_when_why(run: Run) -> None:
    async def body(store: Store) -> None:
        first = await store.create(P + "a", b"1", ALICE)
        second = await store.create(
            P + "b", b"1", Cause(user="system:kube-scheduler", verb="bind", cause_revision=first)
        )
        third = await store.delete(P + "a", first, Cause(user="bob", verb="delete"))
        entries = await store.journal()
        assert [(e.revision, e.verb, e.key, e.user, e.cause_revision) for e in entries] == [
            (first, "create", P + "a", "alice", 7),
            (second, "bind", P + "b", "system:kube-scheduler", first),
            (third, "delete", P + "a", "bob", 0),
        ]
        assert (entries[0].user_agent, entries[0].traceparent) == ("kubectl/v1.36", "00-aa-bb-01")
        assert [e.revision for e in await store.journal(key=P + "a")] == [first, third]
        assert [e.revision for e in await store.journal(after_revision=first, limit=1)] == [second]
        assert await store.journal_at(second) == entries[1]
        assert await store.journal_at(third + 1) is None
        assert [store.trace_of(r) for r in (first, second, third + 1, 0)] == ["00-aa-bb-01", "", "", ""]

    run(body)


class SetClock:
    def __init__(self) -> None:
        self.time_s = 1_000_000.0

    def now(self) -> float:
        return self.time_s


def test_revision_at_a_time(run: Run) -> None:
    clock = SetClock()

    async def body(store: Store) -> None:
        first = await store.create(P + "a", b"1", ALICE)
        clock.time_s += 60
        second = await store.update(P + "a", b"2", first, ALICE)
        assert await store.revision_at(clock.time_s - 30) == first
        assert await store.revision_at(clock.time_s) == second
        assert await store.revision_at(clock.time_s + 30) == second
        await store.compact(second)
        assert await store.revision_at(0) == second

    run(body, clock=clock)


def test_keys_with_a_lifetime_end(run: Run) -> None:
    async def body(store: Store) -> None:
        start = store.current_revision()
        await store.create(P + "kept", b"k", ALICE)
        short = await store.create(P + "short", b"s", ALICE, ttl_s=1)
        renewed = await store.create(P + "renewed", b"r", ALICE, ttl_s=100)
        await store.update(P + "renewed", b"r2", renewed, ALICE)
        changes = await take(store, P, start, 5)
        assert (changes[-1].kind, changes[-1].key, changes[-1].value) == ("delete", P + "short", b"s")
        assert changes[-1].create_revision == short
        assert [i.key for i in (await store.range(P)).items] == [P + "kept", P + "renewed"]
        entry = await store.journal_at(changes[-1].revision)
        assert entry is not None and entry.verb == "expire"

    run(body)


def test_a_cancelled_writer_leaves_the_store_whole(run: Run) -> None:
    async def body(store: Store) -> None:
        writing = asyncio.create_task(store.create(P + "a", b"1", ALICE))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises((asyncio.CancelledError, KeyExists)):
            await asyncio.gather(writing, store.create(P + "a", b"2", ALICE))
        stored = await store.get(P + "a") or None
        if stored is None:
            await store.wait(store.current_revision() + 1)
            stored = await store.get(P + "a")
        assert stored is not None
        await store.update(P + "a", b"3", stored.revision, ALICE)

    run(body)
