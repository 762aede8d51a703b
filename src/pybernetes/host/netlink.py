"""Links, addresses and routes through netlink, in the caller's network namespace.

Every call states what must be so and is safe to repeat. Routes that are ours carry the protocol
number `ROUTE_PROTOCOL`, by which they are found again.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, Protocol

from pybernetes.host.ip_families import socket_family

ROUTE_PROTOCOL = 112
LINK_SCOPE = 253
_UNREACHABLE = 7
_NO_DUPLICATE_DETECTION = 2
_ON_LINK = 4
_LOOPBACK = 8
_PERMANENT = 0x80
_TUNNEL_ID = 1
_TUNNEL_PORT = 4789


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
    """The real one. pyroute2 is imported on first use: it costs a noticeable part of a start."""

    def ensure_bridge(self, name: str, addresses: Sequence[str], mtu: int = 0) -> None:
        wanted = {(ip, int(prefix)) for ip, _, prefix in (address.partition("/") for address in addresses)}
        with netlink_socket() as ipr:
            index = _index(ipr, name)
            if index is None:
                ipr.link("add", ifname=name, kind="bridge")
                index = _index(ipr, name)
            _bring_up(ipr, index, wanted, mtu)

    def ensure_tunnel(self, tunnel: Tunnel) -> None:
        with netlink_socket() as ipr:
            index = _index(ipr, tunnel.device)
            if index is not None and not _is_tunnel(ipr, index, tunnel):
                ipr.link("del", index=index)
                index = None
            if index is None:
                options: dict[str, Any] = {"vxlan_id": _TUNNEL_ID, "vxlan_port": _TUNNEL_PORT, "vxlan_learning": False}
                options["vxlan_local6" if ":" in tunnel.machine else "vxlan_local"] = tunnel.machine
                ipr.link("add", ifname=tunnel.device, kind="vxlan", address=tunnel.mac, **options)
                index = _index(ipr, tunnel.device)
            _bring_up(ipr, index, {(ip, 128 if ":" in ip else 32) for ip in tunnel.addresses}, tunnel.mtu)
            _set_peers(ipr, index, tunnel)

    def delete_link(self, name: str) -> None:
        with netlink_socket() as ipr:
            index = _index(ipr, name)
            if index is not None:
                ipr.link("del", index=index)

    def mtu_towards(self, address: str) -> int:
        with netlink_socket() as ipr:
            for found in ipr.get_addr(family=socket_family(address)):
                if found.get_attr("IFA_ADDRESS") == address:
                    (link,) = ipr.get_links(found["index"])
                    return 0 if link["flags"] & _LOOPBACK else int(link.get_attr("IFLA_MTU"))
        return 0

    def is_behind_router(self, address: str) -> bool:
        try:
            with netlink_socket() as ipr:
                return any(route.get_attr("RTA_GATEWAY") for route in ipr.route("get", dst=address))
        except NetlinkFault:
            return True

    def our_routes(self) -> set[Route]:
        with netlink_socket() as ipr:
            names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in ipr.get_links()}
            found = set()
            for route in (*ipr.get_routes(family=socket.AF_INET), *ipr.get_routes(family=socket.AF_INET6)):
                if route["proto"] != ROUTE_PROTOCOL or not route["dst_len"]:
                    continue
                found.add(
                    Route(
                        f"{route.get_attr('RTA_DST')}/{route['dst_len']}",
                        route.get_attr("RTA_GATEWAY") or "",
                        _device(route, names),
                        "unreachable" if route["type"] == _UNREACHABLE else "unicast",
                    )
                )
            return found

    def ensure_route(self, route: Route) -> None:
        self._route("replace", route)

    def delete_route(self, route: Route) -> None:
        with contextlib.suppress(NetlinkFault):
            self._route("del", route)

    def _route(self, command: str, route: Route) -> None:
        with netlink_socket() as ipr:
            options: dict[str, Any] = {
                "dst": route.destination,
                "family": socket_family(route.destination),
                "proto": ROUTE_PROTOCOL,
                "type": route.kind,
            }
            if route.gateway:
                options["gateway"] = route.gateway
            if route.device:
                options["oif"] = _index(ipr, route.device)
            if route.gateway and route.device:
                options["flags"] = _ON_LINK
            if route.source:
                options["prefsrc"] = route.source
            if route.metric:
                options["priority"] = route.metric
            ipr.route(command, **options)

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
def netlink_socket() -> Iterator[Any]:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as ipr:
            yield ipr
    except NetlinkError as error:
        raise NetlinkFault(str(error)) from None
    except OSError as error:
        raise NetlinkFault(f"netlink: {error.strerror or error}") from None


def _index(ipr: Any, name: str) -> int | None:
    found = ipr.link_lookup(ifname=name)
    return found[0] if found else None


def _device(route: Any, names: dict[int, str]) -> str:
    """Of a route that names one: with a gateway it follows, and an unreachable IPv6 one only seems to have one."""
    if route["type"] == _UNREACHABLE or (route.get_attr("RTA_GATEWAY") and not route["flags"] & _ON_LINK):
        return ""
    return names.get(route.get_attr("RTA_OIF"), "")


def _bring_up(ipr: Any, index: int | None, wanted: set[tuple[str, int]], mtu: int) -> None:
    """With exactly these addresses, besides those that the kernel gives to every link."""
    if mtu:
        ipr.link("set", index=index, mtu=mtu)
    ipr.link("set", index=index, state="up")
    present = {
        (a.get_attr("IFA_ADDRESS"), a["prefixlen"]) for a in ipr.get_addr(index=index) if a["scope"] != LINK_SCOPE
    }
    for ip, prefix in present - wanted:
        ipr.addr("del", index=index, address=ip, prefixlen=prefix, family=socket_family(ip))
    for ip, prefix in wanted - present:
        # It is ours alone: waiting for somebody else to claim an IPv6 address would only hold up Pods.
        flags = _NO_DUPLICATE_DETECTION if ":" in ip else 0
        ipr.addr("add", index=index, address=ip, prefixlen=prefix, family=socket_family(ip), flags=flags)


def _is_tunnel(ipr: Any, index: int, tunnel: Tunnel) -> bool:
    """Whether the link is it; what it begins at cannot be changed later."""
    (link,) = ipr.get_links(index)
    data = link.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    begins = data and (data.get_attr("IFLA_VXLAN_LOCAL") or data.get_attr("IFLA_VXLAN_LOCAL6"))
    return bool(begins == tunnel.machine and link.get_attr("IFLA_ADDRESS") == tunnel.mac)


def _set_peers(ipr: Any, index: int | None, tunnel: Tunnel) -> None:
    """Who is where: the forwarding entries of the device, and what its peers' addresses are in the tunnel."""
    wanted = {(address, peer.mac) for peer in tunnel.peers for address in peer.addresses}
    for family in (socket.AF_INET, socket.AF_INET6):
        for known in ipr.get_neighbours(ifindex=index, family=family):
            address = known.get_attr("NDA_DST")
            if known["state"] == _PERMANENT and (address, known.get_attr("NDA_LLADDR")) not in wanted:
                ipr.neigh("del", dst=address, ifindex=index, family=family)
    machines = {(peer.mac, peer.machine) for peer in tunnel.peers}
    present = {(entry.get_attr("NDA_LLADDR"), entry.get_attr("NDA_DST")) for entry in ipr.fdb("dump", ifindex=index)}
    for mac, machine in present - machines:
        if machine:
            ipr.fdb("del", ifindex=index, lladdr=mac, dst=machine)
    for mac, machine in machines - present:
        ipr.fdb("add", ifindex=index, lladdr=mac, dst=machine)
    for address, mac in wanted:
        ipr.neigh("replace", dst=address, lladdr=mac, ifindex=index, state=_PERMANENT, family=socket_family(address))
