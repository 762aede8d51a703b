"""Snapshots of SQLite: taken beside a writer, checked, restored past everything before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pybernetes.storage import sqlite_snapshot
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause, Compacted, StoreError

P = "/registry/pods/"
WHO = Cause(user="alice", verb="create")


def with_store(path: Path, body: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def main() -> None:
        store = SqliteStore(path)
        await store.start()
        try:
            await body(store)
        finally:
            await store.stop()

    asyncio.run(main())


def test_a_snapshot_is_one_moment_of_a_store_that_is_written_to(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.db"

    async def body(store: SqliteStore) -> None:
        for number in range(50):
            await store.create(f"{P}{number:03}", b"before", WHO)
        moment = store.current_revision()
        saving = asyncio.create_task(asyncio.to_thread(sqlite_snapshot.save, store._path, file, now_s=7.0, origin="x"))
        while not saving.done():
            await store.create(f"{P}late-{store.current_revision()}", b"after", WHO)
        taken = await saving
        assert moment <= taken.revision <= store.current_revision()
        assert taken.objects == 50 + taken.revision - moment
        assert (taken.taken_s, taken.origin) == (7.0, "x")

    with_store(tmp_path / "store.db", body)
    assert file.stat().st_mode & 0o777 == 0o600
    assert sqlite_snapshot.is_snapshot(file)
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_a_restored_store_goes_on_past_all_that_clients_know(tmp_path: Path) -> None:
    store_file, file = tmp_path / "store.db", tmp_path / "snapshot.db"

    async def before(store: SqliteStore) -> None:
        kept = await store.create(P + "kept", b"1", WHO)
        await store.update(P + "kept", b"2", kept, WHO)
        sqlite_snapshot.save(store_file, file, now_s=0)
        await store.create(P + "lost", b"3", WHO)

    with_store(store_file, before)
    revision = sqlite_snapshot.restore(file, store_file, now_s=9.0)

    async def after(store: SqliteStore) -> None:
        assert store.current_revision() == revision > sqlite_snapshot.BUMP
        page = await store.range(P)
        assert [(item.key, item.value) for item in page.items] == [(P + "kept", b"2")]
        for known in (1, 3, revision - 1):
            with pytest.raises(Compacted):
                await store.changes(P, known)
        assert (await store.journal_at(revision)).verb == "restore"  # type: ignore[union-attr]
        assert await store.create(P + "new", b"4", WHO) == revision + 1
        await store.compact(revision + 1)

    with_store(store_file, after)
    with_store(store_file, lambda store: store.create(P + "again", b"", WHO))  # type: ignore[arg-type]
    assert sqlite_snapshot.restore(file, store_file, now_s=9.0) > revision + sqlite_snapshot.BUMP


def test_what_is_no_whole_snapshot_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    store_file, file = tmp_path / "store.db", tmp_path / "snapshot.db"

    async def body(store: SqliteStore) -> None:
        for number in range(200):
            await store.create(f"{P}{number}", b"x" * 500, WHO)
        sqlite_snapshot.save(store_file, file, now_s=0)
        with pytest.raises(StoreError, match="in use by process"):
            sqlite_snapshot.restore(file, store_file, now_s=0)

    with_store(store_file, body)
    whole = file.read_bytes()
    store_bytes = store_file.read_bytes()
    damaged = tmp_path / "damaged.db"
    for name, data in {
        "other values": whole.replace(b"x" * 500, b"x" * 499 + b"y"),
        "cut off": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"hello" * 1000,
        "a store": store_bytes,
    }.items():
        damaged.write_bytes(data)
        with pytest.raises(StoreError):
            sqlite_snapshot.restore(damaged, store_file, now_s=0)
        assert store_file.read_bytes() == store_bytes, name
    with pytest.raises(FileExistsError):
        sqlite_snapshot.save(store_file, file, now_s=0)
