"""Pure: the tunnel that brings Pods' packets to nodes on other segments.

What a peer is called inside the tunnel follows from its name and its ranges, so nodes need to tell each other nothing:
its address there is the first of each of its Pod ranges, which no Pod gets, and its MAC a digest of its name.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping

from pybernetes.host.netlink import Route, Tunnel, TunnelPeer

_OVERHEAD = {4: 50, 6: 70}
"""Bytes that wrapping adds: the outer Ethernet, IP, UDP and VXLAN headers. Source: RFC 7348."""


def device_of(bridge: str) -> str:
    """The tunnel's, beside the bridge of a node's Pods."""
    return f"{bridge}-vx"


def mac_of(node: str) -> str:
    """Locally administered, one for each node."""
    digest = hashlib.sha256(node.encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def address_of(cidr: str) -> str:
    return str(ipaddress.ip_network(cidr)[0])


def tunnel_mtu(mtu: int, machine: str) -> int:
    """What fits into packets of `mtu` bytes; 0 while that is not known."""
    return mtu - _OVERHEAD[ipaddress.ip_address(machine).version] if mtu else 0


def tunnel(
    bridge: str, node: str, machine: str, cidrs: Iterable[str], mtu: int, peers: Mapping[str, tuple[str, list[str]]]
) -> Tunnel:
    """`machine` is this node's own address; `peers` are (address, ranges) of the others by name."""
    return Tunnel(
        device_of(bridge),
        machine,
        mac_of(node),
        tuple(address_of(cidr) for cidr in cidrs),
        mtu,
        frozenset(
            TunnelPeer(address, mac_of(name), tuple(address_of(cidr) for cidr in ranges))
            for name, (address, ranges) in peers.items()
        ),
    )


def routes(bridge: str, cidrs: Iterable[str]) -> set[Route]:
    """Into the tunnel, for the ranges of one peer."""
    return {Route(cidr, gateway=address_of(cidr), device=device_of(bridge)) for cidr in cidrs}
