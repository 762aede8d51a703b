from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from pybernetes.http.client import HttpClient
from pybernetes.http.messages import Connection, Request, Response, Upgrade
from pybernetes.http.pipe import connection_pair
from pybernetes.http.proxying import forwarded_headers, is_upgrade, proxy_request, proxy_upgrade, pump, upgrade_headers
from pybernetes.http.server import HttpServer


def run(
    handler: Callable[[Request], Awaitable[Response | Upgrade]], body: Callable[[HttpClient], Awaitable[None]]
) -> None:
    async def main() -> None:
        server = HttpServer(handler, host="127.0.0.1", port=0)
        await server.start()
        client = HttpClient(f"http://127.0.0.1:{server.port}")
        try:
            await asyncio.wait_for(body(client), 60)
        finally:
            await client.close()
            await server.stop(grace_s=0.1)

    asyncio.run(main())


def test_headers_of_this_hop_and_of_the_asker_stay_here() -> None:
    headers = {
        "connection": "Upgrade", "upgrade": "SPDY/3.1", "authorization": "Bearer x", "impersonate-user": "bob",
        "x-remote-user": "bob", "accept": "*/*", "x-stream-protocol-version": "v4.channel.k8s.io, v3.channel.k8s.io",
    }  # fmt: skip
    request = Request("POST", "/", headers=headers)
    assert is_upgrade(request)
    onward = forwarded_headers(request)
    assert onward == {"accept": "*/*", "x-stream-protocol-version": "v4.channel.k8s.io, v3.channel.k8s.io"}
    assert upgrade_headers(request) == {
        "connection": "Upgrade", "upgrade": "SPDY/3.1", "accept": "*/*",
        "x-stream-protocol-version": ["v4.channel.k8s.io", "v3.channel.k8s.io"],
    }  # fmt: skip


def test_an_upgrade_goes_through_as_raw_bytes() -> None:
    async def shout(connection: Connection) -> None:
        while data := await connection.read():
            await connection.write(data.upper())
        await connection.write(b".")

    async def handler(request: Request) -> Upgrade:
        assert request.headers["x-stream-protocol-version"] == "a, b"
        return Upgrade([("Connection", "Upgrade"), ("Upgrade", "x"), ("X-Stream-Protocol-Version", "a")], shout)

    async def body(client: HttpClient) -> None:
        headers = {"connection": "Upgrade", "upgrade": "x", "x-stream-protocol-version": ["a", "b"]}
        answer = await proxy_upgrade(client, "POST", "/x", headers)
        assert isinstance(answer, Upgrade)
        assert ("x-stream-protocol-version", "a") in answer.headers
        near, far = connection_pair()
        pumping = asyncio.create_task(answer.run(far))  # type: ignore[arg-type]
        await near.write(b"hello")
        assert await near.read() == b"HELLO"
        near.write_eof()
        assert await near.read() == b".", "the far end still answers after the near one is done"
        assert await near.read() == b""
        await pumping

    run(handler, body)


def test_a_refused_upgrade_is_the_answer() -> None:
    async def handler(request: Request) -> Response:
        return Response(404, [("Content-Type", "text/plain")], b"pod does not exist")

    async def body(client: HttpClient) -> None:
        answer = await proxy_upgrade(client, "POST", "/x", {"connection": "Upgrade", "upgrade": "x"})
        assert isinstance(answer, Response)
        assert (answer.status, answer.body) == (404, b"pod does not exist")

    run(handler, body)


def test_pump_waits_for_a_slow_reader() -> None:
    async def main() -> None:
        near, near_inside = connection_pair()
        far_inside, far = connection_pair()
        pumping = asyncio.create_task(pump(near_inside, far_inside))
        sent = 0

        async def flood() -> None:
            nonlocal sent
            for _ in range(100):
                await far.write(bytes(100_000))
                sent += 1
            far.write_eof()

        flooding = asyncio.create_task(flood())
        for _ in range(300):
            await asyncio.sleep(0)
        assert sent < 40
        received = 0
        while data := await near.read():
            received += len(data)
        assert received == 10_000_000
        await flooding
        await near.close()
        await pumping

    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize("gone", ["near", "far"])
def test_pump_ends_when_one_end_is_gone(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybernetes.http.proxying._SILENCE_S", 0.01)

    async def main() -> None:
        near, near_inside = connection_pair()
        far_inside, far = connection_pair()
        pumping = asyncio.create_task(pump(near_inside, far_inside))
        await (near if gone == "near" else far).close()
        await pumping
        assert await (far if gone == "near" else near).read() == b""

    asyncio.run(asyncio.wait_for(main(), 60))


def test_answers_stream_through() -> None:
    closed = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def handler(request: Request) -> Response:
        if request.path == "/whole":
            return Response(201, [("X-Here", "yes")], await request.whole())
        return Response(200, [], chunks())

    async def body(client: HttpClient) -> None:
        whole = await proxy_request(client, "POST", "/whole", {}, b"payload")
        assert (whole.status, whole.body, dict(whole.headers)["x-here"]) == (201, b"payload", "yes")
        streamed = await proxy_request(client, "GET", "/endless", {})
        assert not isinstance(streamed.body, bytes)
        received = b""
        async for chunk in streamed.body:
            received += chunk
            if received == b"onetwo":
                break
        await streamed.body.aclose()  # type: ignore[attr-defined]
        await closed.wait()

    run(handler, body)
