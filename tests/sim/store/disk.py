"""A disk that loses its cache when the power goes: what SQLite did to its files, and what a cut leaves of it.

`RecordingVFS` passes everything on to real files and notes it, in one order with the acknowledgements that the
workload notes itself. `Disk` is then led through these notes. What was synced stays. Of what was not, a cut
leaves any part: each sector of each write by itself, a new length or the old one, a file or none.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import apsw

SECTOR = 512


@dataclass(slots=True, frozen=True)
class Note:
    what: Literal["write", "truncate", "sync", "delete", "ack"]
    file: str = ""
    offset: int = 0
    """truncate: the new length."""
    data: bytes = b""
    ack: Any = None


class RecordingVFS(apsw.VFS):
    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[Note] = []
        self.lock = threading.Lock()
        super().__init__(name, "")

    def note(self, note: Note) -> None:
        with self.lock:
            self.notes.append(note)

    def xOpen(self, name: Any, flags: Any) -> Any:
        return _RecordingFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.note(Note("delete", Path(filename).name, int(syncdir)))


class _RecordingFile(apsw.VFSFile):
    def __init__(self, vfs: RecordingVFS, name: Any, flags: Any) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs
        self._file = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name)).name

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._vfs.note(Note("write", self._file, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self._vfs.note(Note("truncate", self._file, newsize))

    def xSync(self, flags: int) -> None:
        # Noted before it is done: what another thread writes meanwhile is not promised to be in it.
        with self._vfs.lock:
            super().xSync(flags)
            self._vfs.notes.append(Note("sync", self._file))


@dataclass(slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)
    linked: bool = False
    """Whether its name outlives a cut for sure."""
    pending: list[Note] = field(default_factory=list)


class Disk:
    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self._files = {name: _File(bytearray(data), True) for name, data in (files or {}).items()}
        self._deleted: dict[str, _File] = {}
        """Deletions that a cut may undo."""

    def take(self, note: Note) -> None:
        """The next thing that happened."""
        if note.what == "delete":
            gone = self._files.pop(note.file, None)
            if gone is not None and gone.linked and not note.offset:
                self._deleted[note.file] = gone
            return
        file = self._files.setdefault(note.file, _File())
        if note.what != "sync":
            file.pending.append(note)
            return
        for pending in file.pending:
            _apply(file.durable, pending)
        file.pending.clear()
        file.linked = True
        self._deleted.pop(note.file, None)

    def cut(self, rng: random.Random) -> dict[str, bytes]:
        """The files as they may be when the power comes back."""
        kept = rng.choice(("nothing", "everything", "some", "sectors", "sectors"))
        files: dict[str, bytes] = {}
        for name, gone in self._deleted.items():
            if name not in self._files and kept != "everything" and rng.random() < 0.5:
                files[name] = bytes(gone.durable)
        for name, file in self._files.items():
            if not file.linked and (kept == "nothing" or (kept != "everything" and rng.random() < 0.3)):
                continue
            image = bytearray(file.durable)
            if kept == "everything":
                for note in file.pending:
                    _apply(image, note)
            elif kept == "some":
                for note in file.pending:
                    if rng.random() < 0.5:
                        _apply(image, note)
            elif kept == "sectors":
                for note in _shuffled(file.pending, rng):
                    _apply_sectors(image, note, rng)
            files[name] = bytes(image)
        return files


def _shuffled(notes: list[Note], rng: random.Random) -> list[Note]:
    """In another order where they do not touch the same bytes: there a disk keeps the order of what it is given."""
    shuffled = notes[:]
    for at in range(len(shuffled) - 1):
        first, second = shuffled[at], shuffled[at + 1]
        if first.what == second.what == "write" and rng.random() < 0.5:
            apart = first.offset + len(first.data) <= second.offset or second.offset + len(second.data) <= first.offset
            if apart:
                shuffled[at], shuffled[at + 1] = second, first
    return shuffled


def _apply(image: bytearray, note: Note) -> None:
    if note.what == "truncate":
        del image[note.offset :]
        return
    image.extend(b"\0" * (note.offset - len(image)))
    image[note.offset : note.offset + len(note.data)] = note.data


def _apply_sectors(image: bytearray, note: Note, rng: random.Random) -> None:
    if note.what == "truncate":
        if rng.random() < 0.5:
            _apply(image, note)
        return
    at = 0
    while at < len(note.data):
        end = min(at + SECTOR - (note.offset + at) % SECTOR, len(note.data))
        if rng.random() < 0.6:
            _apply(image, Note("write", note.file, note.offset + at, note.data[at:end]))
        at = end
