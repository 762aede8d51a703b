"""The one thread that writes the SQLite file: jobs in, outcomes back on the loop.

SQLite's waiting for the disk happens here, outside the interpreter lock. A job should be few
statements: each one takes the interpreter lock back, and may wait for the loop to yield it.
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


class Writer:
    def __init__(self, path: Path, vfs: str, connection: apsw.Connection) -> None:
        self._path = path
        self._vfs = vfs
        self._connection: apsw.Connection | None = connection
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[tuple[Job, Done] | None] = SimpleQueue()
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
        if self._connection is not None:
            self._connection.close()

    def _attempt(self, job: Job) -> StoreError | None:
        try:
            if self._connection is None:
                self._connection = sqlite_file.open_writer(self._path, self._vfs)
            job(self._connection)
        except StoreError as error:
            return error
        except apsw.Error as error:
            self._after_fault(error)
            return sqlite_file.plain(error, self._path)
        except OSError as error:
            return StoreError(f"writing {self._path} failed: {error}")
        return None

    def _after_fault(self, error: apsw.Error) -> None:
        """A fresh connection for the next job, but for a full disk, which leaves the old one whole."""
        if not isinstance(error, apsw.FullError) and self._connection is not None:
            with contextlib.suppress(apsw.Error):
                self._connection.close(True)
            self._connection = None
