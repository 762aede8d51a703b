"""What SQLite's store does when the disk, the file, the process or the power fails."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause, StoreError

CAUSE = Cause(user="alice", verb="create")


async def refused(path: Path) -> str:
    with pytest.raises(StoreError) as error:
        await SqliteStore(path).start()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_survives_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(tmp_path / "deep" / "store.db")
        await store.start()
        first = await store.create("/a", b"1", CAUSE)
        for name in ("store.db", "store.db-wal"):
            assert (tmp_path / "deep" / name).stat().st_mode & 0o777 == 0o600
        second = await store.create("/b", b"2", CAUSE)
        last = await store.delete("/b", second, CAUSE)
        await store.stop()
        assert not (tmp_path / "deep" / "store.db-wal").exists(), "a clean stop leaves one whole file"
        with pytest.raises(StoreError):
            await store.create("/c", b"", CAUSE)
        store = SqliteStore(tmp_path / "deep" / "store.db")
        await store.start()
        assert store.current_revision() == last
        stored = await store.get("/a")
        assert stored is not None and (stored.value, stored.revision) == (b"1", first)
        assert [c.kind for c in await store.changes("/", first)] == ["put", "delete"]
        await store.compact(last)
        await store.stop()
        store = SqliteStore(tmp_path / "deep" / "store.db", journal_limit=0)
        await store.start()
        await store.compact(last)
        assert await store.create("/c", b"", CAUSE) == last + 1, "revisions never go back, trimmed journal or not"
        await store.stop()

    asyncio.run(main())


def test_a_second_process_is_told_who_holds_the_store(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        assert f"in use by process {os.getpid()}" in await refused(tmp_path / "store.db")
        await store.stop()
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        await store.stop()

    asyncio.run(main())


def test_files_that_cannot_be_a_store(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"not a database at all, and long enough to be read as a header" * 20)
    foreign = apsw.Connection(str(tmp_path / "foreign.db"))
    foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    newer = apsw.Connection(str(tmp_path / "newer.db"))
    newer.execute(f"PRAGMA application_id = {0x50796265}; PRAGMA user_version = 99; CREATE TABLE t (x)")
    newer.close()
    (tmp_path / "a-file").write_text("")

    async def main() -> None:
        assert "not a database" in await refused(tmp_path / "text.db")
        assert "another program" in await refused(tmp_path / "foreign.db")
        assert "format 99" in await refused(tmp_path / "newer.db")
        assert "cannot write" in await refused(tmp_path / "a-file" / "store.db")

    asyncio.run(main())


class FaultyFile(apsw.VFSFile):
    def __init__(self, vfs: FaultyVFS, name: Any, flags: Any) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._vfs.fault is not None:
            raise self._vfs.fault("injected")
        super().xWrite(data, offset)


class FaultyVFS(apsw.VFS):
    """Writes fail with `fault` while one is set."""

    def __init__(self, name: str) -> None:
        self.fault: type[apsw.Error] | None = None
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: Any) -> Any:
        return FaultyFile(self, name, flags)


@pytest.mark.parametrize(
    ("fault", "words"), [(apsw.FullError, "no space left"), (apsw.IOError, "failed")], ids=["disk full", "I/O error"]
)
def test_writes_recover_when_the_fault_ends(tmp_path: Path, fault: type[apsw.Error], words: str) -> None:
    vfs = FaultyVFS(f"faulty-{words}")

    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db", vfs=f"faulty-{words}")
        await store.start()
        seen: list[str] = []
        store.subscribe("/", lambda changes: seen.extend(c.key for c in changes), lambda: None)
        first = await store.create("/before", b"1", CAUSE)
        vfs.fault = fault
        outcomes = await asyncio.gather(
            store.create("/lost", b"", CAUSE), store.update("/before", b"2", first, CAUSE), return_exceptions=True
        )
        assert all(isinstance(o, StoreError) and words in str(o) for o in outcomes), outcomes
        stored = await store.get("/before")
        assert stored is not None and stored.value == b"1", "reads work on, and see nothing of it"
        assert store.current_revision() == first
        vfs.fault = None
        assert await store.create("/lost", b"", CAUSE) == first + 1
        assert await store.update("/before", b"2", first, CAUSE) == first + 2
        assert seen == ["/before", "/lost", "/before"]
        await store.stop()

    asyncio.run(main())


WRITER = """
import asyncio, sys
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause

async def main():
    store = SqliteStore(sys.argv[1])
    await store.start()
    async def write(number):
        revision = 0
        while True:
            key = f"/w{number}"
            if revision:
                revision = await store.update(key, b"x" * 500, revision, Cause())
            else:
                revision = await store.create(key, b"x" * 500, Cause())
            sys.stdout.write(f"{number} {revision}\\n")
            sys.stdout.flush()
    await asyncio.gather(*(write(number) for number in range(8)))

asyncio.run(main())
"""


def test_a_killed_process_loses_no_acknowledged_write(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "store.db")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.wait()
    acknowledged: dict[str, int] = {}
    for number, revision in (line.split() for line in lines if line.endswith("\n")):
        acknowledged[number] = int(revision)

    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        for number, revision in acknowledged.items():
            stored = await store.get(f"/w{number}")
            assert stored is not None and stored.revision >= revision
        entries = await store.journal(limit=1_000_000)
        assert [e.revision for e in entries] == list(range(2, store.current_revision() + 1)), "no gap in the revisions"
        await store.stop()

    asyncio.run(main())


class PowerFile(apsw.VFSFile):
    """Keeps what is written but not yet synced apart from what would survive a power cut."""

    def __init__(self, vfs: PowerVFS, name: Any, flags: Any) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:
        with self._vfs.lock:
            self._vfs.unsynced.setdefault(self._name, []).append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        with self._vfs.lock:
            self._vfs.unsynced.setdefault(self._name, []).append((newsize, None))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        with self._vfs.lock:
            survives = self._vfs.durable.setdefault(self._name, bytearray())
            for offset, data in self._vfs.unsynced.pop(self._name, []):
                if data is None:
                    del survives[offset:]
                else:
                    survives.extend(b"\0" * (offset - len(survives)))
                    survives[offset : offset + len(data)] = data


class PowerVFS(apsw.VFS):
    def __init__(self, name: str) -> None:
        self.unsynced: dict[str, list[tuple[int, bytes | None]]] = {}
        self.durable: dict[str, bytearray] = {}
        self.lock = threading.Lock()
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: Any) -> Any:
        return PowerFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        with self.lock:
            self.durable.pop(filename, None)
            self.unsynced.pop(filename, None)

    def cut(self, directory: Path) -> None:
        """The files as a disk that lost its cache has them."""
        directory.mkdir()
        with self.lock:
            files = {name: bytes(data) for name, data in self.durable.items()}
        for name, data in files.items():
            (directory / Path(name).name).write_bytes(data)


def test_a_power_cut_loses_no_acknowledged_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybernetes.storage.sqlite_writer._CHECKPOINT_PAGES", 20)  # so that cuts meet checkpoints
    vfs = PowerVFS("power")

    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db", vfs="power")
        await store.start()
        acknowledged: dict[str, int] = {}

        async def write(folder: str, count: int) -> None:
            for step in range(count):
                key = f"{folder}/{step}"
                acknowledged[key] = await store.create(key, os.urandom(900), CAUSE)

        for cut in range(12):
            writers = [asyncio.create_task(write(f"/{number}/{cut}", 3 + cut)) for number in range(5)]
            await asyncio.wait(writers, return_when=asyncio.FIRST_COMPLETED)
            at_the_cut = dict(acknowledged)
            vfs.cut(tmp_path / f"cut{cut}")
            survivor = SqliteStore(tmp_path / f"cut{cut}" / "store.db")
            await survivor.start()
            for key, revision in at_the_cut.items():
                stored = await survivor.get(key)
                assert stored is not None and stored.revision == revision
            await survivor.stop()
            shutil.rmtree(tmp_path / f"cut{cut}")
            await asyncio.gather(*writers)
        await store.stop()

    asyncio.run(main())


def test_a_fault_is_told_until_it_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        assert store.problem() == ""
        writer = store._writer
        assert writer is not None
        attempt = writer._attempt
        writer._attempt = lambda job: StoreError("no space left")  # type: ignore[method-assign]
        with pytest.raises(StoreError):
            await store.create("/a", b"", CAUSE)
        assert store.problem() == "no space left"
        await asyncio.sleep(0)
        writer._attempt = attempt  # type: ignore[method-assign]
        for _ in range(6000):
            if not store.problem():
                break
            await asyncio.sleep(0.01)
        assert store.problem() == "", "whoever asks finds out, without another write"
        await store.stop()

    asyncio.run(main())


def test_a_file_left_by_a_crash_is_looked_through(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        for number in range(300):
            await store.create(f"/{number}", b"x" * 400, CAUSE)
        await store.stop()
        store = SqliteStore(tmp_path / "store.db")
        await store.start()
        await store.create("/last", b"", CAUSE)
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        for name in ("store.db", "store.db-wal"):
            shutil.copyfile(tmp_path / name, crashed / name)
        await store.stop()
        whole = SqliteStore(crashed / "store.db")
        await whole.start()
        assert await whole.get("/last") is not None
        await whole.stop()
        for name in ("store.db", "store.db-wal"):
            (crashed / name).unlink(missing_ok=True)
        shutil.copyfile(tmp_path / "store.db", crashed / "store.db")
        data = bytearray((crashed / "store.db").read_bytes())
        for page in range(3, len(data) // 4096):
            data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
        (crashed / "store.db").write_bytes(data)
        (crashed / "store.db-wal").write_bytes(b"\0" * 32)
        assert "damaged" in await refused(crashed / "store.db")

    asyncio.run(main())
