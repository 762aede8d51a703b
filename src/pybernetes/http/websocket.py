"""WebSocket (RFC 6455) over an upgraded connection, and the subprotocols Kubernetes speaks through it.

Framing, masking, fragmentation and control frames are wsproto's (docs/adr/0005-websocket.md); here are
the handshake, whole messages with a bound on their size, answers to pings, and the close exchange.

Subprotocols: `v5.channel.k8s.io` puts a channel number before every message, and has one that closes a channel
(its earlier versions are spoken by container runtimes alone); `SPDY/3.1+portforward.k8s.io` tunnels a SPDY
connection in binary messages.

Source: staging/src/k8s.io/streaming/pkg/httpstream/wsstream/conn.go, RFC 6455.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence

from wsproto import ConnectionType
from wsproto.connection import Connection as Codec
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from pybernetes.http.messages import Connection, Request, Response, Upgrade

V5 = "v5.channel.k8s.io"
TUNNEL_PREFIX = "SPDY/3.1+"
TUNNELLED_PORT_FORWARD = "SPDY/3.1+portforward.k8s.io"
CLOSE_CHANNEL = 255
"""v5: the message `255, N` says that channel N gets no more."""

NORMAL, GOING_AWAY, PROTOCOL_ERROR, TOO_BIG, INTERNAL_ERROR = 1000, 1001, 1002, 1009, 1011

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE_TIMEOUT_S = 5.0
MAX_MESSAGE_BYTES = 16 << 20


def offered_protocols(request: Request) -> list[str]:
    """The subprotocols of the request, in the client's order."""
    return [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",") if name.strip()]


def accept_token(key: str) -> str:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key.strip().encode() + _GUID).digest()).decode()


def accept(
    request: Request, supported: Sequence[str], serve: Callable[[WebSocket], Awaitable[None]]
) -> Upgrade | Response:
    """Answers a WebSocket request; `serve` runs with the open socket, which is closed after it.

    The first supported protocol of the client's list is taken. A client that offers none gets none where
    `supported` holds "", otherwise 400 or 403 in upstream's manner.
    """
    key = request.headers.get("sec-websocket-key", "")
    old = request.headers.get("sec-websocket-version", "") != "13"
    if old or not _is_key(key):
        plain = [("Content-Type", "text/plain; charset=utf-8"), ("Sec-WebSocket-Version", "13")]
        return Response(426 if old else 400, plain, b"a WebSocket of version 13 with a key is expected\n")
    offered = offered_protocols(request)
    protocol = next((name for name in offered if name in supported), "")
    if not protocol and (offered or "" not in supported):
        text = f"no supported subprotocol among {offered or 'none'}: {', '.join(filter(None, supported))}\n"
        return Response(403 if offered else 400, [("Content-Type", "text/plain; charset=utf-8")], text.encode())

    async def run(connection: Connection) -> None:
        socket = WebSocket(connection, client=False, protocol=protocol)
        try:
            await serve(socket)
            await socket.close()
        except ConnectionError:
            await connection.close()
        except BaseException:
            await asyncio.shield(socket.close(INTERNAL_ERROR))
            raise

    headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept_token(key))]
    if protocol:
        headers.append(("Sec-WebSocket-Protocol", protocol))
    return Upgrade(headers, run)


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except binascii.Error:
        return False


def client_headers(protocols: Sequence[str]) -> dict[str, str]:
    """The headers of a client's WebSocket request, with a fresh key."""
    key = base64.b64encode(os.urandom(16)).decode()
    headers = {
        "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": key,
    }  # fmt: skip
    if protocols:
        headers["sec-websocket-protocol"] = ", ".join(protocols)
    return headers


class WebSocket:
    """One open WebSocket: whole messages in and out; pings are answered while `receive` waits."""

    def __init__(
        self, connection: Connection, *, client: bool, protocol: str = "", max_message_bytes: int = MAX_MESSAGE_BYTES
    ) -> None:
        self.protocol = protocol
        self.close_code: int | None = None
        """What the peer closed with; 1006 when it went without a word."""
        self.close_reason = ""
        self._connection = connection
        self._codec = Codec(ConnectionType.CLIENT if client else ConnectionType.SERVER)
        self._max_message_bytes = max_message_bytes
        self._parts: list[bytes] = []
        self._part_bytes = 0
        self._writing = asyncio.Lock()

    async def receive(self) -> bytes | None:
        """The next message, text as UTF-8; None when the peer closed. Call from one task."""
        while True:
            for event in self._codec.events():
                if isinstance(event, BytesMessage | TextMessage):
                    data = event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
                    self._parts.append(data)
                    self._part_bytes += len(data)
                    if self._part_bytes > self._max_message_bytes:
                        await self.close(TOO_BIG, "message too big")
                        return None
                    if event.message_finished:
                        message = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                        self._parts, self._part_bytes = [], 0
                        return message
                elif isinstance(event, Ping):
                    await self._send(event.response())
                elif isinstance(event, CloseConnection):
                    self.close_code, self.close_reason = int(event.code), event.reason or ""
                    if self._codec.state is ConnectionState.OPEN:
                        # wsproto's way to tell that the peer broke the protocol.
                        await self.close(self.close_code, self.close_reason[:100])
                    elif self._codec.state is ConnectionState.REMOTE_CLOSING:
                        with contextlib.suppress(ConnectionError):
                            await self._send(event.response())
                    return None
            if self.close_code is not None:
                return None
            data = await self._read()
            if not data:
                self.close_code = 1006
                return None
            try:
                self._codec.receive_data(data)
            except RemoteProtocolError as error:
                self.close_code = PROTOCOL_ERROR
                await self.close(PROTOCOL_ERROR, str(error)[:100])
                return None

    async def send(self, data: bytes, *, text: bool = False) -> None:
        """Sends one message, waiting while the peer is slow. Raises ConnectionError when it is gone."""
        await self._send(TextMessage(data.decode()) if text else BytesMessage(data))

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Says good-bye, waits a moment for the peer's, closes the connection."""
        try:
            if self._codec.state is ConnectionState.OPEN:
                with contextlib.suppress(ConnectionError):
                    async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                        await self._send(CloseConnection(code, reason))
                        if code in (NORMAL, GOING_AWAY):  # a peer that broke the protocol is not waited for
                            await self._await_close()
        except TimeoutError:
            pass
        finally:
            await self._connection.close()

    async def _await_close(self) -> None:
        while self.close_code is None:
            data = await self._read()
            if not data:
                return
            try:
                self._codec.receive_data(data)
                for event in self._codec.events():
                    if isinstance(event, CloseConnection):
                        self.close_code, self.close_reason = int(event.code), event.reason or ""
            except RemoteProtocolError:
                return

    async def _read(self) -> bytes:
        try:
            return await self._connection.read()
        except ConnectionError:
            return b""

    async def _send(self, event: BytesMessage | TextMessage | Pong | CloseConnection) -> None:
        async with self._writing:
            try:
                data = self._codec.send(event)
            except LocalProtocolError as error:
                raise ConnectionResetError("the WebSocket is closed") from error
            await self._connection.write(data)


class Channels:
    """Numbered channels in one WebSocket of `V5`."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def receive(self) -> tuple[int, bytes | None] | None:
        """(channel, data); (channel, None) when that channel ended; None at the end of everything."""
        while (message := await self._socket.receive()) is not None:
            if message and message[0] != CLOSE_CHANNEL:
                return message[0], message[1:]
            if len(message) == 2:
                return message[1], None
        return None

    async def send(self, channel: int, data: bytes) -> None:
        await self._socket.send(bytes((channel,)) + data)


class Tunnel:
    """A WebSocket whose binary messages are the bytes of a connection: `messages.Connection` over it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._rest = b""

    async def read(self, limit: int = 65536) -> bytes:
        while not self._rest:
            message = await self._socket.receive()
            if message is None:
                return b""
            self._rest = message
        data, self._rest = self._rest[:limit], self._rest[limit:]
        return data

    async def write(self, data: bytes) -> None:
        await self._socket.send(data)

    def write_eof(self) -> None:
        """A WebSocket cannot be half-closed."""

    async def close(self) -> None:
        await self._socket.close()
