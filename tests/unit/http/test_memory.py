"""What a TLS connection holds is free when it ends, without the collector of cycles, which components rarely run."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pybernetes.http import tls
from pybernetes.http.client import HttpClient
from pybernetes.http.messages import Connection, Request, Response, Upgrade
from pybernetes.http.server import HttpServer
from tests.unit.http.certificates import Authority

_TIMES = 4


async def _handle(request: Request) -> Response | Upgrade:
    if request.path == "/upgrade":
        return Upgrade([("Upgrade", "x"), ("Connection", "Upgrade")], _until_eof)
    return Response(200, [], _endless() if request.path == "/watch" else b"hello")


async def _until_eof(connection: Connection) -> None:
    while await connection.read():
        pass


async def _endless() -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.Event().wait()


async def _asked_once(client: HttpClient, server: HttpServer) -> None:
    assert (await client.request("GET", "/")).body == b"hello"


async def _stream_left(client: HttpClient, server: HttpServer) -> None:
    async with client.stream("GET", "/watch") as stream:
        async for chunk in stream.chunks():
            assert chunk == b"first"
            break


async def _stream_cancelled(client: HttpClient, server: HttpServer) -> None:
    begun = asyncio.Event()

    async def follow() -> None:
        async with client.stream("GET", "/watch") as stream:
            async for _ in stream.chunks():
                begun.set()

    task = asyncio.create_task(follow())
    await begun.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _stream_cut(client: HttpClient, server: HttpServer) -> None:
    with contextlib.suppress(ConnectionError):
        async with client.stream("GET", "/watch") as stream:
            async for _ in stream.chunks():
                next(iter(server.connections)).cut()
        pytest.fail("the stream went on")


async def _upgraded(client: HttpClient, server: HttpServer) -> None:
    _, connection = await client.upgrade("GET", "/upgrade", {"upgrade": "x", "connection": "Upgrade"})
    assert connection is not None
    await connection.close()


@pytest.mark.parametrize("use", [_asked_once, _stream_left, _stream_cancelled, _stream_cut, _upgraded])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_tls_connection_that_ended_holds_nothing(use: Any, run: Callable[[Any], None], tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "ca")
    certificate, key = (Path(name).read_bytes() for name in authority.issue("server", addresses=["127.0.0.1"]))
    trust = tls.client_context(Path(authority.certificate_file).read_bytes())

    async def scenario() -> None:
        server = HttpServer(_handle, tls.server_context(certificate, key))
        await server.start()
        url = f"https://127.0.0.1:{server.port}"
        try:
            for _ in range(_TIMES):
                client = HttpClient(url, trust)
                await use(client, server)
                async with client.stream("GET", "/watch"):
                    assert _tls_connections(others) >= 2, "what is counted is there, at both ends"
                await client.close()
            async with asyncio.timeout(10):
                while _tls_connections(others):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        finally:
            await server.stop()

    gc.collect()
    others = [each for each in gc.get_objects() if isinstance(each, ssl.SSLObject)]
    gc.disable()
    try:
        run(scenario())
    finally:
        gc.enable()


def _tls_connections(others: list[ssl.SSLObject]) -> int:
    """Without those that tests before this one have left."""
    return sum(isinstance(each, ssl.SSLObject) for each in gc.get_objects()) - len(others)
