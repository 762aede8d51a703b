"""The file itself: schema versions, its limit, what is given back to the disk, the check of a large one."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path

import apsw
import pytest

from pybernetes.storage import sqlite_file
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause, Compacted, StoreError

CAUSE = Cause(user="alice", verb="create")
MIB = 1 << 20


async def filled(path: Path, count: int = 3) -> int:
    store = SqliteStore(path)
    await store.start()
    for number in range(count):
        revision = await store.create(f"/registry/{number}", b"x" * 1000, CAUSE)
    await store.stop()
    return revision


def test_an_older_schema_is_migrated_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"

    async def main() -> None:
        newest = await filled(path)
        monkeypatch.setattr(sqlite_file, "SCHEMA_VERSION", 3)
        monkeypatch.setattr(
            sqlite_file,
            "MIGRATIONS",
            {1: "CREATE TABLE more (a); INSERT INTO more VALUES (1)", 2: "UPDATE more SET a = a + 1; broken"},
        )
        with pytest.raises(StoreError, match="failed"):
            await SqliteStore(path).start()
        file = apsw.Connection(str(path))
        assert file.execute("PRAGMA user_version").get == 1, "a migration that fails leaves the file as it was"
        assert file.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").get == 0
        file.close()
        sqlite_file.MIGRATIONS[2] = "UPDATE more SET a = a + 1"
        for _ in range(2):
            store = SqliteStore(path)
            await store.start()
            assert store.current_revision() == newest
            assert store._select("SELECT a FROM more", ()) == [(2,)]
            await store.stop()
        monkeypatch.setattr(sqlite_file, "SCHEMA_VERSION", 2)
        with pytest.raises(StoreError, match="format 3 of another version"):
            await SqliteStore(path).start()

    asyncio.run(main())


def test_a_file_at_its_limit_forgets_the_past_and_then_takes_only_deletions(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db", max_bytes=8 * MIB)
        await store.start()
        first = revision = await store.create("/registry/often", b"x" * 100_000, CAUSE)
        for number in range(300):  # 30 MB of versions of one object
            for _ in range(200):
                try:
                    revision = await store.update("/registry/often", b"%d" % number * 30_000, revision, CAUSE)
                    break
                except StoreError as error:
                    assert "limit of 8 MiB" in str(error) and store.problem()
                    await asyncio.sleep(0.01)
        assert (tmp_path / "store.db").stat().st_size <= 9 * MIB
        with pytest.raises(Compacted):
            await store.changes("/registry/", first)
        kept = []
        with pytest.raises(StoreError, match="delete objects, or raise --data-file-max-size"):
            for number in range(200):
                kept.append((await store.create(f"/registry/{number}", b"y" * 100_000, CAUSE), number))
        for created, number in kept:
            await store.delete(f"/registry/{number}", created, CAUSE)
        await store.compact(store.current_revision())
        assert await store.create("/registry/again", b"y" * 100_000, CAUSE)
        assert store.problem() == ""
        await store.stop()

    asyncio.run(main())


def test_compaction_gives_space_back_to_the_disk(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        revision = await store.create("/registry/often", b"", CAUSE)
        for _ in range(300):
            revision = await store.update("/registry/often", b"x" * 100_000, revision, CAUSE)
        await store.compact(revision)
        await store.stop()
        assert (tmp_path / "store.db").stat().st_size < 6 * MIB

    asyncio.run(main())


def test_a_check_that_takes_longer_goes_on_beside_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"

    async def main() -> None:
        nonlocal path
        await filled(path, 2000)
        assert sqlite_file.check(path) and not sqlite_file.check(path, limit_s=1e-9)
        data = bytearray(path.read_bytes())
        middle = len(data) // 4096 // 2 * 4096
        data[middle : middle + 4096] = b"\xff" * 4096
        path.write_bytes(data)
        with pytest.raises(StoreError, match="damaged"):
            await SqliteStore(path).start()
        path = tmp_path / "slow.db"
        found = threading.Event()

        def slow(path: Path, vfs: str, limit_s: float = 0.0, stop: object = None) -> bool:
            if limit_s:
                return False
            found.set()
            raise StoreError("it is damaged")

        monkeypatch.setattr(sqlite_file, "check", slow)
        store = SqliteStore(path)
        await store.start()
        await asyncio.to_thread(found.wait, 20)
        assert store._checking is not None
        await asyncio.to_thread(store._checking.join)
        assert store.problem() == "it is damaged"
        await store.stop()

    asyncio.run(main())


def test_a_read_that_fails_is_told_until_it_works(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        await store.create("/registry/a", b"1", CAUSE)
        reader = store._reader
        store._reader = apsw.Connection(":memory:")
        with pytest.raises(StoreError):
            await store.get("/registry/a")
        assert "cannot be read" in store.problem()
        store._reader = reader
        assert store.problem() == ""
        await store.stop()

    asyncio.run(main())


def test_a_log_that_was_cut_short_or_lost_is_noticed(tmp_path: Path) -> None:
    left, path = tmp_path / "left", tmp_path / "store.db"
    left.mkdir()

    async def refused() -> None:
        with pytest.raises(StoreError, match=r"ends at revision \d+, but 51 was acknowledged"):
            await SqliteStore(left / "store.db").start()

    async def main() -> None:
        store = SqliteStore(path)
        await store.start()
        for number in range(50):
            await store.create(f"/registry/{number}", b"x" * 100, CAUSE)
        for name in ("store.db", "store.db-wal", "store.db.lock"):  # as kill -9 leaves them
            shutil.copyfile(tmp_path / name, left / name)
        await store.stop()
        log = left / "store.db-wal"
        whole = log.read_bytes()
        log.write_bytes(whole[: len(whole) // 2])
        await refused()
        assert log.stat().st_size == len(whole) // 2, "what was refused is left as it was"
        log.unlink()
        await refused()
        log.write_bytes(whole)
        store = SqliteStore(left / "store.db")
        await store.start()
        assert store.current_revision() == 51 and await store.count("/registry/") == 50
        await store.stop()
        log.unlink(missing_ok=True)
        (left / "store.db").unlink()
        store = SqliteStore(left / "store.db")
        await store.start()  # moved away to begin anew
        await store.stop()

    asyncio.run(main())
