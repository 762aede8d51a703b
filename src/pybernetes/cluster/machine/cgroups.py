"""The cgroup under which a node's pods live, in every hierarchy (v1) or in the one (v2)."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path

from pybernetes.host.processes import Process

MOUNT = Path("/sys/fs/cgroup")
_CPUSET = ("cpuset.cpus", "cpuset.mems")


def hierarchies(mount: Path = MOUNT, *, hybrid: bool = False) -> list[Path]:
    """Roots of the hierarchies that pods are put into; with `hybrid`, a v2 hierarchy beside those of v1 too."""
    if (mount / "cgroup.controllers").exists():
        return [mount]
    try:
        entries = sorted(mount.iterdir())
    except OSError:
        return []
    roots: dict[Path, None] = {}
    for entry in entries:
        if not (entry / "cgroup.procs").exists():
            continue
        if hybrid or not (entry / "cgroup.controllers").exists():
            roots[entry.resolve()] = None
    return list(roots)


def prepare(path: str, mount: Path = MOUNT) -> None:
    """Makes the cgroup. In v1 a cpuset accepts no process until it names processors and memory nodes."""
    for root in hierarchies(mount):
        current = root
        for part in path.strip("/").split("/"):
            parent, current = current, current / part
            with contextlib.suppress(FileExistsError):
                current.mkdir()
            for name in _CPUSET:
                file = current / name
                if root.name.startswith("cpuset") and file.exists() and not file.read_text().strip():
                    file.write_text((parent / name).read_text())


def members(path: str, mount: Path = MOUNT) -> set[int]:
    """Ids of every process in the cgroup and below it."""
    found: set[int] = set()
    for root in hierarchies(mount, hybrid=True):
        for file in (root / path.strip("/")).rglob("cgroup.procs"):
            with contextlib.suppress(OSError, ValueError):
                found |= {int(pid) for pid in file.read_text().split()}
    return found


def remove(path: str, mount: Path = MOUNT, timeout_s: float = 5.0) -> list[int]:
    """Kills what is in the cgroup and removes it; the ids of processes that would not go."""
    deadline = time.monotonic() + timeout_s
    left = members(path, mount)
    while left and time.monotonic() < deadline:
        processes = [process for pid in left if (process := Process.of(pid)) is not None]
        for process in processes:
            process.signal(signal.SIGKILL)
        for process in processes:
            process.wait(max(0.0, deadline - time.monotonic()))
        left = {pid for pid in members(path, mount) if Process.of(pid) is not None}
    for root in hierarchies(mount, hybrid=True):  # runc makes one there as well
        top = root / path.strip("/")
        if not top.is_dir():
            continue
        for folder in sorted((entry for entry in top.rglob("*") if entry.is_dir()), key=lambda p: -len(p.parts)):
            _remove_folder(folder)
        _remove_folder(top)
    return sorted(left)


def _remove_folder(folder: Path) -> None:
    for _ in range(50):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)  # the kernel empties a cgroup a moment after its last process ended
        else:
            return
