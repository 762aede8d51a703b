"""Forwarding against a real resolver on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from dnslib import QTYPE, RR, A, DNSRecord

from pybernetes.dns.forward import Forwarder, resolvers_of


class Resolver(asyncio.DatagramProtocol):
    """Answers every A question with 192.0.2.1 and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        query = DNSRecord.parse(data)
        reply = query.reply()
        reply.add_answer(RR(query.q.qname, QTYPE.A, rdata=A("192.0.2.1"), ttl=60))
        assert self.transport is not None
        self.transport.sendto(reply.pack(), addr)


def test_answers_are_kept_and_carry_the_asker_s_id() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        transport, resolver = await loop.create_datagram_endpoint(Resolver, local_addr=("127.0.0.1", 0))
        forwarder = Forwarder(["127.0.0.1"], transport.get_extra_info("sockname")[1])
        queries = [DNSRecord.question("www.example.com") for _ in range(5)]
        replies = await asyncio.gather(*(forwarder.ask(q.pack()) for q in queries))
        again = await forwarder.ask(queries[0].pack())
        transport.close()
        for query, reply in zip(queries, replies, strict=True):
            assert reply is not None
            assert DNSRecord.parse(reply).header.id == query.header.id
        assert again == replies[0]
        assert resolver.asked == 1, "equal questions share one answer"

    asyncio.run(scenario())


def test_a_dead_server_is_passed_over() -> None:
    async def scenario() -> None:
        forwarder = Forwarder(["127.0.0.1"], 1)
        assert await forwarder.ask(DNSRecord.question("www.example.com").pack()) is None

    asyncio.run(scenario())


def test_resolv_conf(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("# comment\nsearch example.com\nnameserver 192.0.2.53\nnameserver 192.0.2.54 \noptions ndots:2\n")
    assert resolvers_of(path) == ["192.0.2.53", "192.0.2.54"]
    assert resolvers_of(tmp_path / "missing") == []
