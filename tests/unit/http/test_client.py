"""What a client tells of a server that it cannot reach."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from pybernetes.http import client as client_module
from pybernetes.http import tls
from pybernetes.http.client import HttpClient, what_failed


@pytest.mark.parametrize("repeatable", [True, False])
def test_what_was_posted_to_a_server_that_went_meanwhile_is_sent_again_where_it_may_be(repeatable: bool) -> None:
    asked: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(0)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"question"):
                asked[-1] += 1
                if len(asked) == 1 and asked[-1] == 2:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", repeatable=repeatable)
            assert (await client.request("POST", "/", body=b"question")).body == b"ok"
            if repeatable:
                assert (await client.request("POST", "/", body=b"question")).body == b"ok"
            else:
                with pytest.raises(ConnectionError):
                    await client.request("POST", "/", body=b"question")
            await client.close()

    asyncio.run(main())
    assert asked == ([2, 1] if repeatable else [2])


@pytest.mark.parametrize(
    ("listens", "why"), [(True, "i/o timeout"), (False, "connect: connection refused")], ids=["silent", "refused"]
)
def test_a_dial_that_fails_names_the_address(listens: bool, why: str) -> None:
    async def main(url: str) -> str:
        client = HttpClient(url, tls.client_context(verify=False), connect_timeout_s=0.1)
        with pytest.raises(OSError, match="dial") as caught:
            await client.request("GET", "/")
        return what_failed(caught.value)

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert asyncio.run(main(f"https://{address}")) == f"dial tcp {address}: {why}"


def test_connections_that_nobody_uses_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_IDLE_S", 0.2)
    open_now: set[object] = set()
    all_there, all_gone, came = asyncio.Event(), asyncio.Event(), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.add(writer)
        came.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                if len(came) == 20:
                    all_there.set()
                await all_there.wait()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        open_now.discard(writer)
        if not open_now:
            all_gone.set()
        writer.close()

    async def main() -> None:
        async with asyncio.timeout(60), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await asyncio.gather(*(client.request("GET", "/") for _ in range(20)))
            assert len(came) == 20
            await all_gone.wait()
            monkeypatch.setattr(client_module, "_IDLE_S", 60.0)
            assert (await client.request("GET", "/")).body == b"ok"
            assert (await client.request("GET", "/")).body == b"ok"
            assert len(came) == 21, "the second takes the connection of the first"
            await client.close()

    asyncio.run(main())
