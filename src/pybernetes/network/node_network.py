"""The network of one machine, kept in step with the Nodes: bridge, CNI configuration, routes, masquerading.

Flow: Node informer → `plan.plan` → `applying.apply` → netlink and one atomically written file; informer of the node's
own Pods → `host_ports` → nftables. What somebody else takes away, or the kernel together with a link, comes back.
"""

from __future__ import annotations

import asyncio
import logging

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import SystemClock
from pybernetes.host.link_watch import link_changes
from pybernetes.host.netlink import KernelNetlink, NetlinkFault
from pybernetes.host.nft import LibNft, NftError
from pybernetes.host.nft_watch import TableGuard, foreign_changes
from pybernetes.network.applying import apply
from pybernetes.network.host_ports import HostPort, host_ports, rules, uses_host_ports
from pybernetes.network.plan import MachineNetwork, NetworkConfig, families, masquerade_rules, plan, reachable

log = logging.getLogger(__name__)

_RETRY_S = 5.0
_FORWARDING = {
    "net.ipv4.ip_forward": "1",
    # Bridged packets between two Pods of one node must pass connection tracking, or the answer
    # from a Service's endpoint would not be translated back.
    "net.bridge.bridge-nf-call-iptables": "1",
}
_FORWARDING_IPV6 = {"net.ipv6.conf.all.forwarding": "1", "net.bridge.bridge-nf-call-ip6tables": "1"}
_KEPT_ADDRESSES = "net.ipv6.conf.all.keep_addr_on_down"
"""For a machine of the cluster's own making, whose address nobody would give back when its link was down."""


class NodeNetwork:
    """Runs until cancelled; what it set up stays, so that Pods keep their network."""

    def __init__(self, client: Client, config: NetworkConfig, *, node_client: Client | None = None) -> None:
        """`node_client` may read the Pods of the node; without it there are no host ports."""
        self._config = config
        self._factory = InformerFactory(client, SystemClock())
        self._nodes = self._factory.informer(Node)
        self._node_factory = InformerFactory(node_client or client, SystemClock())
        self._pods = (
            self._node_factory.informer(Pod, field_selector=f"spec.nodeName={config.node_name}")
            if node_client is not None and config.node_name
            else None
        )
        self._ports: list[HostPort] | None = None
        """As the kernel has them."""
        self._netlink = KernelNetlink()
        self._nft = LibNft()
        self._guard = TableGuard(f"{family.table} {config.table} postrouting" for family in families(config))
        self._ports_guard = TableGuard(
            f"{family.table} {config.host_ports_table} prerouting" for family in families(config)
        )
        self._prepared = False
        self._wake = asyncio.Event()
        self._applied: MachineNetwork | None = None
        """None where it is not known. Like the others it is set before the work: who undoes it meanwhile is heard."""
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
        async with asyncio.TaskGroup() as group:
            await self._factory.start(group)
            await self._node_factory.start(group)
            await self._factory.wait_synced()
            group.create_task(self._mend_rules())
            group.create_task(self._mend_links())
            while True:
                try:
                    await self._sync()
                except (NetlinkFault, NftError, OSError) as error:
                    log.error("the network of this machine could not be set up, trying again: %s", error)
                    self._prepared, self._applied, self._ports = False, None, None
                    await asyncio.sleep(_RETRY_S)
                    continue
                await self._wake.wait()
                self._wake.clear()

    async def _mend_rules(self) -> None:
        async for _ in foreign_changes():
            if await asyncio.to_thread(self._touched):
                log.warning("somebody else changed the rules of this machine's network; they are made anew")
                self._prepared, self._ports = False, None
                self._wake.set()

    async def _mend_links(self) -> None:
        async for _ in link_changes():
            self._applied = None
            self._wake.set()

    async def _sync(self) -> None:
        if not self._prepared:
            self._prepared = True
            await asyncio.to_thread(self._prepare)
        wanted = await asyncio.to_thread(self._wanted, self._nodes.lister.list())
        before, self._applied = self._applied, wanted
        if wanted != before:
            await asyncio.to_thread(apply, self._config, wanted, before, self._netlink)
        if wanted.cni or not self._config.node_name:
            self.ready.set()
        if self._pods is not None and self._pods.has_synced:
            ports = host_ports(self._pods.lister.list())
            if ports != self._ports:
                self._ports = ports
                await asyncio.to_thread(self._forward, ports)

    def _wanted(self, nodes: list[Node]) -> MachineNetwork:
        addresses = {node.metadata.name: reachable(node) for node in nodes}
        mine = next(iter(addresses.pop(self._config.node_name, [])), "")
        far = {each for found in addresses.values() for each in found if self._netlink.is_behind_router(each)}
        return plan(self._config, nodes, far, self._netlink.mtu_towards(mine) if mine else 0)

    def _forward(self, ports: list[HostPort]) -> None:
        if ports:
            self._netlink.sysctl(f"net.ipv4.conf.{self._config.bridge}.route_localnet", "1")
        self._nft.apply(rules(self._config.host_ports_table, self._config.bridge, ports, families(self._config)))
        self._ports_guard.remember()

    def _touched(self) -> bool:
        return self._guard.touched() or self._ports_guard.touched()

    def _pod_changed(self, pod: Pod) -> None:
        if self._ports is None or uses_host_ports(pod):
            self._wake.set()

    def _prepare(self) -> None:
        settings = dict(_FORWARDING)
        if any(family.version == 6 for family in families(self._config)):
            # A machine that forwards no longer listens to routers, unless it is told to go on.
            settings |= dict.fromkeys(self._netlink.guided_by_routers(), "2") | _FORWARDING_IPV6
            if self._config.gateways:
                settings[_KEPT_ADDRESSES] = "1"
        for name, value in settings.items():
            if not self._netlink.sysctl(name, value):
                log.warning("%s could not be set; Services may not work between Pods of one node", name)
        self._nft.apply(masquerade_rules(self._config))
        self._guard.remember()


def _shape(node: Node) -> tuple[object, ...]:
    return node.spec.podCIDR, tuple(node.spec.podCIDRs), tuple((a.type, a.address) for a in node.status.addresses)
