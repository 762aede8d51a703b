"""Asks the machine's own resolvers for names outside the cluster, and remembers the answers.

One UDP question a server, the next server after a time-out, TCP where the answer was truncated.
Answers, that there is none among them, are kept for their smallest TTL, at most half a minute, and grow older
meanwhile; failures are not kept.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from pybernetes.dns.wire import aged, is_answer_to, lifetime

TIMEOUT_S = 2.0
_MAX_TTL_S = 30.0
_MAX_ENTRIES = 10_000


def resolvers_of(path: Path) -> list[str]:
    """The name servers of a resolv.conf file, in order; loopback ones too (they are this machine's)."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return []
    words = (line.split() for line in lines)
    return [w[1] for w in words if len(w) >= 2 and w[0] == "nameserver"]


@dataclass(frozen=True, slots=True)
class _Kept:
    since: float
    until: float
    reply: bytes


class Forwarder:
    def __init__(self, servers: list[str], port: int = 53) -> None:
        self._servers = servers
        self._port = port
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[bytes | None]] = {}
        self.hits = 0
        self.misses = 0

    async def ask(self, packet: bytes) -> bytes | None:
        """The answer to the query in `packet`, with its id; None when no server answered.

        Equal questions that arrive while one is under way share its answer.
        """
        key = bytes(packet[2:])
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(key)
        if kept is not None and kept.until > now:
            self._kept.move_to_end(key)
            self.hits += 1
            return packet[:2] + aged(kept.reply, int(now - kept.since))[2:]
        task = self._asked.get(key)
        if task is None:
            self.misses += 1
            task = asyncio.create_task(self._ask_servers(packet))
            self._asked[key] = task
            task.add_done_callback(lambda _done: self._asked.pop(key, None))
        reply = await asyncio.shield(task)
        if reply is None:
            return None
        since = asyncio.get_running_loop().time()
        ttl = lifetime(reply)
        if ttl > 0:
            self._kept[key] = _Kept(since, since + min(ttl, _MAX_TTL_S), reply)
            while len(self._kept) > _MAX_ENTRIES:
                self._kept.popitem(last=False)
        return packet[:2] + reply[2:]

    async def _ask_servers(self, packet: bytes) -> bytes | None:
        for server in self._servers:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    reply = await self._udp(server, packet)
                    if reply[2] & 0x02:
                        reply = await self._tcp(server, packet)
                    if is_answer_to(packet, reply):
                        return reply
            except (TimeoutError, OSError, asyncio.IncompleteReadError):
                continue
        return None

    async def _udp(self, server: str, packet: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()
        # An id of our own: the client's must not be guessable by who could forge the answer.
        identifier = secrets.token_bytes(2)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Question(identifier + packet[2:], answered), remote_addr=(server, self._port)
        )
        try:
            transport.sendto(identifier + packet[2:])
            return await answered
        finally:
            transport.close()

    async def _tcp(self, server: str, packet: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(server, self._port)
        try:
            writer.write(len(packet).to_bytes(2, "big") + packet)
            length = int.from_bytes(await reader.readexactly(2), "big")
            return await reader.readexactly(length)
        finally:
            writer.close()


class _Question(asyncio.DatagramProtocol):
    def __init__(self, packet: bytes, answered: asyncio.Future[bytes]) -> None:
        self._packet = packet
        self._answered = answered

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == self._packet[:2] and is_answer_to(self._packet, data) and not self._answered.done():
            self._answered.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answered.done():
            self._answered.set_exception(exc)
