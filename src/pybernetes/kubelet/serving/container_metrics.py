"""`/metrics/cadvisor`: what control groups use, by the names that dashboards know. Pure.

Source: github.com/google/cadvisor/metrics/prometheus.go, prometheus_machine.go, pkg/kubelet/server/server.go
(containerPrometheusLabelsFunc). Differs: one sample for all processors; of a container's files what it has written, and
no device with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.metrics_text import head, labelled
from pybernetes.apimachinery.times import parse_time
from pybernetes.kubelet.node.group_figures import Figure
from pybernetes.kubelet.node.status import Machine
from pybernetes.kubelet.node.usage import Interface
from pybernetes.kubelet.resources.cpu_topology import Topology
from pybernetes.kubelet.runtime import Container

_NETWORK = tuple(
    (f"container_network_{way}_{shown}_total", f"{done}_{what}")
    for way, done in (("receive", "received"), ("transmit", "sent"))
    for shown, what in (
        ("bytes", "bytes"),
        ("packets", "packets"),
        ("packets_dropped", "dropped"),
        ("errors", "errors"),
    )
)
_GAUGES = {
    "container_last_seen": "When it was looked at, in seconds since 1970.",
    "container_memory_cache": "Memory that holds files, in bytes.",
    "container_memory_rss": "Memory of no file, in bytes.",
    "container_memory_kernel_usage": "Memory of the kernel, in bytes.",
    "container_memory_mapped_file": "Memory of files that are mapped, in bytes.",
    "container_memory_swap": "Memory that lies on a disk, in bytes.",
    "container_memory_usage_bytes": "Memory in use, in bytes.",
    "container_memory_max_usage_bytes": "The most memory that was in use, in bytes.",
    "container_memory_working_set_bytes": "Memory that cannot be taken back at once, in bytes.",
    "container_memory_total_active_file_bytes": "Memory of files that are used, in bytes.",
    "container_memory_total_inactive_file_bytes": "Memory of files that nobody touched lately, in bytes.",
    "container_fs_usage_bytes": "Bytes written to the root.",
    "container_fs_limit_bytes": "Bytes that fit on the disk.",
    "container_fs_inodes_total": "Inodes of the disk.",
    "container_fs_inodes_free": "Of those, the free ones.",
    "container_processes": "Processes.",
    "container_file_descriptors": "Files that processes have open.",
    "container_sockets": "Of those, sockets.",
    "container_threads": "Threads.",
    "container_threads_max": "Threads that there may be, 0 for any number.",
    "container_start_time_seconds": "When it began, in seconds since 1970.",
    "container_spec_cpu_period": "Period of the limit of CPU time, in microseconds.",
    "container_spec_cpu_quota": "CPU time in each period, in microseconds.",
    "container_spec_cpu_shares": "Weight where CPU time is short.",
    "container_spec_memory_limit_bytes": "Memory that there may be, 0 for any amount.",
    "container_spec_memory_swap_limit_bytes": "Swap that there may be, on cgroup v1 with memory; 0 for any.",
    "container_spec_memory_reservation_limit_bytes": "Memory that is kept for it, 0 for none.",
}
_COUNTERS = {
    "container_cpu_user_seconds_total": "CPU time outside the kernel, in seconds.",
    "container_cpu_system_seconds_total": "CPU time inside the kernel, in seconds.",
    "container_cpu_usage_seconds_total": "CPU time used, in seconds.",
    "container_cpu_cfs_periods_total": "Periods of a limit of CPU time.",
    "container_cpu_cfs_throttled_periods_total": "Periods in which it was used up.",
    "container_cpu_cfs_throttled_seconds_total": "How long threads waited because of it, in seconds.",
    "container_cpu_cfs_burst_periods_total": "Periods in which saved time was used.",
    "container_cpu_cfs_burst_seconds_total": "Saved time that was used, in seconds.",
    "container_memory_failcnt": "How often the limit of memory was hit.",
    "container_memory_failures_total": "Page faults.",
    "container_fs_reads_bytes_total": "Bytes read from disks.",
    "container_fs_reads_total": "Reads from disks.",
    "container_fs_writes_bytes_total": "Bytes written to disks.",
    "container_fs_writes_total": "Writes to disks.",
    "container_oom_events_total": "Processes that were killed for want of memory.",
    **{name: f"Network: {name.split('_', 2)[2].removesuffix('_total').replace('_', ' ')}." for name, _ in _NETWORK},
    **{
        f"container_pressure_{what}_{kind}_seconds_total": f"How long {who} waited for {what}, in seconds."
        for what in ("cpu", "memory", "io")
        for kind, who in (("stalled", "all tasks"), ("waiting", "some task"))
    },
}
_UNSTAMPED = ("container_spec_", "container_start_time_")
_FROM_STATS = (
    ("container_cpu_usage_seconds_total", "cpu", "usageCoreNanoSeconds", 1e-9, (("cpu", "total"),)),
    ("container_memory_usage_bytes", "memory", "usageBytes", 1, ()),
    ("container_memory_working_set_bytes", "memory", "workingSetBytes", 1, ()),
    ("container_memory_rss", "memory", "rssBytes", 1, ()),
    *(
        ("container_memory_failures_total", "memory", key, 1, (("failure_type", kind), ("scope", scope)))
        for kind, key in (("pgfault", "pageFaults"), ("pgmajfault", "majorPageFaults"))
        for scope in ("container", "hierarchy")
    ),
    ("container_fs_usage_bytes", "rootfs", "usedBytes", 1, ()),
    ("container_fs_usage_bytes", "fs", "usedBytes", 1, ()),
    ("container_fs_limit_bytes", "fs", "capacityBytes", 1, ()),
    ("container_fs_inodes_total", "fs", "inodes", 1, ()),
    ("container_fs_inodes_free", "fs", "inodesFree", 1, ()),
)


@dataclass(slots=True)
class Group:
    id: str
    seen_s: float
    pod: Pod | None = None
    container: Container | None = None
    figures: list[Figure] = field(default_factory=list)

    def labels(self) -> dict[str, str]:
        container, meta = self.container, self.pod.metadata if self.pod is not None else None
        return {
            "container": container.name if container is not None else "",
            "id": self.id,
            "image": container.image if container is not None else "",
            "name": container.id if container is not None else "",
            "namespace": (meta.namespace or "") if meta is not None else "",
            "pod": (meta.name or "") if meta is not None else "",
        }


def figures_of(stats: dict[str, Any]) -> list[Figure]:
    """Of what `/stats/summary` tells of one group."""
    found: list[Figure] = [
        (family, amount * unit, labels)
        for family, part, key, unit, labels in _FROM_STATS
        if (amount := stats.get(part, {}).get(key)) is not None
    ]
    if start := stats.get("startTime"):
        found.append(("container_start_time_seconds", parse_time(start), ()))
    return found


def figures_of_network(interfaces: Iterable[Interface]) -> list[Figure]:
    return [
        (family, getattr(each, name), (("interface", each.name),)) for each in interfaces for family, name in _NETWORK
    ]


def container_metrics(groups: Sequence[Group]) -> Iterator[str]:
    by_family: defaultdict[str, list[str]] = defaultdict(list)
    for group in groups:
        labels, stamp = labelled(group.labels()), f" {int(group.seen_s * 1000)}"
        for family, value, more in (("container_last_seen", int(group.seen_s), ()), *group.figures):
            whose = f"{labels},{labelled(dict(more))}" if more else labels
            time = "" if family.startswith(_UNSTAMPED) else stamp
            by_family[family].append(f"{family}{{{whose}}} {value!r}{time}")
    for kind, families in (("gauge", _GAUGES), ("counter", _COUNTERS)):
        for family, about in families.items():
            if samples := by_family.get(family):
                yield from head(family, kind, about)
                yield from samples
    yield from head("container_scrape_error", "gauge", "1 if something could not be read.")
    yield "container_scrape_error 0"


_MACHINE = {
    "machine_cpu_cores": "Processors.",
    "machine_cpu_physical_cores": "Cores that they are of.",
    "machine_cpu_sockets": "Sockets that they are of.",
    "machine_memory_bytes": "Memory, in bytes.",
    "machine_swap_bytes": "Swap, in bytes.",
}


def machine_metrics(machine: Machine, topology: Topology) -> Iterator[str]:
    info, processors = machine.info, topology.values()
    labels = labelled({"boot_id": info.bootID, "machine_id": info.machineID, "system_uuid": info.systemUUID})
    amounts = (
        len(processors),
        len({each.core for each in processors}),
        len({each.socket for each in processors}),
        machine.memory_bytes,
        machine.swap_bytes,
    )
    for (family, about), amount in zip(_MACHINE.items(), amounts, strict=True):
        yield from head(family, "gauge", about)
        yield f"{family}{{{labels}}} {amount}"
    yield from head("machine_scrape_error", "gauge", "1 if something could not be read.")
    yield f"machine_scrape_error {int(not processors)}"
    unknown = {"cadvisorRevision": "", "cadvisorVersion": "", "dockerVersion": ""}
    labels = labelled({**unknown, "kernelVersion": info.kernelVersion, "osVersion": info.osImage})
    yield from head("cadvisor_version_info", "gauge", "What the machine runs.")
    yield f"cadvisor_version_info{{{labels}}} 1"
