"""The cluster's DNS server: answers from the zone that the informers keep, forwards the rest.

Flow: Service and EndpointSlice informers → `records.records_of` → `Zone`; packet →
`answers.answer` → packet. The server makes the Service `kube-system/kube-dns` with an
EndpointSlice that leads to it, as other clusters have it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from dnslib import RCODE, DNSRecord

from pybernetes.api.core.v1 import Namespace, Service, ServicePort, ServiceSpec
from pybernetes.api.discovery.v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.client.client import Client
from pybernetes.client.indexes import BY_SERVICE, SERVICE_NAME, service_of
from pybernetes.client.informer import InformerFactory
from pybernetes.dns import answers
from pybernetes.dns.figures import Figures
from pybernetes.dns.forward import Forwarder, resolvers_of
from pybernetes.dns.records import Zone, records_of
from pybernetes.dns.wire import truncated
from pybernetes.host.clock import SystemClock
from pybernetes.host.ip_families import socket_family
from pybernetes.http.messages import Request, Response
from pybernetes.http.pages import metrics, page_not_found
from pybernetes.http.server import HttpServer

log = logging.getLogger(__name__)

NAMESPACE = "kube-system"
SERVICE = "kube-dns"
_IP_FREEBIND = 15
_MAX_TCP_CLIENTS = 100
_TCP_IDLE_S = 10.0
_MAX_FORWARDED = 1000
_TURN = 64
_LONGEST_QUERY = 4096
_VARIANTS = 8
_MOST_KEPT = 10_000
_LONGEST_KEPT = 300
"""Bytes of a question; longer ones are not asked twice."""


@dataclass(slots=True)
class DnsConfig:
    listen_addresses: tuple[str, ...]
    """Addresses that Pods reach, one of each IP family, e.g. the first of the node's range; they need not exist yet."""
    port: int = 10053
    """0 takes a free one."""
    metrics_port: int = 9153
    """As CoreDNS has it; 0 takes a free one."""
    cluster_ips: tuple[str, ...] = ("10.96.0.10",)
    """One of each IP family, the primary one first; none makes no Service."""
    cluster_domain: str = "cluster.local"
    resolv_conf: str = "/etc/resolv.conf"
    upstream: tuple[str, ...] = ()
    """Resolvers for other names; none means those of `resolv_conf`."""
    upstream_port: int = 53


class DnsServer:
    """Runs until cancelled."""

    def __init__(self, client: Client, config: DnsConfig) -> None:
        self._client = client
        self._config = config
        self._zone = Zone(config.cluster_domain, config.cluster_ips)
        self._answers = _Answers(self._zone)
        self.figures = Figures()
        self._factory = InformerFactory(client, SystemClock())
        self._services = self._factory.informer(Service)
        self._slices = self._factory.informer(EndpointSlice)
        self._namespaces = self._factory.informer(Namespace)
        servers = list(config.upstream) or resolvers_of(Path(config.resolv_conf))
        self._forwarder = Forwarder([s for s in servers if s not in config.cluster_ips], config.upstream_port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._tcp_clients = 0
        self.port = config.port
        self.metrics_port = config.metrics_port
        self.ready = asyncio.Event()

    async def run(self) -> None:
        self._services.add_handler(
            on_add=self._service_changed,
            on_update=lambda _old, new: self._service_changed(new),
            on_delete=lambda s: self._zone.replace((s.metadata.namespace or "", s.metadata.name or ""), None),
        )
        self._slices.add_handler(
            on_add=self._endpoints_changed,
            on_update=self._endpoints_changed,
            on_delete=self._endpoints_changed,
        )
        self._slices.add_index(BY_SERVICE, service_of)
        self._namespaces.add_handler(on_add=self._namespace_changed, on_delete=self._namespace_changed)
        loop = asyncio.get_running_loop()
        open_: list[socket.socket | asyncio.Server] = []
        metrics: HttpServer | None = None
        try:
            for address in self._config.listen_addresses:
                tcp_socket = _bound(address, self.port)
                self.port = tcp_socket.getsockname()[1]
                open_.append(await asyncio.start_server(self._serve_tcp, sock=tcp_socket))
                udp_socket = _bound(address, self.port, socket.SOCK_DGRAM)
                open_.append(udp_socket)
                loop.add_reader(udp_socket, self._receive, udp_socket)
            try:
                places = [_bound(address, self._config.metrics_port) for address in self._config.listen_addresses]
                metrics = HttpServer(self._metrics, sockets=places)
                await metrics.start()
                self.metrics_port = metrics.port
            except OSError as error:
                log.warning("there will be no metrics of the DNS server: %s", error)
            async with asyncio.TaskGroup() as group:
                await self._factory.start(group)
                await self._factory.wait_synced()
                if self._config.cluster_ips:
                    await self._publish()
                self.ready.set()
                await asyncio.Event().wait()
        finally:
            for each in open_:
                if isinstance(each, socket.socket):
                    loop.remove_reader(each)
                each.close()
            if metrics is not None:
                await metrics.stop(0)

    async def _publish(self) -> None:
        """Makes the Service and leads it here. The slices are ours alone: the Service has no selector."""
        labels = {
            "k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS", "kubernetes.io/cluster-service": "true",
        }  # fmt: skip
        service = Service(
            metadata=ObjectMeta(name=SERVICE, namespace=NAMESPACE, labels=labels),
            spec=ServiceSpec(
                clusterIP=self._config.cluster_ips[0],
                clusterIPs=list(self._config.cluster_ips),
                ipFamilyPolicy="PreferDualStack" if len(self._config.cluster_ips) > 1 else "SingleStack",
                ports=[
                    ServicePort(name="dns", port=53, protocol="UDP", targetPort=53),
                    ServicePort(name="dns-tcp", port=53, protocol="TCP", targetPort=53),
                    ServicePort(name="metrics", port=9153, protocol="TCP", targetPort=9153),
                ],
            ),
        )
        # Looked for first: creating it again is refused for its address, which the existing one holds.
        if not (await self._client.list(Service, NAMESPACE, field_selector=f"metadata.name={SERVICE}")).items:
            with contextlib.suppress(errors.AlreadyExists):
                await self._client.create(service)
        for address in self._config.listen_addresses:
            await self._lead_to(address)

    async def _lead_to(self, address: str) -> None:
        family = "IPv6" if ":" in address else "IPv4"
        slice_ = EndpointSlice(
            metadata=ObjectMeta(
                name=f"{SERVICE}-pybernetes" if family == "IPv4" else f"{SERVICE}-pybernetes-ipv6",
                namespace=NAMESPACE,
                labels={SERVICE_NAME: SERVICE, "endpointslice.kubernetes.io/managed-by": "dns.pybernetes"},
            ),
            addressType=family,
            endpoints=[Endpoint(addresses=[address], conditions=EndpointConditions(ready=True, serving=True))],
            ports=[
                EndpointPort(name="dns", port=self.port, protocol="UDP"),
                EndpointPort(name="dns-tcp", port=self.port, protocol="TCP"),
                EndpointPort(name="metrics", port=self.metrics_port, protocol="TCP"),
            ],
        )
        try:
            await self._client.create(slice_)
        except errors.AlreadyExists:
            name = slice_.metadata.name or ""
            current = await self._client.get(EndpointSlice, name, NAMESPACE)
            if (current.endpoints, current.ports) != (slice_.endpoints, slice_.ports):
                await self._client.delete(EndpointSlice, name, NAMESPACE)
                await self._client.create(slice_)

    def _service_changed(self, service: Service) -> None:
        key = (service.metadata.namespace or "", service.metadata.name or "")
        slices = self._slices.lister.by_index(BY_SERVICE, f"{key[0]}/{key[1]}")
        self._zone.replace(key, records_of(service, slices, self._zone.domain))

    def _endpoints_changed(self, *pieces: EndpointSlice) -> None:
        """Looks at the Services whose names these can have changed. Endpoints without a hostname are names only of
        headless ones."""
        named = any(endpoint.hostname for piece in pieces for endpoint in piece.endpoints or ())
        for key in {key for piece in pieces for key in service_of(piece)}:
            namespace, _, name = key.partition("/")
            service = self._services.lister.get(namespace, name)
            if service is not None and (named or service.spec.clusterIP == "None"):
                self._service_changed(service)

    def _namespace_changed(self, _namespace: Namespace) -> None:
        self._zone.namespaces(n.metadata.name or "" for n in self._namespaces.lister.list())

    def _receive(self, place: socket.socket) -> None:
        """What has arrived, several at once: a turn of the event loop costs more than an answer."""
        for _ in range(_TURN):
            try:
                packet, peer = place.recvfrom(_LONGEST_QUERY)
            except OSError:
                return
            self._received(packet, peer, place)

    def _received(self, packet: bytes, peer: tuple[str, int], place: socket.socket) -> None:
        """Answered at once from the zone, otherwise by a task that asks further."""
        began = self._now()

        def answered(reply: bytes) -> None:
            self.figures.count("udp", packet, reply, self._now() - began)
            if reply:
                with contextlib.suppress(OSError):  # a full buffer, a client that has gone
                    place.sendto(reply, peer)

        if (kept := self._answers.get(packet)) is not None:
            self.figures.ready_hits += 1
            answered(kept)
            return
        query = answers.parse(packet)
        if query is None:
            answered(answers.format_error(packet))
            return
        limit = answers.limit_of(query)
        reply = answers.answer(query, self._zone, limit, self._answers.turn(packet))
        if reply is not None and not answers.alias_target(reply, self._zone):
            answered(self._answers.put(packet, answers.pack(query, reply, limit)))
        elif len(self._tasks) >= _MAX_FORWARDED:
            answered(answers.failure(query).pack())
        else:
            task = asyncio.create_task(self._forward_udp(packet, query, reply, answered))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward_udp(
        self, packet: bytes, query: DNSRecord, reply: DNSRecord | None, answered: Callable[[bytes], None]
    ) -> None:
        limit = answers.limit_of(query)
        found = await self._further(packet, query, reply, limit)
        answered(found if len(found) <= limit else truncated(found))

    async def _further(self, packet: bytes, query: DNSRecord, reply: DNSRecord | None, limit: int) -> bytes:
        """What the resolvers say: to the query itself, or to where an ExternalName leads."""
        if reply is None:
            name, _ = answers.question(query)
            if not name.strip("."):
                return bytes(answers.failure(query, RCODE.REFUSED).pack())
            return await self._forwarder.ask(packet) or bytes(answers.failure(query).pack())
        target = answers.alias_target(reply, self._zone)
        further = DNSRecord.question(target, qtype=answers.question(query)[1])
        found = await self._forwarder.ask(further.pack())
        with contextlib.suppress(Exception):  # dnslib raises whatever its parsing of a bad answer ran into
            for record in DNSRecord.parse(found).rr if found is not None else ():
                reply.add_answer(record)
        return answers.pack(query, reply, limit)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._tcp_clients >= _MAX_TCP_CLIENTS:
            writer.close()
            return
        self._tcp_clients += 1
        try:
            while True:
                async with asyncio.timeout(_TCP_IDLE_S):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    packet = await reader.readexactly(length)
                began = self._now()
                found = await self._answer_tcp(packet)
                self.figures.count("tcp", packet, found, self._now() - began)
                if not found:
                    return
                writer.write(len(found).to_bytes(2, "big") + found)
                async with asyncio.timeout(_TCP_IDLE_S):
                    await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._tcp_clients -= 1
            writer.close()

    async def _answer_tcp(self, packet: bytes) -> bytes:
        query = answers.parse(packet)
        if query is None:
            return answers.format_error(packet)
        reply = answers.answer(query, self._zone)
        if reply is None or answers.alias_target(reply, self._zone):
            return await self._further(packet, query, reply, answers.MAX_TCP)
        return answers.pack(query, reply, answers.MAX_TCP)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _metrics(self, request: Request) -> Response:
        if request.path != "/metrics":
            return page_not_found()
        return metrics(self.figures.lines(self._forwarder.hits, self._forwarder.misses))


def _bound(address: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """Also to an address that the machine does not have yet. Raises OSError when the port is taken."""
    made = socket.socket(socket_family(address), kind)
    made.setblocking(False)
    made.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
    if kind is socket.SOCK_STREAM:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    return made


class _Answers:
    """Answers as they were sent, by question, for as long as the zone stays as it is.

    An answer with several addresses is made some times over, each with another one first.
    """

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._version = zone.version
        self._start = random.getrandbits(16)
        self._kept: dict[bytes, list[bytes]] = {}

    def get(self, packet: bytes) -> bytes | None:
        if self._version != self._zone.version:
            self._version = self._zone.version
            self._start = random.getrandbits(16)
            self._kept.clear()
        kept = self._kept.get(packet[2:])
        if kept is None or len(kept) < _VARIANTS:
            return None
        kept.insert(0, kept.pop())
        return packet[:2] + kept[0]

    def turn(self, packet: bytes) -> int:
        """Of the answer to be made now: the ones kept for a question begin with its addresses in turn. Where they
        begin is drawn, so that no address is always the first that is asked after a change, and another place for
        each question: those with a cookie (RFC 7873) are never asked twice."""
        question = packet[2:]
        return self._start + crc32(question) + len(self._kept.get(question, ()))

    def put(self, packet: bytes, reply: bytes) -> bytes:
        if len(packet) <= _LONGEST_KEPT:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            several = int.from_bytes(reply[6:8], "big") > 1
            kept = self._kept.setdefault(packet[2:], [])
            kept += [reply[2:]] * (1 if several else _VARIANTS)
        return reply
