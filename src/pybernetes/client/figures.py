"""How often an apiserver was asked, with what answers, and how long they took: what components tell of their client.

Source: component-base/metrics/prometheus/restclient/metrics.go, client-go/rest/request.go. Differs: sizes, retries and
waits of a rate limiter are not told; a watch has no duration.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Iterator

from pybernetes.apimachinery.metrics_text import Durations, head, labelled
from pybernetes.http.client import HttpResponse

_BOUNDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_LABELS = ("code", "host", "method")
_NO_ANSWER = "<error>"


class ClientFigures:
    """Of one host; several transports may share them."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._answers: Counter[tuple[str, str, str]] = Counter()
        self._took = Durations("verb", "host", bounds=_BOUNDS)

    async def counted(self, method: str, answer: Awaitable[HttpResponse]) -> HttpResponse:
        began_s = time.perf_counter()
        status = 0
        try:
            found = await answer
            status = found.status
        finally:
            self.answered(method, status)
            self._took.add(time.perf_counter() - began_s, method, self.host)
        return found

    def answered(self, method: str, status: int) -> None:
        """`status` 0: there was no answer."""
        self._answers[str(status) if status else _NO_ANSWER, self.host, method] += 1

    def lines(self) -> Iterator[str]:
        name = "rest_client_requests_total"
        yield from head(name, "counter", "Requests to the API by the status of the answer.")
        for labels, count in sorted(self._answers.items()):
            yield f"{name}{{{labelled(dict(zip(_LABELS, labels, strict=True)))}}} {count}"
        yield from self._took.lines("rest_client_request_duration_seconds", "How long answers of the API took.")
