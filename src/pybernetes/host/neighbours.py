"""Answers for addresses that are no interface's own: the kernel's proxy entries for ARP and neighbour discovery.

They stay when this process ends, and the kernel answers by itself. It does so only where it would send packets for the
address out of another device, which a route to the load balancers' addresses sees to.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Protocol

from pybernetes.host.netlink import LINK_SCOPE, rtnetlink
from pybernetes.host.rtnetlink import Neighbour

_PROXY = 8
_ETHERNET = 1
_UP = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """An Ethernet link, and a range of addresses on it."""

    device: str
    mac: str
    cidr: str

    def holds(self, address: str) -> bool:
        return ip_address(address) in ip_interface(self.cidr).network


class Neighbours(Protocol):
    def segments(self) -> list[Segment]: ...

    def answered(self) -> set[tuple[str, str]]:
        """(device, address) of what is answered for now."""
        ...

    def answer(self, device: str, address: str) -> None: ...

    def be_silent(self, device: str, address: str) -> None: ...

    def send(self, device: str, frame: bytes) -> None:
        """A whole Ethernet frame."""
        ...

    def send_icmpv6(self, device: str, message: bytes) -> None:
        """To all nodes of the link."""
        ...


class KernelNeighbours:
    """The real one. Raises NetlinkFault, OSError."""

    def segments(self) -> list[Segment]:
        with rtnetlink() as kernel:
            links = {link.index: link for link in kernel.links() if link.type == _ETHERNET and link.flags & _UP}
            return [
                Segment(links[found.index].name, links[found.index].mac, f"{found.ip}/{found.prefix}")
                for found in kernel.addresses()
                if found.index in links and found.scope != LINK_SCOPE
            ]

    def answered(self) -> set[tuple[str, str]]:
        with rtnetlink() as kernel:
            names = {link.index: link.name for link in kernel.links()}
            return {(names[each.index], each.ip) for each in kernel.neighbours(flags=_PROXY) if each.index in names}

    def answer(self, device: str, address: str) -> None:
        family = "ipv6" if ":" in address else "ipv4"
        # The usual delay, up to 0.8 s, is for machines that stand in for one another.
        Path(f"/proc/sys/net/{family}/neigh/{device}/proxy_delay").write_text("0")
        if family == "ipv6":
            Path(f"/proc/sys/net/ipv6/conf/{device}/proxy_ndp").write_text("1")
        with rtnetlink() as kernel:
            if (index := kernel.index(device)) is not None:  # else it has gone, and its entries with it
                kernel.set_neighbour(Neighbour(index, address, flags=_PROXY))

    def be_silent(self, device: str, address: str) -> None:
        with rtnetlink() as kernel:
            if (index := kernel.index(device)) is not None:
                kernel.delete_neighbour(Neighbour(index, address, flags=_PROXY))

    def send(self, device: str, frame: bytes) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as made:
            made.bind((device, 0))
            made.send(frame)

    def send_icmpv6(self, device: str, message: bytes) -> None:
        index = socket.if_nametoindex(device)
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as made:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            made.sendto(message, ("ff02::1", 0, 0, index))
