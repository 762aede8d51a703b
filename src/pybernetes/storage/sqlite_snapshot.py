"""Snapshots of the SQLite store: one file, whole and checked, taken while the store is written to.

A snapshot is a database like the store's own, with a table `snapshot` more: a checksum of every row and
what the file is from. Restored, it goes on at a much greater revision with everything before compacted, so
every client that knew the store before, or what happened to it after the snapshot, has to list again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import apsw
import msgspec

from pybernetes.storage import sqlite_file
from pybernetes.storage.sqlite_file import APPLICATION_ID, DELETE, MARK, SCHEMA_VERSION, plain
from pybernetes.storage.store import StoreError

BUMP = 1_000_000_000
"""Revisions that are skipped, as `etcdutl snapshot restore --bump-revision` is told to by its manual."""
_TABLE = "CREATE TABLE snapshot (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
_COUNT = """
SELECT count(*) FROM (SELECT max(revision) AS latest FROM writes GROUP BY key)
JOIN writes w ON w.revision = latest WHERE w.kind = 0
"""
_LAST = "SELECT max(revision) FROM writes"


@dataclass(slots=True, frozen=True)
class SqliteSnapshot:
    """What a snapshot says of itself, after its checksum was found right."""

    revision: int
    objects: int
    bytes: int
    checksum: str
    taken_s: float
    origin: str
    """What the one who took it wrote of the cluster."""


def save(store: Path, file: Path, *, now_s: float, origin: str = "") -> SqliteSnapshot:
    """Copies the store as it is at one moment; writers go on. `file` appears only when it is whole.

    Raises StoreError, OSError; FileExistsError when there is such a file.
    """
    if not store.exists():
        raise StoreError(f"there is no store at {store}")
    if file.exists():
        raise FileExistsError(17, "there is such a file already", str(file))
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        _copy(store, part)
        target = apsw.Connection(str(part))
        try:
            target.execute("PRAGMA journal_mode = DELETE")
            checksum = _checksum(target)
            with target:
                target.execute(_TABLE)
                rows = {"checksum": checksum, "taken_s": repr(now_s), "origin": origin}
                target.execute(
                    "INSERT INTO snapshot SELECT key, value FROM json_each(?)", (msgspec.json.encode(rows).decode(),)
                )
        finally:
            target.close()
        found = inspect(part)
        _sync(part)
        part.rename(file)
        _sync(file.parent)
    except apsw.Error as error:
        raise plain(error, part) from error
    finally:
        part.unlink(missing_ok=True)
    return found


def fork(store: Path, copy: Path) -> None:
    """The store as it is at one moment, history and all, as another store. Raises StoreError, OSError."""
    if not store.exists():
        raise StoreError(f"there is no store at {store}")
    try:
        _copy(store, copy)
    except apsw.Error as error:
        copy.unlink(missing_ok=True)
        raise plain(error, copy) from error


def is_snapshot(file: Path) -> bool:
    """Whether it is a SQLite file at all."""
    with file.open("rb") as opened:
        return opened.read(16) == b"SQLite format 3\0"


def inspect(file: Path) -> SqliteSnapshot:
    """Checks structure and checksum. Raises StoreError with what is wrong, OSError."""
    size = file.stat().st_size
    try:
        connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            if connection.execute("PRAGMA application_id").get != APPLICATION_ID:
                raise StoreError(f"{file} is a database of another program")
            if connection.execute("PRAGMA user_version").get != SCHEMA_VERSION:
                raise StoreError(f"{file} was taken by another version of Pybernetes")
            found = connection.execute("PRAGMA integrity_check(1)").get
            if found != "ok":
                raise StoreError(f"{file} is damaged: {found}")
            if not connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'snapshot'").get:
                raise StoreError(f"{file} is a store and no snapshot; take one with: pybernetes snapshot save")
            said = {str(name): str(value) for name, value in connection.execute("SELECT name, value FROM snapshot")}
            checksum = _checksum(connection)
            if said.get("checksum") != checksum:
                raise StoreError(f"{file} is damaged: its checksum is {checksum} and should be {said.get('checksum')}")
            revision, objects = connection.execute(_LAST).get or 0, connection.execute(_COUNT).get
        finally:
            connection.close()
    except apsw.Error as error:
        raise StoreError(f"{file} is damaged or no snapshot: {error}") from error
    return SqliteSnapshot(revision, objects, size, checksum, float(said["taken_s"]), said.get("origin", ""))


def restore(file: Path, store: Path, *, now_s: float) -> int:
    """Puts the snapshot in the place of the store, which must not be open; the revision it goes on after.

    Raises StoreError, OSError.
    """
    inspect(file)
    lock = sqlite_file.Lock(store)
    lock.acquire()
    lock.note(0)  # what was acknowledged before does not count any more
    part = store.with_name(f"{store.name}.part")
    part.unlink(missing_ok=True)
    try:
        _copy(file, part)
        target = apsw.Connection(str(part))
        try:
            revision = max(target.execute(_LAST).get or 0, _revision_of(store)) + BUMP
            with target:
                target.execute("DROP TABLE snapshot")
                target.execute(sqlite_file.SWEEP, (-1, revision))
                row = (revision, "/pybernetes/restored", DELETE, revision, None, now_s, "restore", "", "", "", 0, None)
                target.execute(sqlite_file.insert(1), row)
                for mark in ("compact", "swept"):
                    target.execute(MARK, (mark, revision))
        finally:
            target.close()
        part.chmod(0o600)
        _sync(part)
        for suffix in ("-wal", "-shm"):
            Path(f"{store}{suffix}").unlink(missing_ok=True)
        part.rename(store)
        _sync(store.parent)
    except apsw.Error as error:
        raise plain(error, store) from error
    finally:
        part.unlink(missing_ok=True)
        lock.release()
    return int(revision)


def _copy(source: Path, target: Path) -> None:
    """One consistent copy; a writer of the source is not held up."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    reader = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
    writer = apsw.Connection(str(target))
    try:
        reader.set_busy_timeout(5000)
        with writer.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(-1)
    finally:
        writer.close()
        reader.close()


def _checksum(connection: apsw.Connection) -> str:
    """SHA-256 of every row, in order."""
    digest = hashlib.sha256()
    encode = msgspec.msgpack.Encoder().encode
    for table, order in (("writes", "revision"), ("marks", "name")):
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY {order}"):
            digest.update(encode(row))
    return digest.hexdigest()


def _revision_of(store: Path) -> int:
    """Of the store that is replaced; 0 where there is none that can be read."""
    if not store.exists():
        return 0
    with contextlib.suppress(apsw.Error):
        connection = apsw.Connection(str(store))
        try:
            return int(connection.execute(_LAST).get or 0)
        finally:
            connection.close()
    return 0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
