"""Bounds how many requests run at once; the rest wait their turn, too many are refused with 429.

Watches and connections do not count, nor does anything of system:masters (so that an administrator
always gets in). Source: apiserver/pkg/server/filters/{maxinflight,priority-and-fairness}.go.
Differs: one first-in-first-out queue for reads and one for writes, instead of fair queues by flow.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable

from pybernetes.apimachinery.errors import TooManyRequests
from pybernetes.apimachinery.user import SYSTEM_MASTERS
from pybernetes.apiserver.chain import Filter
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.http.messages import Handler, Request, Response, Upgrade

_WAITING_PER_SEAT = 10


class Seats:
    """So many at once, so many more in line."""

    def __init__(self, seats: int) -> None:
        self._free = seats
        self._most_waiting = seats * _WAITING_PER_SEAT
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    async def take(self) -> None:
        """Raises TooManyRequests when the line is full."""
        if self._free > 0:
            self._free -= 1
            self.taken += 1
            return
        if len(self._waiting) >= self._most_waiting:
            raise TooManyRequests("too many requests, please try again later.", retry_after_s=1)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()
            else:
                self._waiting.remove(turn)
            raise

    async def __aenter__(self) -> None:
        await self.take()

    async def __aexit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
        self.taken -= 1


def limited(reads: Seats, writes: Seats) -> Filter:
    def wrap(inner: Handler) -> Handler:
        async def seated(request: Request, seats: Seats) -> Response | Upgrade:
            async with seats:
                return await inner(request)

        def handle(request: Request) -> Awaitable[Response | Upgrade]:
            info: RequestInfo = request.context["info"]
            user = request.user
            if info.long_running or user is None or SYSTEM_MASTERS in user.groups:
                return inner(request)
            return seated(request, reads if info.reading else writes)

        return handle

    return wrap
