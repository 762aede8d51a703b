"""An apiserver on a loopback socket and a store in memory, in a thread of its own, and raw bytes to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvloop

from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http.messages import Request, Response
from pybernetes.storage.memory import MemoryStore

ADMIN = UserInfo("admin", groups=("system:masters",))
TOKEN = "secret"
PATIENCE_S = 60.0
"""A request that takes longer hangs."""


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        """The message of a Status, else the text."""
        try:
            return str(json.loads(self.body)["message"])
        except (ValueError, KeyError, TypeError):
            return self.body.decode("utf-8", "replace")


class Served:
    """The running apiserver. `ask` goes straight to the handler, `open` is a connection to the socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: ApiServer) -> None:
        self.loop = loop
        self.server = server
        self.asked = 0
        """How many requests went straight to the handler."""

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        self.asked += 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        future = asyncio.run_coroutine_threadsafe(self._ask(method, target, body, named), self.loop)
        return future.result(PATIENCE_S)

    def make(self, target: str, value: dict[str, Any]) -> None:
        answer = self.ask("POST", target, json.dumps(value).encode())
        assert answer.status == 201, answer.message

    def open(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), PATIENCE_S)

    def send(
        self, method: str, target: str, body: bytes = b"", content_type: str = "application/json", extra: bytes = b""
    ) -> Answer:
        """One request over a connection of its own."""
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        with self.open() as sock:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(head.encode() + extra + b"\r\n" + body)
            return read_answer(sock)

    async def _ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        path, _, query = target.partition("?")
        answer = await self.server.handler(Request(method, path, query, headers, body, user=ADMIN))
        assert isinstance(answer, Response)
        if not isinstance(answer.body, bytes):
            await answer.body.aclose()  # type: ignore[attr-defined]  # a watch that began
            return Answer(answer.status, dict(answer.headers), b"")
        return Answer(answer.status, dict(answer.headers), answer.body)


@contextlib.contextmanager
def serving(**options: Any) -> Iterator[Served]:
    """The apiserver while the block runs; `options` are of ApiServerConfig."""
    ready = threading.Event()
    made: list[Served] = []
    end: list[asyncio.Event] = []

    async def main() -> None:
        store = MemoryStore()
        await store.start()
        config = ApiServerConfig(
            bind_addresses=("127.0.0.1",),
            port=0,
            static_tokens={TOKEN: ADMIN},
            request_timeout_s=PATIENCE_S,
            **options,
        )
        server = ApiServer(config, store, SystemClock(), Random())
        await server.start()
        made.append(Served(asyncio.get_running_loop(), server))
        end.append(asyncio.Event())
        ready.set()
        await end[0].wait()
        await server.stop(0.2)
        await store.stop()

    thread = threading.Thread(target=lambda: uvloop.run(main()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_S)
    try:
        yield made[0]
    finally:
        made[0].loop.call_soon_threadsafe(end[0].set)
        thread.join(PATIENCE_S)


def read_answer(sock: socket.socket) -> Answer:
    """The next whole answer; status 0 when the connection ends without one."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = _receive(sock)
        if not more:
            return Answer(0, {}, data)
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
    length = int(headers.get("content-length", 0))
    while len(body) < length:
        more = _receive(sock)
        if not more:
            break
        body += more
    return Answer(int(lines[0].split()[1]), headers, body)


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""
