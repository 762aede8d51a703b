"""The one thread that writes the SQLite file: jobs in, outcomes back on the loop.

SQLite's waiting for the disk happens here, outside the interpreter lock. A job should be few
statements: each one takes the interpreter lock back, and may wait for the loop to yield it; and while
it waits, whatever the loop does outside the lock (reading and writing TLS, say) wakes it in vain.

Copying the write-ahead log into the file (a checkpoint) would hold up the writes behind it, so
a second thread does the bulk of it beside them; the writer then only finishes the rest, after
which the log starts over.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import apsw

from pybernetes.storage import sqlite_file
from pybernetes.storage.store import StoreError

Job = Callable[[apsw.Connection], None]
Done = Callable[[StoreError | None], None]
_CHECKPOINT_PAGES = 1000
_LARGEST_WRITE = 4 << 20
_SIZE = ("page_count", "freelist_count", "page_size")


class FileLimitReached(StoreError):
    """The file may not grow any more; deletions and compaction make room."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(
            f"{path} has reached its limit of {max_bytes >> 20} MiB: delete objects, or raise --data-file-max-size"
        )


class Writer:
    def __init__(self, path: Path, vfs: str, connection: apsw.Connection, max_bytes: int = 0) -> None:
        self._path = path
        self._vfs = vfs
        self._max_bytes = max_bytes
        self._connection: apsw.Connection | None = connection
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[tuple[Job, Done] | None] = SimpleQueue()
        self._log_pages = 0
        """Written to the log since it was last copied."""
        self._checkpoint: threading.Thread | None = None
        connection.wal_autocheckpoint(0)  # never within a commit
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job, done: Done) -> None:
        """Runs `job` in the thread, then `done` on the loop."""
        self._jobs.put((job, done))

    async def run(self, job: Job) -> None:
        """Runs `job` and waits for it. Raises StoreError."""
        future: asyncio.Future[None] = self._loop.create_future()

        def done(error: StoreError | None) -> None:
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)

        self.submit(job, done)
        await future

    async def stop(self) -> None:
        """Ends the thread after the jobs it has."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, done = item
            error = self._attempt(job)
            try:
                self._loop.call_soon_threadsafe(done, error)
            except RuntimeError:
                return  # the loop is closed: nobody waits for the answer
            if self._log_pages >= _CHECKPOINT_PAGES and self._checkpoint is None:
                self._checkpoint = threading.Thread(target=self._copy_log, name="store checkpoint", daemon=True)
                self._checkpoint.start()
        if self._checkpoint is not None:
            self._checkpoint.join()
        if self._connection is not None:
            self._connection.close()

    def _copy_log(self) -> None:
        """Copies what is in the log now, beside the writes; then lets the writer copy the little that came since."""
        with contextlib.suppress(apsw.Error, StoreError):  # a full disk: the next commit tries again
            connection = sqlite_file.open_checkpointer(self._path, self._vfs)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            connection.close()
        self._jobs.put((self._finish_checkpoint, _nobody))

    def _finish_checkpoint(self, connection: apsw.Connection) -> None:
        self._checkpoint = None
        self._log_pages = 0
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _attempt(self, job: Job) -> StoreError | None:
        try:
            if self._connection is None:
                self._connection = sqlite_file.open_writer(self._path, self._vfs, self._max_bytes)
                self._connection.wal_autocheckpoint(0)
            job(self._connection)
            # Asked, not told by a hook: that would take the interpreter lock once more in the midst of a commit.
            self._log_pages += self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)[0]
        except StoreError as error:
            return error
        except apsw.Error as error:
            if isinstance(error, apsw.FullError) and self._at_limit():
                return FileLimitReached(self._path, self._max_bytes)
            self._after_fault(error)
            return sqlite_file.plain(error, self._path)
        except OSError as error:
            return StoreError(f"writing {self._path} failed: {error}")
        return None

    def _at_limit(self) -> bool:
        """Whether it is the file's limit that was met, and not the disk's."""
        if not self._max_bytes or self._connection is None:
            return False
        with contextlib.suppress(apsw.Error):
            pages, free, size = (self._connection.execute(f"PRAGMA {name}").get for name in _SIZE)
            return bool((pages - free) * size + _LARGEST_WRITE > self._max_bytes)
        return False

    def _after_fault(self, error: apsw.Error) -> None:
        """A fresh connection for the next job, but for a full disk, which leaves the old one whole."""
        if not isinstance(error, apsw.FullError) and self._connection is not None:
            with contextlib.suppress(apsw.Error):
                self._connection.close(True)
            self._connection = None


def _nobody(error: StoreError | None) -> None:
    """A checkpoint that failed is tried again after a later commit."""
