"""Calls of a gRPC server over one connection, which is made when it is needed and again when it is lost.

A call waits for the connection and for the server's greeting; where nobody listens it fails at once with UNAVAILABLE,
or goes on trying where it is told to. A call for one message that a server has certainly not looked at is made again.

Source: grpc/grpc doc/{wait-for-ready,connection-backoff}.md; grpc-go clientconn.go, internal/transport/http2_client.go.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import cast

from pybernetes.host import unix_sockets
from pybernetes.http import http2
from pybernetes.http.grpc_wire import (
    CONTENT_TYPE,
    Envelopes,
    GrpcError,
    answer_failure,
    enveloped,
    failure_of,
    reset_failure,
    timeout_text,
)
from pybernetes.http.http2 import Data, GoAway, Greeted, Headers, Http2, Http2Error, Reset, header_block

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
Metadata = tuple[tuple[str, str], ...]
_CONNECT_TIMEOUT_S = 20.0
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 1.0
_TRIES = 5
_MAX_REPLIES = 1000
"""Answers that a server may ask for while it does not read."""
_DEADLINE = "context deadline exceeded"


class Channel:
    """To `unix:///path`, `/path` or `host:port`; made inside a running event loop."""

    def __init__(
        self,
        target: str,
        *,
        user_agent: str = "pybernetes",
        limit_bytes: int = MAX_MESSAGE_BYTES,
        max_headers_bytes: int = http2.MAX_HEADERS_BYTES,
    ) -> None:
        self._path = _path_of(target)
        self._target = target
        self._authority = target if self._path is None else "localhost"
        self._user_agent = user_agent
        self._limit_bytes = limit_bytes
        self._max_headers_bytes = max_headers_bytes
        self._link: _Link | None = None
        self._links: set[_Link] = set()
        """Also those that end with their last call."""
        self._connecting: asyncio.Task[_Link] | None = None
        self._closed = False
        self._heads: dict[tuple[str, Metadata], bytes] = {}

    async def close(self) -> None:
        """Calls that go on end with CANCELLED."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        for link in list(self._links):
            link.close(GrpcError("CANCELLED", "grpc: the client connection is closing"))
        self._links.clear()
        self._link = None

    async def unary(
        self, path: str, request: bytes, timeout_s: float | None = None, *, metadata: Metadata = ()
    ) -> bytes:
        """One message for another. Raises GrpcError."""
        loop = asyncio.get_running_loop()
        until = None if timeout_s is None else loop.time() + timeout_s
        for tries_left in range(_TRIES - 1, -1, -1):
            link = self._link
            if link is None or not link.takes_calls:
                link = await self._connected(until)
            left_s = timeout_s if until is None else until - loop.time()
            call = link.begin(self._head(path, metadata), request, left_s, many=False)
            try:
                return await call.only()
            except GrpcError as error:
                if not error.unseen or not tries_left:
                    raise
            finally:
                call.end()
        raise AssertionError("the last try returns or raises")

    async def stream(
        self, path: str, request: bytes, *, metadata: Metadata = (), wait_for_ready: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """The messages of the server's, for as long as it sends some. Raises GrpcError."""
        if wait_for_ready:
            await self.channel_ready()
        link = self._link
        if link is None or not link.takes_calls:
            link = await self._connected(None)
        call = link.begin(self._head(path, metadata), request, None, many=True)
        try:
            while (message := await call.next()) is not None:
                yield message
        finally:
            call.end()

    async def channel_ready(self) -> None:
        """Until there is a connection on which the server has said something. Raises GrpcError when it was closed."""
        delay_s = _FIRST_DELAY_S
        while self._link is None or not self._link.takes_calls:
            try:
                await self._connected(None)
            except GrpcError as error:
                if error.code != "UNAVAILABLE":
                    raise
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    def _head(self, path: str, metadata: Metadata) -> bytes:
        found = self._heads.get((path, metadata))
        if found is None:
            fields = [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", path),
                (":authority", self._authority),
                ("content-type", CONTENT_TYPE),
                ("user-agent", self._user_agent),
                ("te", "trailers"),
                *metadata,
            ]
            found = self._heads[path, metadata] = header_block(fields)
        return found

    # The connection.

    async def _connected(self, until: float | None) -> _Link:
        """All who need one wait for the same."""
        if self._closed:
            raise GrpcError("CANCELLED", "grpc: the client connection is closing")
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect(), name=f"connection to {self._target}")
            self._connecting.add_done_callback(self._has_connected)
        connecting = self._connecting
        try:
            async with asyncio.timeout_at(until):
                return await asyncio.shield(connecting)
        except TimeoutError:
            raise GrpcError("DEADLINE_EXCEEDED", _DEADLINE) from None
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if self._closed and connecting.cancelled() and me is not None and not me.cancelling():
                raise GrpcError("CANCELLED", "grpc: the client connection is closing") from None
            raise

    def _has_connected(self, task: asyncio.Task[_Link]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # which those who wait are told, if there are any

    async def _connect(self) -> _Link:
        link = _Link(self, self._limit_bytes, self._max_headers_bytes)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await self._dial(link)
                await link.greeted
            if not link.takes_calls:
                raise GrpcError("UNAVAILABLE", "the server sends connections away as soon as they are made")
        except (OSError, TimeoutError) as error:
            link.close(None)
            where = f"unix {self._path}" if self._path is not None else f"tcp {self._target}"
            why = "i/o timeout" if isinstance(error, TimeoutError) else f"connect: {_reason(error)}"
            words = f'connection error: desc = "transport: Error while dialing: dial {where}: {why}"'
            raise GrpcError("UNAVAILABLE", words) from None
        except BaseException:
            link.close(None)
            raise
        self._link = link
        return link

    async def _dial(self, link: _Link) -> None:
        loop = asyncio.get_running_loop()
        if self._path is None:
            host, _, port = self._target.rpartition(":")
            await loop.create_connection(lambda: link, host.strip("[]"), int(port))
            return
        opened = unix_sockets.connect(self._path)
        try:
            await loop.create_unix_connection(lambda: link, sock=opened)
        except BaseException:
            opened.close()
            raise

    def opened(self, link: _Link) -> None:
        self._links.add(link)

    def retired(self, link: _Link) -> None:
        """It takes no more calls."""
        if self._link is link:
            self._link = None

    def lost(self, link: _Link) -> None:
        self.retired(link)
        self._links.discard(link)


class _Link(asyncio.Protocol):
    """A connection and its calls."""

    def __init__(self, channel: Channel, limit_bytes: int, max_headers_bytes: int) -> None:
        self._channel = channel
        self._limit_bytes = limit_bytes
        self._http = Http2(max_headers_bytes=max_headers_bytes)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._calls: dict[int, _Call] = {}
        self._queue: deque[_Call] = deque()
        """Calls for which the server lets no more streams be opened yet."""
        self._paused = False
        self._retired = False
        self.greeted: asyncio.Future[None] = self._loop.create_future()

    @property
    def takes_calls(self) -> bool:
        return not self._retired and self._transport is not None

    def begin(self, head: bytes, request: bytes, timeout_s: float | None, *, many: bool) -> _Call:
        call = _Call(self, head, enveloped(request), self._limit_bytes, many)
        if not self.takes_calls:
            call.finish(GrpcError("UNAVAILABLE", "the connection is closing", unseen=True))
            return call
        if timeout_s is not None:
            if timeout_s <= 0:
                call.expire()
                return call
            call.head += _timeout_block(round(timeout_s, 3))
            call.until = self._loop.time() + timeout_s
            call.timer = self._loop.call_at(call.until, call.expire)
        if self._http.open_streams >= self._http.max_streams or self._queue:
            self._queue.append(call)
        else:
            self._open(call)
            self._flush()
        return call

    def _open(self, call: _Call) -> None:
        call.stream = self._http.open(call.head, call.request)
        call.request = b""
        self._calls[call.stream] = call
        if self._http.used_up:
            self._retire()

    def _open_queued(self) -> None:
        while self._queue and self._http.open_streams < self._http.max_streams and not self._retired:
            call = self._queue.popleft()
            if not call.is_over:
                self._open(call)

    def forget(self, call: _Call) -> None:
        """A call that is over, whoever ended it."""
        if self._calls.pop(call.stream, None) is not None:
            self._http.reset(call.stream, http2.CANCEL)  # nothing where it ended by itself
        if self._queue:
            self._open_queued()
        self._flush()
        if self._retired and not self._calls:
            self.close(None)

    def read(self, call: _Call, size: int) -> None:
        self._http.consumed(call.stream, size)
        self._flush()

    def close(self, failure: GrpcError | None) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            # Nobody waits for a server that does not read.
            transport.abort() if transport.get_write_buffer_size() else transport.close()
        self._ended(failure or GrpcError("UNAVAILABLE", "the connection is closing"))

    def _flush(self) -> None:
        out = self._http.take()
        if out and self._transport is not None:
            self._transport.write(out)

    def _retire(self) -> None:
        """Calls that go on may end; others are for a new connection."""
        self._retired = True
        self._channel.retired(self)
        queued, self._queue = self._queue, deque()
        for call in queued:
            call.finish(GrpcError("UNAVAILABLE", "the connection is closing", unseen=True))

    def _ended(self, failure: GrpcError) -> None:
        self._retired = True
        self._channel.lost(self)
        calls = [*self._calls.values(), *self._queue]
        self._calls.clear()
        self._queue.clear()
        for call in calls:
            call.finish(failure if call.stream else GrpcError(failure.code, failure.message, unseen=True))

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        self._channel.opened(self)
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        why = f"connection error: {_reason(error)}" if isinstance(error, OSError) else "error reading from server: EOF"
        self._transport = None
        if not self.greeted.done():
            self.greeted.set_exception(error if isinstance(error, OSError) else ConnectionResetError("EOF"))
            self.greeted.exception()
        self._ended(GrpcError("UNAVAILABLE", why))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._http.replies = 0

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._http.receive(data):
                self._handle(event)
            if self._http.replies:
                self._count_replies()
        except Http2Error as error:
            self._flush()
            if not self.greeted.done():
                self.greeted.set_exception(ConnectionResetError(f"error reading server preface: {error}"))
                self.greeted.exception()
            self.close(GrpcError("UNAVAILABLE", f"connection error: {error}"))
            return
        if self._queue:
            self._open_queued()
        self._flush()
        if self._retired and not self._calls:
            self.close(None)

    def _count_replies(self) -> None:
        if not self._paused:
            self._http.replies = 0
        elif self._http.replies > _MAX_REPLIES:
            raise Http2Error(http2.ENHANCE_YOUR_CALM, "answers are asked for and not read")

    def _handle(self, event: http2.Event) -> None:
        match event:
            case Data() | Headers() | Reset():
                call = self._calls.get(event.stream)
                if call is None:
                    return
                if isinstance(event, Data):
                    self._http.consumed(event.stream, call.on_data(event.data))
                elif isinstance(event, Headers):
                    call.on_headers(event.fields, event.ended)
                else:
                    # A server may notice the deadline first, and says no more than that it cancels.
                    late = event.code == http2.CANCEL and call.until <= self._loop.time()
                    call.expire() if late else call.finish(reset_failure(event.code))
                    return
                if event.ended and not call.is_over:
                    call.finish(GrpcError("INTERNAL", "server closed the stream without sending trailers"))
            case GoAway():
                self._retire()
                words = f'closing transport due to: connection error: desc = "{event.reason}", received prior goaway'
                for stream in [each for each in self._calls if each > event.last_stream]:
                    self._calls[stream].finish(GrpcError("UNAVAILABLE", words, unseen=True))
            case Greeted():
                if not self.greeted.done():
                    self.greeted.set_result(None)


class _Call:
    __slots__ = (
        "_envelopes",
        "_failure",
        "_link",
        "_many",
        "_messages",
        "_waiter",
        "answered",
        "head",
        "is_over",
        "request",
        "stream",
        "timer",
        "until",
    )

    def __init__(self, link: _Link, head: bytes, request: bytes, limit_bytes: int, many: bool) -> None:
        self._link = link
        self._many = many
        self._envelopes = Envelopes(limit_bytes)
        self._messages: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._failure: GrpcError | None = None
        self.answered = False
        self.head = head
        self.request = request
        self.stream = 0
        self.timer: asyncio.TimerHandle | None = None
        self.until = math.inf
        self.is_over = False

    async def only(self) -> bytes:
        """The one message of the answer. Raises GrpcError."""
        if not self.is_over:
            await self._wait()
        self._raise_failure()
        if not self._messages:
            raise GrpcError("INTERNAL", "cardinality violation: no response message")
        return self._messages[0]

    async def next(self) -> bytes | None:
        """None at the end. Raises GrpcError."""
        while not self._messages:
            self._raise_failure()
            if self.is_over:
                return None
            await self._wait()
        message = self._messages.popleft()
        if not self.is_over:
            self._link.read(self, len(message) + 5)
        return message

    def _raise_failure(self) -> None:
        """Once. What is raised knows this call by its frames, and must not be known to it: that would be a cycle."""
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def on_headers(self, fields: Mapping[str, str], ended: bool) -> None:
        if ended:
            failure = failure_of(fields)
            if failure is None and not self._envelopes.is_empty:
                failure = GrpcError("INTERNAL", "unexpected EOF")
            self.finish(failure)
        elif not self.answered and fields.get(":status", "")[:1] != "1":
            self.answered = True
            if (failure := answer_failure(fields)) is not None:
                self.finish(failure)

    def on_data(self, data: bytes) -> int:
        """How much of it nobody needs to read any more."""
        try:
            found = self._envelopes.feed(data)
        except GrpcError as error:
            self.finish(error)
            return len(data)
        if not found:
            return len(data)
        self._messages.extend(found)
        if not self._many:
            if len(self._messages) > 1:
                self.finish(GrpcError("INTERNAL", "cardinality violation: more than one response message"))
            return len(data)
        self._wake()
        return len(data) - sum(len(message) + 5 for message in found)

    def expire(self) -> None:
        self.finish(GrpcError("DEADLINE_EXCEEDED", _DEADLINE))

    def finish(self, failure: GrpcError | None) -> None:
        """Once; what comes later is not heard."""
        if self.is_over:
            return
        self.is_over = True
        self._failure = failure
        if self.timer is not None:
            self.timer.cancel()
        self._wake()
        self._link.forget(self)

    def end(self) -> None:
        """Nobody waits for it any more."""
        if not self.is_over:
            self.finish(GrpcError("CANCELLED", "context canceled"))


@functools.lru_cache(256)
def _timeout_block(timeout_s: float) -> bytes:
    return header_block([("grpc-timeout", timeout_text(timeout_s))])


def _path_of(target: str) -> str | None:
    """None of what is no unix socket."""
    if target.startswith("unix:"):
        path = target.removeprefix("unix:")
        return path.removeprefix("//") if path.startswith("//") else path
    return target if target.startswith("/") else None


def _reason(error: OSError) -> str:
    return (os.strerror(error.errno) if error.errno else str(error)).lower()
