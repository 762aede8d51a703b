"""What autoscaling counts of itself, for /metrics. Source: pkg/controller/podautoscaler/monitor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pybernetes.apimachinery.metrics_text import Histogram, escaped, head

Action = Literal["scale_up", "scale_down", "none"]
Problem = Literal["spec", "internal", "none"]
_PREFIX = "horizontal_pod_autoscaler_controller_"
_BUCKETS = tuple(0.001 * 2**power for power in range(15))


def action_of(current: int, desired: int) -> Action:
    return "scale_up" if desired > current else "scale_down" if desired < current else "none"


class Figures:
    def __init__(self) -> None:
        self.desired: dict[str, int] = {}
        """Replicas by the key of the autoscaler."""
        self._looks: dict[tuple[Action, Problem], Histogram] = {}
        self._metrics: dict[tuple[Action, Problem, str], Histogram] = {}

    def looked(self, action: Action, problem: Problem, took_s: float) -> None:
        """One look at an autoscaler."""
        self._looks.setdefault((action, problem), Histogram(_BUCKETS)).add(took_s)

    def computed(self, action: Action, problem: Problem, kind: str, took_s: float) -> None:
        """What one metric of an autoscaler proposes; `kind`: Resource, Pods, …"""
        self._metrics.setdefault((action, problem, kind), Histogram(_BUCKETS)).add(took_s)

    def lines(self, autoscalers: int) -> Iterator[str]:
        """`autoscalers`: how many there are."""
        looks = {f'action="{a}",error="{p}"': found for (a, p), found in self._looks.items()}
        metrics = {
            f'action="{a}",error="{p}",metric_type="{escaped(kind)}"': found
            for (a, p, kind), found in self._metrics.items()
        }
        yield from _counted("reconciliations_total", "reconciliation_duration_seconds", "Looks at autoscalers.", looks)
        yield from _counted(
            "metric_computation_total", "metric_computation_duration_seconds", "Metrics computed.", metrics
        )
        name = f"{_PREFIX}num_horizontal_pod_autoscalers"
        yield from head(name, "gauge", "Autoscalers there are.")
        yield f"{name} {autoscalers}"
        name = f"{_PREFIX}desired_replicas"
        yield from head(name, "gauge", "The size that each autoscaler wants.")
        for key, replicas in self.desired.items():
            namespace, _, of = key.partition("/")
            yield f'{name}{{namespace="{escaped(namespace)}",hpa_name="{escaped(of)}"}} {replicas}'


def _counted(total: str, duration: str, about: str, found: dict[str, Histogram]) -> Iterator[str]:
    yield from head(_PREFIX + total, "counter", about)
    for labels, histogram in found.items():
        yield f"{_PREFIX}{total}{{{labels}}} {histogram.count}"
    yield from head(_PREFIX + duration, "histogram", f"{about} How long each took.")
    for labels, histogram in found.items():
        yield from histogram.lines(_PREFIX + duration, labels)
