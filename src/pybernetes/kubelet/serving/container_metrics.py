"""`/metrics/cadvisor`: what control groups use, by the names that dashboards know. Pure.

Source: github.com/google/cadvisor/metrics/prometheus.go, pkg/kubelet/server/server.go (containerPrometheusLabelsFunc).
Differs: one sample for all processors; of files only what a container has written; no figures of devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pybernetes.kubelet.serving.resource_metrics import Sample, Stats, family, start

_MEMORY = (
    ("container_memory_usage_bytes", "usageBytes", "Memory in use, in bytes."),
    ("container_memory_working_set_bytes", "workingSetBytes", "Memory that cannot be taken back at once, in bytes."),
    ("container_memory_rss", "rssBytes", "Memory of no file, in bytes."),
)
_NETWORK = (
    ("container_network_receive_bytes_total", "rxBytes", "Bytes received."),
    ("container_network_receive_errors_total", "rxErrors", "Errors while receiving."),
    ("container_network_transmit_bytes_total", "txBytes", "Bytes sent."),
    ("container_network_transmit_errors_total", "txErrors", "Errors while sending."),
)
Group = tuple[dict[str, str], Stats]
"""Labels (container, id, image, name, namespace, pod) and what the group used."""


def container_metrics(groups: Iterable[Group]) -> bytes:
    found = list(groups)
    lines: list[str] = []
    by_cpu = [({**labels, "cpu": "total"}, stats) for labels, stats in found]
    about = "CPU time used, in seconds."
    lines += family(
        "container_cpu_usage_seconds_total", "counter", about, by_cpu, _amount("cpu", "usageCoreNanoSeconds", 1e9)
    )
    for name, key, about in _MEMORY:
        lines += family(name, "gauge", about, found, _amount("memory", key))
    faults = [
        ({**labels, "failure_type": kind, "scope": "container"}, stats.get("memory", {}), key)
        for labels, stats in found
        for kind, key in (("pgfault", "pageFaults"), ("pgmajfault", "majorPageFaults"))
    ]
    lines += family(
        "container_memory_failures_total",
        "counter",
        "Page faults.",
        [
            (labels, {"memory": {"count": memory.get(key), "time": memory.get("time", "")}})
            for labels, memory, key in faults
        ],
        _amount("memory", "count"),
    )
    lines += family(
        "container_fs_usage_bytes", "gauge", "Bytes written to the root.", found, _amount("rootfs", "usedBytes")
    )
    interfaces = [
        ({**labels, "interface": each["name"]}, {"network": {**each, "time": network["time"]}})
        for labels, stats in found
        if (network := stats.get("network"))
        for each in network["interfaces"]
    ]
    for name, key, about in _NETWORK:
        lines += family(name, "counter", about, interfaces, _amount("network", key))
    lines += family("container_start_time_seconds", "gauge", "When it began, in seconds since 1970.", found, start)
    lines += ["# HELP container_scrape_error 1 if something could not be read", "# TYPE container_scrape_error gauge"]
    lines += ["container_scrape_error 0"]
    return ("\n".join(lines) + "\n").encode()


def _amount(group: str, key: str, unit: float = 1.0) -> Callable[[Stats], Sample | None]:
    def read(stats: Stats) -> Sample | None:
        part: dict[str, Any] = stats.get(group) or {}
        amount = part.get(key)
        return None if amount is None else (amount / unit, part.get("time", ""))

    return read
