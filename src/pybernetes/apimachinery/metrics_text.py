"""Figures in Prometheus' text form, and the histogram that all parts count with: a few additions an observation.

prometheus_client is imported by whoever serves the process's own figures; parts give lines.
Source: prometheus.io/docs/instrumenting/exposition_formats.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator


def head(name: str, kind: str, about: str) -> Iterator[str]:
    """`kind`: counter, gauge or histogram."""
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"


def escaped(value: str) -> str:
    """A label's value as it stands between quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


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
        for bound, hits in zip((*map("{:g}".format, self._bounds), "+Inf"), self._hits, strict=True):
            running += hits
            yield f'{name}_bucket{{{more}le="{bound}"}} {running}'
        given = f"{{{labels}}}" if labels else ""
        yield f"{name}_sum{given} {self._sum:.6f}"
        yield f"{name}_count{given} {running}"
