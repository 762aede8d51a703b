"""Requests and responses, independent of any socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs

from pybernetes.apimachinery.errors import BadRequest, RequestEntityTooLarge

MAX_BODY_BYTES = 3 * 1024 * 1024
"""Of a body that is read whole. Source: apiserver/pkg/server/config.go (MaxRequestBodyBytes)."""


class Body(Protocol):
    """A request's body that is still coming, at the pace of its reader."""

    length: int | None
    """As the client told it; None when it did not (chunks)."""

    async def read(self, limit: int = 65536) -> bytes:
        """Some bytes, at most `limit`; b"" at the end. Raises ConnectionError when the rest will not come."""
        ...


class Connection(Protocol):
    """The raw byte stream under an upgraded request."""

    async def read(self, limit: int = 65536) -> bytes:
        """Some bytes, at most `limit`; b"" at the end of the stream."""
        ...

    async def write(self, data: bytes) -> None:
        """Sends `data`, waiting while the peer is slow. Raises ConnectionError when it is gone."""
        ...

    def write_eof(self) -> None:
        """Half-closes where the transport can (not over TLS)."""
        ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class Request:
    """One HTTP request. Header names are lower-case; `query` is the raw query string.

    A handler may be called before the body has come: `await request.whole()` gives all of it, bounded; who passes it
    on takes `body` as it is.
    """

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Body = b""
    remote_address: str = ""
    peer_certificate: Any | None = None
    """DER bytes of the verified client certificate, None without one."""
    user: Any | None = None
    """Set by authentication (or by the local transport): an `apiserver.authenticators.UserInfo`."""
    context: dict[str, Any] = field(default_factory=dict)
    """What filters hand on: `info` (RequestInfo), `audit_id`, …"""

    def params(self) -> dict[str, list[str]]:
        """Decoded query parameters; a key without a value is [""]."""
        return parse_qs(self.query, keep_blank_values=True)

    async def whole(self) -> bytes:
        """The whole body. Raises RequestEntityTooLarge, BadRequest when the client's framing is broken."""
        if not isinstance(self.body, bytes):
            self.body = await _read_whole(self.body)
        return self.body


@dataclass(slots=True)
class Response:
    """An answer: whole (`body` is bytes) or streamed chunk by chunk (an async iterator).

    A streamed body is flushed after every chunk, and sent with chunked transfer encoding when no length is told. The
    server closes the iterator (`aclose`) when the client goes away. An iterator with a method `over() -> bool` says
    by it whether a client that has stopped reading may be cut off.
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None
    """Of a streamed body, or of the one that an answer to HEAD does not have, where it is known."""


@dataclass(slots=True)
class Upgrade:
    """A 101 answer: after its head is sent, `run` owns the connection until it returns."""

    headers: list[tuple[str, str]]
    run: Callable[[Connection], Awaitable[None]]


Handler = Callable[[Request], Awaitable[Response | Upgrade]]


async def _read_whole(body: Body) -> bytes:
    if (body.length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    try:
        while data := await body.read():
            parts.append(data)
            size += len(data)
            if size > MAX_BODY_BYTES:
                raise _too_large()
    except ConnectionError as error:
        raise BadRequest(str(error)) from None
    return b"".join(parts)


def _too_large() -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"Request entity too large: limit is {MAX_BODY_BYTES}")
