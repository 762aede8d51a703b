"""Keeps the processes of a cluster running: starts them, takes over those that run already, restarts the dead.

A process of its own, small on purpose (nothing but the standard library). It waits on pidfds, so a process
that it did not start itself is watched like its own child. Signals: SIGTERM ends everything but the
containerds, SIGHUP compares with what should run (a node stopped or started by the user, the first simulated nodes).
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import ProcessSpec, down_mark, process_table, record, stopped_mark
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.files import exclusive, wait_unlocked, write_atomic
from pybernetes.host.processes import Process, reap, spawn

_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 30.0
_STEADY_S = 60.0
"""A process that ran this long starts over with the shortest delay."""
_GRACE_S = 15.0
_LOG_BYTES = 16 * 1024 * 1024
_LOG_CHECK_S = 60.0


def restart_delay(failures: int) -> float:
    """Seconds before the next start after that many deaths in a row; the first restart is at once."""
    if failures <= 1:
        return 0.0
    return float(min(_FIRST_DELAY_S * 2 ** min(failures - 2, 20), _LONGEST_DELAY_S))


def rotate(log: Path, limit: int = _LOG_BYTES) -> None:
    """Keeps one older log. Writers append, so the file is copied and emptied under them."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > limit:
            shutil.copyfile(log, log.with_name(log.name + ".1"))
            os.truncate(log, 0)


@dataclass(slots=True)
class _Kept:
    """One process that must run."""

    spec: ProcessSpec
    process: Process | None = None
    pidfd: int = -1
    started_s: float = 0.0
    failures: int = 0
    start_at_s: float = 0.0


class Supervisor:
    def __init__(self, spec: ClusterSpec, layout: Layout) -> None:
        self._spec = spec
        self._layout = layout
        self._kept: dict[str, _Kept] = {}
        self._selector = selectors.DefaultSelector()
        self._ending = False
        self._log_checked_s = 0.0

    def run(self) -> int:
        """Until SIGTERM; the exit code. A second supervisor of the same cluster ends at once."""
        with exclusive(self._layout.run / "supervisor.lock") as mine:
            if not mine:
                return 0
            write_atomic(record(self._layout, "supervisor"), str(Process.of(os.getpid())), 0o600)
            wait_unlocked(self._layout.preparing)
            with self._signals():
                self._compare()
                while not self._ending:
                    self._turn()
            self._stop_all()
        return 0

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals become bytes on a socket that the selector watches."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._selector.register(reader, selectors.EVENT_READ, None)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            self._selector.unregister(reader)
            reader.close()
            writer.close()

    def _turn(self) -> None:
        """Waits for the next thing to happen and deals with it."""
        now = time.monotonic()
        waits = [kept.start_at_s - now for kept in self._kept.values() if kept.process is None]
        timeout = max(0.0, min([*waits, _LOG_CHECK_S]))
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                self._on_signals(key.fileobj)  # type: ignore[arg-type]
            else:
                self._on_death(key.data)
        now = time.monotonic()
        for kept in self._kept.values():
            if not self._ending and kept.process is None and kept.start_at_s <= now:
                self._start(kept)
        if now - self._log_checked_s > _LOG_CHECK_S:
            self._log_checked_s = now
            for log in self._layout.logs.glob("*.log"):
                rotate(log)

    def _on_signals(self, reader: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in reader.recv(64):
                if number == signal.SIGCHLD:
                    reap()
                elif number == signal.SIGHUP:
                    self._spec = ClusterSpec.read(self._layout.spec) or self._spec
                    self._compare()
                else:
                    self._ending = True

    def _compare(self) -> None:
        """Starts what should run and does not, takes over what runs, stops what should not run."""
        wanted = {
            entry.name: entry
            for entry in process_table(self._spec, self._layout)
            if not (entry.node and stopped_mark(self._layout, entry.node).exists())
        }
        for name in [name for name in self._kept if name not in wanted]:
            self._stop(self._kept.pop(name))
        for name, entry in wanted.items():
            if name not in self._kept:
                kept = self._kept[name] = _Kept(entry)
                running = Process.recorded(record(self._layout, name))
                if running is None or not self._watch(kept, running):
                    self._start(kept)

    def _start(self, kept: _Kept) -> None:
        log = self._layout.logs / f"{kept.spec.name}.log"
        rotate(log)
        kept.started_s = time.monotonic()
        try:
            process = spawn(kept.spec.argv, log=log, env={**os.environ, **kept.spec.environment})
        except OSError as error:
            self._say(f"{kept.spec.name} cannot be started: {error}")
            self._delay(kept)
            return
        with contextlib.suppress(OSError):  # a full disk must not stop the cluster
            write_atomic(record(self._layout, kept.spec.name), str(process), 0o600)
        if not self._watch(kept, process):
            self._on_death(kept)

    def _watch(self, kept: _Kept, process: Process) -> bool:
        descriptor = process.open()
        if descriptor is None:
            return False
        kept.process, kept.pidfd = process, descriptor
        self._selector.register(descriptor, selectors.EVENT_READ, kept)
        return True

    def _forget(self, kept: _Kept) -> None:
        if kept.pidfd >= 0:
            self._selector.unregister(kept.pidfd)
            os.close(kept.pidfd)
        kept.process, kept.pidfd = None, -1

    def _on_death(self, kept: _Kept) -> None:
        pid = kept.process.pid if kept.process else 0
        self._forget(kept)
        self._delay(kept)
        wait_s = max(0.0, kept.start_at_s - time.monotonic())
        self._say(f"{kept.spec.name} (process {pid}) ended; starting it again in {wait_s:.1f} s")

    def _delay(self, kept: _Kept) -> None:
        now = time.monotonic()
        kept.failures = 1 if now - kept.started_s > _STEADY_S else kept.failures + 1
        kept.start_at_s = now + restart_delay(kept.failures)

    def _stop(self, kept: _Kept) -> None:
        process = kept.process
        self._forget(kept)
        if process is not None:
            process.stop(_GRACE_S)
        record(self._layout, kept.spec.name).unlink(missing_ok=True)

    def _stop_all(self) -> None:
        """Nodes before the control plane, so that they can still say goodbye.

        The containerds stay, unless the cluster is being taken down: then its parent had better collect them.
        """
        down = down_mark(self._layout).exists()
        leaving = [kept for kept in reversed(self._kept.values()) if down or not kept.spec.outlives]
        leaving.sort(key=lambda kept: kept.spec.outlives)
        for kept in leaving:
            self._stop(kept)
        reap()
        record(self._layout, "supervisor").unlink(missing_ok=True)

    def _say(self, message: str) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            print(f"{moment} {message}", file=sys.stderr, flush=True)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def run_supervisor(name: str, data_dir: str) -> int:
    """The whole process. Raises ClusterError when there is no such cluster."""
    layout = Layout.of(name, data_dir)
    spec = ClusterSpec.read(layout.spec)
    if spec is None:
        print(f"there is no cluster in {layout.data}", file=sys.stderr)
        return 1
    return Supervisor(spec, layout).run()
