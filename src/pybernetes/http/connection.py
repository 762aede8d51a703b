"""One connection of the HTTP/1.1 server: bytes in, `Request`s to the handler, its answers out.

The first step of every request (see docs/flow.md). A connection parses, keeps pipelined requests
in order, runs the handler of one request at a time, and writes its answer; a client that goes away
cancels its handler. A handler begins with the head of its request, the body comes when it reads it; what
nobody has read when the answer goes out is dropped where it is short, else the connection ends with the answer.

Source: staging/src/k8s.io/apiserver/pkg/server/secure_serving.go (limits, timeouts).
Differs: a request without Host is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterable
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import unquote

import httptools
import msgspec

from pybernetes.apimachinery.errors import StatusError
from pybernetes.http import tls
from pybernetes.http.inflow import HIGH_BYTES, ArrivingBody, Inflow
from pybernetes.http.messages import Body, Handler, Request, Response, Upgrade

log = logging.getLogger(__name__)

MAX_HEADER_BYTES = 1024 * 1024
GZIP_FROM_BYTES = 128 * 1024
_GZIP_LEVEL = 1
_THREAD_FROM_BYTES = 1024 * 1024
_ONE_WRITE_BYTES = 16 * 1024
_SLICE_BYTES = 512 * 1024
"""A larger answer is written so much at a time: others have their turn, and a slow client costs no copy of it all."""
_MAX_PIPELINED = 8
_DROPPED_BYTES = 256 * 1024
"""So much of a body that nobody read is taken off the connection, so that it can be used again. As Go's server does."""
_UNSENT_HIGH_BYTES = 64 * 1024
"""A stream waits when this much is unsent: what a client that does not read costs. TLS has 512 kB by default."""
_HEADER_TIMEOUT_S = 32.0
_IDLE_TIMEOUT_S = 180.0
_LINGER_S = 0.5

_REASONS = {status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LIST_PREFIXES = ("impersonate-", "x-remote-")
_NAMES = {
    form.encode(): name
    for name in ("host", "user-agent", "accept", "accept-encoding", "authorization", "content-type", "content-length")
    for form in (name, name.title())
}
"""Headers that nearly every request has, as clients write them."""


class Owner(Protocol):
    """What a connection asks of the server that it belongs to."""

    handler: Handler

    def opened(self, connection: HttpConnection) -> None: ...

    def closed(self, connection: HttpConnection) -> None: ...

    def date(self) -> bytes:
        """The Date header line."""
        ...


class _Refusal:
    """A queued answer of the server itself, after which the connection ends."""

    __slots__ = ("body", "content_type", "status")

    def __init__(self, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.status, self.body, self.content_type = status, body, content_type


class _Gone(asyncio.Transport):
    """Stands for the transport of a lost connection: what is written to it goes nowhere."""

    def is_closing(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        pass


_GONE = _Gone()


class HttpConnection(asyncio.Protocol):
    """One client connection: a parser, a short queue of requests, the task of the current one."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[tuple[Request, bool, bool] | _Refusal] = deque()
        self.task: asyncio.Task[None] | None = None
        self._tunnel: _Tunnel | None = None
        self._upgrade_rest: bytes | None = None
        self._deaf = False
        self.reading = True
        self._streaming: AsyncIterator[bytes] | None = None
        self._answering = False
        self._winding_down = False
        self._drained: asyncio.Future[None] | None = None
        self._lost = False
        self._idle_since = self._loop.time()
        self._peer_certificate: bytes | None = None
        self._half_closes = True
        self._remote = ""
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._in_headers = False
        self._in_message = False
        self._body_follows = False
        """The head that was just parsed asks for an upgrade and has a body."""
        self._body: list[bytes] = []
        self._arriving: ArrivingBody | None = None
        """The body of the last request in line, while it is not whole."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(_UNSENT_HIGH_BYTES)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._remote = f"{peer[0]}:{peer[1]}"
            _keep_alive_probes(transport.get_extra_info("socket"))
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self._half_closes = False
            self._peer_certificate = tls.getpeercert(binary_form=True)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.feed(data)
            return
        if self._upgrade_rest is not None:
            self._upgrade_rest += data
            if len(self._upgrade_rest) > HIGH_BYTES:
                self._pause_reading()
            return
        if self._deaf:
            return
        if self._in_headers or not self._in_message:
            self._header_bytes += len(data)
        try:
            rest = self._parse(data)
        except httptools.HttpParserError:
            self._refuse(_Refusal(400, b"400 Bad Request"))
            return
        if rest is not None:
            self.data_received(rest)
            return
        if not self._in_message:
            return
        if self._in_headers:
            if self._header_bytes > MAX_HEADER_BYTES:
                self._refuse(_Refusal(431, b"431 Request Header Fields Too Large"))
        elif self._arriving is None and not self._deaf:
            self._begin_with_the_head()

    def _parse(self, data: bytes) -> bytes | None:
        """What is to be received after a head whose offer of another protocol is declined; None where there is none.

        Raises HttpParserError.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = bytes(data[upgrade.args[0] :])
            if self._body_follows:
                self._decline_upgrade()
                return rest
            self._upgrade_rest = rest
        return None

    def eof_received(self) -> bool | None:
        if self._tunnel is not None:
            self._tunnel.feed_eof()
            return self._half_closes
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._break_body("the client is gone")
        self._owner.closed(self)
        self._queue.clear()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._tunnel is not None:
            self._tunnel.feed_eof()
        if self.task is not None and self._tunnel is None:
            self.task.cancel()
        # Nobody waits for the collector of cycles to free what TLS holds: the parser is in a cycle with the connection.
        self._transport = _GONE
        del self._parser

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # httptools callbacks

    def on_message_begin(self) -> None:
        self._in_message = self._in_headers = True
        self._url = b""
        self._headers = {}
        self._header_bytes = 0
        self._body = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = _NAMES.get(name) or name.decode("latin-1").lower()
        text = value.decode("latin-1")
        earlier = self._headers.get(key)
        if earlier is not None:
            text = f"{earlier}\n{text}" if key.startswith(_LIST_PREFIXES) else f"{earlier}, {text}"
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        self._in_headers = False
        if "upgrade" in self._headers and self._parser.should_upgrade():
            length = self._headers.get("content-length", "0")
            self._body_follows = "transfer-encoding" in self._headers or length.strip("0") != ""

    def on_body(self, body: bytes) -> None:
        if self._arriving is not None:
            self._arriving.feed(body)
        elif not self._deaf:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._body_follows:
            return
        self._in_message = False
        self._header_bytes = 0
        if self._arriving is not None:
            arriving, self._arriving = self._arriving, None
            arriving.feed_eof()
        elif not self._deaf:
            self._enqueue(self._body[0] if len(self._body) == 1 else b"".join(self._body))

    def _decline_upgrade(self) -> None:
        """Has the body parsed of a request that asks for another protocol, too: no protocol of ours begins with one.

        The parser takes all that follows the head of such a request for the other protocol's.
        """
        url, headers = self._url, {name: value for name, value in self._headers.items() if name != "upgrade"}
        head = [b"%b / HTTP/%b" % (self._parser.get_method(), self._parser.get_http_version().encode())]
        for name in ("connection", "content-length", "transfer-encoding"):
            if name in headers:
                head.append(f"{name}: {headers[name]}".encode("latin-1"))
        self._body_follows = False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(b"\r\n".join([*head, b"", b""]))
        self._url, self._headers = url, headers

    def _begin_with_the_head(self) -> None:
        """Puts the request in line whose body has not all come with its head."""
        length = self._headers.get("content-length", "")
        invited = self._headers.get("expect", "").lower() == "100-continue" and not self._body
        body = ArrivingBody(self.throttle, int(length) if length.isdigit() else None, self._invite if invited else None)
        for chunk in self._body:
            body.feed(chunk)
        self._body = []
        if self._enqueue(body):
            self._arriving = body

    def _invite(self) -> None:
        if self._arriving is not None and not self._answering:
            self._transport.write(_CONTINUE)

    def _enqueue(self, body: bytes | Body) -> bool:
        """Puts the request in line whose head was parsed; False: it was refused."""
        version = self._parser.get_http_version()
        host = self._headers.get("host", "")
        if "," in host or " " in host:
            self._refuse(_Refusal(400, b"400 Bad Request: malformed Host header"))
            return False
        if self._headers.get("transfer-encoding", "chunked").lower() != "chunked":
            self._refuse(_Refusal(501, b"Unsupported transfer encoding"))
            return False
        try:
            raw_path, raw_query = _target(self._url)
            path, query = raw_path.decode("utf-8"), raw_query.decode("utf-8")
            if "%" in path:
                path = _unquoted(path)
        except (httptools.HttpParserError, UnicodeDecodeError):
            self._refuse(_Refusal(400, b"400 Bad Request"))
            return False
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=path,
            query=query,
            headers=self._headers,
            body=body,
            remote_address=self._remote,
            peer_certificate=self._peer_certificate,
        )
        self._queue.append((request, self._parser.should_keep_alive(), version == "1.0"))
        if self.task is None:
            self._next()
        elif len(self._queue) >= _MAX_PIPELINED:
            self._pause_reading()
        return True

    # the requests, one after the other

    def _next(self) -> None:
        """Starts the next request in line; called when none runs."""
        if self._lost:
            return
        if not self._queue:
            self._idle_since = self._loop.time()
            if self._winding_down:
                tls.close(self._transport)
            return
        item = self._queue.popleft()
        if not self.reading and len(self._queue) < _MAX_PIPELINED:
            self._resume_reading()
        if isinstance(item, _Refusal):
            self._write_whole("GET", item.status, [("Content-Type", item.content_type)], item.body, False, False)
            self._linger()
            return
        self.task = self._loop.create_task(self._run(*item))

    async def _run(self, request: Request, keep_alive: bool, old: bool) -> None:
        """One request from its handler to its last byte; then the next one begins."""
        try:
            await self._serve(request, keep_alive, old)
        except asyncio.CancelledError:
            tls.close(self._transport)
            raise
        except ConnectionError:
            tls.close(self._transport)
        except Exception:
            log.exception("connection to %s ended", self._remote)
            tls.close(self._transport)
        finally:
            self.task = None
        if not self._lost and not self._transport.is_closing():
            self._next()

    async def _serve(self, request: Request, keep_alive: bool, old: bool) -> None:
        answer: Response | Upgrade
        self._answering = False
        try:
            answer = await self._owner.handler(request)
        except StatusError as error:
            answer = Response(error.code, [("Content-Type", "application/json")], msgspec.json.encode(error.status))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = Response(500, [("Content-Type", "text/plain; charset=utf-8")], b"internal error")
        self._answering = True
        if isinstance(answer, Upgrade):
            if self._unfinished(request) is not None:
                raise ConnectionError("an upgrade before the end of the request's body")
            await self._run_tunnel(answer)
            return
        keep_alive = keep_alive and not self._winding_down and self._can_go_on(request)
        body = answer.body
        if isinstance(body, bytes):
            headers = answer.headers
            if len(body) > GZIP_FROM_BYTES and _wants_gzip(request, headers):
                headers = [*headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
                body = await _gzip(body)
            if len(body) > _SLICE_BYTES and request.method != "HEAD":
                await self._write_slices(answer.status, headers, body, keep_alive, old)
                if self._lost:
                    return
            else:
                length = answer.length if request.method == "HEAD" else None
                self._write_whole(request.method, answer.status, headers, body, keep_alive, old, length)
        else:
            keep_alive = await self._write_stream(request.method, answer, body, keep_alive, old)
        if self._drained is not None:
            await self._drained
        if not keep_alive:
            self._deaf = True
            self._queue.clear()
            if self._unfinished(request) is None:
                tls.close(self._transport)
            else:
                self._resume_reading()
                self._linger()
            return
        unread = self._unfinished(request)
        if unread is not None:
            unread.drop()
        rest, self._upgrade_rest = self._upgrade_rest, None
        if rest is not None and not self._lost:
            self._parser = httptools.HttpRequestParser(self)
            self._resume_reading()
            self.data_received(rest)  # now: bytes that come meanwhile are behind it

    def _can_go_on(self, request: Request) -> bool:
        """Can the connection be used again after an answer that begins now, whatever becomes of the request's body?"""
        unread = self._unfinished(request)
        if unread is None:
            return True
        left = unread.droppable_bytes
        return left is not None and left <= _DROPPED_BYTES

    def _unfinished(self, request: Request) -> ArrivingBody | None:
        """The request's body while it is not whole."""
        return self._arriving if self._arriving is request.body else None

    def _write_whole(
        self,
        method: str,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes,
        keep_alive: bool,
        old: bool,
        told: int | None = None,
    ) -> None:
        length = b"" if status in (204, 304) else b"Content-Length: %d\r\n" % (len(body) if told is None else told)
        head = self._head(status, headers, length, keep_alive, old)
        if method == "HEAD" or not body:
            self._transport.write(head)
        elif len(body) <= _ONE_WRITE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines([head, body])

    async def _write_slices(
        self, status: int, headers: list[tuple[str, str]], body: bytes, keep_alive: bool, old: bool
    ) -> None:
        write = self._transport.write
        write(self._head(status, headers, b"Content-Length: %d\r\n" % len(body), keep_alive, old))
        view = memoryview(body)
        for start in range(0, len(body), _SLICE_BYTES):
            write(view[start : start + _SLICE_BYTES])
            if self._drained is not None:
                await self._drained
            else:
                await asyncio.sleep(0)
            if self._lost:
                return

    async def _write_stream(
        self, method: str, answer: Response, body: AsyncIterator[bytes], keep_alive: bool, old: bool
    ) -> bool:
        """Sends chunk by chunk; returns whether the connection can be used again."""
        left = answer.length
        chunked = not old and left is None
        keep_alive = keep_alive and not (old and left is None)
        write = self._transport.write
        length = b"Transfer-Encoding: chunked\r\n" * chunked if left is None else b"Content-Length: %d\r\n" % left
        write(self._head(answer.status, answer.headers, length, keep_alive, old))
        self._streaming = body
        try:
            if method != "HEAD":
                async for chunk in body:
                    if not chunk:
                        continue
                    write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
                    if left is not None:
                        left -= len(chunk)
                    if self._drained is not None:
                        await self._drained
                    if self._lost:
                        return False
        except asyncio.CancelledError:
            if not self._winding_down or self._lost:
                raise
            keep_alive = False
        finally:
            self._streaming = None
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()
        if chunked and method != "HEAD":
            write(_LAST_CHUNK)
        return keep_alive and (not left or method == "HEAD")

    def _head(self, status: int, headers: list[tuple[str, str]], length: bytes, keep_alive: bool, old: bool) -> bytes:
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        if lines.count("\n") != len(headers):
            lines = "".join([f"{name}: {' '.join(value.splitlines())}\r\n" for name, value in headers])
        connection = b"Connection: close\r\n" if not keep_alive else b"Connection: keep-alive\r\n" if old else b""
        first = _REASONS.get(status) or b"HTTP/1.1 %d \r\n" % status
        return b"".join(
            (first, lines.encode("utf-8", "replace"), self._owner.date(), connection, length, b"\r\n"),
        )

    async def _run_tunnel(self, answer: Upgrade) -> None:
        self._transport.write(self._upgrade_head(answer.headers))
        rest, self._upgrade_rest = self._upgrade_rest, None
        self._tunnel = _Tunnel(self)
        self._queue.clear()
        if rest:
            self._tunnel.feed(rest)
        if self._lost:
            self._tunnel.feed_eof()
        else:
            self._resume_reading()
        try:
            await answer.run(self._tunnel)
        except ConnectionError:
            pass
        finally:
            tls.close(self._transport)

    def _upgrade_head(self, headers: Iterable[tuple[str, str]]) -> bytes:
        lines = "".join([f"{name}: {' '.join(value.splitlines())}\r\n" for name, value in headers])
        return b"HTTP/1.1 101 Switching Protocols\r\n%b\r\n" % lines.encode("utf-8", "replace")

    async def drain(self) -> None:
        if self._drained is not None:
            await self._drained
        if self._lost:
            raise ConnectionResetError("the peer is gone")

    # the end

    def _refuse(self, refusal: _Refusal) -> None:
        if self._deaf:
            return
        self._deaf = True
        if self._arriving is not None:
            # Its handler is told, and answers.
            self._break_body("the body of the request is malformed")
            return
        self._queue.append(refusal)
        if self.task is None:
            self._next()

    def _break_body(self, why: str) -> None:
        if self._arriving is not None:
            self._arriving.fail(ConnectionError(why))

    def _linger(self) -> None:
        """Closes a little later, so that unread bytes do not reset the answer away."""
        self._loop.call_later(_LINGER_S, self._transport.close)

    def expire(self, now: float) -> bool:
        """Closes a connection that is idle or sends too slowly, and one that leaves a stream unread to its end.

        Whether it was such a stream, which may have held much.
        """
        if self._drained is not None and self._streaming is not None:
            over = getattr(self._streaming, "over", None)
            if over is None or not over():
                return False
            self._transport.abort()
            return True
        if self.task is None and not self._queue and self._tunnel is None:
            limit = _HEADER_TIMEOUT_S if self._in_message else _IDLE_TIMEOUT_S
            if now - self._idle_since > limit:
                tls.close(self._transport)
        return False

    def wind_down(self) -> None:
        """Lets a running request finish, ends everything else."""
        self._winding_down = True
        if self.task is None:
            tls.close(self._transport)
        elif self._streaming is not None or self._tunnel is not None:
            self.task.cancel()

    def cut(self) -> None:
        if self.task is not None:
            self.task.cancel()
        self._transport.abort()

    def _pause_reading(self) -> None:
        if self.reading and not self._transport.is_closing():
            self.reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self.reading and not self._transport.is_closing():
            self.reading = True
            self._transport.resume_reading()

    def throttle(self, full: bool) -> None:
        if full:
            self._pause_reading()
        else:
            self._resume_reading()


class _Tunnel(Inflow):
    """The `Connection` of an upgraded request."""

    def __init__(self, connection: HttpConnection) -> None:
        super().__init__(connection.throttle)
        self._connection = connection

    async def write(self, data: bytes) -> None:
        transport = self._connection._transport
        if transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        transport.write(data)
        await self._connection.drain()

    def write_eof(self) -> None:
        transport = self._connection._transport
        if not transport.is_closing() and transport.can_write_eof():
            transport.write_eof()

    async def close(self) -> None:
        tls.close(self._connection._transport)


def _target(url: bytes) -> tuple[bytes, bytes]:
    """Path and query. Raises HttpParserError."""
    if url[:1] == b"/" and b"#" not in url and url[:2] != b"//":
        path, _, query = url.partition(b"?")
        return path, query
    parsed = httptools.parse_url(url)
    return parsed.path or b"/", parsed.query or b""


def _unquoted(path: str) -> str:
    """Raises HttpParserError for a percent sign that begins no byte, UnicodeDecodeError for bytes that are no text."""
    if _NO_ESCAPE.search(path):
        raise httptools.HttpParserError(f"invalid URL escape in {path!r}")
    return unquote(path, errors="strict")


def _wants_gzip(request: Request, headers: list[tuple[str, str]]) -> bool:
    """Whether it is asked for by that very name; qualities count for nothing.

    Source: apiserver/pkg/endpoints/handlers/responsewriters/writers.go (negotiateContentEncoding).
    """
    wanted = request.headers.get("accept-encoding", "")
    if request.method == "HEAD" or "gzip" not in wanted or all(part.strip() != "gzip" for part in wanted.split(",")):
        return False
    return not any(name.lower() == "content-encoding" for name, _ in headers)


async def _gzip(body: bytes) -> bytes:
    """The gzip form; zlib lets the interpreter go, so a large body goes through a thread."""
    if len(body) >= _THREAD_FROM_BYTES:
        return await asyncio.to_thread(_gzip_now, body)
    return _gzip_now(body)


def _gzip_now(body: bytes) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _keep_alive_probes(sock: Any) -> None:
    """Finds peers that vanished without a word, so that their watches end."""
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
