from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pybernetes.http import websocket as ws
from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.pipe import connection_pair
from pybernetes.http.websocket import Channels, Tunnel, WebSocket

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def request(*protocols: str, **headers: str) -> Request:
    found = ws.client_headers(protocols) | {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/", headers=found)


async def opened(
    serve: Callable[[WebSocket], Awaitable[None]], *protocols: str, supported: list[str] | None = None
) -> tuple[WebSocket, asyncio.Task[None]]:
    """A client's socket and the server's task behind it."""
    answer = ws.accept(request(*protocols), supported or list(protocols) or [""], serve)
    assert isinstance(answer, Upgrade)
    near, far = connection_pair()
    task = asyncio.create_task(answer.run(far))  # type: ignore[arg-type]
    return WebSocket(near, client=True, protocol=dict(answer.headers).get("Sec-WebSocket-Protocol", "")), task


def test_the_accept_token_of_the_rfc() -> None:
    assert ws.accept_token(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("headers", "protocols", "supported", "status"),
    [
        ({"sec_websocket_key": "short"}, ["v4.channel.k8s.io"], ["v4.channel.k8s.io"], 400),
        ({"sec_websocket_version": "8"}, ["v4.channel.k8s.io"], ["v4.channel.k8s.io"], 426),
        ({}, ["other"], ["v4.channel.k8s.io", ""], 403),
        ({}, [], ["v4.channel.k8s.io"], 400),
    ],
    ids=["bad key", "old version", "unknown protocol", "no protocol"],
)
def test_refused_handshakes(headers: dict[str, str], protocols: list[str], supported: list[str], status: int) -> None:
    async def serve(socket: WebSocket) -> None:
        raise AssertionError

    answer = ws.accept(request(*protocols, **headers), supported, serve)
    assert isinstance(answer, Response) and answer.status == status


def test_the_clients_order_decides() -> None:
    async def serve(socket: WebSocket) -> None: ...

    answer = ws.accept(request("x", "v4.channel.k8s.io", ws.V5), [ws.V5, "v4.channel.k8s.io"], serve)
    assert isinstance(answer, Upgrade)
    assert ("Sec-WebSocket-Protocol", "v4.channel.k8s.io") in answer.headers


def test_messages_and_close_codes() -> None:
    async def main() -> None:
        async def echo(socket: WebSocket) -> None:
            while (message := await socket.receive()) is not None:
                await socket.send(message)
            assert (socket.close_code, socket.close_reason) == (1001, "bye")

        client, task = await opened(echo)
        for size in (0, 1, 125, 126, 65535, 65536, 300_000):
            data = bytes(size)
            await client.send(data)
            assert await client.receive() == data
        await client.send("é".encode(), text=True)
        assert await client.receive() == "é".encode()
        await client.close(1001, "bye")
        assert client.close_code == 1001
        await task

    asyncio.run(asyncio.wait_for(main(), 60))


def test_fragments_become_one_message() -> None:
    async def main() -> None:
        near, far = connection_pair()
        server = WebSocket(far, client=False)
        # Two masked fragments (mask 0) with a ping between, as RFC 6455 allows.
        await near.write(b"\x02\x83\0\0\0\0abc" + b"\x89\x80\0\0\0\0" + b"\x80\x82\0\0\0\0de")
        assert await server.receive() == b"abcde"
        assert (await near.read())[:1] == b"\x8a"

    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\x82\x01x", 1002), (b"\xf2\x80\0\0\0\0", 1002), (b"\x82\xff\0\0\0\0\x10\0\0\0\0\0\0\0", None)],
    ids=["unmasked", "reserved bits", "endless"],
)
def test_protocol_errors_end_the_connection(data: bytes, code: int | None) -> None:
    async def main() -> None:
        near, far = connection_pair()
        server = WebSocket(far, client=False, max_message_bytes=1000)
        await near.write(data)
        if code is None:
            await near.write(bytes(5000))
        assert await server.receive() is None
        frame = await near.read()
        assert frame[:1] == b"\x88"
        assert int.from_bytes(frame[2:4], "big") == (code or 1009)

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_peer_that_vanishes() -> None:
    async def main() -> None:
        near, far = connection_pair()
        server = WebSocket(far, client=False)
        await near.close()
        assert await server.receive() is None
        assert server.close_code == 1006
        with pytest.raises(ConnectionError):
            await server.send(b"x")

    asyncio.run(asyncio.wait_for(main(), 60))


def test_channels() -> None:
    async def main() -> None:
        received: list[tuple[int, bytes | None]] = []

        async def serve(socket: WebSocket) -> None:
            channels = Channels(socket)
            await channels.send(1, b"\x00out\xff")
            while (message := await channels.receive()) is not None:
                received.append(message)

        client, task = await opened(serve, ws.V5)
        channels = Channels(client)
        assert await channels.receive() == (1, b"\x00out\xff")
        await channels.send(0, b"in")
        for odd in (b"", bytes((ws.CLOSE_CHANNEL,)), bytes((ws.CLOSE_CHANNEL, 0, 0))):
            await client.send(odd)
        await client.send(bytes((ws.CLOSE_CHANNEL, 0)))
        await client.close()
        await task
        assert received == [(0, b"in"), (0, None)]

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_tunnel_is_a_connection() -> None:
    async def main() -> None:
        async def serve(socket: WebSocket) -> None:
            tunnel = Tunnel(socket)
            while data := await tunnel.read(3):
                await tunnel.write(data.upper())

        client, task = await opened(serve, ws.TUNNELLED_PORT_FORWARD)
        tunnel = Tunnel(client)
        await tunnel.write(b"abcde")
        assert await tunnel.read() + await tunnel.read() == b"ABCDE"
        await tunnel.close()
        await task

    asyncio.run(asyncio.wait_for(main(), 60))
