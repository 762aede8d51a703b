"""Figures of the scheduler, under upstream's names, in Prometheus' text form when somebody asks.

Counting costs a few additions a decision. Source: pkg/scheduler/metrics/metrics.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from pybernetes.apimachinery.metrics_text import Histogram, head

_DURATIONS = tuple(0.001 * 2**power for power in range(15))
_ATTEMPTS = (1.0, 2.0, 4.0, 8.0, 16.0)
_VICTIMS = tuple(float(2**power) for power in range(7))


class SchedulerMetrics:
    def __init__(self) -> None:
        self._attempts: dict[tuple[str, str], Histogram] = {}
        self.algorithm = Histogram(_DURATIONS)
        self.pod_attempts = Histogram(_ATTEMPTS)
        """Of Pods that were bound."""
        self.preemption_attempts = 0
        self.preemption_victims = Histogram(_VICTIMS)
        self.claims_made: Counter[str] = Counter()
        """Claims for extended resources, by success or failure."""

    def attempt(self, profile: str, result: str, seconds: float) -> None:
        """`result`: scheduled, unschedulable or error."""
        key = profile, result
        histogram = self._attempts.get(key)
        if histogram is None:
            histogram = self._attempts[key] = Histogram(_DURATIONS)
        histogram.add(seconds)

    def lines(
        self, pending: Mapping[str, int], blocked: Mapping[tuple[str, str], int], cache: Mapping[str, int]
    ) -> Iterator[str]:
        """`pending`: Pods by queue; `blocked`: Pods by (plugin, profile); `cache`: objects by type."""
        name = "scheduler_schedule_attempts_total"
        yield from head(name, "counter", "Attempts to schedule Pods, by result.")
        for (profile, result), histogram in self._attempts.items():
            yield f'{name}{{profile="{profile}",result="{result}"}} {histogram.count}'
        name = "scheduler_scheduling_attempt_duration_seconds"
        yield from head(name, "histogram", "How long an attempt took, binding included.")
        for (profile, result), histogram in self._attempts.items():
            yield from histogram.lines(name, f'profile="{profile}",result="{result}"')
        for name, about, single in (
            ("scheduler_scheduling_algorithm_duration_seconds", "How long deciding took.", self.algorithm),
            ("scheduler_pod_scheduling_attempts", "Attempts until a Pod was scheduled.", self.pod_attempts),
            ("scheduler_preemption_victims", "Victims of a preemption.", self.preemption_victims),
        ):
            yield from head(name, "histogram", about)
            yield from single.lines(name)
        name = "scheduler_preemption_attempts_total"
        yield from head(name, "counter", "Pods that fitted nowhere and looked for victims.")
        yield f"{name} {self.preemption_attempts}"
        name = "scheduler_resourceclaim_creates_total"
        yield from head(name, "counter", "Claims made for extended resources, by status.")
        for status, count in self.claims_made.items():
            yield f'{name}{{status="{status}"}} {count}'
        yield from _gauges("scheduler_pending_pods", "Waiting Pods, by queue.", "queue", pending)
        yield from _gauges("scheduler_cache_size", "Objects that decisions count.", "type", cache)
        name = "scheduler_unschedulable_pods"
        yield from head(name, "gauge", "Waiting Pods that a plugin rejected.")
        for (plugin, profile), count in blocked.items():
            yield f'{name}{{plugin="{plugin}",profile="{profile}"}} {count}'


def _gauges(name: str, about: str, label: str, values: Mapping[str, int]) -> Iterator[str]:
    yield from head(name, "gauge", about)
    for key, value in values.items():
        yield f'{name}{{{label}="{key}"}} {value}'
