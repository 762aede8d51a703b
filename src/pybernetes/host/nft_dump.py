"""What single chains and sets of nftables hold, from the kernel: libnftables would read every map of the machine first.

What is not there holds nothing.

Source: include/uapi/linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from pybernetes.host.kernel_notices import attributes

NETLINK_NETFILTER = 12
HEADER_BYTES = 20
"""Of a message: netlink's header and nfnetlink's."""
_GET_RULE = 10 << 8 | 7
_GET_ELEMENTS = 10 << 8 | 13
"""Subsystem nftables, NFT_MSG_GETRULE and NFT_MSG_GETSETELEM."""
_ELEMENTS = 3
"""NFTA_SET_ELEM_LIST_ELEMENTS. Before it come the names of the table and of the chain or set."""
_KEY, _EXPIRATION = 1, 5
"""NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_EXPIRATION."""
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_FAMILIES = {"inet": 1, "ip": 2, "ip6": 10}


def rules(chains: Iterable[tuple[str, str, str]]) -> list[bytes]:
    """What is in each chain (family, table, name), with the handles that every rule gets anew."""
    with _asking() as kernel:
        return [b"".join(m[HEADER_BYTES:] for m in _dump(kernel, _GET_RULE, *chain)) for chain in chains]


def remembered_addresses(sets: Iterable[tuple[str, str, str]]) -> Iterator[dict[str, int]]:
    """Of each set of addresses (family, table, name), those that it forgets by itself, and in how many milliseconds."""
    with _asking() as kernel:
        for one in sets:
            found = {}
            for message in _dump(kernel, _GET_ELEMENTS, *one):
                listed = dict(attributes(message, HEADER_BYTES)).get(_ELEMENTS, b"")
                for _, element in attributes(listed, 0):
                    parts = dict(attributes(element, 0))
                    for _, address in attributes(parts[_KEY], 0):
                        found[str(ip_address(address))] = int.from_bytes(parts.get(_EXPIRATION, b""), "big")
            yield {address: left_ms for address, left_ms in found.items() if left_ms}


def _asking() -> socket.socket:
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    kernel.bind((0, 0))
    return kernel


def _dump(kernel: socket.socket, kind: int, family: str, table: str, name: str) -> Iterator[bytes]:
    """The messages of the answer. To be read to the end."""
    asked = struct.pack("=BBH", _FAMILIES[family], 0, 0) + _attribute(1, table) + _attribute(2, name)
    kernel.send(struct.pack("=IHHII", 16 + len(asked), kind, _REQUEST_DUMP, 1, 0) + asked)
    while True:
        answer = kernel.recv(1 << 17)
        position = 0
        while position + 16 <= len(answer):
            length, told = struct.unpack_from("=IH", answer, position)
            if told in (_DONE, _ERROR) or length < 16:
                return
            yield answer[position : position + length]
            position += (length + 3) & ~3


def _attribute(kind: int, text: str) -> bytes:
    value = text.encode() + b"\0"
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
