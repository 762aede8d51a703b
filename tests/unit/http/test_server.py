"""HttpServer over real sockets: order, limits, streams, upgrades, TLS, the end."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pybernetes.http import tls
from pybernetes.http.connection import GZIP_FROM_BYTES
from pybernetes.http.messages import Connection, Request, Response, Upgrade
from pybernetes.http.server import HttpServer
from tests.unit.http.certificates import Authority
from tests.unit.http.talking import read_answer, run


async def echo(request: Request) -> Response:
    if request.path == "/slow":
        await asyncio.sleep(0.02)
    if request.path == "/boom":
        raise RuntimeError("inside")
    text = f"{request.method} {request.path}?{request.query} {len(await request.whole())}"
    return Response(200, [("Content-Type", "text/plain")], text.encode())


def test_pipelined_requests_are_answered_in_order() -> None:
    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count = 30
        for i in range(count):
            writer.write(b"GET /%s?i=%d HTTP/1.1\r\nHost: x\r\n\r\n" % (b"slow" if i % 10 == 0 else b"a", i))
        for i in range(count):
            status, _, body = await read_answer(reader)
            assert status == 200 and body.endswith(b"?i=%d 0" % i)

    run(echo, scenario)


def test_chunked_request_body_and_percent_path() -> None:
    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /a%20b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await read_answer(reader))[2] == b"POST /a b? 5"

    run(echo, scenario)


def test_expect_continue() -> None:
    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"PUT /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"hi")
        assert (await read_answer(reader))[2] == b"PUT /x? 2"

    run(echo, scenario)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_too_large_is_a_status(framing: str) -> None:
    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if framing == "length":
            writer.write(b"POST /x HTTP/1.1\r\nContent-Length: 4000000\r\n\r\nabc")
        else:
            writer.write(b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(4):
                writer.write(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
        status, headers, body = await read_answer(reader)
        assert status == 413 and headers["connection"] == "close"
        assert b'"reason":"RequestEntityTooLarge"' in body
        assert await reader.read() == b""

    run(echo, scenario)


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"GARBAGE\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nX: " + b"y" * 1_200_000, 431)],
    ids=["no HTTP", "headers too large"],
)
def test_bad_input_is_refused(raw: bytes, status: int) -> None:
    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        assert (await read_answer(reader))[0] == status

    run(echo, scenario)


def test_handler_error_is_500_and_the_connection_lives() -> None:
    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /boom HTTP/1.1\r\n\r\nHEAD /h HTTP/1.1\r\n\r\nGET /y HTTP/1.1\r\n\r\n")
        status, _, body = await read_answer(reader)
        assert status == 500 and b"inside" not in body
        status, headers, _ = await read_answer(reader, head_only=True)
        assert status == 200 and headers["content-length"] == "10"
        assert (await read_answer(reader))[2] == b"GET /y? 0"

    run(echo, scenario)


def test_gzip_of_a_large_answer() -> None:
    payload = b"0123456789" * (GZIP_FROM_BYTES // 5)

    async def handler(request: Request) -> Response:
        return Response(200, [], payload)

    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        _, headers, body = await read_answer(reader)
        assert headers["content-encoding"] == "gzip" and gzip.decompress(body) == payload
        _, headers, body = await read_answer(reader)
        assert "content-encoding" not in headers and body == payload

    run(handler, scenario)


@pytest.mark.parametrize(
    ("asked", "packed"),
    [
        ("GET / HTTP/1.1\r\nAccept-Encoding: gzip, deflate", True),
        ("GET / HTTP/1.1\r\nAccept-Encoding: br,gzip", True),
        ("POST / HTTP/1.1\r\nAccept-Encoding: gzip", True),
        ("GET / HTTP/1.1\r\nAccept-Encoding: gzip;q=0", False),
        ("GET / HTTP/1.1\r\nAccept-Encoding: gzip;q=0.5", False),
        ("GET / HTTP/1.1\r\nAccept-Encoding: GZIP", False),
        ("GET / HTTP/1.1\r\nAccept-Encoding: *", False),
        ("GET /small HTTP/1.1\r\nAccept-Encoding: gzip", False),
        ("GET /packed HTTP/1.1\r\nAccept-Encoding: gzip", False),
    ],
)
def test_who_gets_gzip(asked: str, packed: bool) -> None:
    async def handler(request: Request) -> Response:
        own = [("Content-Encoding", "own")] if request.path == "/packed" else []
        return Response(200, own, bytes(GZIP_FROM_BYTES + (request.path != "/small")))

    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{asked}\r\n\r\n".encode())
        _, headers, _ = await read_answer(reader)
        assert (headers.get("content-encoding") == "gzip", headers.get("vary")) == (
            packed,
            "Accept-Encoding" if packed else None,
        )

    run(handler, scenario)


def test_stream_ends_when_the_client_goes() -> None:
    ended: asyncio.Event

    async def ticks() -> AsyncIterator[bytes]:
        try:
            yield b"one\n"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def handler(request: Request) -> Response:
        nonlocal ended
        ended = asyncio.Event()
        return Response(200, [("Content-Type", "application/json")], ticks())

    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /watch HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"one\n")
        writer.close()
        await ended.wait()

    run(handler, scenario)


def test_stop_ends_a_stream_properly() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    async def handler(request: Request) -> Response:
        return Response(200, [], endless())

    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /watch HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"one\r\n")
        await server.stop(1)
        assert await reader.read() == b"0\r\n\r\n"

    run(handler, scenario)


def test_back_pressure_holds_the_producer() -> None:
    made = 0
    size = 1 << 20

    async def flood() -> AsyncIterator[bytes]:
        nonlocal made
        made = 0
        for _ in range(64):
            made += 1
            yield b"x" * size

    async def handler(request: Request) -> Response:
        return Response(200, [], flood())

    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.1)
        assert made < 64
        total = 0
        while total < 64 * size:
            total += int(await reader.readline(), 16)
            await reader.readuntil(b"\r\n") if not total else None
            left = size + 2
            while left:
                left -= len(await reader.read(left))

    run(handler, scenario)


def test_upgrade_hands_over_the_raw_connection_with_early_bytes() -> None:
    async def shout(connection: Connection) -> None:
        while data := await connection.read():
            await connection.write(data.upper())

    async def handler(request: Request) -> Response | Upgrade:
        if request.path == "/no":
            return Response(403, [], b"no")
        return Upgrade([("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1")], shout)

    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"POST %s HTTP/1.1\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
        writer.write(head % b"/no" + head % b"/yes" + b"early")
        assert (await read_answer(reader))[::2] == (403, b"no")
        assert (await read_answer(reader, head_only=True))[0] == 101
        assert await reader.readexactly(5) == b"EARLY"
        writer.write(b"late")
        assert await reader.readexactly(4) == b"LATE"
        writer.write_eof()
        assert await reader.read() == b""

    run(handler, scenario)


def test_much_that_follows_a_refused_upgrade_is_read_on() -> None:
    held: asyncio.Event

    async def handler(request: Request) -> Response:
        if request.path == "/no":
            await held.wait()
        return Response(200, [], b"%d" % len(request.headers.get("x-long", "")))

    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal held
        held = asyncio.Event()
        writer.write(b"GET /no HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nGET / HTTP/1.1\r\nX-Long: ")
        for _ in range(6):
            writer.write(b"x" * 100_000)
        while not any(not connection.reading for connection in server.connections):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        held.set()
        assert (await read_answer(reader))[2] == b"0"
        writer.write(b"\r\n\r\n")
        assert (await read_answer(reader))[2] == b"600000"

    run(handler, scenario)


def test_tls_gives_the_client_certificate_and_speaks_http11_only(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "ca")
    server_files = authority.issue("server", names=["localhost"], addresses=["127.0.0.1"])
    client_files = authority.issue("alice", organizations=["dev"])

    async def handler(request: Request) -> Response:
        return Response(200, [], b"none" if request.peer_certificate is None else b"cert")

    pems = [Path(file).read_bytes() for file in (*server_files, authority.certificate_file)]

    async def main() -> None:
        server = HttpServer(handler, tls.server_context(*pems), ["127.0.0.1", "::1"])
        await server.start()
        try:
            for host in ("127.0.0.1", "::1"):
                for chain, expected in ((None, b"none"), (client_files, b"cert")):
                    context = ssl.create_default_context(cafile=authority.certificate_file)
                    context.check_hostname = False
                    context.set_alpn_protocols(["h2", "http/1.1"])
                    if chain:
                        context.load_cert_chain(*chain)
                    reader, writer = await asyncio.open_connection(host, server.port, ssl=context)
                    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
                    writer.write(b"GET / HTTP/1.1\r\n\r\n")
                    assert (await read_answer(reader))[2] == expected
                    writer.close()
        finally:
            await server.stop(0.5)

    asyncio.run(main())


def test_a_client_that_does_not_take_its_leave_is_cut_off(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "ca")
    pems = [Path(file).read_bytes() for file in authority.issue("server", addresses=["127.0.0.1"])]

    async def scenario(server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        while not any(each._transport.is_closing() for each in server.connections):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await server.stop(0.01)
        while server.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    trusting = tls.client_context(Path(authority.certificate_file).read_bytes())
    run(echo, scenario, tls.server_context(*pems), trusting)


def test_unix_socket(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "api.sock")
        server = HttpServer(echo, unix_path=path)
        await server.start()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /u HTTP/1.0\r\n\r\n")
        _, headers, body = await read_answer(reader)
        assert body == b"GET /u? 0" and headers["connection"] == "close"
        writer.close()
        await server.stop(0.5)

    asyncio.run(main())
