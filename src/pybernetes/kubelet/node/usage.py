"""What a cgroup used, read from the kernel's files of cgroup v1 and v2, what a folder holds, what memory there is.

Source: cadvisor container/libcontainer/handler.go (working set), runc libcontainer/cgroups/fs and fs2.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pybernetes.kubelet.resources.cgroups import NO_LIMIT, Hierarchies

_BLOCK = 512
Read = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_ns: int
    """Since the group was made."""
    memory_bytes: int
    working_set_bytes: int
    """What the kernel could not take back at once: all but the pages of files that nobody touched lately."""
    rss_bytes: int
    page_faults: int
    major_page_faults: int
    swap_bytes: int = 0


def usage(hierarchies: Hierarchies, group: str, read: Read = Path.read_text) -> Usage | None:
    """Of one group, `group` as the runtime is told it; None when there is none."""
    try:
        if hierarchies.unified is not None:
            return _unified(hierarchies.unified / group.lstrip("/"), read)
        return _by_controller(hierarchies.controllers, group.lstrip("/"), read)
    except (OSError, ValueError, KeyError):
        return None


@dataclass(frozen=True, slots=True)
class Interface:
    """What went through, since it was made."""

    name: str
    received_bytes: int
    received_packets: int
    received_errors: int
    received_dropped: int
    sent_bytes: int
    sent_packets: int
    sent_errors: int
    sent_dropped: int


def process_of(hierarchies: Hierarchies, group: str) -> int | None:
    """One of the processes in a pod's group; None when there is none."""
    root = hierarchies.unified or hierarchies.controllers.get("memory")
    if root is None:
        return None
    with suppress(OSError):
        for file in (root / group.lstrip("/")).glob("*/cgroup.procs"):
            if "conmon" in file.parent.name:
                continue  # CRI-O's own, which is on the host's network
            if first := file.read_text().split("\n", 1)[0]:
                return int(first)
    return None


def interfaces(process: int) -> list[Interface]:
    """Those that a process sees, its loopback aside; none when it is gone. Source: proc_pid_net(5)."""
    found = []
    with suppress(OSError):
        for line in Path(f"/proc/{process}/net/dev").read_text().splitlines()[2:]:
            name, _, rest = line.partition(":")
            numbers = [int(word) for word in rest.split()]
            if name.strip() != "lo":
                found.append(Interface(name.strip(), *numbers[:4], *numbers[8:12]))
    return found


def meminfo() -> dict[str, int]:
    """Bytes of the machine's memory, by the kernel's names."""
    text = Path("/proc/meminfo").read_text()
    return {match[1]: int(match[2]) * 1024 for match in re.finditer(r"^([\w()]+):\s+(\d+) kB", text, re.MULTILINE)}


def memory_in_use(fields: Mapping[str, int]) -> tuple[int, int]:
    """Of `meminfo`: what processes and files have, and of that the working set. The kernel's own is not in it.

    Source: opencontainers/cgroups fs2/memory.go (rootStatsFromMeminfo), cadvisor container/libcontainer/handler.go.
    """
    used = sum(fields.get(name, 0) for name in ("AnonPages", "Cached", "Buffers", "SwapCached"))
    return used, max(0, used - fields.get("Inactive(file)", 0))


def memory_limit(hierarchies: Hierarchies, group: str, read: Read = Path.read_text) -> int | None:
    """Bytes that a group may have; None where that is not limited."""
    root = hierarchies.unified or hierarchies.controllers.get("memory")
    file = "memory.max" if hierarchies.unified is not None else "memory.limit_in_bytes"
    with suppress(OSError, ValueError):
        limit = int(read(root / group.lstrip("/") / file)) if root is not None else NO_LIMIT
        return limit if limit < NO_LIMIT else None
    return None


def most_processes() -> int:
    """How many processes and threads the kernel lets there be."""
    kernel = Path("/proc/sys/kernel")
    return min(int((kernel / "pid_max").read_text()), int((kernel / "threads-max").read_text()))


def processes() -> tuple[int, int]:
    """How many there can be and how many there are."""
    return most_processes(), int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])


def disk_usage(folder: Path) -> tuple[int, int]:
    """Bytes on the disk and number of files below a folder, which may change meanwhile."""
    size = files = 0
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                    files += 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
    return size, files


def _unified(folder: Path, read: Read) -> Usage:
    memory, used = _numbers(read(folder / "memory.stat")), int(read(folder / "memory.current"))
    with suppress(FileNotFoundError):
        memory["swap"] = int(read(folder / "memory.swap.current"))
    return _made(_numbers(read(folder / "cpu.stat"))["usage_usec"] * 1000, used, memory, "anon", "")


def _by_controller(controllers: dict[str, Path], group: str, read: Read) -> Usage:
    cpu, memory = controllers["cpuacct"] / group, controllers["memory"] / group
    used = int(read(memory / "memory.usage_in_bytes"))
    return _made(int(read(cpu / "cpuacct.usage")), used, _numbers(read(memory / "memory.stat")), "total_rss", "total_")


def _made(cpu_ns: int, used: int, memory: dict[str, int], rss: str, prefix: str) -> Usage:
    return Usage(
        cpu_ns,
        used,
        max(0, used - memory.get(f"{prefix}inactive_file", 0)),
        memory.get(rss, 0),
        memory.get(f"{prefix}pgfault", 0),
        memory.get(f"{prefix}pgmajfault", 0),
        memory.get(f"{prefix}swap", 0),
    )


def _numbers(text: str) -> dict[str, int]:
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
