"""The wires: with several machines, a network namespace each, joined by a bridge that the host is on.

    host ── pyb-NAME (bridge, gateway address) ──┬── pyn-NAME-1 ═══ eth0 in pybernetes-NAME-node-1
                                                 └── pyn-NAME-2 ═══ eth0 in pybernetes-NAME-node-2

Safe to repeat: what is there already stays. Routes to the pods are the network component's.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.spec import ClusterSpec, ranges
from pybernetes.host import netns

_PROBES = {4: ("192.0.2.1", "8.8.8.8"), 6: ("2001:db8::1", "2001:4860:4860::8888")}
"""Addresses that lie behind the default route; connecting a UDP socket sends nothing."""


def lone_addresses(spec: ClusterSpec) -> list[str]:
    """Those of a single node, one of each IP family: the host's own towards the outside, else ours on the loopback."""
    return [_outside_address(ip_address(gateway).version) or gateway for gateway in spec.gateways]


def _outside_address(version: int) -> str:
    for target in _PROBES[version]:
        with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target, 9))
            except OSError:
                continue
            address = str(probe.getsockname()[0])
            if not ip_address(address).is_loopback and address != target:
                return address
    return ""


def prepare(spec: ClusterSpec) -> None:
    """Makes what is missing. Raises ClusterError with iproute2's reason."""
    try:
        if not spec.own_namespaces:
            netns.batch([f"address replace {address} dev lo" for address in _on_loopback(spec)])
            return
        if not netns.link_exists(spec.bridge):
            netns.batch(
                [
                    f"link add {spec.bridge} type bridge",
                    *_address_commands(spec, spec.gateways, spec.bridge),
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
        netns.batch(
            [
                f"link add {spec.veth(machine)} type veth peer name eth0 netns {namespace}",
                f"link set {spec.veth(machine)} master {spec.bridge} up",
            ]
        )
        netns.batch(
            [
                "link set lo up",
                *_address_commands(spec, spec.addresses_of(machine), "eth0"),
                "link set eth0 up",
                *(f"route add default via {gateway}" for gateway in spec.gateways),
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
    commands += [f"address delete {address} dev lo" for address in _on_loopback(spec)]
    netns.try_each(commands)


def _on_loopback(spec: ClusterSpec) -> list[str]:
    """Addresses of a single node that the host did not have; in CIDR form."""
    ours = set(ranges(spec.node_address)) & set(spec.gateways)
    return [f"{address}/{128 if ':' in address else 32}" for address in ours]


def _address_commands(spec: ClusterSpec, addresses: Sequence[str], device: str) -> list[str]:
    """IPv6 addresses are used at once: nobody else has any of this segment."""
    found = []
    for address, cidr in zip(addresses, ranges(spec.node_cidr), strict=True):
        at_once = " nodad" if ":" in address else ""
        found.append(f"address add {address}/{ip_network(cidr).prefixlen} dev {device}{at_once}")
    return found
