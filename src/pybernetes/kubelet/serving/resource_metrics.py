"""`/metrics/resource` from the statistics summary, as metrics-server and HPA pipelines read it. Pure.

Source: pkg/kubelet/metrics/collectors/resource_metrics.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pybernetes.apimachinery.metrics_text import head, labelled
from pybernetes.apimachinery.times import parse_time

Stats = dict[str, Any]


def resource_metrics(summary: Stats) -> Iterator[str]:
    """The Prometheus text, by lines, for a Summary of `kubelet stats v1alpha1`."""
    node: list[tuple[dict[str, str], Stats]] = [({}, summary.get("node", {}))]
    pods = [(_pod_labels(pod), pod) for pod in summary.get("pods", [])]
    containers = [
        ({"container": container.get("name", ""), **labels}, container)
        for labels, pod in pods
        for container in pod.get("containers", [])
    ]
    for prefix, things in (("node", node), ("container", containers), ("pod", pods)):
        yield from _family(f"{prefix}_cpu_usage_seconds_total", "counter", _CPU_HELP.format(prefix), things, _cpu)
        about = _MEMORY_HELP.format(prefix)
        yield from _family(f"{prefix}_memory_working_set_bytes", "gauge", about, things, _memory)
    about = "Start time of the container since unix epoch in seconds"
    yield from _family("container_start_time_seconds", "gauge", about, containers, _start)
    about = "1 if there was an error while getting container metrics, 0 otherwise"
    yield from head("resource_scrape_error", "gauge", about)
    yield "resource_scrape_error 0"


_CPU_HELP = "Cumulative cpu time consumed by the {} in core-seconds"
_MEMORY_HELP = "Current working set of the {} in bytes"
Sample = tuple[float, str]
"""A value and its time, as `/stats/summary` has it."""


def _family(
    name: str, kind: str, text: str, things: list[tuple[dict[str, str], Stats]], read: Callable[[Stats], Sample | None]
) -> Iterator[str]:
    samples = [(labels, sample) for labels, stats in things if (sample := read(stats)) is not None]
    if samples:
        yield from head(name, kind, text)
    for labels, (value, time) in samples:
        shown = labelled(dict(sorted(labels.items())))
        stamp = f" {int(parse_time(time) * 1000)}" if time else ""
        yield f"{name}{{{shown}}} {value!r}{stamp}" if shown else f"{name} {value!r}{stamp}"


def _cpu(stats: Stats) -> Sample | None:
    cpu = stats.get("cpu") or {}
    used = cpu.get("usageCoreNanoSeconds")
    return None if used is None else (used / 1e9, cpu.get("time", ""))


def _memory(stats: Stats) -> Sample | None:
    memory = stats.get("memory") or {}
    used = memory.get("workingSetBytes")
    return None if used is None else (float(used), memory.get("time", ""))


def _start(stats: Stats) -> Sample | None:
    start = stats.get("startTime", "")
    return (parse_time(start), "") if start else None


def _pod_labels(pod: Stats) -> dict[str, str]:
    reference = pod.get("podRef", {})
    return {"namespace": reference.get("namespace", ""), "pod": reference.get("name", "")}
