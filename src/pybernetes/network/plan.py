"""Pure: from the cluster's nodes to what one machine's network must look like.

A machine that is a node gets a bridge with the first address of its podCIDR, a CNI
configuration that plugs Pods into it, routes to the other nodes' podCIDRs, and masquerading for
what leaves the cluster. A machine that is none (the host of a cluster whose nodes live in network
namespaces) gets only the routes and the masquerading.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api.core.v1 import Node
from pybernetes.host.netlink import Route

LOW_PRIORITY = 4_278_198_272
"""Metric of the unreachable routes: any other route to the same range wins."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    node_name: str = ""
    """"" on a machine that is no node."""
    cluster_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/16"
    balancer_cidrs: tuple[str, ...] = ()
    """What Services of type LoadBalancer get addresses from, where it is a pool of their own."""
    machine_cidr: str = ""
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
    bridge_address: str
    """CIDR form; "" without a podCIDR."""
    cni: str
    """Contents of the CNI configuration list; "" without a podCIDR."""
    routes: frozenset[Route]


def plan(config: NetworkConfig, nodes: Iterable[Node]) -> MachineNetwork:
    bridge_address = cni = ""
    routes = {Route(config.cluster_cidr, kind="unreachable", metric=LOW_PRIORITY)}
    for node in nodes:
        cidr = _ipv4_cidr(node)
        if not cidr:
            continue
        if node.metadata.name == config.node_name:
            gateway = next(ipaddress.ip_network(cidr).hosts())
            bridge_address = f"{gateway}/{ipaddress.ip_network(cidr).prefixlen}"
            cni = cni_configuration(config, cidr)
            # A Service address needs a route before the output hook can translate it.
            routes |= {Route(each, device=config.bridge) for each in (config.service_cidr, *config.balancer_cidrs)}
        else:
            internal = (a.address for a in node.status.addresses if a.type == "InternalIP" and "." in a.address)
            address = next(internal, "")
            if address and not ipaddress.ip_address(address).is_loopback:  # there is no way to a simulated node's Pods
                routes.add(Route(cidr, gateway=address))
    return MachineNetwork(bridge_address, cni, frozenset(routes))


def cni_configuration(config: NetworkConfig, pod_cidr: str) -> str:
    """A CNI 1.0.0 list: the bridge plugin with host-local addresses."""
    bridge: dict[str, object] = {
        "type": "bridge",
        "bridge": config.bridge,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": config.cni_data_dir,
            "ranges": [[{"subnet": pod_cidr}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    if config.mtu:
        bridge["mtu"] = config.mtu
    return json.dumps({"cniVersion": "1.0.0", "name": config.cni_network, "plugins": [bridge]}, indent=2) + "\n"


def masquerade_rules(config: NetworkConfig) -> str:
    """nft commands: what Pods send out of the cluster leaves under this machine's address."""
    ours = [config.cluster_cidr, *([config.machine_cidr] if config.machine_cidr else [])]
    inside = ", ".join([*ours, config.service_cidr])
    table = f"ip {config.table}"
    return (
        f"add table {table}\ndelete table {table}\ntable {table} {{\n"
        "  chain postrouting {\n"
        "    type nat hook postrouting priority srcnat; policy accept;\n"
        f"    ip saddr {{ {', '.join(ours)} }} ip daddr != {{ {inside}, 224.0.0.0/4 }} "
        "fib saddr type != local masquerade fully-random\n"
        "  }\n}\n"
    )


def _ipv4_cidr(node: Node) -> str:
    for cidr in node.spec.podCIDRs or [node.spec.podCIDR or ""]:
        if "." in cidr:
            return cidr
    return ""
