"""Links, addresses and routes through netlink, in the caller's network namespace.

Every call states what must be so and is safe to repeat. Routes that are ours carry the protocol
number `ROUTE_PROTOCOL`, by which they are found again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal, Protocol

from pybernetes.host.netlink_socket import attribute, attributes, number_attribute
from pybernetes.host.rtnetlink import PERMANENT, KernelRoute, Neighbour, RtNetlink

ROUTE_PROTOCOL = 112
LINK_SCOPE = 253
_UNICAST, _UNREACHABLE = 1, 7
_ON_LINK = 4
_LOOPBACK = 8
_NO_ARP = 0x40
_SELF = 0x2
_TUNNEL_ID = 1
_TUNNEL_PORT = 4789
_VXLAN_ID, _VXLAN_LOCAL, _VXLAN_LEARNING, _VXLAN_PORT, _VXLAN_LOCAL6 = 1, 4, 7, 15, 17
"""IFLA_VXLAN_ID and so on."""


class NetlinkFault(Exception):
    """The kernel refused; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Route:
    destination: str
    """CIDR."""
    gateway: str = ""
    device: str = ""
    """With a gateway too: that one is on the device, whatever the addresses say."""
    kind: Literal["unicast", "unreachable"] = "unicast"
    source: str = ""
    metric: int = 0

    def within(self, cidrs: Iterable[str]) -> bool:
        """Whether it leads into one of these ranges."""
        destination = ip_network(self.destination)
        ranges = (ip_network(cidr) for cidr in cidrs)
        return any(r.version == destination.version and destination.subnet_of(r) for r in ranges)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class TunnelPeer:
    machine: str
    """The address that packets for it are wrapped for."""
    mac: str
    addresses: tuple[str, ...]
    """Its own inside the tunnel: the gateways of routes that lead through it."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Packets to peers on other segments, wrapped in UDP (VXLAN)."""

    device: str
    machine: str
    mac: str
    addresses: tuple[str, ...]
    mtu: int
    peers: frozenset[TunnelPeer]


class Netlink(Protocol):
    def ensure_bridge(self, name: str, addresses: Sequence[str], mtu: int = 0) -> None:
        """A bridge that is up and has these addresses (CIDR form, e.g. 10.244.0.1/24), of either family."""
        ...

    def ensure_tunnel(self, tunnel: Tunnel) -> None:
        """A VXLAN device that is up, knows exactly these peers and learns of no others."""
        ...

    def delete_link(self, name: str) -> None: ...

    def mtu_towards(self, address: str) -> int:
        """MTU of the device that has `address`; 0 when none has, or only the loopback."""
        ...

    def is_behind_router(self, address: str) -> bool:
        """Whether packets to it need another machine to hand them on; also when there is no way at all."""
        ...

    def our_routes(self) -> set[Route]:
        """Routes with ROUTE_PROTOCOL but default routes; `source` and `metric` are not read back."""
        ...

    def ensure_route(self, route: Route) -> None: ...

    def delete_route(self, route: Route) -> None: ...

    def guided_by_routers(self) -> list[str]:
        """The settings, one a device, by which IPv6 routers are listened to as long as nothing is forwarded."""
        ...

    def sysctl(self, name: str, value: str) -> bool:
        """Writes net.ipv4.ip_forward and the like; False when this kernel has no such setting."""
        ...


class KernelNetlink:
    """The real one. Raises NetlinkFault."""

    def ensure_bridge(self, name: str, addresses: Sequence[str], mtu: int = 0) -> None:
        with rtnetlink() as kernel:
            if (index := kernel.index(name)) is None:
                kernel.add_link(name, "bridge")
                index = socket.if_nametoindex(name)
            _bring_up(kernel, index, set(addresses), mtu)

    def ensure_tunnel(self, tunnel: Tunnel) -> None:
        with rtnetlink() as kernel:
            index = kernel.index(tunnel.device)
            if index is not None and not _is_tunnel(kernel, index, tunnel):
                kernel.delete_link(index)
                index = None
            if index is None:
                kernel.add_link(tunnel.device, "vxlan", tunnel.mac, _vxlan(tunnel.machine))
                index = socket.if_nametoindex(tunnel.device)
            addresses = {f"{ip}/{128 if ':' in ip else 32}" for ip in tunnel.addresses}
            _bring_up(kernel, index, addresses, tunnel.mtu)
            _set_peers(kernel, index, tunnel)

    def delete_link(self, name: str) -> None:
        with rtnetlink() as kernel:
            if (index := kernel.index(name)) is not None:
                kernel.delete_link(index)

    def mtu_towards(self, address: str) -> int:
        with rtnetlink() as kernel:
            having = {found.index for found in kernel.addresses() if found.ip == address}
            found = [link for link in kernel.links() if link.index in having]
        return 0 if not found or found[0].flags & _LOOPBACK else found[0].mtu

    def is_behind_router(self, address: str) -> bool:
        try:
            with rtnetlink() as kernel:
                return bool(kernel.way_to(address).gateway)
        except NetlinkFault:
            return True

    def our_routes(self) -> set[Route]:
        with rtnetlink() as kernel:
            names = {link.index: link.name for link in kernel.links()}
            found = set()
            for route in kernel.routes():
                if route.protocol != ROUTE_PROTOCOL or not route.prefix:
                    continue
                kind: Literal["unicast", "unreachable"] = "unreachable" if route.kind == _UNREACHABLE else "unicast"
                found.add(Route(f"{route.ip}/{route.prefix}", route.gateway, _device(route, names), kind))
            return found

    def ensure_route(self, route: Route) -> None:
        with rtnetlink() as kernel:
            kernel.set_route(_kernel_route(kernel, route))

    def delete_route(self, route: Route) -> None:
        with contextlib.suppress(NetlinkFault), rtnetlink() as kernel:
            kernel.delete_route(_kernel_route(kernel, route))

    def guided_by_routers(self) -> list[str]:
        found = []
        for path in Path("/proc/sys/net/ipv6/conf").glob("*/accept_ra"):
            with contextlib.suppress(OSError):
                if path.parent.name not in ("all", "default") and path.read_text().strip() == "1":
                    found.append(f"net/ipv6/conf/{path.parent.name}/accept_ra")
        return found

    def sysctl(self, name: str, value: str) -> bool:
        path = Path("/proc/sys") / (name if "/" in name else name.replace(".", "/"))
        try:
            if path.read_text().strip() != value:
                path.write_text(value)
        except OSError:
            return False
        return True


@contextlib.contextmanager
def rtnetlink() -> Iterator[RtNetlink]:
    """Its OSError becomes a NetlinkFault."""
    try:
        with RtNetlink() as kernel:
            yield kernel
    except OSError as error:
        raise NetlinkFault(f"netlink: {error.strerror or error}") from None


def _kernel_route(kernel: RtNetlink, route: Route) -> KernelRoute:
    ip, _, prefix = route.destination.partition("/")
    return KernelRoute(
        ip,
        int(prefix),
        route.gateway,
        (kernel.index(route.device) or 0) if route.device else 0,
        ROUTE_PROTOCOL,
        _UNREACHABLE if route.kind == "unreachable" else _UNICAST,
        _ON_LINK if route.gateway and route.device else 0,
        route.source,
        route.metric,
    )


def _device(route: KernelRoute, names: dict[int, str]) -> str:
    """Of a route that names one: with a gateway it follows, and an unreachable IPv6 one only seems to have one."""
    if route.kind == _UNREACHABLE or (route.gateway and not route.flags & _ON_LINK):
        return ""
    return names.get(route.index, "")


def _bring_up(kernel: RtNetlink, index: int, wanted: set[str], mtu: int) -> None:
    """With exactly these addresses (CIDR form), besides those that the kernel gives to every link."""
    kernel.set_link_up(index, mtu)
    present = {f"{a.ip}/{a.prefix}" for a in kernel.addresses() if a.index == index and a.scope != LINK_SCOPE}
    for cidr in present - wanted:
        kernel.delete_address(index, cidr)
    for cidr in wanted - present:
        kernel.add_address(index, cidr)


def _vxlan(machine: str) -> bytes:
    """How a tunnel is made that begins at a machine's address."""
    return b"".join(
        (
            number_attribute(_VXLAN_ID, _TUNNEL_ID),
            attribute(_VXLAN_PORT, _TUNNEL_PORT.to_bytes(2, "big")),
            attribute(_VXLAN_LEARNING, b"\0"),
            attribute(_VXLAN_LOCAL6 if ":" in machine else _VXLAN_LOCAL, ip_address(machine).packed),
        )
    )


def _is_tunnel(kernel: RtNetlink, index: int, tunnel: Tunnel) -> bool:
    """Whether the link is it; what it begins at cannot be changed later."""
    link = next((link for link in kernel.links() if link.index == index), None)
    if link is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))  # it has gone meanwhile
    options = dict(attributes(link.options, 0))
    begins = options.get(_VXLAN_LOCAL) or options.get(_VXLAN_LOCAL6)
    return begins == ip_address(tunnel.machine).packed and link.mac == tunnel.mac


def _set_peers(kernel: RtNetlink, index: int, tunnel: Tunnel) -> None:
    """Who is where: the forwarding entries of the device, and what its peers' addresses are in the tunnel."""
    wanted = {(address, peer.mac) for peer in tunnel.peers for address in peer.addresses}
    for known in [*kernel.neighbours(socket.AF_INET), *kernel.neighbours(socket.AF_INET6)]:
        if known.index == index and known.state == PERMANENT and (known.ip, known.mac) not in wanted:
            kernel.delete_neighbour(known)
    machines = {(peer.mac, peer.machine) for peer in tunnel.peers}
    entries = [each for each in kernel.neighbours(socket.AF_BRIDGE) if each.index == index]
    present = {(entry.mac, entry.ip) for entry in entries}
    for mac, machine in present - machines:
        if machine:
            kernel.delete_neighbour(_forwarding(index, mac, machine))
    for mac, machine in machines - present:
        kernel.add_neighbour(_forwarding(index, mac, machine))
    for address, mac in wanted:
        kernel.set_neighbour(Neighbour(index, address, mac, PERMANENT))


def _forwarding(index: int, mac: str, machine: str) -> Neighbour:
    """An entry of a tunnel: packets for `mac` go to a machine."""
    return Neighbour(index, machine, mac, PERMANENT | _NO_ARP, _SELF, socket.AF_BRIDGE)
