"""Passing a request on to another server: whole answers, streams, and upgraded connections.

The apiserver reaches kubelets, Pods and Services this way, the kubelet the runtime's streaming server.
What goes through an upgraded connection is not looked at: bytes one way and the other, each side waiting
for the other's pace, each direction ended when its sender ended it.

Source: staging/src/k8s.io/apimachinery/pkg/util/proxy/upgradeaware.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from pybernetes.http.client import HttpClient, HttpStream, RequestHeaders
from pybernetes.http.messages import Body, Connection, Request, Response, Upgrade

_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
     "upgrade", "content-length", "host", "expect", "proxy-connection")
)  # fmt: skip
_LENGTHS = frozenset(("content-length", "transfer-encoding"))
_PRIVATE = frozenset(("authorization", "x-pybernetes-cause"))
_UPGRADE_HEADERS = (
    "user-agent", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol",
    "sec-websocket-extensions", "accept", "cookie",
)  # fmt: skip
_SILENCE_S = 5.0
_WHOLE_BYTES = 64 * 1024
"""A shorter answer is read before the client gets its head."""


def is_upgrade(request: Request) -> bool:
    """Does the request ask for another protocol on its connection?"""
    return "upgrade" in request.headers.get("connection", "").lower() and bool(request.headers.get("upgrade"))


def list_values(headers: Mapping[str, str], name: str) -> list[str]:
    """The values of a header that may come several times or separated by commas."""
    return [value.strip() for value in headers.get(name, "").split(",") if value.strip()]


def forwarded_headers(request: Request) -> dict[str, str]:
    """The request's headers as they may go on: none that belong to this hop, none that tell who asks."""
    return {
        name: value
        for name, value in request.headers.items()
        if name not in _HOP_BY_HOP and name not in _PRIVATE and not name.startswith(("impersonate-", "x-remote-"))
    }


def upgrade_headers(request: Request) -> dict[str, str | list[str]]:
    """The headers that ask the next server for the same upgrade."""
    headers: dict[str, str | list[str]] = {"connection": "Upgrade", "upgrade": request.headers.get("upgrade", "")}
    for name in _UPGRADE_HEADERS:
        if name in request.headers:
            headers[name] = request.headers[name]
    protocols = list_values(request.headers, "x-stream-protocol-version")
    if protocols:
        headers["x-stream-protocol-version"] = protocols
    return headers


def _passed(headers: Mapping[str, str], without: frozenset[str]) -> list[tuple[str, str]]:
    """The headers of an answer as they go back, each cookie on a line of its own."""
    return [(name, line) for name, value in headers.items() if name not in without for line in value.split("\n")]


async def proxy_upgrade(
    client: HttpClient, method: str, target: str, headers: RequestHeaders, body: bytes = b""
) -> Response | Upgrade:
    """Asks the next server to upgrade and joins the two connections.

    Where it does not upgrade, its answer is the answer. Raises OSError when it cannot be reached.
    """
    answer, far = await client.upgrade(method, target, headers, body)
    if far is None:
        return Response(answer.status, _passed(answer.headers, _HOP_BY_HOP), answer.body)

    async def run(near: Connection) -> None:
        await pump(near, far)

    return Upgrade(_passed(answer.headers, _LENGTHS), run)


async def pump(near: Connection, far: Connection) -> None:
    """Carries bytes both ways until one direction ended or broke; closes both.

    When the far side has said all, nobody needs what the near one still says. When the near side is
    done, the far one may go on for as long as something still comes, and is cut after some seconds of
    silence: over TLS a client that has ended its input cannot be told from one that is gone.
    """
    inward = _Carrier(far, near)
    outward = _Carrier(near, far)
    receiving = asyncio.create_task(inward.run())
    sending = asyncio.create_task(outward.run())
    try:
        await asyncio.wait((receiving, sending), return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and sending.exception() is None:
            carried = -1
            while not receiving.done() and carried != inward.carried:
                carried = inward.carried
                await asyncio.wait((receiving,), timeout=_SILENCE_S)
    finally:
        receiving.cancel()
        sending.cancel()
        await asyncio.gather(receiving, sending, return_exceptions=True)
        await far.close()
        await near.close()


class _Carrier:
    """One direction."""

    def __init__(self, source: Connection, sink: Connection) -> None:
        self._source = source
        self._sink = sink
        self.carried = 0

    async def run(self) -> None:
        while data := await self._source.read():
            await self._sink.write(data)
            self.carried += len(data)
        self._sink.write_eof()


class StreamedAnswer:
    """Keeps the connection to the next server open while the body goes through."""

    def __init__(
        self, client: HttpClient, method: str, target: str, headers: RequestHeaders, body: bytes | Body
    ) -> None:
        self._opened = client.stream(method, target, headers, body)
        self._stream: HttpStream | None = None

    async def start(self) -> HttpStream:
        """Sends the request and waits for the head of the answer. Raises OSError."""
        self._stream = await self._opened.__aenter__()
        return self._stream

    async def close(self) -> None:
        await self._opened.__aexit__(None, None, None)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body; closing the iterator ends the request to the next server."""
        assert self._stream is not None
        try:
            async for chunk in self._stream.chunks():
                yield chunk
        finally:
            await self.close()


async def proxy_request(
    client: HttpClient, method: str, target: str, headers: RequestHeaders, body: bytes | Body = b""
) -> Response:
    """Passes a request on, its body and the answer's as they come. Raises OSError when it cannot be sent."""
    answer = StreamedAnswer(client, method, target, headers, body)
    stream = await answer.start()
    passed = _passed(stream.headers, _HOP_BY_HOP)
    told = stream.headers.get("content-length", "")
    length = int(told) if told.isdigit() else None
    if method == "HEAD" or stream.status in (204, 304) or (length is not None and length <= _WHOLE_BYTES):
        try:
            whole = await stream.read()
        finally:
            await answer.close()
        return Response(stream.status, passed, whole, length)
    return Response(stream.status, passed, answer.chunks(), length)
