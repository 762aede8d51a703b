"""Answers ARP and neighbour discovery for the addresses of load balancers on the machine that is elected for each.

Flow: Service, Node, EndpointSlice and Lease informers → `announcing.owner`, of the nodes that `liveness` does not call
lost → the kernel's proxy entries, and a word to the segment when an address moves here. An address that is on no
segment of this machine is not announced: then the network's routers have to know the way. Runs only in clusters with
a pool of addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core.v1 import Node, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.nodes import LEASE_NAMESPACE, takes_balanced_traffic
from pybernetes.client.client import Client
from pybernetes.client.indexes import BY_SERVICE, service_of
from pybernetes.client.informer import InformerFactory
from pybernetes.client.objects import key_of
from pybernetes.host.clock import SystemClock
from pybernetes.host.link_watch import link_changes
from pybernetes.host.neighbours import KernelNeighbours, Neighbours
from pybernetes.host.netlink import NetlinkFault
from pybernetes.network.announcing import addresses, arp_announcements, neighbour_advertisement, owner
from pybernetes.network.liveness import Liveness
from pybernetes.network.plan import NetworkConfig

log = logging.getLogger(__name__)

_RETRY_S = 5.0
_GIVING_UP_S = 1.0
_AGAIN_S = 1.0
"""After which the segment is told once more: nobody confirms what is told to all."""


class AddressAnnouncer:
    """Runs until cancelled. The kernel goes on answering where its process is killed."""

    def __init__(
        self,
        client: Client,
        config: NetworkConfig,
        neighbours: Neighbours | None = None,
        *,
        node_client: Client | None = None,
    ) -> None:
        """`node_client` may write the node's Lease; with it an announcer that ends makes others take over."""
        self._config = config
        self._factory = InformerFactory(client, SystemClock())
        self._node_client = node_client
        self._services = self._factory.informer(Service)
        self._nodes = self._factory.informer(Node)
        self._slices = self._factory.informer(EndpointSlice)
        self._leases = self._factory.informer(Lease, LEASE_NAMESPACE) if config.node_name else None
        self._liveness = Liveness(config.node_name)
        self._lost: frozenset[str] = frozenset()
        """Nodes that were left out last."""
        self._neighbours = neighbours or KernelNeighbours()
        self._wake = asyncio.Event()
        self.ready = asyncio.Event()
        """Set once the kernel answers for what it should."""
        self._told: dict[tuple[str, str], str] = {}
        """MAC by (device, address): what is answered for."""
        self._stale = True
        """Whether the kernel has to be asked for that: it may have dropped some together with a link."""

    async def run(self) -> None:
        def changed(*_objects: object) -> None:
            self._wake.set()

        self._slices.add_index(BY_SERVICE, service_of)
        self._services.add_handler(
            changed, lambda old, new: changed() if _wanted(old) != _wanted(new) else None, changed
        )
        self._nodes.add_handler(changed, lambda old, new: changed() if _shape(old) != _shape(new) else None, changed)
        self._slices.add_handler(self._slice_changed, lambda _old, new: self._slice_changed(new), self._slice_changed)
        if self._leases is not None:
            self._leases.add_handler(
                self._lease_changed,
                lambda _old, new: self._lease_changed(new),
                lambda gone: self._liveness.forget(gone.metadata.name or ""),
            )
        try:
            await self._announce()
        finally:
            await self._give_up()

    async def _announce(self) -> None:
        async with asyncio.TaskGroup() as group:
            await self._factory.start(group)
            await self._factory.wait_synced()
            group.create_task(self._follow_links())
            while True:
                self._wake.clear()
                told, self._stale = None if self._stale else self._told, False
                try:
                    new = await asyncio.to_thread(self._sync, self._mine(), told)
                except (NetlinkFault, OSError) as error:
                    log.error("addresses of load balancers cannot be announced, trying again: %s", error)
                    self._stale = True
                    await asyncio.sleep(_RETRY_S)
                    continue
                self.ready.set()
                if new:
                    log.info("this machine answers for %s", ", ".join(sorted(address for _, address in new)))
                    group.create_task(self._tell_again(new))
                await self._until_changed()

    async def _until_changed(self) -> None:
        """Until there is something new, or a Lease runs out."""
        time_s = asyncio.get_running_loop().time
        while self._liveness.lost(time_s()) == self._lost:
            try:
                async with asyncio.timeout_at(self._liveness.next_s(time_s())):
                    await self._wake.wait()
            except TimeoutError:
                continue
            return

    async def _give_up(self) -> None:
        """Others take over at once, where there are some."""
        if self._node_client is None or not self._told:
            return
        me = self._config.node_name
        left = [node for node in self._nodes.lister.list() if node.metadata.name not in (me, *self._lost)]
        if not any(map(takes_balanced_traffic, left)):
            return
        try:
            await asyncio.to_thread(self._be_silent, self._told)
            async with asyncio.timeout(_GIVING_UP_S):
                await self._node_client.patch(Lease, me, LEASE_NAMESPACE, {"spec": {"holderIdentity": None}})
        except (NetlinkFault, StatusError, OSError) as error:
            log.info("others will take over only when this node's Lease has run out: %s", error)

    async def _follow_links(self) -> None:
        async for _ in link_changes():
            self._stale = True
            self._wake.set()

    def _lease_changed(self, lease: Lease) -> None:
        if self._liveness.observe(lease, asyncio.get_running_loop().time()):
            self._wake.set()

    def _slice_changed(self, piece: EndpointSlice) -> None:
        for key in service_of(piece):
            service = self._services.lister.by_key(key)
            if service is not None and _local(service):
                self._wake.set()

    def _mine(self) -> set[str]:
        known = self._nodes.lister.list()
        theirs = {address.address for node in known for address in node.status.addresses}
        self._lost = self._liveness.lost(asyncio.get_running_loop().time())
        nodes = [node for node in known if node.metadata.name not in self._lost]
        found = set()
        for service in self._services.lister.list():
            slices = self._slices.lister.by_index(BY_SERVICE, key_of(service)) if _local(service) else ()
            for address in addresses(service):
                # The host of nodes with namespaces of their own is what the outside sees of all of them.
                if address not in theirs and self._config.node_name in ("", owner(address, service, nodes, slices)):
                    found.add(address)
        return found

    def _sync(self, mine: set[str], told: dict[tuple[str, str], str] | None) -> dict[tuple[str, str], str]:
        """What is answered for now and was not before; `told` is None where the kernel has to be asked for that."""
        segments = [each for each in self._neighbours.segments() if each.device != self._config.bridge]
        wanted = {
            (segment.device, address): segment.mac for address in mine for segment in segments if segment.holds(address)
        }
        if told is not None:
            present = set(told)
        else:
            present = {entry for entry in self._neighbours.answered() if self._is_of_the_pool(entry[1])}
        self._be_silent(present - wanted.keys())
        for device, address in wanted.keys() - present:
            self._neighbours.answer(device, address)
        new = {entry: mac for entry, mac in wanted.items() if entry not in (told or ())}
        self._tell(new)
        self._told = wanted
        return new

    def _be_silent(self, entries: Iterable[tuple[str, str]]) -> None:
        for device, address in entries:
            self._neighbours.be_silent(device, address)

    def _is_of_the_pool(self, address: str) -> bool:
        return any(ip_address(address) in ip_network(cidr) for cidr in self._config.balancer_cidrs)

    def _tell(self, entries: dict[tuple[str, str], str]) -> None:
        for (device, address), mac in entries.items():
            if ":" in address:
                self._neighbours.send_icmpv6(device, neighbour_advertisement(mac, address))
            else:
                for frame in arp_announcements(mac, address):
                    self._neighbours.send(device, frame)

    async def _tell_again(self, entries: dict[tuple[str, str], str]) -> None:
        await asyncio.sleep(_AGAIN_S)
        still = {entry: mac for entry, mac in entries.items() if entry in self._told}
        with contextlib.suppress(OSError):  # the link has gone: whoever sees it come back tells anew
            await asyncio.to_thread(self._tell, still)


def _shape(node: Node) -> tuple[object, ...]:
    return takes_balanced_traffic(node), [address.address for address in node.status.addresses]


def _wanted(service: Service) -> tuple[object, ...]:
    return addresses(service), _local(service)


def _local(service: Service) -> bool:
    return service.spec.externalTrafficPolicy == "Local"
