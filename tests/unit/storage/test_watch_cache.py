from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause, Compacted, Store
from pybernetes.storage.watch_cache import WatchCache, Watcher, WatchEvent

P = "/registry/pods/"
CAUSE = Cause(verb="create")


def pod(name: str, namespace: str = "default", node: str = "", **labels: str) -> bytes:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    tree = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": node}}
    return json.dumps(tree, separators=(",", ":")).encode()


def labels_of(value: bytes) -> dict[str, str]:
    labels: dict[str, str] = json.loads(value)["metadata"]["labels"]
    return labels


def node_of(value: bytes) -> str:
    return str(json.loads(value)["spec"]["nodeName"])


def said(events: list[WatchEvent]) -> list[tuple[str, str, int]]:
    return [(e.type, e.key.removeprefix(P), e.revision) for e in events]


def run(body: Callable[[Store], Awaitable[None]]) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.start()
        await asyncio.wait_for(body(store), 60)
        await store.stop()

    asyncio.run(main())


async def now(watcher: Watcher) -> list[WatchEvent]:
    return await asyncio.wait_for(anext(watcher), 60)


def test_reads_are_served_bytes_in_order_of_key() -> None:
    async def body(store: Store) -> None:
        first = await store.create(P + "b/x", pod("x", "b"), CAUSE)
        cache = WatchCache(store, P)
        await cache.start()
        for key in ["a/2", "a/1", "ab/1"]:
            await store.create(P + key, pod(key[-1], key[:-2]), CAUSE)
        stored = cache.get(P + "b/x")
        assert stored is not None
        assert json.loads(stored.value)["metadata"]["resourceVersion"] == str(first)
        assert [i.key.removeprefix(P) for i in cache.list().items] == ["a/1", "a/2", "ab/1", "b/x"]
        page = cache.list("a", limit=1)
        assert ([i.key for i in page.items], page.more, page.remaining) == ([P + "a/1"], True, 1)
        page = cache.list("a", start=page.items[-1].key + "\0", limit=1)
        assert ([i.key for i in page.items], page.more) == ([P + "a/2"], False)
        assert (cache.count(), cache.count("a"), cache.count("nowhere")) == (4, 2, 0)
        assert cache.list().revision == store.current_revision()
        await store.delete(P + "a/1", 0, CAUSE)
        assert cache.get(P + "a/1") is None
        assert cache.count("a") == 1

    run(body)


def test_a_list_at_an_earlier_revision() -> None:
    async def body(store: Store) -> None:
        cache = WatchCache(store, P, attributes=labels_of)
        await cache.start()
        for name in "abcd":
            last = await store.create(P + "n/" + name, pod(name, "n", app=name), CAUSE)
        first_page = cache.list("n", limit=2)
        next_key = first_page.items[-1].key + "\0"
        same = await cache.list_at(last, "n", start=next_key, limit=2)
        await store.delete(P + "n/c", 0, CAUSE)
        past = await cache.list_at(last, "n", start=next_key, limit=2)
        assert past == same
        assert [i.key for i in past.items] == [P + "n/c", P + "n/d"]
        some = await cache.list_at(last, "n", limit=1, matches=lambda labels: labels["app"] in "bd")
        assert ([i.key for i in some.items], some.more) == ([P + "n/b"], True)
        await store.compact(store.current_revision())
        with pytest.raises(Compacted):
            await cache.list_at(last, "n")

    run(body)


def test_events_are_one_line_each_and_shared() -> None:
    async def body(store: Store) -> None:
        cache = WatchCache(store, P)
        await cache.start()
        watchers = [await cache.watch(cache.revision) for _ in range(3)]
        created = await store.create(P + "n/a", pod("a", "n"), CAUSE)
        updated = await store.update(P + "n/a", pod("a", "n", app="x"), created, CAUSE)
        deleted = await store.delete(P + "n/a", updated, CAUSE)
        batches = [await now(watcher) for watcher in watchers]
        assert said(batches[0]) == [
            ("ADDED", "n/a", created),
            ("MODIFIED", "n/a", updated),
            ("DELETED", "n/a", deleted),
        ]
        assert batches[0][0].line is batches[1][0].line is batches[2][0].line
        lines = [json.loads(e.line) for e in batches[0]]
        assert all(e.line.endswith(b"}\n") for e in batches[0])
        assert [line["object"]["metadata"]["resourceVersion"] for line in lines] == [
            str(created),
            str(updated),
            str(deleted),
        ]
        assert lines[2]["object"]["metadata"]["labels"] == {"app": "x"}, "a deletion shows the last state"
        for watcher in watchers:
            watcher.close()
        assert cache.watcher_count == 0

    run(body)


def test_selections_see_objects_come_and_go() -> None:
    calls = 0

    def attributes(value: bytes) -> dict[str, str]:
        nonlocal calls
        calls += 1
        return labels_of(value)

    async def body(store: Store) -> None:
        nonlocal calls
        cache = WatchCache(store, P, attributes=attributes)
        await cache.start()
        watchers = [
            await cache.watch(cache.revision, "n", matches=lambda labels: labels.get("app") == "web") for _ in range(5)
        ]
        one = await store.create(P + "n/a", pod("a", "n", app="db"), CAUSE)
        await store.create(P + "other/a", pod("a", "other", app="web"), CAUSE)
        two = await store.update(P + "n/a", pod("a", "n", app="web"), one, CAUSE)
        three = await store.update(P + "n/a", pod("a", "n", app="web", x="1"), two, CAUSE)
        calls = 0
        four = await store.update(P + "n/a", pod("a", "n", app="db"), three, CAUSE)
        assert calls == 2, "the new and the old state, once for all watchers"
        await store.delete(P + "n/a", four, CAUSE)
        for watcher in watchers:
            events = await now(watcher)
            assert said(events) == [("ADDED", "n/a", two), ("MODIFIED", "n/a", three), ("DELETED", "n/a", four)]
            assert labels_of(events[2].value)["app"] == "web", "what it was while it was selected"
            assert json.loads(events[2].value)["metadata"]["resourceVersion"] == str(four)

    run(body)


def test_indexes_lead_to_the_watchers_concerned() -> None:
    async def body(store: Store) -> None:
        cache = WatchCache(store, P, indexes={"spec.nodeName": node_of})
        old = await store.create(P + "n/old", pod("old", "n", "node1"), CAUSE)
        await cache.start()
        one = await cache.watch(cache.revision, index=("spec.nodeName", "node1"))
        two = await cache.watch(cache.revision, "n", index=("spec.nodeName", "node2"))
        created = await store.create(P + "n/a", pod("a", "n"), CAUSE)
        bound = await store.update(P + "n/a", pod("a", "n", "node2"), created, CAUSE)
        moved = await store.update(P + "n/old", pod("old", "n", "node2"), old, CAUSE)
        assert said(await now(two)) == [("ADDED", "n/a", bound), ("ADDED", "n/old", moved)]
        assert said(await now(one)) == [("DELETED", "n/old", moved)]
        assert [i.key for i in cache.list(index=("spec.nodeName", "node2")).items] == [P + "n/a", P + "n/old"]
        assert cache.list(index=("spec.nodeName", "node1")).items == []
        assert cache.list("x", index=("spec.nodeName", "node2")).items == []

    run(body)


def test_initial_events_then_changes() -> None:
    async def body(store: Store) -> None:
        for name in "abc":
            last = await store.create(P + "n/" + name, pod(name, "n"), CAUSE)
        cache = WatchCache(store, P)
        await cache.start()
        watcher = await cache.watch(None, "n", initial_end=True)
        single = await cache.watch(None, key=P + "n/b")
        later = await store.create(P + "n/d", pod("d", "n"), CAUSE)
        first = await now(watcher)
        assert [e.type for e in first] == ["ADDED"] * 3 + ["INITIAL_END"]
        assert first[-1].revision == last
        assert said(await now(watcher)) == [("ADDED", "n/d", later)]
        assert said(await now(single)) == [("ADDED", "n/b", last - 1)]
        await store.update(P + "n/b", pod("b", "n", x="y"), last - 1, CAUSE)
        assert [e.type for e in await now(single)] == ["MODIFIED"]

    run(body)


def test_a_watch_resumes_from_the_ring_or_from_history() -> None:
    async def body(store: Store) -> None:
        begin = store.current_revision()
        before = await store.create(P + "n/a", pod("a", "n", step="0"), CAUSE)
        cache = WatchCache(store, P, recent_events=3, attributes=labels_of)
        await cache.start()
        revisions = [before]
        for step in range(1, 8):
            revisions.append(await store.update(P + "n/a", pod("a", "n", step=str(step)), revisions[-1], CAUSE))
        recent = await cache.watch(revisions[-3])
        assert said(await now(recent)) == [("MODIFIED", "n/a", r) for r in revisions[-2:]]
        whole = await cache.watch(begin)
        assert said(await now(whole)) == [("ADDED", "n/a", revisions[0])] + [
            ("MODIFIED", "n/a", r) for r in revisions[1:]
        ]
        some = await cache.watch(begin, matches=lambda labels: labels["step"] in "12")
        assert said(await now(some)) == [
            ("ADDED", "n/a", revisions[1]), ("MODIFIED", "n/a", revisions[2]), ("DELETED", "n/a", revisions[3])
        ]  # fmt: skip
        await store.compact(revisions[-1])
        with pytest.raises(Compacted):
            await cache.watch(begin)

    run(body)


def test_a_watcher_that_falls_behind_is_ended() -> None:
    async def body(store: Store) -> None:
        cache = WatchCache(store, P, queue_limit=4)
        await cache.start()
        watcher = await cache.watch(cache.revision)
        for number in range(10):
            await store.create(f"{P}n/{number}", pod(str(number), "n"), CAUSE)
        assert len(await now(watcher)) == 4, "what was queued is delivered, with no gap in it"
        with pytest.raises(StopAsyncIteration):
            await now(watcher)
        assert watcher.fell_behind
        assert cache.watcher_count == 0

    run(body)


def test_bookmarks_tell_the_position() -> None:
    async def body(store: Store) -> None:
        cache = WatchCache(store, P)
        await cache.start()
        watcher = await cache.watch(cache.revision, bookmark_every_s=0.01)
        other = await store.create("/registry/other/x", pod("x"), CAUSE)
        events = await now(watcher)
        assert [(e.type, e.revision, e.value) for e in events] == [("BOOKMARK", other, b"")]
        watcher.close()
        ahead = await cache.watch(other + 100)
        ahead.bookmark()
        assert (await now(ahead))[0].revision == other + 100

    run(body)


def test_stop_ends_watchers() -> None:
    async def body(store: Store) -> None:
        cache = WatchCache(store, P)
        await cache.start()
        watcher = await cache.watch(cache.revision)
        waiting = asyncio.create_task(anext(watcher))
        await asyncio.sleep(0)
        await cache.stop()
        with pytest.raises(StopAsyncIteration):
            await waiting

    run(body)


def test_a_gap_in_the_stream_means_reading_again() -> None:
    async def body(store: Store) -> None:
        lost: list[Callable[[], None]] = []
        subscribe = store.subscribe

        def recording(prefix: str, deliver: Any, gap: Callable[[], None]) -> Callable[[], None]:
            lost.append(gap)
            return subscribe(prefix, deliver, gap)

        store.subscribe = recording  # type: ignore[method-assign]
        cache = WatchCache(store, P, indexes={"spec.nodeName": node_of})
        await store.create(P + "n/a", pod("a", "n", "node1"), CAUSE)
        await cache.start()
        watcher = await cache.watch(cache.revision)
        lost[0]()
        assert not cache.ready
        with pytest.raises(StopAsyncIteration):
            await now(watcher)
        await cache.wait_until(store.current_revision())
        assert cache.count() == 1
        assert [i.key for i in cache.list(index=("spec.nodeName", "node1")).items] == [P + "n/a"]

    run(body)


def test_a_watch_that_begins_while_the_cache_reads_again_misses_nothing() -> None:
    async def body(store: Store) -> None:
        lost: list[Callable[[], None]] = []
        subscribe, read, goes_on = store.subscribe, store.range, asyncio.Event()

        def recording(prefix: str, deliver: Any, gap: Callable[[], None]) -> Callable[[], None]:
            lost.append(gap)
            return subscribe(prefix, deliver, gap)

        async def slow(*args: Any, **options: Any) -> Any:
            await goes_on.wait()
            return await read(*args, **options)

        store.subscribe = recording  # type: ignore[method-assign]
        cache = WatchCache(store, P)
        known = await store.create(P + "n/a", pod("a", "n"), CAUSE)
        await cache.start()
        store.range = slow  # type: ignore[method-assign]
        lost[0]()
        resuming = asyncio.create_task(cache.watch(known))
        await asyncio.sleep(0)
        revision = await store.create(P + "n/b", pod("b", "n"), CAUSE)
        goes_on.set()
        assert said(await now(await resuming)) == [("ADDED", "n/b", revision)]

    run(body)


def test_read_your_writes_over_sqlite(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        cache = WatchCache(store, P)
        await cache.start()

        async def write(number: int) -> None:
            revision = await store.create(f"{P}n/{number:02d}", pod(str(number), "n"), CAUSE)
            stored = cache.get(f"{P}n/{number:02d}")
            assert stored is not None and stored.revision == revision
            assert cache.revision >= revision

        watcher = await cache.watch(cache.revision)
        await asyncio.gather(*(write(number) for number in range(40)))
        seen: list[int] = []
        while len(seen) < 40:
            seen += [e.revision for e in await now(watcher)]
        assert seen == sorted(seen)
        assert cache.count("n") == 40
        await cache.stop()
        await store.stop()

    asyncio.run(main())
