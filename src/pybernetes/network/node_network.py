"""The network of one machine, kept in step with the Nodes: bridge, CNI configuration, routes, masquerading.

Flow: Node informer → `plan.plan` → netlink, nftables and one atomically written file. A CNI
configuration that somebody else put into the folder is left alone, and then no bridge is made.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from pybernetes.api.core.v1 import Node
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import Clock, SystemClock
from pybernetes.host.netlink import KernelNetlink, Netlink, NetlinkFault, Route
from pybernetes.host.nft import LibNft, Nft, NftError
from pybernetes.network.plan import MachineNetwork, NetworkConfig, masquerade_rules, plan

log = logging.getLogger(__name__)

CNI_FILE = "10-pybernetes.conflist"
_RETRY_S = 5.0
_FORWARDING = {
    "net.ipv4.ip_forward": "1",
    # Bridged packets between two Pods of one node must pass connection tracking, or the answer
    # from a Service's endpoint would not be translated back.
    "net.bridge.bridge-nf-call-iptables": "1",
}


class NodeNetwork:
    """Runs until cancelled; what it set up stays, so that Pods keep their network."""

    def __init__(
        self,
        client: Client,
        config: NetworkConfig,
        *,
        clock: Clock | None = None,
        netlink: Netlink | None = None,
        nft: Nft | None = None,
    ) -> None:
        self._config = config
        self._factory = InformerFactory(client, clock or SystemClock())
        self._nodes = self._factory.informer(Node)
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
        prepared = False
        async with asyncio.TaskGroup() as group:
            await self._factory.start(group)
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

    def _prepare(self) -> None:
        for name, value in _FORWARDING.items():
            if not self._netlink.sysctl(name, value):
                log.warning("%s could not be set; Services may not work between Pods of one node", name)
        self._nft.apply(masquerade_rules(self._config))

    def _apply(self, wanted: MachineNetwork) -> None:
        folder = Path(self._config.cni_conf_dir)
        if wanted.cni and not self._foreign_cni(folder):
            self._netlink.ensure_bridge(self._config.bridge, wanted.bridge_address, self._config.mtu)
            _write_atomically(folder / CNI_FILE, wanted.cni)
        ours = {r for r in self._netlink.our_routes() if _within(r, self._config)}
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
        table = f"ip {self._config.table}"
        self._nft.apply(f"add table {table}\ndelete table {table}\n")
        for route in self._netlink.our_routes():
            if _within(route, self._config):
                self._netlink.delete_route(route)
        self._netlink.delete_link(self._config.bridge)
        (Path(self._config.cni_conf_dir) / CNI_FILE).unlink(missing_ok=True)


def _shape(node: Node) -> tuple[object, ...]:
    return node.spec.podCIDR, tuple(node.spec.podCIDRs), tuple((a.type, a.address) for a in node.status.addresses)


def _key(route: Route) -> tuple[str, str, str, str]:
    return route.destination, route.gateway, route.device, route.kind


def _within(route: Route, config: NetworkConfig) -> bool:
    import ipaddress

    destination = ipaddress.ip_network(route.destination)
    ranges = (ipaddress.ip_network(config.cluster_cidr), ipaddress.ip_network(config.service_cidr))
    return any(isinstance(destination, ipaddress.IPv4Network) and destination.subnet_of(r) for r in ranges)  # type: ignore[arg-type]


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text() == text:
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    partial.replace(path)
