"""Requests and responses, independent of any socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs


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
    """One HTTP request. Header names are lower-case; `query` is the raw query string."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
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


@dataclass(slots=True)
class Response:
    """An answer: whole (`body` is bytes) or streamed chunk by chunk (an async iterator).

    A streamed body is sent with chunked transfer encoding and flushed after every chunk. The
    server closes the iterator (`aclose`) when the client goes away. An iterator with a method `over() -> bool` says
    by it whether a client that has stopped reading may be cut off.
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] = b""


@dataclass(slots=True)
class Upgrade:
    """A 101 answer: after its head is sent, `run` owns the connection until it returns."""

    headers: list[tuple[str, str]]
    run: Callable[[Connection], Awaitable[None]]


Handler = Callable[[Request], Awaitable[Response | Upgrade]]
