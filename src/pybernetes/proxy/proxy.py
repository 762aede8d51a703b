"""kube-proxy: watches Services and EndpointSlices and keeps the nftables table in step.

Flow: informer → names of changed Services → `services.service_ports` → `rules.fragment` →
`nft_transaction.commands` → one nftables transaction for everything that changed meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.client.client import Client
from pybernetes.client.indexes import BY_SERVICE, service_of
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import Clock, SystemClock
from pybernetes.host.conntrack import Conntrack, ConntrackTool
from pybernetes.host.ip_families import FAMILIES, Family, family_of
from pybernetes.host.nft import LibNft, Nft, NftError
from pybernetes.host.nft_transaction import Fragment, commands
from pybernetes.proxy.rules import NodeView, base, fragment
from pybernetes.proxy.services import ServicePort, service_ports

log = logging.getLogger(__name__)

PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
_RETRY_S = 5.0


@dataclass(slots=True)
class ProxyConfig:
    node_name: str = ""
    """The node whose endpoints count as local; "" on a machine that is no node."""
    table: str = "pybernetes-proxy"
    """Name of the nftables table; one a cluster where several share a network namespace."""
    cluster_cidrs: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    """One of each IP family that the cluster has."""
    nodeport_addresses: tuple[str, ...] = ()


_PortKey = tuple[int, str, str, int]
"""IP family, name, protocol and number of a service port."""


@dataclass(slots=True)
class _Programmed:
    """What the kernel holds for one Service."""

    ports: list[ServicePort] = field(default_factory=list)
    fragments: dict[_PortKey, Fragment] = field(default_factory=dict)


class Proxy:
    """Runs until cancelled; the rules stay in the kernel then, so that connections go on."""

    def __init__(
        self,
        client: Client,
        config: ProxyConfig,
        *,
        clock: Clock | None = None,
        nft: Nft | None = None,
        conntrack: Conntrack | None = None,
    ) -> None:
        self._config = config
        self._views = node_views(config)
        self._factory = InformerFactory(client, clock or SystemClock())
        self._services = self._factory.informer(Service)
        self._slices = self._factory.informer(EndpointSlice)
        self._nft = nft or LibNft()
        self._conntrack = conntrack or ConntrackTool()
        self._programmed: dict[tuple[str, str], _Programmed] = {}
        self._changed: set[tuple[str, str]] = set()
        self._wake = asyncio.Event()
        self.synced = asyncio.Event()
        """Set once the first full set of rules is in the kernel."""

    async def run(self) -> None:
        self._services.add_handler(
            on_add=self._service_changed,
            on_update=lambda _old, new: self._service_changed(new),
            on_delete=self._service_changed,
        )
        self._slices.add_handler(
            on_add=self._slice_changed, on_update=self._slice_updated, on_delete=self._slice_changed
        )
        self._slices.add_index(BY_SERVICE, service_of)
        async with asyncio.TaskGroup() as group:
            await self._factory.start(group)
            await self._factory.wait_synced()
            full = True
            while True:
                try:
                    await (self._sync_all() if full else self._sync_changed())
                    full = False
                    self.synced.set()
                except NftError as error:
                    log.error("nftables refused a change, all rules are written anew: %s", error)
                    full = True
                    self._wake.clear()
                    await asyncio.sleep(_RETRY_S)
                    continue
                await self._wake.wait()
                self._wake.clear()

    def remove(self) -> None:
        """Takes the table out of the kernel."""
        for view in self._views:
            table = f"{view.family.table} {self._config.table}"
            self._nft.apply(f"add table {table}\ndelete table {table}\n")

    async def _sync_all(self) -> None:
        self._changed.clear()
        programmed = {
            (s.metadata.namespace or "", s.metadata.name or ""): self._wanted(s) for s in self._services.lister.list()
        }
        text = "".join(base(self._config.table, view) for view in self._views) + self._commands(
            [(key[0], None, f) for p in programmed.values() for key, f in p.fragments.items()]
        )
        await asyncio.to_thread(self._nft.apply, text)
        before, self._programmed = self._programmed, programmed
        for key in {*before, *programmed}:
            await self._forget_udp(before.get(key), programmed.get(key))

    async def _sync_changed(self) -> None:
        changed, self._changed = self._changed, set()
        pairs: list[tuple[int, Fragment | None, Fragment | None]] = []
        after: dict[tuple[str, str], _Programmed] = {}
        for key in changed:
            service = self._services.lister.get(*key)
            new = self._wanted(service) if service is not None else _Programmed()
            old = self._programmed.get(key) or _Programmed()
            pairs += [(p[0], old.fragments.get(p), new.fragments.get(p)) for p in {*old.fragments, *new.fragments}]
            after[key] = new
        text = self._commands(pairs)
        if text:
            await asyncio.to_thread(self._nft.apply, text)
        for key, new in after.items():
            known = self._programmed.pop(key, None)
            if new.ports:
                self._programmed[key] = new
            await self._forget_udp(known, new)

    def _wanted(self, service: Service) -> _Programmed:
        if PROXY_NAME_LABEL in service.metadata.labels:
            return _Programmed()
        key = f"{service.metadata.namespace}/{service.metadata.name}"
        slices = self._slices.lister.by_index(BY_SERVICE, key)
        made = _Programmed()
        for view in self._views:
            version = view.family.version
            for port in service_ports(service, slices, self._config.node_name, version):
                made.ports.append(port)
                made.fragments[version, port.port_name, port.protocol, port.port] = fragment(port, view)
        return made

    def _commands(self, changes: list[tuple[int, Fragment | None, Fragment | None]]) -> str:
        """For all families; each change says whose it is."""
        return "".join(
            commands(
                view.family.table,
                self._config.table,
                [(old, new) for version, old, new in changes if version == view.family.version],
            )
            for view in self._views
        )

    async def _forget_udp(self, before: _Programmed | None, after: _Programmed | None) -> None:
        kept = {(p.port_name, e.address) for p in (after.ports if after else ()) for e in p.endpoints if e.ready}
        for port in before.ports if before else ():
            if port.protocol != "udp":
                continue
            for endpoint in port.endpoints:
                if endpoint.ready and (port.port_name, endpoint.address) not in kept:
                    for address in (port.cluster_ip, *port.external_ips, *port.load_balancer_ips):
                        await self._conntrack.forget_udp(address, endpoint.ip)

    def _service_changed(self, service: Service) -> None:
        self._changed.add((service.metadata.namespace or "", service.metadata.name or ""))
        self._wake.set()

    def _slice_changed(self, piece: EndpointSlice) -> None:
        for key in service_of(piece):
            namespace, _, name = key.partition("/")
            self._changed.add((namespace, name))
            self._wake.set()

    def _slice_updated(self, old: EndpointSlice, new: EndpointSlice) -> None:
        self._slice_changed(old)
        self._slice_changed(new)


def node_views(config: ProxyConfig) -> list[NodeView]:
    """One for each IP family that Services have here."""

    def only(family: Family, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(text for text in texts if family_of(text) == family.version)

    families = [FAMILIES[family_of(cidr)] for cidr in config.service_cidrs or config.cluster_cidrs] or [FAMILIES[4]]
    return [
        NodeView(
            family=family,
            cluster_cidr=next(iter(only(family, config.cluster_cidrs)), ""),
            service_cidr=next(iter(only(family, config.service_cidrs)), ""),
            nodeport_addresses=only(family, config.nodeport_addresses),
        )
        for family in families
    ]
