"""How often the kubelet's server was asked, and how long answers took.

Source: pkg/kubelet/server/server.go ServeHTTP, pkg/kubelet/server/metrics/metrics.go. Differs: durations are those of
answers that are given at once, not of streams.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

from pybernetes.apimachinery.metrics_text import Durations, head, labelled
from pybernetes.http.messages import Request, Response, Upgrade

_LABELS = ("long_running", "method", "path", "server_type")
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE")
_LONG = ("exec", "attach", "portForward")
_PATHS = {
    *_LONG,
    *("healthz", "pods", "runningpods", "stats", "run", "containerLogs", "logs", "checkpoint", "configz"),
    *("metrics", "metrics/cadvisor", "metrics/resource", "metrics/probes"),
}


class RequestFigures:
    def __init__(self) -> None:
        self._asked: Counter[tuple[str, ...]] = Counter()
        self._took = Durations(*_LABELS)

    async def counted(
        self, request: Request, answer: Callable[[Request], Awaitable[Response | Upgrade]]
    ) -> Response | Upgrade:
        labels = _labels(request)
        self._asked[labels] += 1
        began_s = time.monotonic()
        found = await answer(request)
        if isinstance(found, Response) and isinstance(found.body, bytes):
            self._took.add(time.monotonic() - began_s, *labels)
        return found

    def lines(self) -> Iterator[str]:
        name = "kubelet_http_requests_total"
        yield from head(name, "counter", "Requests that the server took.")
        for labels, count in sorted(self._asked.items()):
            yield f"{name}{{{labelled(dict(zip(_LABELS, labels, strict=True)))}}} {count}"
        yield from self._took.lines("kubelet_http_requests_duration_seconds", "How long whole answers took.")


def _labels(request: Request) -> tuple[str, ...]:
    """Whatever a request says must not become a label."""
    first, *rest = request.path.strip("/").split("/", 2)
    path = f"{first}/{rest[0]}" if first == "metrics" and rest else first
    known = path if path in _PATHS else "other"
    method = request.method if request.method in _METHODS else "other"
    return str(known in _LONG).lower(), method, known, "readwrite"
