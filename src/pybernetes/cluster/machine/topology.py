"""The wires: with several machines, a network namespace each, joined by a bridge that the host is on.

    host ── pyb-NAME (bridge, gateway address) ──┬── pyn-NAME-1 ═══ eth0 in pybernetes-NAME-node-1
                                                 └── pyn-NAME-2 ═══ eth0 in pybernetes-NAME-node-2

Safe to repeat: what is there already stays. Routes to the pods are the network component's.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host import netns

_PROBE = ("192.0.2.1", "8.8.8.8")
"""Addresses that lie behind the default route; connecting a UDP socket sends nothing."""


def lone_address(spec: ClusterSpec) -> str:
    """The address of a single node: the host's own towards the outside, else one of ours on the loopback."""
    for target in _PROBE:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target, 9))
            except OSError:
                continue
            address = str(probe.getsockname()[0])
            if not ip_address(address).is_loopback and address != target:
                return address
    return spec.gateway


def prepare(spec: ClusterSpec) -> None:
    """Makes what is missing. Raises ClusterError with iproute2's reason."""
    try:
        if not spec.own_namespaces:
            if spec.node_address == spec.gateway:
                netns.batch([f"address replace {spec.gateway}/32 dev lo"])
            return
        if not netns.link_exists(spec.bridge):
            prefix = ip_network(spec.node_cidr).prefixlen
            netns.batch(
                [
                    f"link add {spec.bridge} type bridge",
                    f"address add {spec.gateway}/{prefix} dev {spec.bridge}",
                    f"link set {spec.bridge} up",
                ]
            )
        for machine in spec.machine_names:
            _prepare_machine(spec, machine)
    except netns.NetnsError as error:
        raise ClusterError(f"the network of the nodes cannot be made: {error}") from None


def _prepare_machine(spec: ClusterSpec, machine: str) -> None:
    namespace = spec.network_namespace(machine)
    if not netns.exists(namespace):
        netns.add(namespace)
    if not netns.link_exists(spec.veth(machine)):
        prefix = ip_network(spec.node_cidr).prefixlen
        netns.batch(
            [
                f"link add {spec.veth(machine)} type veth peer name eth0 netns {namespace}",
                f"link set {spec.veth(machine)} master {spec.bridge} up",
            ]
        )
        netns.batch(
            [
                "link set lo up",
                f"address add {spec.address_of(machine)}/{prefix} dev eth0",
                "link set eth0 up",
                f"route add default via {spec.gateway}",
            ],
            namespace,
        )


def remove(spec: ClusterSpec) -> None:
    """Removes namespaces and links; what is gone already is no error."""
    for machine in spec.machine_names:
        if spec.own_namespaces:
            netns.delete(spec.network_namespace(machine))
    links = [spec.pod_bridge, spec.bridge, *(spec.veth(machine) for machine in spec.machine_names)]
    commands = [f"link delete {link}" for link in links if netns.link_exists(link)]
    if spec.node_address == spec.gateway:
        commands.append(f"address delete {spec.gateway}/32 dev lo")
    netns.try_each(commands)
