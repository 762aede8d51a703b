"""Bodies through a proxy: both ways as they come, whatever their size, and neither side held up by what is gone."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from pybernetes.http.client import HttpClient
from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.proxying import forwarded_headers, proxy_request
from pybernetes.http.server import HttpServer
from tests.unit.http.talking import read_answer

MEGABYTE = 1 << 20
Handler = Callable[[Request], Awaitable[Response | Upgrade]]
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Proxied:
    """A server, a proxy before it, and a connection to the proxy."""

    def __init__(self, backend: Handler) -> None:
        self.backend = HttpServer(backend)
        self.front = HttpServer(self._pass)
        self.reader: Reader
        self.writer: Writer

    async def _pass(self, request: Request) -> Response:
        try:
            return await proxy_request(
                self.client, request.method, request.path, forwarded_headers(request), request.body
            )
        except OSError as error:
            return Response(503, [], str(error).encode())

    @contextlib.asynccontextmanager
    async def up(self) -> AsyncIterator[Proxied]:
        await self.backend.start()
        await self.front.start()
        self.client = HttpClient(f"http://127.0.0.1:{self.backend.port}")
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.front.port)
        try:
            async with asyncio.timeout(60):
                yield self
        finally:
            self.writer.close()
            await self.client.close()
            await self.front.stop(0.5)
            await self.backend.stop(0.5)


def run(backend: Handler, scenario: Callable[[Proxied], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Proxied(backend).up() as proxied:
            await scenario(proxied)

    asyncio.run(main())


async def arriving(request: Request) -> AsyncIterator[bytes]:
    assert not isinstance(request.body, bytes)
    while data := await request.body.read():
        yield data


def pieces(megabytes: int) -> list[bytes]:
    return [bytes([number]) * MEGABYTE for number in range(megabytes)]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upload_goes_at_the_servers_pace(framing: str) -> None:
    go: asyncio.Event
    told: dict[str, str] = {}

    async def backend(request: Request) -> Response:
        told.clear()
        told.update(request.headers)
        await go.wait()
        found = hashlib.sha256()
        async for chunk in arriving(request):
            found.update(chunk)
        return Response(201, [], found.hexdigest().encode())

    async def scenario(proxied: Proxied) -> None:
        nonlocal go
        go = asyncio.Event()
        body = pieces(24)
        writer = proxied.writer
        head = b"Content-Length: %d" % (24 * MEGABYTE) if framing == "length" else b"Transfer-Encoding: chunked"
        writer.write(b"PUT / HTTP/1.1\r\n" + head + b"\r\n\r\n")

        async def send() -> None:
            for piece in body:
                writer.write(piece if framing == "length" else b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            writer.write(b"" if framing == "length" else b"0\r\n\r\n")

        sending = asyncio.create_task(send())
        while not any(not each.reading for each in proxied.front.connections):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert not sending.done(), "who sends waits for who reads"
        go.set()
        status, _, answer = await read_answer(proxied.reader)
        assert (status, answer.decode()) == (201, hashlib.sha256(b"".join(body)).hexdigest())
        assert told.get("content-length") == (str(24 * MEGABYTE) if framing == "length" else None)
        await sending
        writer.write(b"BAD\r\n\r\n")
        assert (await read_answer(proxied.reader))[0] == 400, "the connection went on"

    run(backend, scenario)


def test_a_download_goes_at_the_clients_pace() -> None:
    made = 0

    async def many() -> AsyncIterator[bytes]:
        nonlocal made
        for piece in pieces(24):
            made += 1
            yield piece

    async def backend(request: Request) -> Response:
        return Response(200, [], many(), None if request.path == "/chunks" else 24 * MEGABYTE)

    async def scenario(proxied: Proxied) -> None:
        proxied.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        head = (await proxied.reader.readuntil(b"\r\n\r\n")).lower()
        assert b"content-length: %d\r\n" % (24 * MEGABYTE) in head
        assert made < 24
        received = hashlib.sha256()
        left = 24 * MEGABYTE
        while left:
            data = await proxied.reader.read(min(left, MEGABYTE))
            received.update(data)
            left -= len(data)
        assert received.hexdigest() == hashlib.sha256(b"".join(pieces(24))).hexdigest()
        proxied.writer.write(b"GET /chunks HTTP/1.1\r\n\r\n")
        _, headers, body = await read_answer(proxied.reader)
        assert headers["transfer-encoding"] == "chunked" and len(body) == 24 * MEGABYTE

    run(backend, scenario)


def test_an_echo_answers_while_it_hears() -> None:
    async def backend(request: Request) -> Response:
        return Response(200, [], arriving(request))

    async def scenario(proxied: Proxied) -> None:
        proxied.writer.write(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        await proxied.reader.readuntil(b"\r\n\r\n")
        for part in (b"one", b"two"):
            proxied.writer.write(b"3\r\n%b\r\n" % part)
            assert await proxied.reader.readexactly(8) == b"3\r\n%b\r\n" % part
        proxied.writer.write(b"0\r\n\r\n")
        assert await proxied.reader.read() == b"0\r\n\r\n"

    run(backend, scenario)


def test_a_server_that_answers_before_it_has_read() -> None:
    async def backend(request: Request) -> Response:
        return Response(403, [], b"not that")

    async def scenario(proxied: Proxied) -> None:
        proxied.writer.write(b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (1 << 30) + bytes(4 * MEGABYTE))
        status, headers, body = await read_answer(proxied.reader)
        assert (status, headers["connection"], body) == (403, "close", b"not that")

    run(backend, scenario)


def test_a_server_that_dies_meanwhile() -> None:
    async def backend(request: Request) -> Response:
        assert not isinstance(request.body, bytes)
        await request.body.read()
        raise ConnectionError("gone")

    async def cutting(request: Request) -> Response:
        try:
            return await backend(request)
        finally:
            for connection in list(server[0].backend.connections):
                connection.cut()

    server: list[Proxied] = []

    async def scenario(proxied: Proxied) -> None:
        server.append(proxied)
        proxied.writer.write(b"PUT / HTTP/1.1\r\nContent-Length: 8\r\n\r\nhalf")
        status, _, body = await read_answer(proxied.reader)
        assert (status, body) == (503, b"the server closed the connection")

    run(cutting, scenario)


def test_a_client_that_leaves_ends_the_request_to_the_server() -> None:
    began = asyncio.Event()
    ended = asyncio.Event()

    async def backend(request: Request) -> Response:
        began.set()
        try:
            await request.whole()
        finally:
            ended.set()
        return Response(200)

    async def scenario(proxied: Proxied) -> None:
        proxied.writer.write(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await began.wait()
        proxied.writer.close()
        await ended.wait()

    run(backend, scenario)


def test_an_answer_without_a_body_keeps_its_length() -> None:
    async def backend(request: Request) -> Response:
        return Response(200, [("X-Here", "yes")], b"", 12345)

    async def scenario(proxied: Proxied) -> None:
        for _ in range(2):
            proxied.writer.write(b"HEAD / HTTP/1.1\r\n\r\n")
            _, headers, _ = await read_answer(proxied.reader, head_only=True)
            assert (headers["content-length"], headers["x-here"]) == ("12345", "yes")

    run(backend, scenario)
