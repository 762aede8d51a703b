"""Processes, named exactly: an id and the start time that goes with it, so that a reused id never matches.

Nothing here waits by polling: the end of a process is the readability of its pidfd.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_START_TIME_FIELD = 22
_ZOMBIE = ("Z", "X")


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine. `start_ticks` is field 22 of /proc/PID/stat."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The running process with that id; None when there is none, or only its zombie."""
        stat = _stat(pid)
        if stat is None or stat[0] in _ZOMBIE:
            return None
        return cls(pid, int(stat[_START_TIME_FIELD - 3]))

    @classmethod
    def parse(cls, text: str) -> Process | None:
        """What `str()` wrote; None for anything else."""
        pid, _, ticks = text.strip().partition(" ")
        return cls(int(pid), int(ticks)) if pid.isdigit() and ticks.isdigit() else None

    @classmethod
    def recorded(cls, path: Path) -> Process | None:
        """The process that a record names, if it still runs."""
        try:
            process = cls.parse(path.read_text())
        except OSError:
            return None
        return process if process is not None and process.alive() else None

    def __str__(self) -> str:
        return f"{self.pid} {self.start_ticks}"

    def alive(self) -> bool:
        return Process.of(self.pid) == self

    def open(self) -> int | None:
        """A pidfd, readable once the process has ended; None when it has. The caller closes it."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (ProcessLookupError, OSError):
            return None
        if self.alive():
            return descriptor
        os.close(descriptor)
        return None

    def signal(self, number: int) -> bool:
        """Sends a signal to exactly this process; False when it is gone."""
        descriptor = self.open()
        if descriptor is None:
            return False
        try:
            signal.pidfd_send_signal(descriptor, number)
        except (ProcessLookupError, PermissionError):
            return False
        finally:
            os.close(descriptor)
        return True

    def wait(self, timeout_s: float) -> bool:
        """Whether the process ended within that time."""
        descriptor = self.open()
        if descriptor is None:
            return True
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(timeout_s * 1000))
        finally:
            os.close(descriptor)

    def stop(self, grace_s: float) -> bool:
        """Terminates, and kills what has not ended after the grace period; whether it is gone."""
        if self.signal(signal.SIGTERM) and not self.wait(grace_s):
            self.signal(signal.SIGKILL)
            return self.wait(5)
        return True


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def arguments(pid: int) -> list[str]:
    """The command line; [] for a kernel thread or a process that is gone."""
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in data.split(b"\0")[:-1]]


def all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def age_s(pid: int) -> float:
    """Seconds since the process was started, in steps of a clock tick (10 ms); 0 when it is gone."""
    stat = _stat(pid)
    if stat is None:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(stat[_START_TIME_FIELD - 3]) / os.sysconf("SC_CLK_TCK")


def memory_kb(pid: int) -> tuple[int, int]:
    """Resident and proportional set size in kB; zeros when the process is gone."""
    resident = proportional = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                resident = int(line.split()[1])
            elif line.startswith("Pss:"):
                proportional = int(line.split()[1])
    except OSError:
        return 0, 0
    return resident, proportional


def find_program(name: str) -> str | None:
    """Where a program of the distribution is, also one for administrators when those are not on the PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/usr/bin")


def spawn(argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: str = "/") -> Process:
    """Starts a process in a session of its own that outlives the caller; output is appended to `log`.

    Raises OSError when the program cannot be run.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=None if env is None else dict(env),
            start_new_session=True,
            close_fds=True,
        )
    process = Process.of(child.pid)
    child.returncode = 0  # reaped by `reap` or by init: Popen must not wait for it when it is collected
    return process or Process(child.pid, 0)


def reap() -> None:
    """Collects every child that has ended."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
