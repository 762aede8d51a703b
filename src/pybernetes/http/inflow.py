"""Bytes as a client sends them, kept until somebody reads them: the body of a request, and an upgraded connection.

Bounded: the client is held while much of what it sent is unread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

HIGH_BYTES = 256 * 1024
"""A client waits when more than this of what it sent is unread."""


class Inflow:
    """For one reader; `hold(True)` stops the sender, `hold(False)` lets it go on."""

    def __init__(self, hold: Callable[[bool], None]) -> None:
        self._hold = hold
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._error: ConnectionError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False

    def feed(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        if self._size > HIGH_BYTES:
            self._hold(True)
        self._wake()

    def feed_eof(self) -> None:
        self.ended = True
        self._wake()

    def fail(self, error: ConnectionError) -> None:
        """What has come can still be read; then `error` is raised."""
        self._error = error
        self._wake()

    async def read(self, limit: int = 65536) -> bytes:
        """Some bytes, at most `limit`; b"" at the end. Raises ConnectionError when the end will not come."""
        while not self._chunks:
            if self.ended:
                return b""
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._chunks.popleft()
        if len(data) > limit:
            self._chunks.appendleft(data[limit:])
            data = data[:limit]
        self._size -= len(data)
        if self._size <= HIGH_BYTES // 2:
            self._hold(False)
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class ArrivingBody(Inflow):
    """The body of a request that was handed on before all of it was there (`messages.Body`).

    `invite` is called before the first wait: the client may want to hear that it shall send (100-continue).
    """

    def __init__(self, hold: Callable[[bool], None], length: int | None, invite: Callable[[], None] | None) -> None:
        super().__init__(hold)
        self.length = length
        self._invite = invite
        self._came = 0
        self._dropped = False

    @property
    def droppable_bytes(self) -> int | None:
        """What is still to come, when that is known and the client sends it unasked."""
        return None if self.length is None or self._invite is not None else self.length - self._came

    def feed(self, data: bytes) -> None:
        self._came += len(data)
        if not self._dropped:
            super().feed(data)

    def drop(self) -> None:
        """Nobody reads the rest."""
        self._dropped = True
        self._chunks.clear()
        self._size = 0
        self._hold(False)

    async def read(self, limit: int = 65536) -> bytes:
        if self._invite is not None:
            invite, self._invite = self._invite, None
            invite()
        return await super().read(limit)
