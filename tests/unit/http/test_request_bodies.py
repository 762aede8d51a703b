"""Bodies of requests that come after their head: read as they come, whole, in part, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pybernetes.http import tls
from pybernetes.http.messages import Body, Request, Response
from pybernetes.http.server import HttpServer
from tests.unit.http.certificates import Authority
from tests.unit.http.talking import read_answer, run

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
MEGABYTE = 1 << 20


@pytest.fixture
def short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """For clients that have nothing on its way any more."""
    monkeypatch.setattr("pybernetes.http.connection._LINGER_S", 0.05)


async def chunks(request: Request) -> AsyncIterator[bytes]:
    assert not isinstance(request.body, bytes)
    while data := await request.body.read():
        yield data


async def echo(request: Request) -> Response:
    return Response(200, [], chunks(request))


async def ok(request: Request) -> Response:
    return Response(200, [], b"ok")


async def count(request: Request) -> Response:
    body = await request.whole()
    return Response(200, [], b"%d" % len(body))


async def digest(request: Request) -> Response:
    found = hashlib.sha256()
    if isinstance(request.body, bytes):
        found.update(request.body)
    else:
        async for chunk in chunks(request):
            found.update(chunk)
    return Response(200, [], found.hexdigest().encode())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def begun(server: HttpServer) -> bool:
    return any(connection.task is not None for connection in server.connections)


async def read_chunk(reader: Reader) -> bytes:
    size = int(await reader.readline(), 16)
    return (await reader.readexactly(size + 2))[:-2]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_is_answered_while_it_comes(framing: str) -> None:
    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        head = b"Content-Length: 6" if framing == "length" else b"Transfer-Encoding: chunked"
        form = b"%b" if framing == "length" else b"3\r\n%b\r\n"
        writer.write(b"PUT / HTTP/1.1\r\n" + head + b"\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        for part in (b"one", b"two"):
            writer.write(form % part)
            assert await read_chunk(reader) == part
        writer.write(b"" if framing == "length" else b"0\r\n\r\n")
        assert await read_chunk(reader) == b""
        if framing == "length":
            writer.write(b"PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"abc")
            assert await read_chunk(reader) == b"abc", "the connection goes on"
        else:
            assert await reader.read() == b"", "how much was to come was not known when the answer began"

    run(echo, scenario)


def test_bodies_in_line_go_to_their_own_requests() -> None:
    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        request = b"PUT /%d HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
        writer.write(request % (1, 4) + b"ab")
        await asyncio.sleep(0)
        writer.write(b"cd" + request % (2, 0) + request % (3, 70_000) + bytes(1000))
        assert (await read_answer(reader))[2] == b"4"
        assert (await read_answer(reader))[2] == b"0"
        writer.write(bytes(69_000) + request % (4, 1) + b"x")
        assert (await read_answer(reader))[2] == b"70000"
        assert (await read_answer(reader))[2] == b"1"

    run(count, scenario)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_client_waits_for_a_slow_reader(secure: bool, tmp_path: Path) -> None:
    size = 24 * MEGABYTE
    go: asyncio.Event

    async def slow(request: Request) -> Response:
        await go.wait()
        return await digest(request)

    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        nonlocal go
        go = asyncio.Event()

        async def send() -> None:
            for number in range(size // MEGABYTE):
                writer.write(bytes([number]) * MEGABYTE)
                await writer.drain()

        writer.write(b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size)
        sending = asyncio.create_task(send())
        await until(lambda: any(not connection.reading for connection in server.connections))
        assert not sending.done()
        go.set()
        expected = hashlib.sha256(b"".join(bytes([n]) * MEGABYTE for n in range(size // MEGABYTE))).hexdigest()
        status, headers, body = await read_answer(reader)
        assert (status, body.decode()) == (200, expected)
        assert "connection" not in headers
        await sending

    if secure:
        authority = Authority.create(tmp_path, "ca")
        pair = [Path(file).read_bytes() for file in authority.issue("server", addresses=["127.0.0.1"])]
        ca = Path(authority.certificate_file).read_bytes()
        run(slow, scenario, tls.server_context(*pair), tls.client_context(ca))
    else:
        run(slow, scenario)


def test_a_client_that_leaves_ends_the_reading() -> None:
    ended: asyncio.Event

    async def handler(request: Request) -> Response:
        nonlocal ended
        ended = asyncio.Event()
        try:
            return await digest(request)
        finally:
            ended.set()

    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        writer.write(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await until(lambda: begun(server))
        writer.close()
        await until(lambda: not server.connections)
        await ended.wait()

    run(handler, scenario)


@pytest.mark.parametrize(
    ("head", "sent", "kept"),
    [
        (b"Content-Length: 70000", 10, True),
        (b"Content-Length: 70000000", 10, False),
        (b"Transfer-Encoding: chunked", 0, False),
        (b"Content-Length: 3\r\nExpect: 100-continue", 0, False),
        (b"Content-Length: 70000\r\nConnection: Upgrade\r\nUpgrade: h2c", 10, True),
    ],
    ids=["short", "long", "chunks", "not invited", "upgrade"],
)
@pytest.mark.usefixtures("short_farewell")
def test_an_answer_that_does_not_wait_for_the_body(head: bytes, sent: int, kept: bool) -> None:
    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        writer.write(b"PUT / HTTP/1.1\r\n" + head + b"\r\n\r\n" + bytes(sent))
        status, headers, body = await read_answer(reader)
        assert (status, body) == (200, b"ok")
        assert ("connection" not in headers) == kept
        if kept:
            writer.write(bytes(70_000 - sent) + b"GET /next HTTP/1.1\r\n\r\n")
            assert (await read_answer(reader))[0] == 200
        else:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(1)

    run(ok, scenario)


@pytest.mark.usefixtures("short_farewell")
@pytest.mark.parametrize(
    ("head", "status"),
    [(b"Host: a, b\r\nContent-Length: 9", 400), (b"Transfer-Encoding: gzip, chunked", 501)],
    ids=["host", "encoding"],
)
def test_a_bad_head_is_refused_before_its_body(head: bytes, status: int) -> None:
    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        writer.write(b"PUT / HTTP/1.1\r\n" + head + b"\r\n\r\n")
        assert (await read_answer(reader))[0] == status
        assert await reader.read() == b""

    run(ok, scenario)


def test_an_answer_reaches_a_client_that_still_sends() -> None:
    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        writer.write(b"PUT / HTTP/1.1\r\nContent-Length: 70000000\r\n\r\n" + bytes(4 * MEGABYTE))
        assert (await read_answer(reader))[::2] == (200, b"ok")

    run(ok, scenario)


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


@pytest.mark.parametrize(
    "body", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"],
    ids=["length", "chunks"],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_request_with_a_body_that_offers_another_protocol(body: bytes, step: int) -> None:
    seen: list[tuple[str, str, str, bool]] = []

    async def handler(request: Request) -> Response:
        seen.append((request.method, request.path, request.query, "upgrade" in request.headers))
        return Response(200, [], await request.whole())

    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        message = b"PUT /x?a=b HTTP/1.1\r\n" + UPGRADE + body + b"GET /next HTTP/1.1\r\n\r\n"
        for start in range(0, len(message), step):
            writer.write(message[start : start + step])
            await writer.drain()
            await asyncio.sleep(0)
        assert (await read_answer(reader))[::2] == (200, b"hello")
        assert (await read_answer(reader))[0] == 200

        assert seen[-2:] == [("PUT", "/x", "a=b", False), ("GET", "/next", "", False)]

    run(handler, scenario)


def test_a_body_that_cannot_be_read_of_a_request_that_offers_another_protocol_is_refused() -> None:
    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        writer.write(b"PUT /x HTTP/1.1\r\n" + UPGRADE + b"Transfer-Encoding: identity\r\n\r\nhello")
        assert (await read_answer(reader))[0] == 400

    run(ok, scenario)


def test_a_client_is_asked_for_its_body_when_it_is_read() -> None:
    go: asyncio.Event
    began: asyncio.Event

    async def handler(request: Request) -> Response:
        began.set()
        await go.wait()
        return await count(request)

    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        nonlocal go, began
        go, began = asyncio.Event(), asyncio.Event()
        writer.write(b"PUT /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        await began.wait()
        go.set()
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hiPUT /y HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab")
        assert (await read_answer(reader))[2] == b"2"
        assert (await read_answer(reader))[::2] == (200, b"2"), "who has sent all is not asked"

    run(handler, scenario)


@pytest.mark.usefixtures("short_farewell")
def test_broken_chunks_are_a_bad_request() -> None:
    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        writer.write(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await until(lambda: begun(server))
        writer.write(b"zzz\r\nabc\r\n")
        status, headers, body = await read_answer(reader)
        assert (status, headers["connection"]) == (400, "close")
        assert b"the body of the request is malformed" in body
        assert await reader.read() == b""

    run(count, scenario)


def test_a_length_told_by_the_answer() -> None:
    async def three() -> AsyncIterator[bytes]:
        yield b"abc"

    async def handler(request: Request) -> Response:
        return Response(200, [], three() if request.method == "GET" else b"", 3 if request.path == "/" else 5)

    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        writer.write(b"GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\nGET /short HTTP/1.1\r\n\r\n")
        _, headers, body = await read_answer(reader)
        assert (headers["content-length"], body) == ("3", b"abc")
        _, headers, _ = await read_answer(reader, head_only=True)
        assert headers["content-length"] == "3"
        with pytest.raises(asyncio.IncompleteReadError):
            await read_answer(reader)

    run(handler, scenario)


def test_a_body_that_came_with_its_head_is_bytes() -> None:
    seen: list[bytes | Body] = []

    async def handler(request: Request) -> Response:
        seen.append(request.body)
        return await count(request)

    async def scenario(server: HttpServer, reader: Reader, writer: Writer) -> None:
        writer.write(b"PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n")
        assert (await read_answer(reader))[2] == b"3"
        assert (await read_answer(reader))[2] == b"0"
        assert seen[-2:] == [b"abc", b""]

    run(handler, scenario)
