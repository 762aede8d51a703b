"""The SQLite file under the store: schema, statements, the lock, and faults in plain words.

One table holds everything: a row a write, keyed by revision, with the object's bytes, the wall
time and the cause. So a write, its version and its journal entry are one INSERT, which is one
transaction and one fsync however many rows it has. Compaction empties `value` of versions that
nobody may ask for any more; the rows stay as the journal until that is trimmed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from pybernetes.storage.store import StoreError

APPLICATION_ID = 0x50796265
SCHEMA_VERSION = 1
MIGRATIONS: dict[int, str] = {}
"""From a schema version, the statements that lead to the next one."""
PUT, DELETE = 0, 1
_HOLDER_BYTES = 32
_RESERVE_BYTES = 16 << 20
"""What deletions and compaction may take beyond the limit of the file, to get below it again."""

_SCHEMA = """
CREATE TABLE writes (
  revision INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  kind INTEGER NOT NULL,
  create_revision INTEGER NOT NULL,
  expires_s REAL,
  time_s REAL NOT NULL,
  verb TEXT NOT NULL,
  user TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  traceparent TEXT NOT NULL,
  cause_revision INTEGER NOT NULL,
  value BLOB
);
CREATE INDEX writes_by_key ON writes (key);
CREATE TABLE marks (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
"""
_COLUMNS = 12

LATEST = """
SELECT w.key, w.revision, w.create_revision, w.expires_s
FROM (SELECT max(revision) AS latest FROM writes GROUP BY key) JOIN writes w ON w.revision = latest
WHERE w.kind = 0 ORDER BY w.key
"""
VALUE = "SELECT value FROM writes WHERE revision = ?"
STATE_AT = """
SELECT w.key, w.value, w.revision, w.create_revision
FROM (SELECT max(revision) AS latest FROM writes WHERE key >= ? AND key < ? AND revision <= ? GROUP BY key)
JOIN writes w ON w.revision = latest WHERE w.kind = 0 ORDER BY w.key LIMIT ?
"""
COUNT_AT = """
SELECT count(*)
FROM (SELECT max(revision) AS latest FROM writes WHERE key >= ? AND key < ? AND revision <= ? GROUP BY key)
JOIN writes w ON w.revision = latest WHERE w.kind = 0
"""
CHANGES = """
SELECT w.revision, w.key, w.kind, w.create_revision, w.value,
  (SELECT p.value FROM writes p WHERE p.key = w.key AND p.revision < w.revision ORDER BY p.revision DESC LIMIT 1)
FROM writes w WHERE w.revision > ? AND w.revision <= ? AND +w.key >= ? AND +w.key < ? ORDER BY w.revision LIMIT ?
"""
_ENTRY = "SELECT revision, time_s, verb, key, user, user_agent, traceparent, cause_revision FROM writes"
JOURNAL = _ENTRY + " WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?"
JOURNAL_OF_KEY = _ENTRY + " WHERE key = ? AND revision > ? AND revision <= ? ORDER BY revision LIMIT ?"
TRACE = "SELECT traceparent FROM writes WHERE revision = ?"
JOURNAL_AT = _ENTRY + " WHERE revision = ?"
MARK = "INSERT INTO marks VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET revision = excluded.revision"
# A write up to the compact revision makes the version before it unreachable.
SWEEP = """
UPDATE writes SET value = NULL WHERE revision IN (
  SELECT (SELECT max(p.revision) FROM writes p WHERE p.key = w.key AND p.revision < w.revision)
  FROM writes w WHERE w.revision > ? AND w.revision <= ?)
"""
# The newest row stays whatever it is: it holds the store's revision over a restart.
TRIM = """
DELETE FROM writes WHERE revision <= ? AND value IS NULL AND revision < (SELECT max(revision) FROM writes)
"""


@functools.cache
def insert(rows: int) -> str:
    row = f"({','.join('?' * _COLUMNS)})"
    return f"INSERT INTO writes VALUES {','.join([row] * rows)}"


def open_writer(path: Path, vfs: str = "", max_bytes: int = 0) -> apsw.Connection:
    """Opens the file for writing, making it and its schema where there is none. Raises StoreError."""
    try:
        # Secrets lie in it; SQLite gives its other files the mode of this one.
        is_new = not path.exists()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if is_new:
            _sync_folder(path.parent)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _no_space(path) from error
        raise StoreError(f"cannot write {path} ({error.strerror}): check the folder, its owner and its mode") from error
    try:
        connection = _connect(path, vfs)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        # EXTRA until the log is in use: the journal of the change to it must not come back after a power cut.
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        _ensure_schema(connection, path)
        limit_size(connection, max_bytes)
    except apsw.Error as error:
        raise plain(error, path) from error
    return connection


def close_as_it_is(connection: apsw.Connection) -> None:
    """Closes without copying the log into the file and deleting it: that may have to be looked at."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()


def limit_size(connection: apsw.Connection, max_bytes: int, *, reserve: bool = False) -> None:
    """Lets the file grow to so many bytes (0: without limit), or a little beyond with `reserve`."""
    if max_bytes:
        pages = (max_bytes + (_RESERVE_BYTES if reserve else 0)) // connection.execute("PRAGMA page_size").get
        connection.execute(f"PRAGMA max_page_count = {pages}")


def check(path: Path, vfs: str = "", limit_s: float = 0.0, stop: Callable[[], bool] | None = None) -> bool:
    """Looks the whole file through; False when that was not done in time, or `stop` said so.

    Raises StoreError for damage.
    """
    if not path.exists() or path.stat().st_size == 0:
        return True
    ends = time.monotonic() + limit_s

    def too_long() -> bool:
        return (limit_s > 0 and time.monotonic() > ends) or (stop is not None and stop())

    try:
        connection = _connect(path, vfs)
        try:
            connection.set_progress_handler(too_long, 10_000)
            found = connection.execute("PRAGMA quick_check(1)").get
        finally:
            close_as_it_is(connection)
    except apsw.InterruptError:
        return False
    except apsw.Error as error:
        raise plain(error, path) from error
    if found != "ok":
        found = " ".join(str(found).split())
        raise StoreError(f"{path} is damaged ({found}): restore a snapshot, or move it away to begin anew")
    return True


def open_checkpointer(path: Path, vfs: str = "") -> apsw.Connection:
    connection = _connect(path, vfs)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def open_reader(path: Path, vfs: str = "") -> apsw.Connection:
    try:
        connection = _connect(path, vfs)
        connection.execute("PRAGMA query_only = 1")
    except apsw.Error as error:
        raise plain(error, path) from error
    return connection


def _no_space(path: Path) -> StoreError:
    return StoreError(f"no space left on the device of {path}: free some, writing goes on by itself")


def plain(error: apsw.Error, path: Path) -> StoreError:
    """What is wrong and what to do, in one line."""
    if isinstance(error, apsw.FullError) or (isinstance(error, apsw.IOError) and _is_full(path)):
        return _no_space(path)
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)):
        return StoreError(f"{path} is damaged or not a database ({error}): restore a snapshot or move it away")
    if isinstance(error, (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError)):
        return StoreError(f"cannot write {path} ({error}): check the folder, its owner and its mode")
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return StoreError(f"{path} is locked by another program ({error})")
    return StoreError(f"reading or writing {path} failed: {error}")


class Lock:
    """One process a store: an advisory lock on `<path>.lock`, which tells who holds it.

    It also holds the last revision that was acknowledged, so that a log that was lost or cut short after a
    crash is noticed. What it says after a power cut may be older than that, never newer.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}.lock")
        self._descriptor = -1

    def acquire(self) -> int:
        """The last revision that was noted. Raises StoreError that names the process which has the store open."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise _no_space(self._path) from error
            raise StoreError(f"cannot write {self._path} ({error.strerror}): check the folder and its owner") from error
        holder, _, noted = os.pread(descriptor, 4096, 0).decode(errors="replace").partition("\n")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            holder = holder.strip() or "another process"
            raise StoreError(f"{self._path.with_suffix('')} is in use by {holder}: stop it first") from error
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same, it is only nameless
            os.pwrite(descriptor, f"process {os.getpid()}".ljust(_HOLDER_BYTES - 1).encode() + b"\n", 0)
        self._descriptor = descriptor
        number = noted.removeprefix("revision ").strip()
        return int(number) if number.isdigit() else 0

    def note(self, revision: int) -> None:
        """That everything up to it is in the file and may be acknowledged."""
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, b"revision %020d\n" % revision, _HOLDER_BYTES)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _sync_folder(folder: Path) -> None:
    """Makes the names in it outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(path: Path, vfs: str) -> apsw.Connection:
    connection = apsw.Connection(str(path), vfs=vfs or None, statementcachesize=256)
    connection.set_busy_timeout(5000)
    return connection


def _ensure_schema(connection: apsw.Connection, path: Path) -> None:
    application_id = connection.execute("PRAGMA application_id").get
    version = connection.execute("PRAGMA user_version").get
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if tables == 0:
        with connection:
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif application_id != APPLICATION_ID:
        raise StoreError(f"{path} is a database of another program")
    elif version < SCHEMA_VERSION and all(step in MIGRATIONS for step in range(version, SCHEMA_VERSION)):
        with connection:  # all of it or, when it fails, nothing
            for step in range(version, SCHEMA_VERSION):
                connection.execute(MIGRATIONS[step])
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif version != SCHEMA_VERSION:
        raise StoreError(
            f"{path} has the format {version} of another version of Pybernetes; this one reads {SCHEMA_VERSION}"
        )


def _is_full(path: Path) -> bool:
    try:
        free = os.statvfs(path.parent)
    except OSError:
        return False
    return free.f_bavail * free.f_frsize < 1 << 20
