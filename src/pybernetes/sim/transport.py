"""What the nodes of one process send: each request in its node's name, over few connections that all share.

Few requests at once, so that thousands of kubelets which have something to say together neither open a connection
each nor stand before the scheduler and the controllers: a node tells a little later what those decide now.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.transport import RawResponse, ResponseStream, Transport
from pybernetes.http.messages import Connection

_AT_ONCE = 32
"""Of each kind: as many connections in all as a client keeps. Fewer would share no commits, and wait for each other."""
_HEARTBEATS = "/apis/coordination.k8s.io/"


class Turns:
    """Of one transport, whose user may impersonate. Leases have turns of their own: no rollout may delay them."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._all = asyncio.Semaphore(_AT_ONCE)
        self._heartbeats = asyncio.Semaphore(_AT_ONCE)

    def acting_as(self, user: UserInfo) -> Transport:
        return _ActingAs(self, user)

    def of(self, target: str) -> asyncio.Semaphore:
        return self._heartbeats if target.startswith(_HEARTBEATS) else self._all


class _ActingAs:
    def __init__(self, turns: Turns, user: UserInfo) -> None:
        self._turns = turns
        self._transport = turns.transport
        self._headers = {"impersonate-user": user.name, "impersonate-group": user.groups[0]}

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
