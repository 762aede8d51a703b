"""Pure: from the cluster's nodes to what one machine's network must look like.

A machine that is a node gets a bridge with the first address of each of its podCIDRs, a CNI
configuration that plugs Pods into it, routes to the other nodes' podCIDRs, and masquerading for
what leaves the cluster; all of it in every IP family that the cluster has. A machine that is none
(the host of a cluster whose nodes live in network namespaces) gets only routes and masquerading.
To a node behind a router, Pods' packets go through a tunnel (`overlay`), and all Pods' MTU is what fits into it.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pybernetes.api.core.v1 import Node
from pybernetes.host.ip_families import FAMILIES, Family, family_of
from pybernetes.host.netlink import Route, Tunnel
from pybernetes.network import overlay

LOW_PRIORITY = 4_278_198_272
"""Metric of the unreachable routes: any other route to the same range wins."""
_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    node_name: str = ""
    """"" on a machine that is no node."""
    cluster_cidrs: tuple[str, ...] = ("10.244.0.0/16",)
    """Pod addresses, one range of each IP family that the cluster has; the primary one first."""
    service_cidrs: tuple[str, ...] = ("10.96.0.0/16",)
    balancer_cidrs: tuple[str, ...] = ()
    """What Services of type LoadBalancer get addresses from, where it is a pool of their own."""
    machine_cidrs: tuple[str, ...] = ()
    """The segment that joins the nodes when it is the cluster's own: masqueraded too when it leaves."""
    gateways: tuple[str, ...] = ()
    """Where what leaves the cluster goes, one of each IP family, on a machine of the cluster's own making."""
    bridge: str = "pyb0"
    table: str = "pybernetes-network"
    policy_table: str = "pybernetes-network-policy"
    dns_endpoints: tuple[str, ...] = ()
    """Where the DNS server listens, ADDRESS:PORT: no policy cuts Pods off from it."""
    cni_network: str = "pybernetes"
    """Name of the CNI network; cached results of the plugins carry it."""
    cni_conf_dir: str = "/etc/cni/net.d"
    cni_data_dir: str = "/var/lib/cni/networks"

    @property
    def host_ports_table(self) -> str:
        return f"{self.table}-host-ports"


@dataclass(frozen=True, slots=True)
class MachineNetwork:
    bridge_addresses: tuple[str, ...]
    """CIDR form; none without a podCIDR."""
    cni: str
    """Contents of the CNI configuration list; "" without a podCIDR."""
    routes: frozenset[Route]
    mtu: int = 0
    """Of the Pods' devices; 0: as the kernel has it."""
    tunnel: Tunnel | None = None
    """To nodes on other segments, where there are some."""


def plan(config: NetworkConfig, nodes: Iterable[Node], far: Collection[str] = (), mtu: int = 0) -> MachineNetwork:
    """`far` are addresses of nodes behind a router, `mtu` that of the device with this node's address (0: unknown)."""
    nodes = list(nodes)
    me = next((node for node in nodes if node.metadata.name == config.node_name), None)
    mine = pod_cidrs(me, config) if me is not None else []
    machine = next(iter(_internal(me)), "") if me is not None else ""
    routes = {Route(cidr, kind="unreachable", metric=LOW_PRIORITY) for cidr in config.cluster_cidrs}
    routes |= {Route(_EVERYWHERE[family_of(gateway)], gateway=gateway) for gateway in config.gateways}
    # A Service address needs a route before the output hook can translate it.
    to_services = {Route(each, device=config.bridge) for each in (*config.service_cidrs, *config.balancer_cidrs)}
    if not config.node_name and config.machine_cidrs:
        routes |= to_services
    peers: dict[str, tuple[str, list[str]]] = {}
    for node in nodes:
        if node is me:
            continue
        addresses = reachable(node)
        for cidr in pod_cidrs(node, config):
            gateway = _alike(addresses, cidr)
            if gateway in far:
                if mine and machine and (outer := _alike(addresses, machine)):
                    peers.setdefault(node.metadata.name or "", (outer, []))[1].append(cidr)
            elif gateway:
                routes.add(Route(cidr, gateway=gateway))
    if not mine:
        return MachineNetwork((), "", frozenset(routes))
    tunnel = None
    if peers:
        mtu = overlay.tunnel_mtu(mtu, machine)
        tunnel = overlay.tunnel(config.bridge, config.node_name, machine, mine, mtu, peers)
        routes |= {route for _, cidrs in peers.values() for route in overlay.routes(config.bridge, cidrs)}
    bridge_addresses = tuple(gateway_of(cidr) for cidr in mine)
    cni = cni_configuration(config, mine, mtu)
    return MachineNetwork(bridge_addresses, cni, frozenset(routes | to_services), mtu, tunnel)


def reachable(node: Node) -> list[str]:
    """Addresses at which other nodes find it; none for a simulated one, to whose Pods there is no way."""
    return [address for address in _internal(node) if not ipaddress.ip_address(address).is_loopback]


def _internal(node: Node) -> list[str]:
    return [a.address for a in node.status.addresses if a.type == "InternalIP"]


def _alike(addresses: Iterable[str], other: str) -> str:
    """The first of the same family; "" without one."""
    return next((each for each in addresses if family_of(each) == family_of(other)), "")


def cni_configuration(config: NetworkConfig, cidrs: Iterable[str], mtu: int) -> str:
    """A CNI 1.0.0 list: the bridge plugin with host-local addresses, one of each range; limits where Pods have some."""
    cidrs = list(cidrs)
    bridge: dict[str, object] = {
        "type": "bridge",
        "bridge": config.bridge,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": config.cni_data_dir,
            "ranges": [[{"subnet": cidr}] for cidr in cidrs],
            "routes": [{"dst": _EVERYWHERE[family_of(cidr)]} for cidr in cidrs],
        },
    }
    if mtu:
        bridge["mtu"] = mtu
    bandwidth = {"type": "bandwidth", "capabilities": {"bandwidth": True}}
    plugins = [bridge, bandwidth]
    return json.dumps({"cniVersion": "1.0.0", "name": config.cni_network, "plugins": plugins}, indent=2) + "\n"


def masquerade_rules(config: NetworkConfig) -> str:
    """nft commands: what Pods send out of the cluster leaves under this machine's address."""
    return "".join(_masquerade(config, family) for family in families(config))


def _masquerade(config: NetworkConfig, family: Family) -> str:
    ours = [cidr for cidr in (*config.cluster_cidrs, *config.machine_cidrs) if family_of(cidr) == family.version]
    services = [cidr for cidr in config.service_cidrs if family_of(cidr) == family.version]
    ip, table = family.table, f"{family.table} {config.table}"
    return (
        f"add table {table}\ndelete table {table}\ntable {table} {{\n"
        "  chain postrouting {\n"
        "    type nat hook postrouting priority srcnat; policy accept;\n"
        f"    {ip} saddr {{ {', '.join(ours)} }} {ip} daddr != {{ {', '.join([*ours, *services, family.multicast])} }} "
        "fib saddr type != local masquerade fully-random\n"
        "  }\n}\n"
    )


def families(config: NetworkConfig) -> list[Family]:
    """Those of the Pods' addresses, the primary one first."""
    return [FAMILIES[family_of(cidr)] for cidr in config.cluster_cidrs]


def pod_cidrs(node: Node, config: NetworkConfig) -> list[str]:
    """The node's ranges of the families that the cluster has, at most one of each."""
    found: dict[int, str] = {}
    for cidr in node.spec.podCIDRs or [node.spec.podCIDR or ""]:
        if cidr:
            found.setdefault(family_of(cidr), cidr)
    return [found[family] for family in map(family_of, config.cluster_cidrs) if family in found]


def gateway_of(cidr: str) -> str:
    """The first address of a node's range, in CIDR form: its bridge's."""
    network = ipaddress.ip_network(cidr)
    return f"{network[1]}/{network.prefixlen}"
