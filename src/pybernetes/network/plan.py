"""Pure: from the cluster's nodes to what one machine's network must look like.

A machine that is a node gets a bridge with the first address of each of its podCIDRs, a CNI
configuration that plugs Pods into it, routes to the other nodes' podCIDRs, and masquerading for
what leaves the cluster; all of it in every IP family that the cluster has. A machine that is none
(the host of a cluster whose nodes live in network namespaces) gets only routes and masquerading.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api.core.v1 import Node
from pybernetes.host.ip_families import FAMILIES, Family, family_of
from pybernetes.host.netlink import Route

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
    bridge: str = "pyb0"
    table: str = "pybernetes-network"
    policy_table: str = "pybernetes-network-policy"
    dns_endpoints: tuple[str, ...] = ()
    """Where the DNS server listens, ADDRESS:PORT: no policy cuts Pods off from it."""
    cni_network: str = "pybernetes"
    """Name of the CNI network; cached results of the plugins carry it."""
    cni_conf_dir: str = "/etc/cni/net.d"
    cni_data_dir: str = "/var/lib/cni/networks"
    mtu: int = 0
    """0: that of the device with the node's address."""

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


def plan(config: NetworkConfig, nodes: Iterable[Node]) -> MachineNetwork:
    bridge_addresses: tuple[str, ...] = ()
    cni = ""
    routes = {Route(cidr, kind="unreachable", metric=LOW_PRIORITY) for cidr in config.cluster_cidrs}
    # A Service address needs a route before the output hook can translate it.
    to_services = {Route(each, device=config.bridge) for each in (*config.service_cidrs, *config.balancer_cidrs)}
    if not config.node_name and config.machine_cidrs:
        routes |= to_services
    for node in nodes:
        cidrs = pod_cidrs(node, config)
        if not cidrs:
            continue
        if node.metadata.name == config.node_name:
            bridge_addresses = tuple(gateway_of(cidr) for cidr in cidrs)
            cni = cni_configuration(config, cidrs)
            routes |= to_services
            continue
        internal = [a.address for a in node.status.addresses if a.type == "InternalIP"]
        for cidr in cidrs:
            address = next((each for each in internal if family_of(each) == family_of(cidr)), "")
            if address and not ipaddress.ip_address(address).is_loopback:  # there is no way to a simulated node's Pods
                routes.add(Route(cidr, gateway=address))
    return MachineNetwork(bridge_addresses, cni, frozenset(routes))


def cni_configuration(config: NetworkConfig, cidrs: Iterable[str]) -> str:
    """A CNI 1.0.0 list: the bridge plugin with host-local addresses, one of each range."""
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
    if config.mtu:
        bridge["mtu"] = config.mtu
    return json.dumps({"cniVersion": "1.0.0", "name": config.cni_network, "plugins": [bridge]}, indent=2) + "\n"


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
