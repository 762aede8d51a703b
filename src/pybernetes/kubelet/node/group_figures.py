"""What a cgroup was held to, has and may have, under cadvisor's names: the kernel's files of cgroup v1 and v2.

What `usage.py` tells, which everybody needs, is not told again here.

Source: github.com/opencontainers/cgroups fs and fs2, cadvisor container/libcontainer/handler.go and
container/common/helpers.go. Differs: processes that were killed for want of memory are counted by their cgroup, not
from the kernel's log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pybernetes.kubelet.resources.cgroups import NO_LIMIT, Hierarchies
from pybernetes.kubelet.resources.requests import shares_of_weight

Labels = tuple[tuple[str, str], ...]
Figure = tuple[str, float, Labels]
"""Of one group: the family, the value, and labels besides those of the group."""

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_CFS = "container_cpu_cfs"
_MEMORY = "container_memory"
_SPEC = "container_spec"
_PRESSURE = "container_pressure"
_Row = tuple[str, str, str, str, float]
"""Family, controller, file, the figure's name in it where it has several, and what one of it is."""

_V1: tuple[_Row, ...] = (
    ("container_cpu_user_seconds_total", "cpuacct", "cpuacct.stat", "user", _TICK_S),
    ("container_cpu_system_seconds_total", "cpuacct", "cpuacct.stat", "system", _TICK_S),
    (f"{_SPEC}_cpu_shares", "cpu", "cpu.shares", "", 1),
    (f"{_SPEC}_cpu_period", "cpu", "cpu.cfs_period_us", "", 1),
    (f"{_SPEC}_cpu_quota", "cpu", "cpu.cfs_quota_us", "", 1),
    (f"{_MEMORY}_cache", "memory", "memory.stat", "total_cache", 1),
    (f"{_MEMORY}_swap", "memory", "memory.stat", "total_swap", 1),
    (f"{_MEMORY}_mapped_file", "memory", "memory.stat", "total_mapped_file", 1),
    (f"{_MEMORY}_total_active_file_bytes", "memory", "memory.stat", "total_active_file", 1),
    (f"{_MEMORY}_total_inactive_file_bytes", "memory", "memory.stat", "total_inactive_file", 1),
    (f"{_MEMORY}_kernel_usage", "memory", "memory.kmem.usage_in_bytes", "", 1),
    (f"{_MEMORY}_failcnt", "memory", "memory.failcnt", "", 1),
    (f"{_MEMORY}_max_usage_bytes", "memory", "memory.max_usage_in_bytes", "", 1),
    (f"{_SPEC}_memory_limit_bytes", "memory", "memory.limit_in_bytes", "", 1),
    (f"{_SPEC}_memory_swap_limit_bytes", "memory", "memory.memsw.limit_in_bytes", "", 1),
    (f"{_SPEC}_memory_reservation_limit_bytes", "memory", "memory.soft_limit_in_bytes", "", 1),
    ("container_oom_events_total", "memory", "memory.oom_control", "oom_kill", 1),
)
_V2: tuple[_Row, ...] = (
    ("container_cpu_user_seconds_total", "cpu", "cpu.stat", "user_usec", 1e-6),
    ("container_cpu_system_seconds_total", "cpu", "cpu.stat", "system_usec", 1e-6),
    (f"{_MEMORY}_cache", "memory", "memory.stat", "file", 1),
    (f"{_MEMORY}_swap", "memory", "memory.swap.current", "", 1),
    (f"{_MEMORY}_mapped_file", "memory", "memory.stat", "file_mapped", 1),
    (f"{_MEMORY}_total_active_file_bytes", "memory", "memory.stat", "active_file", 1),
    (f"{_MEMORY}_total_inactive_file_bytes", "memory", "memory.stat", "inactive_file", 1),
    (f"{_MEMORY}_kernel_usage", "memory", "memory.stat", "kernel", 1),
    (f"{_MEMORY}_failcnt", "memory", "memory.events", "max", 1),
    (f"{_MEMORY}_max_usage_bytes", "memory", "memory.peak", "", 1),
    (f"{_SPEC}_memory_limit_bytes", "memory", "memory.max", "", 1),
    (f"{_SPEC}_memory_swap_limit_bytes", "memory", "memory.swap.max", "", 1),
    (f"{_SPEC}_memory_reservation_limit_bytes", "memory", "memory.min", "", 1),
    ("container_oom_events_total", "memory", "memory.events", "oom_kill", 1),
)
_BOTH: tuple[_Row, ...] = (
    ("container_threads", "pids", "pids.current", "", 1),
    ("container_threads_max", "pids", "pids.max", "", 1),
)
_THROTTLED_V1: tuple[_Row, ...] = (
    (f"{_CFS}_periods_total", "cpu", "cpu.stat", "nr_periods", 1),
    (f"{_CFS}_throttled_periods_total", "cpu", "cpu.stat", "nr_throttled", 1),
    (f"{_CFS}_throttled_seconds_total", "cpu", "cpu.stat", "throttled_time", 1e-9),
    (f"{_CFS}_burst_periods_total", "cpu", "cpu.stat", "nr_bursts", 1),
    (f"{_CFS}_burst_seconds_total", "cpu", "cpu.stat", "burst_time", 1e-9),
)
_THROTTLED_V2: tuple[_Row, ...] = (
    *_THROTTLED_V1[:2],
    (f"{_CFS}_throttled_seconds_total", "cpu", "cpu.stat", "throttled_usec", 1e-6),
    _THROTTLED_V1[3],
    (f"{_CFS}_burst_seconds_total", "cpu", "cpu.stat", "burst_usec", 1e-6),
)
_IO_V1 = (
    (("blkio.bfq.io_service_bytes_recursive", "blkio.throttle.io_service_bytes_recursive"), "_bytes"),
    (("blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive"), ""),
)
"""What the kernel's schedulers of disks count; those of one kernel that has none are empty."""
_IO_V2 = {"rbytes": "reads_bytes", "wbytes": "writes_bytes", "rios": "reads", "wios": "writes"}


def figures(hierarchies: Hierarchies, group: str) -> list[Figure]:
    """Of one group, `group` as the runtime is told it; none of one that is gone."""
    files = _Files(hierarchies, group)
    if hierarchies.unified is not None:
        found = [*files.rows(_V2), *_cpu_limits(files), *_pressure(files), *_io_of_v2(files)]
        throttled = _THROTTLED_V2
    else:
        found = [*files.rows(_V1), *_io_of_v1(files)]
        throttled = _THROTTLED_V1
    if any(name == f"{_SPEC}_cpu_quota" for name, _, _ in found):
        found += files.rows(throttled)
    return [*found, *files.rows(_BOTH)]


def processes(hierarchies: Hierarchies, group: str) -> list[Figure]:
    """The processes of one group itself, and what they have open."""
    files = _Files(hierarchies, group)
    members = files.text("cpu", "cgroup.procs").split()
    opened = sockets = 0
    for process in members:
        with suppress(OSError):
            for file in Path(f"/proc/{process}/fd").iterdir():
                opened += 1
                with suppress(OSError):
                    sockets += file.readlink().name.startswith("socket:")
    return [
        ("container_processes", len(members), ()),
        ("container_file_descriptors", opened, ()),
        ("container_sockets", sockets, ()),
    ]


def device_name(number: str) -> str:
    """The file of a disk, by its number; "" for what is none, as an overlay."""
    with suppress(OSError):
        return f"/dev/{Path('/sys/dev/block', number).readlink().name}"
    return ""


class _Files:
    """Those of one group, each read once."""

    def __init__(self, hierarchies: Hierarchies, group: str) -> None:
        self._hierarchies = hierarchies
        self._group = group.lstrip("/")
        self._texts: dict[str, str] = {}
        self._numbers: dict[str, dict[str, int]] = {}

    def text(self, controller: str, file: str) -> str:
        """ "" where there is no such file."""
        if file not in self._texts:
            root = self._hierarchies.unified or self._hierarchies.controllers.get(controller)
            self._texts[file] = ""
            if root is not None:
                with suppress(OSError):
                    self._texts[file] = (root / self._group / file).read_text()
        return self._texts[file]

    def rows(self, rows: tuple[_Row, ...]) -> Iterator[Figure]:
        for family, controller, file, key, unit in rows:
            if file not in self._numbers:
                self._numbers[file] = _numbers(self.text(controller, file))
            number = self._numbers[file].get(key)
            if number is not None:
                yield family, number * unit, ()


def _numbers(text: str) -> dict[str, int]:
    """Of lines with a name and a number; under "" the number of a file with one alone, where "max" is 0."""
    found = {}
    for line in text.splitlines():
        name, _, number = line.rpartition(" ")
        number = "0" if line == "max" else number
        if number.isdecimal():
            found[name] = int(number) if int(number) < NO_LIMIT else 0
    return found


def _cpu_limits(files: _Files) -> Iterator[Figure]:
    quota, _, period = files.text("cpu", "cpu.max").strip().partition(" ")
    if period:
        yield f"{_SPEC}_cpu_period", int(period), ()
    if quota.isdecimal():
        yield f"{_SPEC}_cpu_quota", int(quota), ()
    if weight := files.text("cpu", "cpu.weight").strip():
        yield f"{_SPEC}_cpu_shares", shares_of_weight(int(weight)), ()


def _pressure(files: _Files) -> Iterator[Figure]:
    for controller in ("cpu", "memory", "io"):
        for line in files.text(controller, f"{controller}.pressure").splitlines():
            kind, *words = line.split()
            shown = "stalled" if kind == "full" else "waiting"
            total = next(int(word.removeprefix("total=")) for word in words if word.startswith("total="))
            yield f"{_PRESSURE}_{controller}_{shown}_seconds_total", total / 1e6, ()


def _io_of_v1(files: _Files) -> Iterator[Figure]:
    for names, suffix in _IO_V1:
        rows = next((rows for name in names if (rows := _io_rows(files.text("blkio", name)))), [])
        for number, kind, amount in rows:
            yield f"container_fs_{kind.lower()}s{suffix}_total", int(amount), (("device", device_name(number)),)


def _io_rows(text: str) -> list[list[str]]:
    rows = [line.split() for line in text.splitlines()]
    return [row for row in rows if len(row) == 3 and row[1] in ("Read", "Write")]


def _io_of_v2(files: _Files) -> Iterator[Figure]:
    for line in files.text("io", "io.stat").splitlines():
        number, *words = line.split()
        for word in words:
            key, _, amount = word.partition("=")
            if key in _IO_V2:
                yield f"container_fs_{_IO_V2[key]}_total", int(amount), (("device", device_name(number)),)
