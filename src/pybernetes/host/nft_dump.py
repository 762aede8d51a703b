"""What single chains and sets of nftables hold, from the kernel: libnftables would read every map of the machine first.

What is not there holds nothing.

Source: include/uapi/linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from pybernetes.host.netlink_socket import (
    DUMP,
    NETFILTER_HEADER_BYTES,
    NETLINK_NETFILTER,
    ask,
    attributes,
    talking_to,
    text_attribute,
)

_GET_RULE = 10 << 8 | 7
_GET_ELEMENTS = 10 << 8 | 13
"""Subsystem nftables, NFT_MSG_GETRULE and NFT_MSG_GETSETELEM."""
_ELEMENTS = 3
"""NFTA_SET_ELEM_LIST_ELEMENTS. Before it come the names of the table and of the chain or set."""
_KEY, _EXPIRATION = 1, 5
"""NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_EXPIRATION."""
_FAMILIES = {"inet": 1, "ip": 2, "ip6": 10}


def rules(chains: Iterable[tuple[str, str, str]]) -> list[bytes]:
    """What is in each chain (family, table, name), with the handles that every rule gets anew."""
    with talking_to(NETLINK_NETFILTER) as kernel:
        return [b"".join(m[NETFILTER_HEADER_BYTES:] for m in _dump(kernel, _GET_RULE, *chain)) for chain in chains]


def remembered_addresses(sets: Iterable[tuple[str, str, str]]) -> Iterator[dict[str, int]]:
    """Of each set of addresses (family, table, name), those that it forgets by itself, and in how many milliseconds."""
    with talking_to(NETLINK_NETFILTER) as kernel:
        for one in sets:
            found = {}
            for message in _dump(kernel, _GET_ELEMENTS, *one):
                listed = dict(attributes(message, NETFILTER_HEADER_BYTES)).get(_ELEMENTS, b"")
                for _, element in attributes(listed, 0):
                    parts = dict(attributes(element, 0))
                    for _, address in attributes(parts[_KEY], 0):
                        found[str(ip_address(address))] = int.from_bytes(parts.get(_EXPIRATION, b""), "big")
            yield {address: left_ms for address, left_ms in found.items() if left_ms}


def _dump(kernel: socket.socket, kind: int, family: str, table: str, name: str) -> list[bytes]:
    """The messages of the answer."""
    asked = struct.pack("=BBH", _FAMILIES[family], 0, 0) + text_attribute(1, table) + text_attribute(2, name)
    try:
        return ask(kernel, kind, DUMP, asked)
    except OSError:
        return []
