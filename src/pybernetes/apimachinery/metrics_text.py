"""Figures in Prometheus' text form, and the histogram that all parts count with: a few additions an observation.

prometheus_client is imported by whoever serves the process's own figures; parts give lines.
Source: prometheus.io/docs/instrumenting/exposition_formats.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Of buckets, in seconds, where nothing else is told."""


def head(name: str, kind: str, about: str) -> Iterator[str]:
    """`kind`: counter, gauge or histogram."""
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"


def escaped(value: str) -> str:
    """A label's value as it stands between quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def labelled(labels: Mapping[str, str]) -> str:
    """Labels as they stand between braces."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())


class Histogram:
    __slots__ = ("_bounds", "_hits", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """`bounds`: the highest value of each bucket, ascending; there is one more for all beyond."""
        self._bounds = bounds
        self._hits = [0] * (len(bounds) + 1)
        self._sum = 0.0

    @property
    def count(self) -> int:
        return sum(self._hits)

    def add(self, value: float) -> None:
        self._sum += value
        self._hits[bisect_left(self._bounds, value)] += 1

    def __add__(self, other: Histogram) -> Histogram:
        """Of both; their buckets are the same."""
        found = Histogram(self._bounds)
        found._hits = [mine + its for mine, its in zip(self._hits, other._hits, strict=True)]
        found._sum = self._sum + other._sum
        return found

    def lines(self, name: str, labels: str = "") -> Iterator[str]:
        """`labels`: as they stand between braces."""
        running = 0
        more = f"{labels}," if labels else ""
        for bound, hits in zip((*map("{:.16g}".format, self._bounds), "+Inf"), self._hits, strict=True):
            running += hits
            yield f'{name}_bucket{{{more}le="{bound}"}} {running}'
        given = f"{{{labels}}}" if labels else ""
        yield f"{name}_sum{given} {self._sum:.6f}"
        yield f"{name}_count{given} {running}"


class Durations:
    """A histogram of seconds for each set of labels."""

    def __init__(self, *names: str, bounds: tuple[float, ...] = BOUNDS) -> None:
        self._names = names
        self._bounds = bounds
        self._by_labels: dict[tuple[str, ...], Histogram] = {}

    def add(self, seconds: float, *labels: str) -> None:
        """`labels`: their values, in the order of the names."""
        found = self._by_labels.get(labels)
        if found is None:
            found = self._by_labels[labels] = Histogram(self._bounds)
        found.add(seconds)

    def counts(self) -> dict[tuple[str, ...], int]:
        return {labels: found.count for labels, found in self._by_labels.items()}

    def lines(self, name: str, about: str) -> Iterator[str]:
        """The whole family; nothing while there is nothing to tell."""
        if self._by_labels:
            yield from head(name, "histogram", about)
        for labels, found in sorted(self._by_labels.items()):
            yield from found.lines(name, labelled(dict(zip(self._names, labels, strict=True))))
