"""A store's contents go from SQLite into a real etcd and back: bytes, revisions, journal; and as big trees."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from pybernetes.storage import transfer
from pybernetes.storage.etcd import EtcdStore
from pybernetes.storage.etcd_client import EtcdConfig
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause, Compacted, Store
from tests.local_etcd import LocalEtcd

P = "/registry/configmaps/default/"
COUNT = 700
"""Several leaves and a branch above them."""


LIVES = {"/registry/events/default/long": 3600, "/registry/events/default/short": 1800}


def assert_ends(mortal: dict[str, float], now_s: float) -> None:
    """Within the patience of a busy machine; a minute is shared."""
    assert mortal.keys() == LIVES.keys()
    for key, ends_s in mortal.items():
        assert abs(ends_s - now_s - LIVES[key]) < 300


async def fill(store: Store) -> None:
    async def one(number: int) -> None:
        size = 9000 if number % 100 == 0 else 10  # some take several pages
        await store.create(f"{P}c{number:04}", b"%d" % number * size, Cause("alice", verb="create"))

    await asyncio.gather(*(one(number) for number in range(COUNT)))
    found = await store.get(f"{P}c0007")
    assert found is not None
    changed = await store.update(f"{P}c0007", b"changed", found.revision, Cause("bob", verb="update"))
    for name, ttl_s in LIVES.items():
        await store.create(name, b"event", Cause(), ttl_s=ttl_s)
    await store.delete(f"{P}c0008", 0, Cause("carol", verb="delete", cause_revision=changed))


async def check(store: Store, objects: list[tuple[str, bytes, int, int]], revision: int) -> None:
    page = await store.range("/registry/")
    assert [(item.key, item.value, item.revision, item.create_revision) for item in page.items] == objects
    assert store.current_revision() >= revision
    entries = await store.journal(key=f"{P}c0008")
    assert [(entry.verb, entry.user) for entry in entries] == [("create", "alice"), ("delete", "carol")]
    assert [entry.verb for entry in await store.journal(key=f"{P}c0007")] == ["create", "update"]
    assert await store.changes("/registry/", revision) == [], "who has seen all goes on"
    with pytest.raises(Compacted):
        await store.changes("/registry/", revision - 1)
    following = await store.create(f"{P}new", b"new", Cause())
    assert following > revision
    await store.delete(f"{P}new", 0, Cause())


def restored(file: Path, etcd: LocalEtcd) -> None:
    peer = f"http://127.0.0.1:{etcd.peer_port}"
    subprocess.run(
        [
            "etcdctl", "snapshot", "restore", str(file), "--data-dir", str(etcd.folder / "data"), "--name", "test",
            "--initial-cluster", f"test={peer}", "--initial-advertise-peer-urls", peer,
        ],
        check=True, capture_output=True, env={**os.environ, "ETCDCTL_API": "3"},
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("etcdctl") is None, reason="needs etcdctl; Debian calls it etcd-client")
def test_to_etcd_and_back(tmp_path: Path) -> None:
    etcd = LocalEtcd(tmp_path)

    async def sqlite() -> tuple[list[tuple[str, bytes, int, int]], int]:
        store = SqliteStore(tmp_path / "first.db")
        await store.start()
        await fill(store)
        page = await store.range("/registry/")
        await store.stop()
        return [(item.key, item.value, item.revision, item.create_revision) for item in page.items], page.revision

    objects, revision = asyncio.run(sqlite())
    contents = transfer.read_sqlite(tmp_path / "first.db")
    assert (contents.revision, len(contents.objects)) == (revision, len(objects))
    began_s = time.time()
    assert_ends(contents.mortal, began_s)
    transfer.write_etcd_snapshot(tmp_path / "snapshot", contents, "/registry", began_s)
    restored(tmp_path / "snapshot", etcd)
    etcd.start()

    async def through_etcd() -> transfer.Contents:
        store = EtcdStore(EtcdConfig((etcd.url,)))
        await store.start()
        await check(store, objects, revision)
        await store.stop()
        return await transfer.read_etcd(EtcdConfig((etcd.url,)))

    async def back(moved: transfer.Contents) -> None:
        store = SqliteStore(tmp_path / "second.db")
        await store.start()
        await check(store, objects, moved.revision)
        await store.stop()

    try:
        moved = asyncio.run(through_etcd())
        assert_ends(moved.mortal, began_s)
        transfer.write_sqlite(tmp_path / "second.db", moved, 2.0)
        asyncio.run(back(moved))
    finally:
        etcd.kill()
