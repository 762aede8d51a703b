"""What a kubelet told at two times, and from that what was used between them. Pure.

Source: metrics-server pkg/scraper/client/resource/decode.go, pkg/storage/{node,pod,types}.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)(?: (-?\d+))?")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_LEAST_FRESH_S = 1.0
"""A container that started after the earlier sample is counted from its start, if that is so long ago."""
_FIELDS = {
    "cpu_usage_seconds_total": "cpu_s",
    "memory_working_set_bytes": "memory_bytes",
    "start_time_seconds": "started",
}


@dataclass(slots=True)
class Point:
    """A node or container at one time."""

    cpu_s: float | None = None
    """CPU time used since it began."""
    memory_bytes: float | None = None
    at: float = 0.0
    started: float = 0.0


PodKey = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True)
class Scrape:
    """One kubelet at one time."""

    node: Point = field(default_factory=Point)
    pods: dict[PodKey, dict[str, Point]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_nano: int
    memory_bytes: int
    at: float
    window_s: float


def parse(text: str, now: float) -> Scrape:
    """The text of /metrics/resource; samples without a time were taken `now`. Raises ValueError."""
    found = Scrape()
    for line in text.splitlines():
        match = None if line.startswith("#") else _LINE.fullmatch(line)
        if match is None:
            continue
        name, labels, value, stamp = match.groups()
        of, _, what = name.partition("_")
        if what not in _FIELDS or of not in ("node", "container"):
            continue
        point = found.node if of == "node" else _container(found, labels or "")
        if point is None:
            continue
        setattr(point, _FIELDS[what], float(value))
        if what == "cpu_usage_seconds_total":
            point.at = int(stamp) / 1000 if stamp else now
    return found


def _container(scrape: Scrape, text: str) -> Point | None:
    labels = {name: re.sub(r"\\(.)", _unescaped, value) for name, value in _LABEL.findall(text)}
    key = (labels.get("namespace", ""), labels.get("pod", ""))
    name = labels.get("container", "")
    return scrape.pods.setdefault(key, {}).setdefault(name, Point()) if name and all(key) else None


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def used(before: Point | None, now: Point) -> Usage | None:
    """What was used between two samples; None where that cannot be said yet."""
    if now.cpu_s is None or now.memory_bytes is None:
        return None
    earlier_s = before.cpu_s if before is not None else None
    if before is not None and earlier_s is not None and now.started <= before.at and now.cpu_s >= earlier_s:
        start, cpu_s = before.at, now.cpu_s - earlier_s
    else:
        start, cpu_s = now.started, now.cpu_s
        if not start or (before is None and now.at - start > 60) or now.at - start < _LEAST_FRESH_S:
            return None
    window_s = now.at - start
    if window_s <= 0:
        return None
    return Usage(round(cpu_s / window_s * 1e9), int(now.memory_bytes), now.at, window_s)


def pod_usage(before: Scrape, now: Scrape, key: PodKey) -> dict[str, Usage]:
    """By container; those of which nothing can be said yet are left out."""
    earlier = before.pods.get(key, {})
    found = {name: used(earlier.get(name), point) for name, point in now.pods.get(key, {}).items()}
    return {name: usage for name, usage in found.items() if usage is not None}
