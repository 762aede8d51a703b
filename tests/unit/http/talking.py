"""A client that writes bytes to an `HttpServer` and reads its answers, on both event loops."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import uvloop

from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.server import HttpServer

Scenario = Callable[[HttpServer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(
    handler: Callable[[Request], Awaitable[Response | Upgrade]],
    scenario: Scenario,
    serving: ssl.SSLContext | None = None,
    trusting: ssl.SSLContext | None = None,
) -> None:
    async def main() -> None:
        server = HttpServer(handler, serving)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting)
        try:
            async with asyncio.timeout(60):
                await scenario(server, reader, writer)
        finally:
            writer.close()
            await server.stop(0.5)

    for loop_factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())


async def read_answer(reader: asyncio.StreamReader, head_only: bool = False) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while True:
            size = int(await reader.readline(), 16)
            body += (await reader.readexactly(size + 2))[:-2]
            if not size:
                break
    elif not head_only:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(head[0].split()[1]), headers, body
