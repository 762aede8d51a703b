"""Answers ARP and neighbour discovery for the addresses of load balancers on the machine that is elected for each.

Flow: Service, Node and EndpointSlice informers → `announcing.owner` → the kernel's proxy entries, and a word to the
segment when an address moves here. An address that is on no segment of this machine is not announced: then the
network's routers have to know the way. Runs only in clusters with a pool of addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from ipaddress import ip_address, ip_network

from pybernetes.api.core.v1 import Node, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.nodes import takes_balanced_traffic
from pybernetes.client.client import Client
from pybernetes.client.indexes import BY_SERVICE, service_of
from pybernetes.client.informer import InformerFactory
from pybernetes.client.objects import key_of
from pybernetes.host.clock import SystemClock
from pybernetes.host.link_watch import link_changes
from pybernetes.host.neighbours import KernelNeighbours, Neighbours
from pybernetes.host.netlink import NetlinkFault
from pybernetes.host.netns import NetnsError
from pybernetes.network.announcing import addresses, arp_announcements, neighbour_advertisement, owner
from pybernetes.network.plan import NetworkConfig

log = logging.getLogger(__name__)

_RETRY_S = 5.0
_AGAIN_S = 1.0
"""After which the segment is told once more: nobody confirms what is told to all."""


class AddressAnnouncer:
    """Runs until cancelled; the kernel goes on answering then."""

    def __init__(self, client: Client, config: NetworkConfig, neighbours: Neighbours | None = None) -> None:
        self._config = config
        self._factory = InformerFactory(client, SystemClock())
        self._services = self._factory.informer(Service)
        self._nodes = self._factory.informer(Node)
        self._slices = self._factory.informer(EndpointSlice)
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
        async with asyncio.TaskGroup() as group:
            await self._factory.start(group)
            await self._factory.wait_synced()
            group.create_task(self._follow_links())
            while True:
                self._wake.clear()
                told, self._stale = None if self._stale else self._told, False
                try:
                    new = await asyncio.to_thread(self._sync, self._mine(), told)
                except (NetlinkFault, NetnsError, OSError) as error:
                    log.error("addresses of load balancers cannot be announced, trying again: %s", error)
                    self._stale = True
                    await asyncio.sleep(_RETRY_S)
                    continue
                self.ready.set()
                if new:
                    log.info("this machine answers for %s", ", ".join(sorted(address for _, address in new)))
                    group.create_task(self._tell_again(new))
                await self._wake.wait()

    async def _follow_links(self) -> None:
        async for _ in link_changes():
            self._stale = True
            self._wake.set()

    def _slice_changed(self, piece: EndpointSlice) -> None:
        for key in service_of(piece):
            service = self._services.lister.by_key(key)
            if service is not None and _local(service):
                self._wake.set()

    def _mine(self) -> set[str]:
        nodes = self._nodes.lister.list()
        theirs = {address.address for node in nodes for address in node.status.addresses}
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
        for device, address in present - wanted.keys():
            self._neighbours.be_silent(device, address)
        for device, address in wanted.keys() - present:
            self._neighbours.answer(device, address)
        new = {entry: mac for entry, mac in wanted.items() if entry not in (told or ())}
        self._tell(new)
        self._told = wanted
        return new

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
