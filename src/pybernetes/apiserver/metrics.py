"""Figures of the apiserver, kept in plain dicts and written in Prometheus' text form when asked.

A request costs two dict updates. prometheus_client is imported by whoever serves /metrics, for the
process's own figures; these here need only its text format.
Source: apiserver/pkg/endpoints/metrics/metrics.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from pybernetes.apimachinery.scheme import find
from pybernetes.apiserver.request_info import RequestInfo

BUCKETS = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
_READS = ("get", "list", "watch")
_VERBS = {
    "get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "update": "PUT", "patch": "PATCH",
    "delete": "DELETE", "deletecollection": "DELETECOLLECTION", "proxy": "CONNECT",
}  # fmt: skip

Labels = tuple[str, str, str, str, str, str]
"""verb, group, version, resource, subresource, scope."""


class RequestMetrics:
    def __init__(self) -> None:
        self._totals: dict[tuple[Labels, int], int] = {}
        self._durations: dict[Labels, list[float]] = {}
        """The sum, then a count for each bucket and one for all beyond."""
        self._in_flight = {"readOnly": 0, "mutating": 0}
        self.watches: dict[tuple[str, str, str], int] = {}

    def begin(self, info: RequestInfo) -> None:
        if not info.long_running:
            self._in_flight["readOnly" if info.verb in _READS or not info.is_resource else "mutating"] += 1

    def end(self, info: RequestInfo, code: int, seconds: float) -> None:
        labels = _labels(info)
        key = (labels, code)
        self._totals[key] = self._totals.get(key, 0) + 1
        if info.long_running:
            return
        self._in_flight["readOnly" if info.verb in _READS or not info.is_resource else "mutating"] -= 1
        series = self._durations.get(labels)
        if series is None:
            series = self._durations[labels] = [0.0] * (len(BUCKETS) + 2)
        series[0] += seconds
        series[1 + bisect_left(BUCKETS, seconds)] += 1

    def watch_began(self, info: RequestInfo) -> None:
        key = (info.group, info.version, info.resource)
        self.watches[key] = self.watches.get(key, 0) + 1

    def watch_ended(self, info: RequestInfo) -> None:
        self.watches[(info.group, info.version, info.resource)] -= 1

    def lines(self) -> Iterator[str]:
        """The text form, line by line."""
        name = "apiserver_request_total"
        yield f"# HELP {name} Requests by verb, resource, scope and HTTP code."
        yield f"# TYPE {name} counter"
        for (labels, code), count in sorted(self._totals.items()):
            yield f'{name}{{{_text(labels)},code="{code}"}} {count}'
        name = "apiserver_request_duration_seconds"
        yield f"# HELP {name} Time from request to answer, without watches and connections."
        yield f"# TYPE {name} histogram"
        for labels, series in sorted(self._durations.items()):
            text = _text(labels)
            running = 0
            for bound, hits in zip(BUCKETS, series[1:], strict=False):
                running += int(hits)
                yield f'{name}_bucket{{{text},le="{bound:g}"}} {running}'
            running += int(series[-1])
            yield f'{name}_bucket{{{text},le="+Inf"}} {running}'
            yield f"{name}_sum{{{text}}} {series[0]:.6f}"
            yield f"{name}_count{{{text}}} {running}"
        name = "apiserver_current_inflight_requests"
        yield f"# HELP {name} Requests running now, by kind."
        yield f"# TYPE {name} gauge"
        for kind, count in self._in_flight.items():
            yield f'{name}{{request_kind="{kind}"}} {count}'
        name = "apiserver_longrunning_requests"
        yield f"# HELP {name} Watches running now."
        yield f"# TYPE {name} gauge"
        for (group, version, resource), count in sorted(self.watches.items()):
            yield f'{name}{{verb="WATCH",group="{group}",version="{version}",resource="{resource}"}} {count}'


def _labels(info: RequestInfo) -> Labels:
    if not info.is_resource:
        return (info.verb.upper(), "", "", "", "", "")
    if find(info.group, info.version, info.resource) is None:
        return ("OTHER", "", "", "", "", "")  # whatever a path says must not become a label
    scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
    verb = _VERBS.get(info.verb, "OTHER")
    return (verb, info.group, info.version, info.resource, info.subresource, scope)


def _text(labels: Labels) -> str:
    names = ("verb", "group", "version", "resource", "subresource", "scope")
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, labels, strict=True))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
