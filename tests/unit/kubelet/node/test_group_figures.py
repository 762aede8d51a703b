"""cadvisor's figures from files of both versions, as the kernel writes them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pybernetes.kubelet.node.group_figures import Figure, device_name, figures, processes
from pybernetes.kubelet.resources.cgroups import Hierarchies
from pybernetes.kubelet.resources.requests import shares_of_weight
from pybernetes.kubelet.serving.container_metrics import Group, container_metrics

V1 = {
    "cpuacct/cpuacct.stat": "user 250\nsystem 50\n",
    "cpu/cpu.stat": "nr_periods 40\nnr_throttled 30\nthrottled_time 2500000000\nnr_bursts 2\nburst_time 1000000\n",
    "cpu/cpu.shares": "102\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "cpu/cpu.cfs_quota_us": "20000\n",
    "memory/memory.stat": (
        "cache 1\nswap 1\nmapped_file 1\ntotal_cache 900\ntotal_swap 7\ntotal_mapped_file 30\n"
        "total_active_file 600\ntotal_inactive_file 300\n"
    ),
    "memory/memory.kmem.usage_in_bytes": "4096\n",
    "memory/memory.failcnt": "3\n",
    "memory/memory.max_usage_in_bytes": "2000\n",
    "memory/memory.limit_in_bytes": "1048576\n",
    "memory/memory.memsw.limit_in_bytes": "9223372036854771712\n",
    "memory/memory.soft_limit_in_bytes": "9223372036854771712\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "pids/pids.current": "5\n",
    "pids/pids.max": "max\n",
    "blkio/blkio.bfq.io_service_bytes_recursive": "Total 0\n",
    "blkio/blkio.throttle.io_service_bytes_recursive": "0:0 Read 512\n0:0 Write 1024\n0:0 Sync 9\n0:0 Total 1536\n",
    "blkio/blkio.throttle.io_serviced_recursive": "0:0 Read 1\n0:0 Write 2\nTotal 3\n",
}
V2 = {
    "cpu.stat": (
        "usage_usec 9\nuser_usec 2500000\nsystem_usec 500000\n"
        "nr_periods 40\nnr_throttled 30\nthrottled_usec 2500000\nnr_bursts 2\nburst_usec 1000\n"
    ),
    "cpu.weight": "4\n",
    "cpu.max": "20000 100000\n",
    "cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=500000\n",
    "memory.stat": "file 900\nfile_mapped 30\nactive_file 600\ninactive_file 300\nkernel 4096\n",
    "memory.swap.current": "7\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n",
    "memory.peak": "2000\n",
    "memory.max": "1048576\n",
    "memory.swap.max": "max\n",
    "memory.min": "0\n",
    "io.stat": "0:0 rbytes=512 wbytes=1024 rios=1 wios=2 dbytes=0 dios=0\n",
    "pids.current": "5\n",
    "pids.max": "max\n",
}
DISK = (("device", ""),)
BOTH = {
    ("container_cpu_user_seconds_total", 2.5, ()),
    ("container_cpu_system_seconds_total", 0.5, ()),
    ("container_cpu_cfs_periods_total", 40, ()),
    ("container_cpu_cfs_throttled_periods_total", 30, ()),
    ("container_cpu_cfs_throttled_seconds_total", 2.5, ()),
    ("container_cpu_cfs_burst_periods_total", 2, ()),
    ("container_cpu_cfs_burst_seconds_total", 0.001, ()),
    ("container_spec_cpu_period", 100000, ()),
    ("container_spec_cpu_quota", 20000, ()),
    ("container_memory_cache", 900, ()),
    ("container_memory_swap", 7, ()),
    ("container_memory_mapped_file", 30, ()),
    ("container_memory_total_active_file_bytes", 600, ()),
    ("container_memory_total_inactive_file_bytes", 300, ()),
    ("container_memory_kernel_usage", 4096, ()),
    ("container_memory_failcnt", 3, ()),
    ("container_memory_max_usage_bytes", 2000, ()),
    ("container_spec_memory_limit_bytes", 1048576, ()),
    ("container_spec_memory_swap_limit_bytes", 0, ()),
    ("container_spec_memory_reservation_limit_bytes", 0, ()),
    ("container_oom_events_total", 1, ()),
    ("container_threads", 5, ()),
    ("container_threads_max", 0, ()),
    ("container_fs_reads_bytes_total", 512, DISK),
    ("container_fs_writes_bytes_total", 1024, DISK),
    ("container_fs_reads_total", 1, DISK),
    ("container_fs_writes_total", 2, DISK),
}
OF_V1 = {("container_spec_cpu_shares", 102, ())}
OF_V2 = {
    ("container_spec_cpu_shares", 80, ()),
    ("container_pressure_cpu_waiting_seconds_total", 1.5, ()),
    ("container_pressure_cpu_stalled_seconds_total", 0.5, ()),
}
GROUP = "/kubepods/podx"


def of_version_1(root: Path, files: dict[str, str]) -> Hierarchies:
    for name, text in files.items():
        controller, _, file = name.partition("/")
        _write(root / controller / GROUP[1:] / file, text)
    return Hierarchies(1, {name.partition("/")[0]: root / name.partition("/")[0] for name in V1})


def of_version_2(root: Path, files: dict[str, str]) -> Hierarchies:
    for name, text in files.items():
        _write(root / GROUP[1:] / name, text)
    return Hierarchies(2, {}, root)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def rounded(found: list[Figure]) -> set[Figure]:
    return {(family, round(value, 9), labels) for family, value, labels in found}


def test_both_versions_tell_the_same(tmp_path: Path) -> None:
    found = figures(of_version_1(tmp_path / "1", V1), GROUP)
    assert rounded(found) == BOTH | OF_V1
    again = figures(of_version_2(tmp_path / "2", V2), GROUP)
    assert rounded(again) == BOTH | OF_V2
    page = "\n".join(container_metrics([Group(GROUP, 0.0, figures=[*found, *again])]))
    undescribed = {family for family, _, _ in found + again if f"# TYPE {family} " not in page}
    assert not undescribed


def test_without_a_limit_of_cpu_time_nothing_is_throttled(tmp_path: Path) -> None:
    first = of_version_1(tmp_path / "1", V1 | {"cpu/cpu.cfs_quota_us": "-1\n"})
    second = of_version_2(tmp_path / "2", V2 | {"cpu.max": "max 100000\n"})
    for hierarchies in (first, second):
        families = {family for family, _, _ in figures(hierarchies, GROUP)}
        assert "container_spec_cpu_period" in families
        assert not [family for family in families if "_cfs_" in family or "_quota" in family]


def test_of_a_group_that_is_gone_nothing_is_told(tmp_path: Path) -> None:
    assert figures(of_version_1(tmp_path, {}), GROUP) == []
    assert figures(Hierarchies(2, {}, tmp_path), GROUP) == []


def test_processes_and_what_they_have_open(tmp_path: Path) -> None:
    hierarchies = of_version_2(tmp_path, {"cgroup.procs": f"{os.getpid()}\n4194305\n"})
    with socket.socket():
        found = {family: value for family, value, _ in processes(hierarchies, GROUP)}
    assert found["container_processes"] == 2
    assert found["container_file_descriptors"] > found["container_sockets"] > 0


def test_disks_go_by_their_names() -> None:
    disks = list(Path("/sys/dev/block").glob("*:*"))
    if not disks:
        pytest.skip("no disk")
    folder, _, name = device_name(disks[0].name).rpartition("/")
    assert folder == "/dev"
    assert name
    assert Path("/sys/class/block", name).exists()


@pytest.mark.parametrize(("weight", "shares"), [(1, 2), (4, 80), (39, 998), (10000, 262144)])
def test_shares_of_a_weight(weight: int, shares: int) -> None:
    assert shares_of_weight(weight) == shares
