"""A gRPC server on a unix socket: one message for another.

Each call is a task, which ends with its deadline, when its client gives up and with its connection.

Source: grpc/grpc doc/PROTOCOL-HTTP2.md; grpc-go server.go, internal/transport/http2_server.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, cast

from pybernetes.host import unix_sockets
from pybernetes.http import http2
from pybernetes.http.grpc_wire import (
    CONTENT_TYPE,
    Envelopes,
    GrpcError,
    enveloped,
    is_grpc,
    status_fields,
    timeout_s_of,
)
from pybernetes.http.http2 import Data, Headers, Http2, Http2Error, Reset, header_block

_LOG = logging.getLogger(__name__)
Method = Callable[[bytes], Awaitable[bytes]]
"""Raises GrpcError with what the client is to be told."""
_LIMIT_BYTES = 4 * 1024 * 1024
_MAX_REPLIES = 1000
_HEAD = header_block([(":status", "200"), ("content-type", CONTENT_TYPE)])
_DONE = header_block(status_fields("OK"))


class GrpcServer:
    """Listens from when it is made, inside a running event loop."""

    def __init__(self, listener: asyncio.Server, socket: Path, links: set[_Link]) -> None:
        self._listener = listener
        self._socket = socket
        self._inode = socket.stat().st_ino
        self._links = links

    async def stop(self) -> None:
        """Ends what goes on, and takes the socket away unless another has taken its place."""
        self._listener.close()
        for link in list(self._links):
            link.close()
        try:
            if self._socket.stat().st_ino == self._inode:
                self._socket.unlink()
        except FileNotFoundError:
            pass


async def serve(socket: Path, methods: Mapping[str, Method]) -> GrpcServer:
    """`methods` by path, such as /service/Method. Raises OSError where it cannot listen."""
    links: set[_Link] = set()
    opened = unix_sockets.listen(str(socket))
    try:
        listener = await asyncio.get_running_loop().create_unix_server(lambda: _Link(methods, links), sock=opened)
        return GrpcServer(listener, socket, links)
    except BaseException:
        opened.close()
        raise


class _Request:
    __slots__ = ("envelopes", "messages", "path", "task", "timeout_s")

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.path = fields.get(":path", "")
        self.timeout_s = timeout_s_of(fields.get("grpc-timeout", ""))
        self.envelopes = Envelopes(_LIMIT_BYTES)
        self.messages: list[bytes] = []
        self.task: asyncio.Task[None] | None = None


class _Link(asyncio.Protocol):
    """A client's connection."""

    def __init__(self, methods: Mapping[str, Method], links: set[_Link]) -> None:
        self._methods = methods
        self._links = links
        self._http = Http2(server=True)
        self._transport: asyncio.Transport | None = None
        self._requests: dict[int, _Request] = {}
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        self._links.add(self)
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._links.discard(self)
        for stream in list(self._requests):
            self._forget(stream)

    def pause_writing(self) -> None:
        """Who does not read answers asks for no more."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        self._http.replies = 0
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        for stream in list(self._requests):
            self._forget(stream)
        transport, self._transport = self._transport, None
        if transport is not None:
            self._http.go_away()
            transport.write(self._http.take())
            transport.abort() if self._paused else transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._http.receive(data):
                self._handle(event)
            if not self._paused:
                self._http.replies = 0
            elif self._http.replies > _MAX_REPLIES:
                raise Http2Error(http2.ENHANCE_YOUR_CALM, "answers are asked for and not read")
        except Http2Error as error:
            _LOG.debug("a client is sent away: %s", error)
            self.close()
            return
        self._flush()

    def _flush(self) -> None:
        out = self._http.take()
        if out and self._transport is not None:
            self._transport.write(out)

    def _handle(self, event: http2.Event) -> None:
        match event:
            case Headers():
                self._on_headers(event)
            case Data():
                self._on_data(event)
            case Reset():
                self._forget(event.stream)

    def _on_headers(self, event: Headers) -> None:
        stream, fields = event.stream, event.fields
        if stream in self._requests:
            if event.ended:
                self._start(stream)
            return
        if fields.get(":method") != "POST" or not is_grpc(fields.get("content-type", "")):
            self._http.send_headers(stream, header_block([(":status", "415")]), ended=True)
            return
        self._requests[stream] = _Request(fields)
        encoding = fields.get("grpc-encoding", "identity")
        if event.ended:
            self._fail(stream, GrpcError("INTERNAL", "a request without a message"))
        elif encoding != "identity":
            words = f'grpc: Decompressor is not installed for grpc-encoding "{encoding}"'
            self._fail(stream, GrpcError("UNIMPLEMENTED", words))

    def _on_data(self, event: Data) -> None:
        request = self._requests.get(event.stream)
        if request is None:
            return
        self._http.consumed(event.stream, len(event.data))
        try:
            request.messages += request.envelopes.feed(event.data)
            if len(request.messages) > 1:
                raise GrpcError("INTERNAL", "more than one message")
        except GrpcError as error:
            self._fail(event.stream, error)
            return
        if event.ended:
            self._start(event.stream)

    def _start(self, stream: int) -> None:
        request = self._requests[stream]
        method = self._methods.get(request.path)
        if method is None:
            service, _, name = request.path.removeprefix("/").rpartition("/")
            known = any(path.startswith(f"/{service}/") for path in self._methods)
            words = f"unknown method {name} for service {service}" if known else f"unknown service {service}"
            self._fail(stream, GrpcError("UNIMPLEMENTED", words))
        elif not request.messages or not request.envelopes.is_empty:
            self._fail(stream, GrpcError("INTERNAL", "unexpected EOF"))
        else:
            work: Coroutine[Any, Any, None] = self._answer(stream, method, request)
            request.task = asyncio.get_running_loop().create_task(work, name=f"call of {request.path}")

    async def _answer(self, stream: int, method: Method, request: _Request) -> None:
        try:
            async with asyncio.timeout(request.timeout_s):
                answer = await method(request.messages[0])
        except GrpcError as error:
            self._fail(stream, error)
        except TimeoutError:
            self._fail(stream, GrpcError("DEADLINE_EXCEEDED", "context deadline exceeded"))
        except Exception as error:
            _LOG.exception("a call of %s failed", request.path)
            self._fail(stream, GrpcError("UNKNOWN", str(error)))
        else:
            self._requests.pop(stream, None)
            self._http.send_headers(stream, _HEAD)
            self._http.send_data(stream, enveloped(answer))
            self._http.send_headers(stream, _DONE, ended=True)
        self._flush()

    def _fail(self, stream: int, error: GrpcError) -> None:
        self._requests.pop(stream, None)
        fields = [(":status", "200"), ("content-type", CONTENT_TYPE), *status_fields(error.code, error.message)]
        self._http.send_headers(stream, header_block(fields), ended=True)

    def _forget(self, stream: int) -> None:
        request = self._requests.pop(stream, None)
        if request is not None and request.task is not None:
            request.task.cancel()
