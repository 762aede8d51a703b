"""kube-proxy: watches Services and EndpointSlices and keeps the nftables tables in step, one for each IP family.

Flow: informer → names of changed Services → `services.service_ports` → `rules.fragment` →
`nft_transaction.commands` → one nftables transaction for everything that changed meanwhile → `health`, and the
connection tracking of UDP Services.

Tables are made anew at a start and after a change by somebody else. Connections that stand go on then, and the clients
that session affinity knows stay known, where that change has not taken them away.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pybernetes.api.core.v1 import Node, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.services import HEADLESS
from pybernetes.client.client import Client
from pybernetes.client.indexes import BY_SERVICE, service_of
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import SystemClock
from pybernetes.host.conntrack import Conntrack, KernelConntrack
from pybernetes.host.ip_families import FAMILIES, Family, family_of, socket_address
from pybernetes.host.nft import LibNft, Nft, NftError
from pybernetes.host.nft_dump import remembered_addresses
from pybernetes.host.nft_transaction import Fragment, commands
from pybernetes.host.nft_watch import TableGuard, foreign_changes
from pybernetes.http.messages import Request, Response
from pybernetes.proxy.figures import Policy, ProxyFigures
from pybernetes.proxy.health import HealthServers, ProxyHealth
from pybernetes.proxy.pages import page
from pybernetes.proxy.rules import HOOKS, NodeView, base, cluster_ip, fragment, hairpins, known_again
from pybernetes.proxy.services import ServicePort, service_ports
from pybernetes.proxy.topology import Place, usable_endpoints

log = logging.getLogger(__name__)

PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
ZONE_LABEL = "topology.kubernetes.io/zone"
_RETRY_S = 5.0
_EVERYWHERE = {4: "0.0.0.0", 6: "::"}
_HERE = {4: "127.0.0.1", 6: "::1"}
"""By IP family."""


@dataclass(slots=True)
class ProxyConfig:
    node_name: str = ""
    """The node whose endpoints count as local; "" on a machine that is no node."""
    table: str = "pybernetes-proxy"
    """Name of the nftables tables; one a cluster where several share a network namespace."""
    cluster_cidrs: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    """One of each IP family that the cluster has."""
    nodeport_addresses: tuple[str, ...] = ()
    healthz_port: int = 10256
    """Where the proxy of a node says how it is; 0 for nowhere."""
    metrics_port: int = 10249
    """Where it tells this machine what it does; 0 for nowhere."""
    tcp_timeouts_s: dict[str, int] = field(default_factory=dict)
    """For how long silent connections are known in each of these states (established, close_wait); 0: as it is."""

    def published(self) -> dict[str, object]:
        """As a KubeProxyConfiguration. Source: staging/src/k8s.io/kube-proxy/config/v1alpha1/types.go."""
        family = node_views(self)[0].family.version
        timeouts_s = {state: f"{self.tcp_timeouts_s.get(state, 0)}s" for state in ("established", "close_wait")}
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "hostnameOverride": self.node_name,
            "healthzBindAddress": socket_address(_EVERYWHERE[family], self.healthz_port) if self.healthz_port else "",
            "metricsBindAddress": socket_address(_HERE[family], self.metrics_port) if self.metrics_port else "",
            "clusterCIDR": ",".join(self.cluster_cidrs),
            "detectLocalMode": "ClusterCIDR",
            "nodePortAddresses": list(self.nodeport_addresses),
            "conntrack": {
                "tcpEstablishedTimeout": timeouts_s["established"],
                "tcpCloseWaitTimeout": timeouts_s["close_wait"],
            },
        }


_Key = tuple[str, str]
"""Namespace and name of a Service."""
_FragmentKey = tuple[int, str, str, int]
"""IP family, name, protocol and number of a service port; without them, of the Service in this family."""
_Change = tuple[int, Fragment | None, Fragment | None]
"""IP family, what was, what is to be."""


@dataclass(slots=True)
class _Programmed:
    """What the kernel holds for one Service."""

    ports: list[tuple[NodeView, ServicePort]] = field(default_factory=list)
    """With what they were made for, the Service's primary IP family first."""

    def fragments(self) -> dict[_FragmentKey, Fragment]:
        """Made again when they are needed: they are larger than what they are made of."""
        found: dict[_FragmentKey, Fragment] = {}
        for view, port in self.ports:
            version = view.family.version
            found[version, port.port_name, port.protocol, port.port] = fragment(port, view)
            found[version, "", "", 0] = cluster_ip(port.cluster_ip)
        return found

    def local_addresses(self, node: str) -> set[str]:
        return {e.ip for _, port in self.ports for e in port.endpoints if node and e.node == node}

    def local_endpoints(self, node: str) -> int:
        """Those that are ready, in the Service's primary family."""
        mine = [e for view, port in self.ports if view == self.ports[0][0] for e in port.endpoints if e.node == node]
        return len({e.ip for e in mine if e.ready})


class Proxy:
    """Runs until cancelled; the rules stay in the kernel then, so that connections go on."""

    def __init__(
        self,
        client: Client,
        config: ProxyConfig,
        *,
        nft: Nft | None = None,
        conntrack: Conntrack | None = None,
    ) -> None:
        self._config = config
        self._views = node_views(config)
        clock = SystemClock()
        self._factory = InformerFactory(client, clock)
        self._services = self._factory.informer(Service)
        self._slices = self._factory.informer(EndpointSlice, label_selector=f"!{HEADLESS}")
        self._node = (
            self._factory.informer(Node, field_selector=f"metadata.name={config.node_name}")
            if config.node_name
            else None
        )
        self._nft = nft or LibNft()
        self._guard = TableGuard(f"{view.family.table} {config.table} {hook}" for view in self._views for hook in HOOKS)
        self._conntrack = conntrack or KernelConntrack()
        families = [view.family.version for view in self._views]
        self._figures = ProxyFigures(clock, families)
        self._asked = client.transport.figures
        self._health = ProxyHealth(clock, families)
        self._servers = HealthServers(self._health, [_EVERYWHERE[family] for family in families])
        self._programmed: dict[_Key, _Programmed] = {}
        self._local: Counter[str] = Counter()
        """How many Services have this endpoint on this node."""
        self._changed: set[_Key] = set()
        self._anew = True
        """Whether the tables are to be made anew, whatever the kernel holds."""
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
            on_add=lambda new: self._slice_changed(None, new),
            on_update=self._slice_changed,
            on_delete=lambda old: self._slice_changed(old, None),
        )
        self._slices.add_index(BY_SERVICE, service_of)
        if self._node is not None:
            self._node.add_handler(self._node_changed, lambda _old, new: self._node_changed(new))
        self._anew = True
        self._keep_connections()
        try:
            async with asyncio.TaskGroup() as group:
                await self._factory.start(group)
                await self._factory.wait_synced()
                group.create_task(self._mend())
                await self._listen()
                while True:
                    self._wake.clear()
                    try:
                        await self._sync()
                    except NftError as error:
                        log.error("nftables refused a change, all rules are written anew: %s", error)
                        self._anew = True
                        self._health.changed()
                        self._figures.failed()
                        await asyncio.sleep(_RETRY_S)
                        continue
                    await self._wake.wait()
        finally:
            await self._servers.stop()

    def _keep_connections(self) -> None:
        for state, timeout_s in self._config.tcp_timeouts_s.items():
            try:
                if timeout_s:
                    self._conntrack.keep_tcp(state, timeout_s)
            except OSError as error:
                log.warning("connections in %s are kept as long as the kernel likes: %s", state, error)

    def remove(self) -> None:
        """Takes the tables out of the kernel."""
        for view in self._views:
            table = f"{view.family.table} {self._config.table}"
            self._nft.apply(f"add table {table}\ndelete table {table}\n")

    async def _mend(self) -> None:
        async for _ in foreign_changes():
            if await asyncio.to_thread(self._guard.touched):
                log.warning("somebody else changed the rules of Services; they are made anew")
                self._anew = True
                self._figures.queued()
                self._wake.set()

    async def _sync(self) -> None:
        begun_s = asyncio.get_running_loop().time()
        self._figures.begin()
        anew, self._anew = self._anew, False
        changed, self._changed = self._changed, set()
        if anew:
            held: dict[_Key, _Programmed] = {}
            changed = {(s.metadata.namespace or "", s.metadata.name or "") for s in self._services.lister.list()}
            text = "".join(base(self._config.table, view) for view in self._views)
            self._local.clear()
        else:
            held, text = self._programmed, ""
        before = {key: held.get(key) or _Programmed() for key in changed}
        after = {key: self._wanted(key) for key in changed}
        changes: list[_Change] = []
        for key in changed:
            old, new = before[key].fragments(), after[key].fragments()
            changes += [(part[0], old.get(part), new.get(part)) for part in {**old, **new}]
        changes += self._count_local(before.values(), after.values())
        text += self._commands(changes)
        if anew:
            text += await asyncio.to_thread(self._known_clients, changes)
        if text:
            await asyncio.to_thread(self._nft.apply, text)
        if anew:
            await asyncio.to_thread(self._guard.remember)
            self._programmed = {}
        for key, wanted in after.items():
            if wanted.ports:
                self._programmed[key] = wanted
            else:
                self._programmed.pop(key, None)
        await self._forget_udp(before, after)
        self._health.synced()
        self._figures.end(asyncio.get_running_loop().time() - begun_s, full=anew)
        if self._changed:
            self._health.changed()
        await self._serve_health()
        self.synced.set()

    def _wanted(self, key: _Key) -> _Programmed:
        service = self._services.lister.get(*key)
        if service is None or PROXY_NAME_LABEL in service.metadata.labels:
            return _Programmed()
        slices = self._slices.lister.by_index(BY_SERVICE, "/".join(key))
        made = _Programmed()
        for view in self._views:
            made.ports += [(view, port) for port in service_ports(service, slices, view.family.version)]
        primary = (service.spec.ipFamilies or [""])[0]
        made.ports.sort(key=lambda each: f"IPv{each[0].family.version}" != primary)
        return made

    def _count_local(self, before: Iterable[_Programmed], after: Iterable[_Programmed]) -> list[_Change]:
        """What changes of the endpoints on this node, which several Services may share."""
        node, known = self._config.node_name, set(self._local)
        for old in before:
            self._local.subtract(old.local_addresses(node))
        for new in after:
            self._local.update(new.local_addresses(node))
        self._local = +self._local
        gone, come = known - set(self._local), set(self._local) - known
        return [
            (
                view.family.version,
                hairpins(ip for ip in gone if family_of(ip) == view.family.version),
                hairpins(ip for ip in come if family_of(ip) == view.family.version),
            )
            for view in self._views
            if gone or come
        ]

    def _commands(self, changes: list[_Change]) -> str:
        return "".join(
            commands(
                view.family.table,
                self._config.table,
                [(old, new) for version, old, new in changes if version == view.family.version],
            )
            for view in self._views
        )

    def _known_clients(self, changes: list[_Change]) -> str:
        """Commands by which tables that are made anew keep what session affinity has in the kernel now."""
        text = ""
        for view in self._views:
            family, table = view.family, self._config.table
            names = [name for version, _, new in changes if new and version == family.version for name in new.sets]
            found = remembered_addresses((family.table, table, name) for name in names)
            text += known_again(dict(zip(names, found, strict=True)), family, table)
        return text

    async def _forget_udp(self, before: dict[_Key, _Programmed], after: dict[_Key, _Programmed]) -> None:
        """Of Services whose endpoints are others now. Source: pkg/proxy/conntrack/cleanup.go."""
        for key, new in after.items():
            known = {port for _, port in before[key].ports}
            for view, port in new.ports:
                if port.protocol != "udp" or port in known:
                    continue
                serving = {(e.ip, e.port) for e in port.endpoints if e.serving}
                if not serving:
                    continue
                targets = [(ip, port.port) for ip in (port.cluster_ip, *port.external_ips, *port.load_balancer_ips)]
                if port.node_port:
                    targets.append(("", port.node_port))
                for address, number in targets:
                    with suppress(OSError):
                        await asyncio.to_thread(
                            self._conntrack.forget_udp, address, number, view.family.version, serving
                        )

    # What is asked from outside

    async def _listen(self) -> None:
        config = self._config
        if config.node_name and config.healthz_port:
            await self._servers.start(config.healthz_port, self._own_health, "the proxy's health")
        if config.node_name and config.metrics_port:
            here = [_HERE[view.family.version] for view in self._views]
            await self._servers.start(config.metrics_port, self._own_page, "what the proxy counts", here)

    async def _serve_health(self) -> None:
        node = self._config.node_name
        if not node:
            return
        asked = {key: held for key, held in self._programmed.items() if held.ports[0][1].health_check_node_port}
        await self._servers.serve(
            {key: held.ports[0][1].health_check_node_port for key, held in asked.items()},
            {key: held.local_endpoints(node) for key, held in asked.items()},
        )

    async def _own_health(self, request: Request) -> Response:
        node = self._node.lister.get("", self._config.node_name) if self._node is not None else None
        answer = self._health.answer(request, node)
        self._figures.probed(request.path, answer.status)
        return answer

    async def _own_page(self, request: Request) -> Response:
        return page(request.path, self._metrics, self._config.published())

    def _metrics(self) -> Iterator[str]:
        without: Counter[Policy] = Counter()
        for held in self._programmed.values():
            for view, port in held.ports:
                usable = usable_endpoints(port, view.place)
                if usable.anywhere and not usable.local:
                    without["internal", view.family.version] += port.internal_local
                    without["external", view.family.version] += port.external_local
        yield from self._figures.lines(without)
        yield from self._asked.lines()

    # What the informers tell

    def _service_changed(self, service: Service) -> None:
        self._figures.service_changed()
        self._touch((service.metadata.namespace or "", service.metadata.name or ""))

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        keys = {key for piece in (old, new) if piece is not None for key in service_of(piece)}
        if keys:
            self._figures.slice_changed(old, new)
        for key in keys:
            namespace, _, name = key.partition("/")
            self._touch((namespace, name))

    def _touch(self, key: _Key) -> None:
        self._changed.add(key)
        self._health.changed()
        self._figures.queued()
        self._wake.set()

    def _node_changed(self, node: Node) -> None:
        """Where the node is decides which endpoints are meant for it."""
        internal = [a.address for a in node.status.addresses if a.type == "InternalIP"]
        for index, view in enumerate(self._views):
            addresses = tuple(a for a in internal if family_of(a) == view.family.version)
            place = Place(self._config.node_name, node.metadata.labels.get(ZONE_LABEL, ""), addresses)
            if place != view.place:
                self._views[index] = replace(view, place=place)
                for service in self._services.lister.list():
                    self._service_changed(service)


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
            place=Place(config.node_name),
        )
        for family in families
    ]
