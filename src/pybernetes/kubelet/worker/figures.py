"""What pods' workers count as it happens, for the kubelet's page of metrics: a few additions a step.

Source: pkg/kubelet/metrics/metrics.go, pkg/kubelet/util/pod_startup_latency_tracker.go. Differs: a pod's worker has no
regular sync; what is told of it is create, until the pod runs, terminating and terminated. A start ends when the
kubelet knows of it, not when the API shows it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pybernetes.api.core.v1 import Pod, PodStatus, Volume
from pybernetes.apimachinery.metrics_text import Durations, Histogram, head, labelled
from pybernetes.apimachinery.times import parse_time
from pybernetes.kubelet.pod_spec import ends_first, find_container
from pybernetes.kubelet.runtime import PodRuntime
from pybernetes.kubelet.worker.machine import Stage

_SECONDS, _MINUTES = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45), (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
_START_BOUNDS = (*_SECONDS, *(60 * minutes for minutes in _MINUTES))
_STEPS = {Stage.TERMINATING: "terminating", Stage.CLEANING: "terminated"}
"""What a pod's worker does in a stage."""
_STATELESS = ("secret", "configMap", "downwardAPI", "emptyDir", "projected")


class WorkerFigures:
    def __init__(self) -> None:
        self.pods_started = 0
        self.pods_not_started = 0
        self.containers_started: Counter[str] = Counter()
        """By kind of container."""
        self.containers_not_started: Counter[tuple[str, str]] = Counter()
        """By kind of container and reason."""
        self.starts = Histogram(_START_BOUNDS)
        """From the first sight of a pod until it runs."""
        self.whole_starts = Histogram(_START_BOUNDS)
        """From when the API made it until all its containers run."""
        self.bare_starts = Histogram(_START_BOUNDS)
        """The same of pods without a state, but for images that were pulled and init containers."""
        self.steps = Durations("operation_type")
        self.cgroups = Durations("operation_type")

    def stage_left(self, stage: Stage, took_s: float) -> None:
        if stage in _STEPS:
            self.steps.add(took_s, _STEPS[stage])

    @contextmanager
    def of_cgroups(self, operation: str) -> Iterator[None]:
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self.cgroups.add(time.perf_counter() - began_s, operation)

    def lines(self) -> Iterator[str]:
        for name, about, count in (
            ("kubelet_started_pods_total", "Pods whose sandbox was begun.", self.pods_started),
            ("kubelet_started_pods_errors_total", "Sandboxes that could not be made.", self.pods_not_started),
        ):
            yield from head(name, "counter", about)
            yield f"{name} {count}"
        name = "kubelet_started_containers_total"
        yield from head(name, "counter", "Containers that were begun.")
        for kind, count in self.containers_started.items():
            yield f"{name}{{{labelled({'container_type': kind})}}} {count}"
        name = "kubelet_started_containers_errors_total"
        yield from head(name, "counter", "Containers that could not be started.")
        for (kind, reason), count in self.containers_not_started.items():
            yield f"{name}{{{labelled({'code': reason, 'container_type': kind})}}} {count}"
        for name, about, starts in (
            ("kubelet_pod_start_duration_seconds", "From the first sight of a pod until it runs.", self.starts),
            (
                "kubelet_pod_start_total_duration_seconds",
                "From when a pod was made until all its containers run.",
                self.whole_starts,
            ),
            (
                "kubelet_pod_start_sli_duration_seconds",
                "The same without images that were pulled and init containers, of pods without a state.",
                self.bare_starts,
            ),
        ):
            yield from head(name, "histogram", about)
            yield from starts.lines(name)
        yield from self.steps.lines("kubelet_pod_worker_duration_seconds", "How long steps of a pod took.")
        yield from self.cgroups.lines("kubelet_cgroup_manager_duration_seconds", "How long work on cgroups took.")


class Starting:
    """One pod until it runs. What ran before it was seen is not counted."""

    def __init__(self, figures: WorkerFigures, pod: Pod, seen_s: float) -> None:
        self._figures = figures
        self._seen_s = seen_s
        self._waits = pod.status.phase in (None, "", "Pending")
        self._waits_for_all = self._waits and not pod.status.startTime

    def told(
        self, pod: Pod, status: PodStatus, runtime: PodRuntime, now_s: float, pulling_s: Callable[[], float]
    ) -> None:
        """`pulling_s` tells how long images were pulled; asked once."""
        if not (self._waits or self._waits_for_all):
            return
        if status.phase in ("Succeeded", "Failed"):
            self._waits = self._waits_for_all = False
        elif self._waits and status.phase == "Running":
            self._waits = False
            self._figures.starts.add(now_s - self._seen_s)
            self._figures.steps.add(now_s - self._seen_s, "create")
        states = [each.state for each in status.containerStatuses]
        if self._waits_for_all and states and all(state is not None and state.running is not None for state in states):
            self._waits_for_all = False
            if not pod.metadata.creationTimestamp:
                return  # of a file, or told of by nothing but what runs of it
            took_s, pulled_s = now_s - parse_time(pod.metadata.creationTimestamp), pulling_s()
            self._figures.whole_starts.add(took_s)
            if all(map(_is_stateless, pod.spec.volumes)):
                self._figures.bare_starts.add(took_s - pulled_s - _initialized_s(pod, runtime))


def _is_stateless(volume: Volume) -> bool:
    return any(getattr(volume, source) is not None for source in _STATELESS)


def _initialized_s(pod: Pod, runtime: PodRuntime) -> float:
    """How long the init containers ran that ended before the others began."""
    return sum(
        container.finished_at_s - container.started_at_s
        for container in runtime.containers
        if container.state == "exited"
        and (spec := find_container(pod, container.name)) is not None
        and any(spec is each and ends_first(pod, each) for each in pod.spec.initContainers)
    )
