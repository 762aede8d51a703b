"""How often probes were answered, and how fast: `/metrics/probes`.

Source: pkg/kubelet/prober/prober_manager.go (ProberResults, ProberDuration).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pybernetes.apimachinery.metrics_text import BOUNDS, Histogram, head, labelled


@dataclass(slots=True)
class Figures:
    """Of one probe of one container."""

    results: Counter[str] = field(default_factory=Counter)
    """By successful, failed and unknown."""
    seconds: Histogram = field(default_factory=lambda: Histogram(BOUNDS))
    """Of answers other than failures."""

    def add(self, success: bool | None, seconds: float) -> None:
        """`success`: None when the probe could not be asked."""
        self.results["unknown" if success is None else "successful" if success else "failed"] += 1
        if success is not False:
            self.seconds.add(seconds)


@dataclass(frozen=True, slots=True)
class Probed:
    """Whose figures they are."""

    kind: str
    container: str
    pod: str
    namespace: str
    uid: str


def lines(probes: Iterable[tuple[Probed, Figures]]) -> Iterator[str]:
    found = list(probes)
    name = "prober_probe_total"
    yield from head(name, "counter", "Probes of containers by kind and result.")
    for whose, figures in found:
        for result, count in figures.results.items():
            yield f'{name}{{{_labels(whose)},pod_uid="{whose.uid}",result="{result}"}} {count}'
    name = "prober_probe_duration_seconds"
    yield from head(name, "histogram", "How long a probe's answer took, in seconds.")
    for whose, figures in found:
        yield from figures.seconds.lines(name, _labels(whose))


def _labels(whose: Probed) -> str:
    return labelled(
        {
            "container": whose.container,
            "namespace": whose.namespace,
            "pod": whose.pod,
            "probe_type": whose.kind.capitalize(),
        }
    )
