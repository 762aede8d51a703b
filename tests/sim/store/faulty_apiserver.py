"""`pybernetes apiserver …` on a disk that fails when it is told to, or with a known mistake in its store.

FAULTS names a JSON file that is looked at before every access: {"write": "full" | "error", "read": "error",
"delay_s": 0.05}; without the file all is well. MISTAKE names one of the mistakes below, which the checks of
the campaigns must find.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import apsw

_FAULTS = Path(os.environ.get("FAULTS", "/nonexistent"))
_ERRORS = {"full": apsw.FullError, "error": apsw.IOError, "readonly": apsw.ReadOnlyError}


def _fault(access: str) -> None:
    try:
        faults = json.loads(_FAULTS.read_text())
    except (OSError, ValueError):
        return
    if faults.get("delay_s") and access != "read":
        time.sleep(faults["delay_s"])
    if access in faults:
        raise _ERRORS[faults[access]]("injected")


class _File(apsw.VFSFile):
    def xWrite(self, data: bytes, offset: int) -> None:
        _fault("write")
        super().xWrite(data, offset)

    def xRead(self, amount: int, offset: int) -> bytes:
        _fault("read")
        return super().xRead(amount, offset)


class _VFS(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("faulty", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> Any:
        return _File("unix", name, flags)


def _stale_reads() -> None:
    """Events come late to all but the first apiserver; a consistent read does not ask etcd whether there are any."""
    from pybernetes.storage.etcd import EtcdStore

    right = EtcdStore._deliver
    late_s = 0.0 if any(word.endswith("/api0.sock") for word in sys.argv) else 0.3

    async def sync(self: EtcdStore) -> int:
        return self.current_revision()

    def deliver(self: EtcdStore, events: Any) -> None:
        asyncio.get_running_loop().call_later(late_s, right, self, events)

    EtcdStore.sync = sync  # type: ignore[method-assign]
    EtcdStore._deliver = deliver  # type: ignore[method-assign]


def _early_answers() -> None:
    """Writes are answered, and seen, before they are in the file; nor is noted how far they had come."""
    from pybernetes.storage.sqlite import SqliteStore
    from pybernetes.storage.sqlite_file import Lock

    right = SqliteStore._hand_over

    def hand_over(self: Any, writer: Any) -> None:
        submit = writer.submit

        def early(job: Any, done: Any) -> None:
            def late(connection: Any) -> None:
                time.sleep(0.05)
                job(connection)

            submit(late, lambda error: None)
            done(None)

        writer.submit = early
        try:
            right(self, writer)
        finally:
            writer.submit = submit

    Lock.note = lambda self, revision: None  # type: ignore[method-assign]
    SqliteStore._hand_over = hand_over  # type: ignore[method-assign]


MISTAKES = {"stale-reads": _stale_reads, "early-answers": _early_answers}

if __name__ == "__main__":
    from pybernetes.cmd.main import main

    if "FAULTS" in os.environ:
        _vfs = _VFS()
    if "MISTAKE" in os.environ:
        MISTAKES[os.environ["MISTAKE"]]()
    sys.exit(main(sys.argv[1:]))
