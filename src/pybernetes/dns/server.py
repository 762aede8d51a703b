"""The cluster's DNS server: answers from the zone that the informers keep, forwards the rest.

Flow: Service and EndpointSlice informers → `records.records_of` → `Zone`; packet →
`answers.answer` → packet. The server makes the Service `kube-system/kube-dns` with an
EndpointSlice that leads to it, as other clusters have it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dnslib import RCODE, DNSRecord

from pybernetes.api.core.v1 import Namespace, Service, ServicePort, ServiceSpec
from pybernetes.api.discovery.v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.client.client import Client
from pybernetes.client.indexes import BY_SERVICE, SERVICE_NAME, service_of
from pybernetes.client.informer import InformerFactory
from pybernetes.dns import answers
from pybernetes.dns.forward import Forwarder, resolvers_of
from pybernetes.dns.records import Zone, records_of
from pybernetes.host.clock import Clock, SystemClock

log = logging.getLogger(__name__)

NAMESPACE = "kube-system"
SERVICE = "kube-dns"
_IP_FREEBIND = 15
_MAX_TCP_CLIENTS = 100
_TCP_IDLE_S = 10.0
_MAX_FORWARDED = 1000


@dataclass(slots=True)
class DnsConfig:
    listen_addresses: tuple[str, ...]
    """Addresses that Pods reach, one of each IP family, e.g. the first of the node's range; they need not exist yet."""
    port: int = 10053
    """0 takes a free one."""
    cluster_ips: tuple[str, ...] = ("10.96.0.10",)
    """One of each IP family, the primary one first; none makes no Service."""
    cluster_domain: str = "cluster.local"
    resolv_conf: str = "/etc/resolv.conf"
    upstream: tuple[str, ...] = ()
    """Resolvers for other names; none means those of `resolv_conf`."""
    upstream_port: int = 53


class DnsServer:
    """Runs until cancelled."""

    def __init__(self, client: Client, config: DnsConfig, *, clock: Clock | None = None) -> None:
        self._client = client
        self._config = config
        self._zone = Zone(config.cluster_domain)
        self._factory = InformerFactory(client, clock or SystemClock())
        self._services = self._factory.informer(Service)
        self._slices = self._factory.informer(EndpointSlice)
        self._namespaces = self._factory.informer(Namespace)
        servers = list(config.upstream) or resolvers_of(Path(config.resolv_conf))
        self._forwarder = Forwarder([s for s in servers if s not in config.cluster_ips], config.upstream_port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._tcp_clients = 0
        self.port = config.port
        self.ready = asyncio.Event()

    async def run(self) -> None:
        self._services.add_handler(
            on_add=self._service_changed,
            on_update=lambda _old, new: self._service_changed(new),
            on_delete=lambda s: self._zone.replace((s.metadata.namespace or "", s.metadata.name or ""), None),
        )
        self._slices.add_handler(
            on_add=self._slice_changed,
            on_update=lambda _old, new: self._slice_changed(new),
            on_delete=self._slice_changed,
        )
        self._slices.add_index(BY_SERVICE, service_of)
        self._namespaces.add_handler(on_add=self._namespace_changed, on_delete=self._namespace_changed)
        loop = asyncio.get_running_loop()
        open_: list[asyncio.DatagramTransport | asyncio.Server] = []
        try:
            for address in self._config.listen_addresses:
                tcp_socket, udp_socket = self._bind(address)
                open_.append(await asyncio.start_server(self._serve_tcp, sock=tcp_socket))
                udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), sock=udp_socket)
                open_.append(udp)
            async with asyncio.TaskGroup() as group:
                await self._factory.start(group)
                await self._factory.wait_synced()
                if self._config.cluster_ips:
                    await self._publish()
                self.ready.set()
                await asyncio.Event().wait()
        finally:
            for each in open_:
                each.close()

    def _bind(self, address: str) -> tuple[socket.socket, socket.socket]:
        """The same port over TCP and UDP, and on every address. Raises OSError when it is taken."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        tcp = socket.socket(family, socket.SOCK_STREAM)
        udp = socket.socket(family, socket.SOCK_DGRAM)
        for made in (tcp, udp):
            made.setblocking(False)
            made.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((address, self.port))
        self.port = tcp.getsockname()[1]
        udp.bind((address, self.port))
        return tcp, udp

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

    def _slice_changed(self, piece: EndpointSlice) -> None:
        for key in service_of(piece):
            namespace, _, name = key.partition("/")
            service = self._services.lister.get(namespace, name)
            if service is not None and service.spec.clusterIP == "None":
                self._service_changed(service)

    def _namespace_changed(self, _namespace: Namespace) -> None:
        self._zone.namespaces(n.metadata.name or "" for n in self._namespaces.lister.list())

    def received(self, packet: bytes, send: Callable[[bytes], None]) -> None:
        """One UDP packet: answered at once from the zone, otherwise by a task that asks further."""
        query = answers.parse(packet)
        if query is None:
            send(answers.format_error(packet))
            return
        reply = answers.answer(query, self._zone)
        if reply is not None and not answers.alias_target(reply, self._zone):
            send(answers.pack_udp(query, reply))
            return
        if len(self._tasks) >= _MAX_FORWARDED:
            send(answers.failure(query).pack())
            return
        task = asyncio.create_task(self._forward_udp(packet, query, reply, send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward_udp(
        self, packet: bytes, query: DNSRecord, reply: DNSRecord | None, send: Callable[[bytes], None]
    ) -> None:
        found = await self._further(packet, query, reply)
        if isinstance(found, bytes):
            if len(found) > answers.limit_of(query):
                found = bytes(DNSRecord.parse(found).truncate().pack())
            send(found)
        else:
            send(answers.pack_udp(query, found))

    async def _further(self, packet: bytes, query: DNSRecord, reply: DNSRecord | None) -> bytes | DNSRecord:
        """What the resolvers say: to the query itself, or to where an ExternalName leads."""
        if reply is None:
            name, _ = answers.question(query)
            if not name.strip("."):
                return answers.failure(query, RCODE.REFUSED)
            return await self._forwarder.ask(packet) or answers.failure(query)
        target = answers.alias_target(reply, self._zone)
        further = DNSRecord.question(target, qtype=answers.question(query)[1])
        found = await self._forwarder.ask(further.pack())
        if found is not None:
            for record in DNSRecord.parse(found).rr:
                reply.add_answer(record)
        return reply

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
                query = answers.parse(packet)
                if query is None:
                    return
                reply = answers.answer(query, self._zone)
                found: bytes | DNSRecord | None = reply
                if reply is None or answers.alias_target(reply, self._zone):
                    found = await self._further(packet, query, reply)
                packed = found if isinstance(found, bytes) else bytes(found.pack()) if found is not None else b""
                writer.write(len(packed).to_bytes(2, "big") + packed)
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._tcp_clients -= 1
            writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        def send(packet: bytes) -> None:
            if packet and self._transport is not None and not self._transport.is_closing():
                self._transport.sendto(packet, addr)

        self._server.received(data, send)
