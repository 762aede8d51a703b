"""What the contract does not say of the store on etcd: members that fail, foreign writers, layout, versions."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.storage.etcd import EtcdStore
from pybernetes.storage.etcd_client import EtcdClient, EtcdConfig
from pybernetes.storage.etcd_follower import tells_progress
from pybernetes.storage.store import Cause, StoreError
from tests.local_etcd import LocalEtcd
from tests.ports import free_ports

P = "/registry/pods/"
WHO = Cause(user="alice", verb="create", traceparent="00-aa-bb-01")


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEtcd]:
    made = LocalEtcd(tmp_path_factory.mktemp("etcd"))
    made.start()
    yield made
    made.kill()


def run(config: EtcdConfig, body: Callable[..., Awaitable[None]], stores: int = 1) -> None:
    async def main() -> None:
        made = [EtcdStore(config) for _ in range(stores)]
        for store in made:
            await store.start()
        try:
            async with asyncio.timeout(60):
                await body(*made)
        finally:
            for store in made:
                await store.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("version", "expected"),
    [("3.4.23", False), ("3.4.31", True), ("3.5.4", False), ("3.5.13", True), ("3.6.0-rc.1", True), ("3.3.10", False)],
)
def test_versions_that_tell_progress(version: str, expected: bool) -> None:
    assert tells_progress(version) is expected


def test_the_layout_is_upstreams_with_the_journal_beside_it(etcd: LocalEtcd) -> None:
    async def body(store: EtcdStore) -> None:
        revision = await store.create(P + "default/web", b'{"kind":"Pod"}', WHO)
        client = EtcdClient(EtcdConfig((etcd.url,)))
        try:
            everything = await client.call("KV/Range", client.pb.RangeRequest(key=b"\0", range_end=b"\0"))
        finally:
            await client.close()
        found = {kv.key.decode(): kv for kv in everything.kvs}
        pod = found[P + "default/web"]
        assert (pod.value, pod.mod_revision) == (b'{"kind":"Pod"}', revision)
        (journal,) = (key for key in found if key.startswith("/pybernetes/journal/pods/default/web/"))
        assert found[journal].mod_revision == found["/pybernetes/last"].mod_revision == revision
        assert found[journal].lease and not pod.lease
        assert msgspec.json.decode(found[journal].value)["user"] == "alice"

    run(EtcdConfig((etcd.url,)), body)


def test_a_sync_passes_revisions_that_are_not_ours(etcd: LocalEtcd) -> None:
    async def body(store: EtcdStore, other: EtcdStore) -> None:
        for number in range(5):
            await store._client.call("KV/Put", store._pb.PutRequest(key=b"/elsewhere", value=b"%d" % number))
            written = await other.create(f"{P}{number}", b"", WHO)
            await store._client.call("KV/Put", store._pb.PutRequest(key=b"/elsewhere"))
            assert await store.sync() > written
            assert (await store.range(P)).revision <= store.current_revision()
        assert store.trace_of(written) == "00-aa-bb-01", "known from the other's write"
        asked = await asyncio.gather(*(store.sync() for _ in range(50)))
        assert len(set(asked)) <= 2, "those who ask together share a question"

    run(EtcdConfig((etcd.url,), prefix="/sync"), body, stores=2)


def test_a_member_that_is_not_there_is_passed_over(etcd: LocalEtcd) -> None:
    (nobody,) = free_ports(1)

    async def body(store: EtcdStore) -> None:
        first = await store.create(P + "a", b"1", WHO)
        assert await store.update(P + "a", b"2", first, WHO) > first

    run(EtcdConfig((f"http://127.0.0.1:{nobody}", etcd.url), prefix="/absent"), body)


def test_a_transaction_that_is_sent_twice_happens_once(etcd: LocalEtcd) -> None:
    async def body(store: EtcdStore) -> None:
        call = store._client.call

        async def lossy(method: str, request: Any, **options: Any) -> Any:
            if method == "KV/Txn":
                await call(method, request, **options)  # the answer is lost, the client asks again
            return await call(method, request, **options)

        store._client.call = lossy  # type: ignore[method-assign]
        first = await store.create(P + "a", b"1", WHO)
        second = await store.update(P + "a", b"2", first, WHO)
        assert second == first + 1
        assert await store.delete(P + "a", second, WHO) == second + 1
        assert [entry.revision for entry in await store.journal()] == [first, second, second + 1]

    run(EtcdConfig((etcd.url,), prefix="/twice"), body)


def test_a_watch_goes_on_when_etcd_was_away(tmp_path: Path) -> None:
    own = LocalEtcd(tmp_path)
    own.start()

    async def body(store: EtcdStore) -> None:
        seen: list[int] = []
        lost: list[bool] = []
        store.subscribe(P, lambda changes: seen.extend(c.revision for c in changes), lambda: lost.append(True))
        before = await store.create(P + "before", b"", WHO)
        own.kill()
        writing = asyncio.create_task(store.create(P + "meanwhile", b"", WHO))
        await asyncio.sleep(0.2)
        own.start()
        meanwhile = await writing
        after = await store.create(P + "after", b"", WHO)
        assert seen == [before, meanwhile, after] and not lost
        assert store.problem() == ""

    try:
        run(EtcdConfig((own.url,)), body)
    finally:
        own.kill()


def test_a_watch_leaves_a_member_that_takes_it_and_never_answers(
    etcd: LocalEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pybernetes.storage.etcd_follower._STUCK_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:

        async def body(store: EtcdStore, other: EtcdStore) -> None:
            seen = asyncio.Event()
            store.subscribe(P, lambda changes: seen.set(), lambda: None)
            store._follower._break_off()
            async with asyncio.timeout(60):
                while not store.problem():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await other.create(P + "a", b"", WHO)
            await asyncio.wait_for(seen.wait(), 60)
            assert store.problem() == ""

        run(EtcdConfig((etcd.url, f"http://127.0.0.1:{mute.getsockname()[1]}"), prefix="/mute"), body, stores=2)


def test_changes_that_were_compacted_unseen_are_told(etcd: LocalEtcd) -> None:
    async def body(store: EtcdStore, other: EtcdStore) -> None:
        lost = asyncio.Event()
        store.subscribe(P, lambda changes: None, lost.set)
        await store._follower.stop()
        for number in range(5):
            newest = await other.create(f"{P}{number}", b"", WHO)
        await other.compact(newest)
        await store._follower.start()
        await lost.wait()
        assert store.current_revision() >= newest
        seen: list[str] = []
        store.subscribe(P, lambda changes: seen.extend(c.key for c in changes), lambda: None)
        assert len((await store.range(P)).items) == 5
        await other.create(P + "next", b"", WHO)
        await store.sync()
        assert seen == [P + "next"]

    run(EtcdConfig((etcd.url,), prefix="/gap"), body, stores=2)


@pytest.mark.parametrize("url", ["localhost:2379", "ftp://x", "http://", "http://host:port"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(StoreError, match="no etcd server"):
        run(EtcdConfig((url,)), lambda store: asyncio.sleep(0))
