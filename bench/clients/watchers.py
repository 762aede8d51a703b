"""Many watches of one namespace from one process, and what they saw.

Usage: python -m bench.clients.watchers PORT CA TOKEN COUNT EVENTS [--deaf]. Prints "ready" once all watch. Every event
carries the time it was asked for in data.sent; after EVENTS events each, prints the percentiles of the delay. With
--deaf nobody reads; it prints how many connections the server ended within the time it is given on its input.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import sys
import time

import uvloop

PATH = "/api/v1/namespaces/watched/configmaps?watch=1&resourceVersion="
_SENT = re.compile(rb'"sent":"([0-9.]+)"')
_LONGEST = 40
"""Bytes of it at most, which may come in two parts."""


class Watch(asyncio.Protocol):
    """One watch: the delays of its events."""

    def __init__(self, events: int, request: bytes) -> None:
        self._left = events
        self._request = request
        self._rest = b""
        self.delays: list[float] = []
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if not self.begun.done():
            self.begun.set_result(None)
        now = time.time()
        data = self._rest + data
        end = 0
        for match in _SENT.finditer(data):
            self.delays.append(now - float(match[1]))
            self._left -= 1
            end = match.end()
        self._rest = data[max(end, len(data) - _LONGEST) :]
        if self._left <= 0 and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.begun, self.done):
            if not future.done():
                future.set_result(None)


async def main() -> None:
    port, authority, token, count, events = sys.argv[1:6]
    context = ssl.create_default_context(cafile=authority)
    loop = asyncio.get_running_loop()
    head = f" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    revision = sys.stdin.readline().strip()
    request = f"GET {PATH}{revision}{head}".encode()
    watches: list[Watch] = []
    for _ in range(int(count)):
        sock = socket.socket()
        if "--deaf" in sys.argv:  # so that thousands of them do not take the system's memory
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", int(port)))
        _, watch = await loop.create_connection(
            lambda: Watch(int(events), request), sock=sock, ssl=context, server_hostname="localhost"
        )
        await watch.begun
        watches.append(watch)
    if "--deaf" in sys.argv:
        for watch in watches:
            watch.transport.pause_reading()  # type: ignore[attr-defined]
    print("ready", flush=True)
    if "--deaf" in sys.argv:
        await loop.run_in_executor(None, sys.stdin.readline)
        for watch in watches:
            watch.transport.resume_reading()  # type: ignore[attr-defined]
        _, alive = await asyncio.wait([watch.done for watch in watches], timeout=30)
        print(json.dumps({"ended": len(watches) - len(alive)}), flush=True)
        return
    await asyncio.wait([watch.done for watch in watches], timeout=600)
    delays = sorted(delay for watch in watches for delay in watch.delays)
    found = {name: delays[int(len(delays) * part)] * 1000 for name, part in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))}
    print(json.dumps({"events": len(delays), **found}), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
