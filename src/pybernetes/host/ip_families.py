"""The two IP families: what they are called in rules, and how addresses of each are written."""

from __future__ import annotations

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """How nftables names things in one IP family."""

    version: int
    table: str
    """`ip` or `ip6`: family of the table and the protocol keyword."""
    address: str
    """Type of a set of addresses."""
    loopback: str
    multicast: str


FAMILIES = {
    4: Family(4, "ip", "ipv4_addr", "127.0.0.0/8", "224.0.0.0/4"),
    6: Family(6, "ip6", "ipv6_addr", "::1", "ff00::/8"),
}


def family_of(address: str) -> int:
    """4 or 6, of an address or a CIDR that is known to be one."""
    return 6 if ":" in address else 4


def socket_family(address: str) -> int:
    """AF_INET or AF_INET6, of the same."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def bracketed(address: str) -> str:
    """As URLs write an address or a host name."""
    return f"[{address}]" if ":" in address else address


def socket_address(address: str, port: int) -> str:
    """As rules and URLs write both together."""
    return f"{bracketed(address)}:{port}"
