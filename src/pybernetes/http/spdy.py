"""A SPDY/3.1 session over an upgraded connection: streams to open, accept, read, write and end.

The shell around `spdy_frames.Codec`: one task reads frames and fills bounded queues per stream, so a
stream nobody reads holds up the connection as it does upstream. There is no WINDOW_UPDATE: Kubernetes'
peers neither send nor honour it (docs/adr/0005-websocket.md).

Source: moby/spdystream; staging/src/k8s.io/streaming/pkg/httpstream/spdy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from pybernetes.http.messages import Connection
from pybernetes.http.spdy_frames import (
    CANCEL,
    INVALID_STREAM,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    Codec,
    Data,
    Frame,
    GoAway,
    Headers,
    HeadersFrame,
    PingFrame,
    RstStream,
    SpdyError,
    SynReply,
    SynStream,
)

SPDY = "SPDY/3.1"
PROTOCOL_HEADER = "x-stream-protocol-version"
_QUEUE_BYTES = 1 << 18
_MAX_INCOMING = 256
_REPLY_TIMEOUT_S = 30.0


class StreamReset(ConnectionError):
    """The peer ended the stream with an error status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the stream was reset (status {status})")
        self.status = status


class Session:
    """One SPDY connection, either side. Use as a context manager: leaving it ends all streams.

    `client` opens odd streams, the server even ones. `incoming()` gives the streams the peer opens.
    """

    def __init__(self, connection: Connection, *, client: bool) -> None:
        self._connection = connection
        self._codec = Codec()
        self._client = client
        self._next_id = 1 if client else 2
        self._next_ping = 1 if client else 2
        self._last_accepted = 0
        self._streams: dict[int, Stream] = {}
        self._pings: dict[int, asyncio.Future[None]] = {}
        self._incoming: asyncio.Queue[Stream | None] = asyncio.Queue(_MAX_INCOMING + 1)
        self._writing = asyncio.Lock()
        self._error: ConnectionError | None = None
        self._reader: asyncio.Task[None] | None = None
        self.closed = asyncio.Event()

    async def __aenter__(self) -> Session:
        self._reader = asyncio.get_running_loop().create_task(self._read_frames(), name="SPDY session")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self, headers: Headers, *, fin: bool = False) -> Stream:
        """Opens a stream and waits for the peer's reply. Raises StreamReset, ConnectionError, TimeoutError."""
        stream = Stream(self, self._next_id, headers)
        self._next_id += 2
        stream.ended = fin
        self._streams[stream.stream_id] = stream
        await self.send(SynStream(stream.stream_id, headers, fin))
        async with asyncio.timeout(_REPLY_TIMEOUT_S):
            await stream.replied
        return stream

    async def incoming(self) -> AsyncIterator[Stream]:
        """The streams the peer opens, until the session ends; each wants `accept()` or `reset()`."""
        while (stream := await self._incoming.get()) is not None:
            yield stream

    async def ping(self) -> None:
        """Returns when the peer has answered. Raises ConnectionError."""
        number = self._next_ping
        self._next_ping += 2
        future = self._pings[number] = asyncio.get_running_loop().create_future()
        await self.send(PingFrame(number))
        await future

    async def send(self, frame: Frame) -> None:
        async with self._writing:
            if self._error is not None:
                raise self._error
            await self._connection.write(self._codec.encode(frame))

    async def close(self) -> None:
        """Says GOAWAY and closes the connection; streams still open end with an error."""
        if self._error is None:
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(5):
                    await self.send(GoAway(self._last_accepted))
        self._end(ConnectionResetError("the session is closed"))
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._connection.close()

    def forget(self, stream: Stream) -> None:
        self._streams.pop(stream.stream_id, None)

    async def _read_frames(self) -> None:
        error: ConnectionError = ConnectionResetError("the peer closed the connection")
        try:
            while data := await self._connection.read():
                for frame in self._codec.decode(data):
                    if isinstance(frame, GoAway):
                        # moby/spdystream sends it as the last word; what was sent before has been read.
                        error = ConnectionResetError("the peer went away")
                    await self._handle(frame)
        except ConnectionError as failure:
            error = failure
            if isinstance(failure, SpdyError):
                with contextlib.suppress(ConnectionError):
                    await self.send(GoAway(self._last_accepted, PROTOCOL_ERROR))
        finally:
            self._end(error)

    async def _handle(self, frame: Frame) -> None:
        match frame:
            case Data(stream_id, data, fin):
                stream = self._streams.get(stream_id)
                if stream is not None:
                    await stream.feed(data, fin)
            case SynStream(stream_id, headers, fin):
                await self._accept(stream_id, headers, fin)
            case SynReply(stream_id, _, fin):
                stream = self._streams.get(stream_id)
                if stream is None:
                    await self.send(RstStream(stream_id, INVALID_STREAM))
                else:
                    stream.answered()
                    await stream.feed(b"", fin)
            case HeadersFrame(stream_id, _, fin):
                stream = self._streams.get(stream_id)
                if stream is not None:
                    await stream.feed(b"", fin)
            case RstStream(stream_id, status):
                stream = self._streams.pop(stream_id, None)
                if stream is not None:
                    stream.fail(StreamReset(status))
            case PingFrame(number):
                if (number % 2 == 1) == self._client:
                    future = self._pings.pop(number, None)
                    if future is not None and not future.done():
                        future.set_result(None)
                else:
                    await self.send(frame)
            case _:
                pass  # SETTINGS and WINDOW_UPDATE need no answer

    async def _accept(self, stream_id: int, headers: Headers, fin: bool) -> None:
        if (stream_id % 2 == 1) == self._client or stream_id <= self._last_accepted:
            raise SpdyError(f"the peer opened stream {stream_id}, which is not its to open")
        self._last_accepted = stream_id
        if self._incoming.qsize() >= _MAX_INCOMING:
            await self.send(RstStream(stream_id, REFUSED_STREAM))
            return
        stream = self._streams[stream_id] = Stream(self, stream_id, headers)
        await stream.feed(b"", fin)
        self._incoming.put_nowait(stream)

    def _end(self, error: ConnectionError) -> None:
        if self._error is not None:
            return
        self._error = error
        for stream in list(self._streams.values()):
            stream.fail(error)
        self._streams.clear()
        for future in self._pings.values():
            if not future.done():
                future.set_exception(error)
                future.exception()
        self._pings.clear()
        self._incoming.put_nowait(None)
        self.closed.set()


class Stream:
    """One stream: `read` what the peer sends, `write` to it, `close` this side, `reset` both."""

    def __init__(self, session: Session, stream_id: int, headers: Headers) -> None:
        self.stream_id = stream_id
        self.headers = headers
        self.ended = False
        """This side said it is done."""
        self.replied: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session = session
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._peer_ended = False
        self._error: ConnectionError | None = None
        self._changed = asyncio.Event()

    async def accept(self) -> None:
        """Answers a stream the peer opened."""
        if not self.replied.done():
            self.replied.set_result(None)
            await self._session.send(SynReply(self.stream_id))

    async def read(self, limit: int = 65536) -> bytes:
        """Some bytes; b"" when the peer ended its side. Raises StreamReset, ConnectionError when it broke off."""
        while not self._chunks:
            if self._peer_ended:
                return b""
            if self._error is not None:
                raise self._error
            self._changed.clear()
            await self._changed.wait()
        chunk = self._chunks.popleft()
        if len(chunk) > limit:
            self._chunks.appendleft(chunk[limit:])
            chunk = chunk[:limit]
        self._size -= len(chunk)
        self._changed.set()
        return chunk

    async def read_all(self, limit: int = 1 << 20) -> bytes:
        """What comes until the peer ends its side, at most about `limit` bytes (the rest is dropped)."""
        parts: list[bytes] = []
        size = 0
        while data := await self.read():
            if size < limit:
                parts.append(data)
                size += len(data)
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError when the stream or the session is over."""
        if self._error is not None:
            raise self._error
        if self.ended:
            raise ConnectionResetError("this side of the stream is closed")
        await self._session.send(Data(self.stream_id, data))

    async def close(self) -> None:
        """Ends this side; what the peer still sends can be read."""
        if not self.ended and self._error is None:
            self.ended = True
            await self._session.send(Data(self.stream_id, b"", fin=True))
            self._forget_when_over()

    async def reset(self, status: int = CANCEL) -> None:
        """Ends both sides at once."""
        if self._error is None:
            self._session.forget(self)
            self.fail(StreamReset(status))
            await self._session.send(RstStream(self.stream_id, status))

    # called by the session

    def answered(self) -> None:
        if not self.replied.done():
            self.replied.set_result(None)

    async def feed(self, data: bytes, fin: bool) -> None:
        if data and self._error is None:
            self._chunks.append(data)
            self._size += len(data)
        if fin:
            self._peer_ended = True
            self._forget_when_over()
        self._changed.set()
        while self._size > _QUEUE_BYTES and self._error is None:
            self._changed.clear()
            await self._changed.wait()

    def fail(self, error: ConnectionError) -> None:
        if self._error is None:
            self._error = error
        if not self.replied.done():
            self.replied.set_exception(error)
            self.replied.exception()
        self._changed.set()

    def _forget_when_over(self) -> None:
        if self.ended and self._peer_ended:
            self._session.forget(self)
