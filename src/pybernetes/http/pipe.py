"""Two connected in-memory connections: an upgraded request without sockets."""

from __future__ import annotations

import asyncio
from collections import deque

from pybernetes.http.messages import Connection

_HIGH_WATER = 1 << 18


class _Direction:
    """Bytes one way, bounded."""

    def __init__(self) -> None:
        self.chunks: deque[bytes] = deque()
        self.size = 0
        self.eof = False
        self.closed = False
        self.changed = asyncio.Event()

    def notify(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class _End:
    def __init__(self, incoming: _Direction, outgoing: _Direction) -> None:
        self._in = incoming
        self._out = outgoing

    async def read(self, limit: int = 65536) -> bytes:
        while not self._in.chunks:
            if self._in.eof or self._in.closed:
                return b""
            await self._in.changed.wait()
        chunk = self._in.chunks.popleft()
        if len(chunk) > limit:
            self._in.chunks.appendleft(chunk[limit:])
            chunk = chunk[:limit]
        self._in.size -= len(chunk)
        self._in.notify()
        return chunk

    async def write(self, data: bytes) -> None:
        while self._out.size > _HIGH_WATER and not self._out.closed:
            await self._out.changed.wait()
        if self._out.closed or self._out.eof:
            raise ConnectionResetError("the other end is closed")
        if data:
            self._out.chunks.append(bytes(data))
            self._out.size += len(data)
            self._out.notify()

    def write_eof(self) -> None:
        self._out.eof = True
        self._out.notify()

    async def close(self) -> None:
        """Both ways end; what was written can still be read by the other end."""
        self._out.eof = True
        self._out.notify()
        self._in.closed = True
        self._in.notify()


def connection_pair() -> tuple[Connection, Connection]:
    first, second = _Direction(), _Direction()
    return _End(first, second), _End(second, first)
