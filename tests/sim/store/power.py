"""Lives of a SQLite store on a disk whose power is cut: after every write and sync of a life, the store is
opened on what the disk may have kept, and must hold every acknowledged write and nothing that was not asked for.

One cut ends the life; the next begins with the files it left.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause, KeyExists, RevisionMismatch, StoreError
from tests.sim.store.disk import Disk, Note, RecordingVFS

_FAST = Path("/dev/shm")
_CAUSE = Cause(user="alice", verb="update")
_names = itertools.count()


@dataclass(slots=True, frozen=True)
class Ack:
    revision: int
    key: str
    value: bytes | None
    """None: deleted."""


@dataclass(slots=True)
class Report:
    keep: Path
    cuts: int = 0
    lives: int = 0
    writes: int = 0
    problems: list[str] = field(default_factory=list)


def campaign(seed: int, cuts: int, keep: Path) -> Report:
    """At least so many cut points, in as many lives as it takes; stops at the first problem, its files in `keep`."""
    report = Report(keep)
    with tempfile.TemporaryDirectory(dir=_FAST if _FAST.is_dir() else None, prefix="power-") as folder:
        rng = random.Random(seed)
        files: dict[str, bytes] = {}
        written: list[Ack] = []
        while report.cuts < cuts and not report.problems:
            if report.lives % 8 == 7:
                files, written = {}, []
            files, written = _life(Path(folder), rng, files, written, report, cuts, f"seed {seed} life {report.lives}")
            report.lives += 1
    return report


def _life(
    folder: Path, rng: random.Random, files: dict[str, bytes], written: list[Ack], report: Report, cuts: int, name: str
) -> tuple[dict[str, bytes], list[Ack]]:
    notes = asyncio.run(_work(folder / "work", rng, files))
    everything = written + [note.ack for note in notes if note.what == "ack"]
    everything.sort(key=lambda ack: ack.revision)
    acknowledged = max((ack.revision for ack in written), default=0)
    report.writes += len(everything) - len(written)
    disk = Disk(files)
    end = rng.randrange(len(notes))
    left: dict[str, bytes] = {}
    reached = 0
    for at, note in enumerate(notes):
        if note.what == "ack":
            acknowledged = max(acknowledged, note.ack.revision)
            continue
        disk.take(note)
        left = disk.cut(rng)
        report.cuts += 1
        problem, reached = asyncio.run(_look(folder / "left", left, everything, acknowledged))
        if problem:
            kept = Path(tempfile.mkdtemp(prefix="power-cut-", dir=report.keep))
            _put(kept, left)
            report.problems.append(f"{name}, cut {at} of {len(notes)}: {problem}; the files are in {kept}")
            break
        if (at >= end and report.lives % 2) or report.cuts >= cuts:
            break
    return left, [ack for ack in everything if ack.revision <= reached]


async def _work(folder: Path, rng: random.Random, files: dict[str, bytes]) -> list[Note]:
    """A few hundred writes by several writers, with compactions among them."""
    _put(folder, files)
    vfs = RecordingVFS(f"recording-{next(_names)}-{os.getpid()}")
    store = SqliteStore(folder / "store.db", vfs=vfs.name, journal_limit=rng.choice((0, 50, 100_000)))
    await store.start()
    writers = rng.choice((1, 3, 8))
    numbers = itertools.count(rng.randrange(1 << 30))

    async def write(mine: random.Random) -> None:
        for _ in range(mine.randrange(20, 60) // writers + 3):
            key, value = f"/registry/{mine.randrange(20)}", b"%d:" % next(numbers) + mine.randbytes(mine.choice(SIZES))
            with contextlib.suppress(KeyExists, RevisionMismatch):
                there = await store.get(key)
                if there is None:
                    revision = await store.create(key, value, _CAUSE)
                elif mine.random() < 0.2:
                    revision = await store.delete(key, there.revision, _CAUSE)
                    vfs.note(Note("ack", ack=Ack(revision, key, None)))
                    continue
                else:
                    revision = await store.update(key, value, there.revision, _CAUSE)
                vfs.note(Note("ack", ack=Ack(revision, key, value)))
            if mine.random() < 0.05:
                await store.compact(max(store.current_revision() - mine.randrange(30), 0))

    await asyncio.gather(*(write(random.Random(rng.random())) for _ in range(writers)))
    if rng.random() < 0.5:
        await store.stop()
        return vfs.notes
    notes = vfs.notes[:]
    await store.stop()
    return notes


SIZES = (5, 300, 900, 5000)


async def _look(folder: Path, files: dict[str, bytes], everything: list[Ack], acknowledged: int) -> tuple[str, int]:
    """What is wrong with the store on these files ("" when nothing is), and its revision."""
    _put(folder, files)
    store = SqliteStore(folder / "store.db")
    try:
        await store.start()
    except StoreError as error:
        return f"it does not open: {error}", 0
    try:
        revision = store.current_revision()
        if revision < acknowledged:
            return f"revision {acknowledged} was acknowledged, {revision} is the last there", revision
        state: dict[str, bytes] = {}
        for ack in everything:
            if ack.revision > revision:
                break
            if ack.value is None:
                state.pop(ack.key, None)
            else:
                state[ack.key] = ack.value
        found = {item.key: item.value for item in (await store.range("/registry/")).items}
        if found != state:
            wrong = sorted(key for key in found.keys() | state.keys() if found.get(key) != state.get(key))
            return f"at revision {revision} these differ from what was written: {wrong}", revision
        connection = apsw.Connection(str(folder / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
        whole = connection.execute("PRAGMA integrity_check(1)").get
        connection.close()
        return ("" if whole == "ok" else f"damaged: {whole}"), revision
    except StoreError as error:
        return f"it does not read: {error}", 0
    finally:
        await store.stop()


def _put(folder: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
