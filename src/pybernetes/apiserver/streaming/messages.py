"""A stream of bytes as WebSocket messages: logs for browsers.

Source: k8s.io/streaming/pkg/httpstream/wsstream/stream.go.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib

from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.proxying import StreamedAnswer
from pybernetes.http.websocket import WebSocket, accept

BINARY = "binary.k8s.io"
BASE64 = "base64.binary.k8s.io"


async def served_as_messages(request: Request, answer: StreamedAnswer) -> Upgrade | Response:
    """Messages as the chunks come, the first one empty; the socket ends with the stream, or the stream with it."""

    async def serve(socket: WebSocket) -> None:
        sending = asyncio.create_task(_send(socket, answer))
        leaving = asyncio.create_task(_ignore(socket))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    accepted = accept(request, ["", BINARY, BASE64], serve)
    if isinstance(accepted, Response):
        await answer.close()
    return accepted


async def _send(socket: WebSocket, answer: StreamedAnswer) -> None:
    encoded = socket.protocol == BASE64
    async with contextlib.aclosing(answer.chunks()) as chunks:  # type: ignore[type-var]
        await socket.send(b"", text=encoded)
        async for chunk in chunks:
            await socket.send(base64.b64encode(chunk) if encoded else chunk, text=encoded)


async def _ignore(socket: WebSocket) -> None:
    """Until the client has gone; it has nothing to say."""
    while await socket.receive() is not None:
        pass
