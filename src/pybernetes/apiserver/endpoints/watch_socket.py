"""A watch over a WebSocket: each event is a message, text for JSON and binary for protobuf and CBOR.

What the client sends is read and thrown away; its closing ends the watch.
Source: apiserver/pkg/endpoints/handlers/watch.go (HandleWS).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from pybernetes.apiserver.endpoints.negotiation import CBOR, JSON
from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.websocket import WebSocket, accept, offered_protocols

_LENGTH_BYTES = 4


class Events(Protocol):
    """The chunks of a streamed watch: whole events each."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


async def over_socket(request: Request, events: Events, media_type: str) -> Response | Upgrade:
    """Answers a WebSocket request for a watch."""

    async def serve(socket: WebSocket) -> None:
        sending = asyncio.ensure_future(_send(socket, events, media_type))
        receiving = asyncio.ensure_future(_ignore(socket))
        try:
            await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            sending.cancel()
            receiving.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)
            await events.aclose()

    answer = accept(request, ["", *offered_protocols(request)], serve)
    if isinstance(answer, Response):
        await events.aclose()
    return answer


async def _send(socket: WebSocket, events: Events, media_type: str) -> None:
    async for chunk in events:
        for message in split(chunk, media_type):
            await socket.send(message, text=media_type == JSON)


async def _ignore(socket: WebSocket) -> None:
    while await socket.receive() is not None:
        pass


def split(chunk: bytes, media_type: str) -> Iterator[bytes]:
    """The events of a chunk: lines of JSON, items of CBOR, or messages of protobuf behind their length."""
    if media_type == JSON:
        yield from chunk.splitlines(keepends=True)
        return
    if media_type == CBOR:
        from pybernetes.apimachinery.cbor import items

        yield from items(chunk)
        return
    while chunk:
        end = _LENGTH_BYTES + int.from_bytes(chunk[:_LENGTH_BYTES], "big")
        yield chunk[_LENGTH_BYTES:end]
        chunk = chunk[end:]
