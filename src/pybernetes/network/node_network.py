"""The network of one machine, kept in step with the Nodes: bridge, CNI configuration, routes, masquerading.

Flow: Node informer → `plan.plan` → netlink, nftables and one atomically written file; informer of the node's
own Pods → `host_ports` → nftables. A CNI
configuration that somebody else put into the folder is left alone, and then no bridge is made.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import Clock, SystemClock
from pybernetes.host.files import write_if_changed
from pybernetes.host.netlink import KernelNetlink, Netlink, NetlinkFault, Route
from pybernetes.host.nft import LibNft, Nft, NftError
from pybernetes.network.host_ports import HostPort, host_ports, rules, uses_host_ports
from pybernetes.network.plan import MachineNetwork, NetworkConfig, families, masquerade_rules, plan

log = logging.getLogger(__name__)

CNI_FILE = "10-pybernetes.conflist"
_RETRY_S = 5.0
_FORWARDING = {
    "net.ipv4.ip_forward": "1",
    # Bridged packets between two Pods of one node must pass connection tracking, or the answer
    # from a Service's endpoint would not be translated back.
    "net.bridge.bridge-nf-call-iptables": "1",
}
_FORWARDING_IPV6 = {"net.ipv6.conf.all.forwarding": "1", "net.bridge.bridge-nf-call-ip6tables": "1"}


class NodeNetwork:
    """Runs until cancelled; what it set up stays, so that Pods keep their network."""

    def __init__(
        self,
        client: Client,
        config: NetworkConfig,
        *,
        node_client: Client | None = None,
        clock: Clock | None = None,
        netlink: Netlink | None = None,
        nft: Nft | None = None,
    ) -> None:
        """`node_client` may read the Pods of the node; without it there are no host ports."""
        self._config = config
        self._ranges = (*config.cluster_cidrs, *config.service_cidrs, *config.balancer_cidrs)
        self._factory = InformerFactory(client, clock or SystemClock())
        self._nodes = self._factory.informer(Node)
        self._node_factory = InformerFactory(node_client or client, clock or SystemClock())
        self._pods = (
            self._node_factory.informer(Pod, field_selector=f"spec.nodeName={config.node_name}")
            if node_client is not None and config.node_name
            else None
        )
        self._ports: list[HostPort] | None = None
        """As the kernel has them."""
        self._netlink = netlink or KernelNetlink()
        self._nft = nft or LibNft()
        self._wake = asyncio.Event()
        self._applied: MachineNetwork | None = None
        self.ready = asyncio.Event()
        """Set once this machine's network stands (for a node: once it has a podCIDR)."""

    async def run(self) -> None:
        self._nodes.add_handler(
            on_add=lambda _node: self._wake.set(),
            on_update=lambda old, new: self._wake.set() if _shape(old) != _shape(new) else None,
            on_delete=lambda _node: self._wake.set(),
        )
        if self._pods is not None:
            self._pods.add_handler(
                on_add=self._pod_changed,
                on_update=lambda old, new: self._pod_changed(new),
                on_delete=self._pod_changed,
            )
        prepared = False
        async with asyncio.TaskGroup() as group:
            await self._factory.start(group)
            await self._node_factory.start(group)
            await self._factory.wait_synced()
            while True:
                try:
                    if not prepared:
                        await asyncio.to_thread(self._prepare)
                        prepared = True
                    await self._sync()
                except (NetlinkFault, NftError, OSError) as error:
                    log.error("the network of this machine could not be set up, trying again: %s", error)
                    await asyncio.sleep(_RETRY_S)
                    continue
                await self._wake.wait()
                self._wake.clear()

    async def _sync(self) -> None:
        wanted = plan(self._config, self._nodes.lister.list())
        if wanted != self._applied:
            await asyncio.to_thread(self._apply, wanted)
            self._applied = wanted
        if wanted.cni or not self._config.node_name:
            self.ready.set()
        if self._pods is not None and self._pods.has_synced:
            ports = host_ports(self._pods.lister.list())
            if ports != self._ports:
                await asyncio.to_thread(self._forward, ports)
                self._ports = ports

    def _forward(self, ports: list[HostPort]) -> None:
        if ports:
            self._netlink.sysctl(f"net.ipv4.conf.{self._config.bridge}.route_localnet", "1")
        self._nft.apply(rules(self._config.host_ports_table, self._config.bridge, ports))

    def _pod_changed(self, pod: Pod) -> None:
        if self._ports is None or uses_host_ports(pod):
            self._wake.set()

    def _prepare(self) -> None:
        settings = dict(_FORWARDING)
        if any(family.version == 6 for family in families(self._config)):
            # A machine that forwards no longer listens to routers, unless it is told to go on.
            settings |= dict.fromkeys(self._netlink.guided_by_routers(), "2") | _FORWARDING_IPV6
        for name, value in settings.items():
            if not self._netlink.sysctl(name, value):
                log.warning("%s could not be set; Services may not work between Pods of one node", name)
        self._nft.apply(masquerade_rules(self._config))

    def _apply(self, wanted: MachineNetwork) -> None:
        folder = Path(self._config.cni_conf_dir)
        if wanted.cni and not self._foreign_cni(folder):
            self._netlink.ensure_bridge(self._config.bridge, wanted.bridge_addresses, self._config.mtu)
            folder.mkdir(parents=True, exist_ok=True)
            write_if_changed(folder / CNI_FILE, wanted.cni)
        ours = {r for r in self._netlink.our_routes() if r.within(self._ranges)}
        keys = {_key(r) for r in wanted.routes}
        for route in ours:
            if _key(route) not in keys:
                self._netlink.delete_route(route)
        for route in wanted.routes:
            try:
                self._netlink.ensure_route(route)
            except NetlinkFault as error:
                # A node on another segment; its own network has to bring packets there.
                log.warning("no route to %s: %s", route.destination, error)

    def _foreign_cni(self, folder: Path) -> bool:
        names = (p.name for p in folder.glob("*") if p.suffix in (".conf", ".conflist", ".json"))
        return any(name != CNI_FILE for name in names) if folder.is_dir() else False

    def remove(self) -> None:
        """Takes away all that `run` set up on this machine, except forwarding."""
        for family in families(self._config):
            for name in (self._config.table, self._config.host_ports_table):
                self._nft.apply(f"add table {family.table} {name}\ndelete table {family.table} {name}\n")
        for route in self._netlink.our_routes():
            if route.within(self._ranges):
                self._netlink.delete_route(route)
        self._netlink.delete_link(self._config.bridge)
        (Path(self._config.cni_conf_dir) / CNI_FILE).unlink(missing_ok=True)


def _shape(node: Node) -> tuple[object, ...]:
    return node.spec.podCIDR, tuple(node.spec.podCIDRs), tuple((a.type, a.address) for a in node.status.addresses)


def _key(route: Route) -> tuple[str, str, str, str]:
    return route.destination, route.gateway, route.device, route.kind
