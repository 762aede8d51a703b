"""Figures of the apiserver, kept in plain dicts and written in Prometheus' text form when asked.

A request costs three dict look-ups.
Source: apiserver/pkg/endpoints/metrics/metrics.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pybernetes.apimachinery.metrics_text import Histogram, escaped, head
from pybernetes.apimachinery.scheme import find
from pybernetes.apiserver.request_info import RequestInfo

BUCKETS = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
_KNOWN_MAX = 4096
_VERBS = {
    "get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "update": "PUT", "patch": "PATCH",
    "delete": "DELETE", "deletecollection": "DELETECOLLECTION", "proxy": "CONNECT",
}  # fmt: skip

_UNKNOWN = "OTHER"

Labels = tuple[str, str, str, str, str, str]
"""verb, group, version, resource, subresource, scope."""


class _Series:
    """The figures of all requests with the same labels."""

    __slots__ = ("codes", "seconds")

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.seconds = Histogram(BUCKETS)


class RequestMetrics:
    def __init__(self) -> None:
        self._series: dict[Labels, _Series] = {}
        self._known: dict[RequestInfo, _Series] = {}
        """The same by RequestInfo: requests of one target share theirs."""
        self._reading = 0
        self._mutating = 0
        self.watches: dict[tuple[str, str, str], int] = {}
        self.parts: dict[str, Callable[[], Iterable[str]]] = {}
        """Other components of this process by name, each giving its lines when the page is asked for."""

    def begin(self, info: RequestInfo) -> None:
        if info.long_running:
            return
        if info.reading:
            self._reading += 1
        else:
            self._mutating += 1

    def end(self, info: RequestInfo, code: int, seconds: float) -> None:
        series = self._known.get(info) or self._series_of(info)
        series.codes[code] = series.codes.get(code, 0) + 1
        if info.long_running:
            return
        if info.reading:
            self._reading -= 1
        else:
            self._mutating -= 1
        series.seconds.add(seconds)

    def _series_of(self, info: RequestInfo) -> _Series:
        labels = _labels(info)
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = _Series()
        if labels[0] != _UNKNOWN:  # what is not served yet may be later
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[info] = series
        return series

    def watch_began(self, info: RequestInfo) -> None:
        key = (info.group, info.version, info.resource)
        self.watches[key] = self.watches.get(key, 0) + 1

    def watch_ended(self, info: RequestInfo) -> None:
        self.watches[(info.group, info.version, info.resource)] -= 1

    def lines(self) -> Iterator[str]:
        """The text form, line by line."""
        name = "apiserver_request_total"
        yield from head(name, "counter", "Requests by verb, resource, scope and HTTP code.")
        for labels, series in sorted(self._series.items(), key=_by_labels):
            for code, count in sorted(series.codes.items()):
                yield f'{name}{{{_text(labels)},code="{code}"}} {count}'
        name = "apiserver_request_duration_seconds"
        yield from head(name, "histogram", "Time from request to answer, without watches and connections.")
        for labels, series in sorted(self._series.items(), key=_by_labels):
            if series.seconds.count:  # none: watches alone
                yield from series.seconds.lines(name, _text(labels))
        name = "apiserver_current_inflight_requests"
        yield from head(name, "gauge", "Requests running now, by kind.")
        for kind, count in (("readOnly", self._reading), ("mutating", self._mutating)):
            yield f'{name}{{request_kind="{kind}"}} {count}'
        name = "apiserver_longrunning_requests"
        yield from head(name, "gauge", "Watches running now.")
        for (group, version, resource), count in sorted(self.watches.items()):
            yield f'{name}{{verb="WATCH",group="{group}",version="{version}",resource="{resource}"}} {count}'
        for part in self.parts.values():
            yield from part()


def _labels(info: RequestInfo) -> Labels:
    if not info.is_resource:
        return (info.verb.upper(), "", "", "", "", "")
    if find(info.group, info.version, info.resource) is None:
        return (_UNKNOWN, "", "", "", "", "")  # whatever a path says must not become a label
    scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
    verb = _VERBS.get(info.verb, _UNKNOWN)
    return (verb, info.group, info.version, info.resource, info.subresource, scope)


def _by_labels(item: tuple[Labels, _Series]) -> Labels:
    return item[0]


def _text(labels: Labels) -> str:
    names = ("verb", "group", "version", "resource", "subresource", "scope")
    return ",".join(f'{name}="{escaped(value)}"' for name, value in zip(names, labels, strict=True))
