"""The server on loopback: over UDP and TCP, with a resolver behind it, and what it tells of itself."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast

from dnslib import EDNS0, QTYPE, RR, A, DNSRecord, EDNSOption

from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.dns.server import DnsConfig, DnsServer
from tests.fake_api import FakeApi
from tests.unit.dns.builders import service, slice_

PATIENCE_S = 60


class Resolver(asyncio.DatagramProtocol):
    """Answers questions about example.com with as many addresses as the name says."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = DNSRecord.parse(data)
        reply = query.reply()
        for number in range(int(str(query.q.qname).split(".")[0])):
            reply.add_answer(RR(query.q.qname, QTYPE.A, rdata=A(f"192.0.2.{number}"), ttl=60))
        self.transport.sendto(reply.pack(), addr)


class Asked:
    def __init__(self, server: DnsServer, api: FakeApi) -> None:
        self.server = server
        self.api = api

    async def udp(self, packet: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.setblocking(False)
            made.connect(("127.0.0.1", self.server.port))
            await loop.sock_sendall(made, packet)
            return await asyncio.wait_for(loop.sock_recv(made, 65535), PATIENCE_S)

    async def tcp(self, *packets: bytes) -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        for packet in packets:
            writer.write(len(packet).to_bytes(2, "big") + packet)
        found = [await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")) for _ in packets]
        writer.close()
        return found

    async def addresses(self, name: str) -> list[str]:
        reply = DNSRecord.parse(await self.udp(DNSRecord.question(name).pack()))
        return sorted(str(record.rdata) for record in reply.rr)


def with_server(scenario: Callable[[Asked], Awaitable[None]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        resolver, _ = await loop.create_datagram_endpoint(Resolver, local_addr=("127.0.0.1", 0))
        api = FakeApi()
        api.put(service("out", type="ExternalName", externalName="2.example.com"), "services")
        api.put(service("db", clusterIP="None"), "services")
        port = resolver.get_extra_info("sockname")[1]
        config = DnsConfig(
            ("127.0.0.1",), port=0, metrics_port=0, cluster_ips=(), upstream=("127.0.0.1",), upstream_port=port
        )
        server = DnsServer(api.client(), config)
        running = asyncio.create_task(server.run())
        await asyncio.wait_for(server.ready.wait(), PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            await scenario(Asked(server, api))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        resolver.close()

    asyncio.run(main())


def piece(*addresses: str) -> EndpointSlice:
    made = slice_(*({"addresses": [address]} for address in addresses))
    made.metadata.name, made.metadata.namespace = "db-1", "default"
    made.metadata.labels = {"kubernetes.io/service-name": "db"}
    return made


DB = "db.default.svc.cluster.local"


def test_answers_follow_the_endpoints() -> None:
    async def scenario(asked: Asked) -> None:
        assert await asked.addresses(DB) == []
        for addresses in (["10.244.0.1", "10.244.0.2"], ["10.244.0.3"]):
            asked.api.put(piece(*addresses), "endpointslices")
            while await asked.addresses(DB) != addresses:
                pass

    with_server(scenario)


def test_addresses_change_places_from_answer_to_answer() -> None:
    async def scenario(asked: Asked) -> None:
        asked.api.put(piece("10.244.0.1", "10.244.0.2", "10.244.0.3"), "endpointslices")
        while not await asked.addresses(DB):
            pass
        query = DNSRecord.question(DB)
        first = Counter([str(DNSRecord.parse(await asked.udp(query.pack())).rr[0].rdata) for _ in range(96)])
        assert sorted(first) == ["10.244.0.1", "10.244.0.2", "10.244.0.3"]
        assert min(first.values()) >= 20, "each is the first of an even share"
        assert asked.server.figures.ready_hits > 50

    with_server(scenario)


def test_who_never_asks_the_same_twice_gets_other_addresses_first_too() -> None:
    async def scenario(asked: Asked) -> None:
        asked.api.put(piece("10.244.0.1", "10.244.0.2", "10.244.0.3"), "endpointslices")
        while not await asked.addresses(DB):
            pass
        first: Counter[str] = Counter()
        for number in range(96):
            query = DNSRecord.question(DB)
            query.add_ar(EDNS0(opts=[EDNSOption(10, number.to_bytes(8, "big"))]))
            first[str(DNSRecord.parse(await asked.udp(query.pack())).rr[0].rdata)] += 1
        assert sorted(first) == ["10.244.0.1", "10.244.0.2", "10.244.0.3"]
        assert min(first.values()) >= 20, "about an even share"

    with_server(scenario)


def test_other_names_and_aliases_are_asked_further() -> None:
    async def scenario(asked: Asked) -> None:
        expected = ["192.0.2.0", "192.0.2.1"]
        assert await asked.addresses("2.example.com") == expected
        assert await asked.addresses("out.default.svc.cluster.local") == [*expected, "2.example.com."]
        over_tcp = await asked.tcp(
            DNSRecord.question("2.example.com").pack(), DNSRecord.question("out.default.svc.cluster.local").pack()
        )
        assert [len(DNSRecord.parse(reply).rr) for reply in over_tcp] == [2, 3]

    with_server(scenario)


def test_a_long_answer_comes_whole_over_tcp() -> None:
    async def scenario(asked: Asked) -> None:
        many = [f"10.244.{i}.1" for i in range(200)]
        asked.api.put(piece(*many), "endpointslices")
        query = DNSRecord.question(DB)
        while True:
            reply = DNSRecord.parse(await asked.udp(query.pack()))
            if reply.rr:
                break
        assert reply.header.tc
        (whole,) = await asked.tcp(query.pack())
        assert (len(DNSRecord.parse(whole).rr), DNSRecord.parse(whole).header.tc) == (200, 0)
        far = DNSRecord.question("100.example.com")
        assert DNSRecord.parse(await asked.udp(far.pack())).header.tc, "the resolver's did not fit"
        far.add_ar(EDNS0(udp_len=4096))
        assert len(DNSRecord.parse(await asked.udp(far.pack())).rr) == 100

    with_server(scenario)


def test_nonsense_is_answered_and_the_rest_goes_on() -> None:
    async def scenario(asked: Asked) -> None:
        assert await asked.udp(b"\0" * 30) == b"\0\0\x80\x81" + b"\0" * 8
        (reply,) = await asked.tcp(b"\0" * 30)
        assert reply == b"\0\0\x80\x81" + b"\0" * 8
        assert await asked.addresses("1.example.com") == ["192.0.2.0"]

    with_server(scenario)


def test_metrics() -> None:
    async def scenario(asked: Asked) -> None:
        for _ in range(2):
            await asked.addresses("nobody.default.svc.cluster.local")
            await asked.addresses("1.example.com")
        await asked.udp(b"\0" * 30)
        reader, writer = await asyncio.open_connection("127.0.0.1", asked.server.metrics_port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        lines = (await reader.read()).decode().splitlines()
        writer.close()
        assert 'coredns_dns_requests_total{proto="udp",type="A"} 4' in lines
        assert 'coredns_dns_requests_total{proto="udp",type="other"} 1' in lines
        assert 'coredns_dns_responses_total{rcode="NXDOMAIN"} 2' in lines
        assert 'coredns_cache_hits_total{type="zone"} 1' in lines
        assert 'coredns_cache_hits_total{type="forwarded"} 1' in lines
        assert "coredns_forward_requests_total 1" in lines
        assert "coredns_dns_request_duration_seconds_count 5" in lines

    with_server(scenario)


def test_the_service_leads_to_the_server() -> None:
    async def scenario() -> None:
        api = FakeApi()
        config = DnsConfig(("127.0.0.1",), port=0, metrics_port=0, cluster_ips=("10.96.0.10",), upstream=("127.0.0.1",))
        server = DnsServer(api.client(), config)
        running = asyncio.create_task(server.run())
        await asyncio.wait_for(server.ready.wait(), PATIENCE_S)
        made = await api.client().get(Service, "kube-dns", "kube-system")
        assert [(port.name, port.port) for port in made.spec.ports] == [("dns", 53), ("dns-tcp", 53), ("metrics", 9153)]
        (slice_made,) = api.all("endpointslices")
        assert {port["name"]: port["port"] for port in slice_made["ports"]} == {
            "dns": server.port, "dns-tcp": server.port, "metrics": server.metrics_port,
        }  # fmt: skip
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
