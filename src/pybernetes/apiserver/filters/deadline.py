"""Ends a short request that takes too long with a 504 Status.

All requests but those with ?timeout= have the same limit, so they end in the order they began: one
timer, for the oldest, is enough for all of them.
Source: apiserver/pkg/server/filters/timeout.go, endpoints/filters/request_deadline.go.
"""

from __future__ import annotations

import asyncio

from pybernetes.apimachinery.errors import BadRequest, Timeout
from pybernetes.apimachinery.times import TimeError, parse_duration
from pybernetes.apiserver.chain import Filter
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.http.messages import Handler, Request, Response, Upgrade


class Deadlines:
    """Tasks with the same limit; one that reaches it is cancelled and found in `expired`."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._running: dict[asyncio.Task[object], float] = {}
        """In order of beginning, so of deadline."""
        self._timer: asyncio.TimerHandle | None = None
        self.expired: set[asyncio.Task[object]] = set()

    def begin(self, task: asyncio.Task[object]) -> bool:
        """False: the task has a deadline already (a request inside a request)."""
        if task in self._running:
            return False
        loop = task.get_loop()
        self._running[task] = loop.time() + self._limit_s
        if self._timer is None:
            self._timer = loop.call_later(self._limit_s, self._fire, loop)
        return True

    def end(self, task: asyncio.Task[object]) -> bool:
        """Whether the task was cancelled for its deadline."""
        self._running.pop(task, None)
        if task in self.expired:
            self.expired.discard(task)
            return True
        return False

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for task, deadline in list(self._running.items()):
            if deadline > now:
                self._timer = loop.call_at(deadline, self._fire, loop)
                return
            del self._running[task]
            self.expired.add(task)
            task.cancel()


def with_deadline(limit_s: float) -> Filter:
    deadlines = Deadlines(limit_s)

    def wrap(inner: Handler) -> Handler:
        async def handle(request: Request) -> Response | Upgrade:
            info: RequestInfo = request.context["info"]
            if info.long_running:
                return await inner(request)
            if "timeout=" in request.query and (asked := _asked(request)):
                try:
                    async with asyncio.timeout(min(asked, limit_s)):
                        return await inner(request)
                except TimeoutError:
                    raise _timeout(info) from None
            task = asyncio.current_task()
            if task is None or not deadlines.begin(task):
                return await inner(request)
            try:
                return await inner(request)
            except asyncio.CancelledError:
                if deadlines.end(task) and task.uncancel() == 0:
                    raise _timeout(info) from None
                raise
            finally:
                deadlines.end(task)

        return handle

    return wrap


def _timeout(info: RequestInfo) -> Timeout:
    message = "Timeout: request did not complete within the allotted timeout"
    return Timeout(message, group=info.group, kind=info.resource, name=info.name)


def _asked(request: Request) -> float:
    """Seconds of ?timeout=, 0 for none. Raises BadRequest."""
    text = request.params().get("timeout", [""])[0]
    try:
        return parse_duration(text) if text else 0.0
    except TimeError:
        raise BadRequest(f'invalid timeout specified in the request URL - time: invalid duration "{text}"') from None
