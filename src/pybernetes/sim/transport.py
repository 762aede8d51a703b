"""What the nodes of one process send: each request in its node's name, over few connections that all share.

Few requests at once, so that thousands of kubelets which have something to say together neither open a connection
each nor stand before the scheduler and the controllers: a node tells a little later what those decide now. While Pods
wait to be bound, fewer still.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.figures import ClientFigures
from pybernetes.client.transport import RawResponse, ResponseStream, Transport
from pybernetes.http.messages import Connection

_AT_ONCE = 32
"""Of each kind: as many connections in all as a client keeps. Fewer would share no commits, and wait for each other."""
_STEPPED_BACK = 8
_STEPPED_BACK_S = 0.5
"""After the last Pod was bound: those that still wait then may wait for ever."""
_HEARTBEATS = "/apis/coordination.k8s.io/"


class Turns:
    """Of one transport, whose user may impersonate. Leases have turns of their own: no rollout may delay them."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._all = _Gate(self._width)
        self._heartbeats = _Gate(lambda: _AT_ONCE)
        self._stepped_back_until_s = 0.0

    def acting_as(self, user: UserInfo) -> Transport:
        return _ActingAs(self, user)

    def of(self, target: str) -> _Gate:
        return self._heartbeats if target.startswith(_HEARTBEATS) else self._all

    def bound(self, waiting: int) -> None:
        """A Pod was bound; while others are `waiting` to be, whoever creates and binds them goes first."""
        self._stepped_back_until_s = asyncio.get_running_loop().time() + _STEPPED_BACK_S if waiting else 0.0

    def _width(self) -> int:
        return _STEPPED_BACK if asyncio.get_running_loop().time() < self._stepped_back_until_s else _AT_ONCE


class _Gate:
    """Lets so many in at a time, in the order they came; how many may change meanwhile."""

    def __init__(self, width: Callable[[], int]) -> None:
        self._width = width
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if not self._waiting and self._inside < self._width():
            self._inside += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        """Whoever waits is let in now: there is nobody who waits while nobody is inside."""
        self._inside -= 1
        width = self._width()
        while self._waiting and self._inside < width:
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)


class _ActingAs:
    def __init__(self, turns: Turns, user: UserInfo) -> None:
        self._turns = turns
        self._transport = turns.transport
        self._headers = {"impersonate-user": user.name, "impersonate-group": user.groups[0]}

    @property
    def figures(self) -> ClientFigures:
        return self._transport.figures

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", timeout_s: float | None = None
    ) -> RawResponse:
        async with self._turns.of(target):
            return await self._transport.request(method, target, {**headers, **self._headers}, body, timeout_s)

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[ResponseStream]:
        async with self._transport.stream(method, target, {**headers, **self._headers}, body) as stream:
            yield stream

    async def upgrade(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[RawResponse, Connection | None]:
        return await self._transport.upgrade(method, target, {**headers, **self._headers}, body)

    async def close(self) -> None:
        """The transport is everybody's."""
