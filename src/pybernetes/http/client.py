"""A small pooled HTTP/1.1 client: requests, streamed answers, upgrades; over TCP, TLS or a unix socket.

Everything that goes wrong below HTTP is an OSError (ConnectionError, ssl.SSLError, TimeoutError); an
answer with any status is a value. A pooled connection that turns out closed before any byte of the
answer came is replaced and the request sent again when that is safe (GET and HEAD; anything, of a client
that is made so). Nothing else is retried here.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote, urlsplit

import httptools

from pybernetes.host.ip_families import bracketed
from pybernetes.host.memory import give_back_pages
from pybernetes.http import tls
from pybernetes.http.messages import Body, Connection

_HIGH_WATER = 1 << 20
"""Bytes of an answer that may wait unread before the socket is paused."""
_IDLE_S = 15.0
"""After so long without a request a connection is closed: many at once must not cost memory for ever, on both sides."""
_TICK_S = 0.01
"""Timers come that much too early, where the loop counts in milliseconds."""
_MANY = 16
"""So many closed connections leave memory behind that is worth giving back."""
_FREED_AFTER_S = 1.0
"""By then what they held is free."""

RequestHeaders = Mapping[str, str | Sequence[str]]
"""A sequence of values is sent as that many lines of the same name."""


@dataclass(slots=True)
class HttpResponse:
    """A whole answer; header names are lower-case, repeated headers joined with a comma, cookies
    with a line break."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Upgraded = tuple[HttpResponse, Connection | None]
"""The connection is None when the server answered anything but 101."""
Dial = Callable[[RequestHeaders], Awaitable[Upgraded]]
"""Asks one server for one upgrade."""


class HttpStream:
    """The head of an answer, and its body as it comes."""

    def __init__(self, exchange: _Exchange) -> None:
        self.status = exchange.status
        self.headers = exchange.headers
        self._exchange = exchange

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they arrive, in pieces of any size. Raises ConnectionError when cut short."""
        while chunk := await self._exchange.next_chunk():
            yield chunk

    async def read(self) -> bytes:
        """The whole rest of the body."""
        return await self._exchange.read_all()


class HttpClient:
    def __init__(
        self,
        url: str,
        ssl_context: ssl.SSLContext | None = None,
        *,
        server_hostname: str = "",
        connect_timeout_s: float = 10.0,
        max_idle: int = 64,
        max_answer_bytes: int | None = None,
        repeatable: bool = False,
    ) -> None:
        """`url`: http://host:port[/base], https://…, or unix:///path.sock. `max_answer_bytes`: of whole answers.

        `repeatable`: what this client posts may reach the server twice, too.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "unix"):
            raise ValueError(f"unsupported URL {url!r}: want http://, https:// or unix://")
        if parts.scheme != "unix" and not parts.hostname:
            raise ValueError(f"URL {url!r} has no host")
        self.url = url
        self._unix_path = parts.path if parts.scheme == "unix" else ""
        self._hostname = parts.hostname or "localhost"
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._base = "" if self._unix_path else parts.path.rstrip("/")
        host = bracketed(self._hostname)
        self._host_header = host if parts.port is None else f"{host}:{parts.port}"
        self._address = f"unix {self._unix_path}" if self._unix_path else f"tcp {host}:{self._port}"
        self._authorization = ""
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._authorization = "Basic " + base64.b64encode(pair.encode()).decode()
        self._ssl = ssl_context
        if parts.scheme == "https" and ssl_context is None:
            self._ssl = ssl.create_default_context()
        self._server_hostname = server_hostname or self._hostname
        self._connect_timeout_s = connect_timeout_s
        self._max_idle = max_idle
        self._max_answer_bytes = max_answer_bytes
        self._repeatable = repeatable
        self._idle: deque[tuple[float, _Wire]] = deque()
        """Since when, the last used at the end."""
        self._sweeper: asyncio.TimerHandle | None = None
        self._swept = 0
        """Closed since memory was given back."""
        self._open: set[_Wire] = set()

    async def request(
        self,
        method: str,
        target: str,
        headers: RequestHeaders | None = None,
        body: bytes = b"",
        timeout_s: float | None = None,
    ) -> HttpResponse:
        """Sends and reads one whole answer. `target` is path and query. Raises OSError, TimeoutError."""
        async with asyncio.timeout(timeout_s):
            wire, exchange = await self._start(method, target, headers, body)
            try:
                content = await exchange.read_all(self._max_answer_bytes)
            finally:
                self._release(wire)
        return HttpResponse(exchange.status, exchange.headers, content)

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, target: str, headers: RequestHeaders | None = None, body: bytes | Body = b""
    ) -> AsyncIterator[HttpStream]:
        """Yields once the head of the answer is there; leaving the block ends the stream.

        A body that is still coming is sent as it comes, also while the answer does.
        """
        wire, exchange = await self._start(method, target, headers, body)
        try:
            yield HttpStream(exchange)
        finally:
            self._release(wire)

    async def upgrade(
        self, method: str, target: str, headers: RequestHeaders | None = None, body: bytes = b""
    ) -> Upgraded:
        """Asks for an upgrade."""
        wire, exchange = await self._start(method, target, headers, body)
        if exchange.status == 101:
            return HttpResponse(101, exchange.headers), UpgradedConnection(wire)
        try:
            content = await exchange.read_all()
        finally:
            self._release(wire)
        return HttpResponse(exchange.status, exchange.headers, content), None

    async def close(self) -> None:
        for wire in list(self._open):
            wire.close()
        self._idle.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    async def _start(
        self, method: str, target: str, headers: RequestHeaders | None, body: bytes | Body
    ) -> tuple[_Wire, _Exchange]:
        data = self._encode(method, target, headers, body)
        while True:
            wire, reused = await self._acquire()
            exchange = wire.begin(method)
            try:
                await wire.write(data)
                if not isinstance(body, bytes):
                    exchange.sending = asyncio.create_task(_send(wire, exchange, body))
                await exchange.head
            except BaseException as error:
                fresh_may_work = isinstance(error, ConnectionError) and not exchange.answered
                exchange.stop_sending()
                wire.close()
                may_repeat = (self._repeatable or method in ("GET", "HEAD")) and isinstance(body, bytes)
                if reused and fresh_may_work and may_repeat:
                    continue
                raise
            return wire, exchange

    async def _acquire(self) -> tuple[_Wire, bool]:
        while self._idle:
            _, wire = self._idle.pop()
            if wire.alive:
                return wire, True
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                wire = await self._connected()
        except TimeoutError:
            raise TimeoutError(f"dial {self._address}: i/o timeout") from None
        except ConnectionRefusedError as error:
            why = f"dial {self._address}: connect: connection refused"
            raise ConnectionRefusedError(error.errno, why) from None
        self._open.add(wire)
        return wire, False

    async def _connected(self) -> _Wire:
        loop, wire = asyncio.get_running_loop(), _Wire(self._open.discard)
        if self._unix_path:
            await loop.create_unix_connection(lambda: wire, self._unix_path)
        else:
            await loop.create_connection(
                lambda: wire,
                self._hostname,
                self._port,
                ssl=self._ssl,
                server_hostname=self._server_hostname if self._ssl else None,
            )
        return wire

    def _release(self, wire: _Wire) -> None:
        if not wire.stop_sending() and wire.reusable and len(self._idle) < self._max_idle:
            loop = asyncio.get_running_loop()
            self._idle.append((loop.time(), wire))
            if self._sweeper is None:
                self._sweeper = loop.call_later(_IDLE_S, self._sweep)
        else:
            wire.close()

    def _sweep(self) -> None:
        """Runs only while there are idle connections."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        while self._idle and self._idle[0][0] + _IDLE_S <= now_s + _TICK_S:
            self._idle.popleft()[1].close()
            self._swept += 1
        if self._swept >= _MANY:
            self._swept = 0
            loop.call_later(_FREED_AFTER_S, give_back_pages)
        self._sweeper = loop.call_later(self._idle[0][0] + _IDLE_S - now_s, self._sweep) if self._idle else None

    def _encode(self, method: str, target: str, headers: RequestHeaders | None, body: bytes | Body) -> bytes:
        lines = [f"{method} {self._base}{target} HTTP/1.1"]
        if "host" not in (headers or {}):
            lines.append(f"host: {self._host_header}")
        if self._authorization:
            lines.append(f"authorization: {self._authorization}")
        for name, values in (headers or {}).items():
            for value in (values,) if isinstance(values, str) else values:
                if "\r" in value or "\n" in value:
                    raise ValueError(f"header {name} holds a line break")
                lines.append(f"{name}: {value}")
        if not isinstance(body, bytes):
            lines.append("transfer-encoding: chunked" if body.length is None else f"content-length: {body.length}")
            body = b""
        elif body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"content-length: {len(body)}")
        return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


class _Exchange:
    """One answer as it is parsed."""

    def __init__(self, wire: _Wire) -> None:
        self.head: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.answered = False
        self.complete = False
        self.sending: asyncio.Task[None] | None = None
        """Of a body that is sent as it comes."""
        self._wire = wire
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._error: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > _HIGH_WATER:
            self._wire.pause_reading()
        self._wake()

    def finish(self) -> None:
        self.complete = True
        self._wake()

    def fail(self, error: OSError) -> None:
        if self.complete:
            return
        self._error = error
        if not self.head.done():
            self.head.set_exception(error)
            self.head.exception()
        self._wake()

    def stop_sending(self) -> bool:
        """Whether there was something left to send."""
        if self.sending is None or self.sending.done():
            return False
        self.sending.cancel()
        return True

    async def next_chunk(self) -> bytes:
        """What has come since the last call, joined; b"" at the end."""
        while not self._chunks:
            if self.complete:
                return b""
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        chunk = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if self._size > _HIGH_WATER:
            self._wire.resume_reading()
        self._size = 0
        return chunk

    async def read_all(self, limit: int | None = None) -> bytes:
        parts, size = [], 0
        while chunk := await self.next_chunk():
            parts.append(chunk)
            size += len(chunk)
            if limit is not None and size > limit:
                raise OSError(f"the answer is larger than {limit >> 20} MiB")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def _send(wire: _Wire, exchange: _Exchange, body: Body) -> None:
    """Carries a body to its end; one that breaks breaks the request, unless it was answered."""
    try:
        if body.length is None:
            while data := await body.read():
                await wire.write(b"%x\r\n%b\r\n" % (len(data), data))
            await wire.write(b"0\r\n\r\n")
        else:
            while data := await body.read():
                await wire.write(data)
    except OSError as error:
        exchange.fail(error)
        wire.close()


class _Wire(asyncio.Protocol):
    """A connection: parses one answer at a time, then perhaps becomes a raw stream after an upgrade."""

    def __init__(self, on_lost: object = None) -> None:
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        """None once the connection is lost, as is the transport."""
        self._exchange: _Exchange | None = None
        self._keep_alive = True
        self._bodiless = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost: OSError | None = None
        self.upgraded = False
        self._half_closes = False
        self.raw: deque[bytes] = deque()
        self.raw_size = 0
        self.raw_eof = False
        self.raw_ready = asyncio.Event()

    @property
    def alive(self) -> bool:
        return self._transport is not None and self._lost is None and not self._transport.is_closing()

    @property
    def reusable(self) -> bool:
        done = self._exchange is not None and self._exchange.complete
        return self.alive and done and self._keep_alive and not self.upgraded

    def begin(self, method: str) -> _Exchange:
        self._exchange = _Exchange(self)
        self._bodiless = method == "HEAD"
        if self._lost is not None:
            self._exchange.fail(self._lost)
        return self._exchange

    def stop_sending(self) -> bool:
        return self._exchange is not None and self._exchange.stop_sending()

    async def write(self, data: bytes) -> None:
        if self._lost is not None or self._transport is None:
            raise self._lost or ConnectionResetError("not connected")
        self._transport.write(data)
        if not self._writable.is_set():
            await self._writable.wait()
            if self._lost is not None:
                raise self._lost

    def write_eof(self) -> None:
        if self._transport is not None and self._transport.can_write_eof() and self.alive:
            self._transport.write_eof()

    def close(self) -> None:
        if self._transport is not None:
            tls.close(self._transport)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's TLS transport is one by its methods only
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            _notice_a_dead_peer(sock)

    def data_received(self, data: bytes) -> None:
        if self.upgraded:
            self._feed_raw(data)
            return
        if self._parser is None or self._exchange is None or self._exchange.complete:
            self.close()
            return
        self._exchange.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgraded = True
            rest = data[upgrade.args[0] :]
            if rest:
                self._feed_raw(rest)
        except httptools.HttpParserError as error:
            self._exchange.fail(ConnectionError(f"the server does not speak HTTP: {error}"))
            self.close()

    def eof_received(self) -> bool | None:
        if self.upgraded:
            self.raw_eof = True
            self.raw_ready.set()
            return self._half_closes
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc if isinstance(exc, OSError) else ConnectionResetError("the server closed the connection")
        self._writable.set()
        self.raw_eof = True
        self.raw_ready.set()
        if self._exchange is not None:
            headers = self._exchange.headers
            until_eof = "content-length" not in headers and "chunked" not in headers.get("transfer-encoding", "")
            if exc is None and self._exchange.head.done() and until_eof and not self._exchange.complete:
                self._exchange.finish()
            self._exchange.fail(self._lost)
        if callable(self._on_lost):
            self._on_lost(self)
        # Nobody waits for the collector of cycles to free what TLS holds: the parser is in a cycle with this wire, and
        # what was raised has frames that know it.
        self._transport = self._parser = None

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._exchange is not None
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers = self._exchange.headers
        # Cookies may hold commas.
        between = "\n" if key == "set-cookie" else ", "
        headers[key] = f"{headers[key]}{between}{text}" if key in headers else text

    def on_headers_complete(self) -> None:
        assert self._exchange is not None and self._parser is not None
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._exchange.headers.clear()
            return
        self._exchange.status = status
        self._keep_alive = self._parser.should_keep_alive()
        if not self._exchange.head.done():
            self._exchange.head.set_result(None)
        if self._bodiless:
            self._keep_alive = False
            self._exchange.finish()

    def on_body(self, body: bytes) -> None:
        assert self._exchange is not None
        self._exchange.feed(body)

    def on_message_complete(self) -> None:
        assert self._exchange is not None
        if self._exchange.status and self._exchange.status != 101:
            self._exchange.finish()

    def _feed_raw(self, data: bytes) -> None:
        self.raw.append(data)
        self.raw_size += len(data)
        if self.raw_size > _HIGH_WATER:
            self.pause_reading()
        self.raw_ready.set()


class UpgradedConnection:
    """The raw stream under an upgraded request, as `messages.Connection`."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    async def read(self, limit: int = 65536) -> bytes:
        wire = self._wire
        while not wire.raw:
            if wire.raw_eof:
                return b""
            wire.raw_ready.clear()
            await wire.raw_ready.wait()
        chunk = wire.raw.popleft()
        if len(chunk) > limit:
            wire.raw.appendleft(chunk[limit:])
            chunk = chunk[:limit]
        before = wire.raw_size
        wire.raw_size -= len(chunk)
        if before > _HIGH_WATER >= wire.raw_size:
            wire.resume_reading()
        return chunk

    async def write(self, data: bytes) -> None:
        await self._wire.write(data)

    def write_eof(self) -> None:
        self._wire.write_eof()

    async def close(self) -> None:
        self._wire.close()


def _notice_a_dead_peer(sock: socket.socket) -> None:
    """Keep-alive probes, so that a watch on a machine that vanished ends within a minute."""
    options = (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    )
    for level, name, value in options:
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                sock.setsockopt(level, getattr(socket, name), value)


def what_failed(error: OSError | ValueError) -> str:
    """The one line that Go's clients have of it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: {error.verify_message}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
