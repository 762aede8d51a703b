"""Tells of changes that other processes make to nftables, so that rules taken away by hand come back.

The kernel announces each transaction with the thread that made it; those of this process are passed over.
What was changed it would only say in many messages, so a listener compares: `TableGuard`.

Source: include/uapi/linux/netfilter/nf_tables.h (NFT_MSG_NEWGEN, NFTA_GEN_PROC_PID).
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from pybernetes.host.kernel_notices import attributes, notices

_NETLINK_NETFILTER = 12
_NFNLGRP_NFTABLES = 7
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_SO_ATTACH_FILTER = 26
_NEW_GENERATION = 10 << 8 | 15
"""Subsystem nftables, NFT_MSG_NEWGEN."""
_PROCESS = 2
"""NFTA_GEN_PROC_PID."""
_HEADER_BYTES = 20
_GET_RULE = 10 << 8 | 7
_TABLE, _CHAIN = 1, 2
"""NFTA_RULE_TABLE, NFTA_RULE_CHAIN."""
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_FAMILIES = {"inet": 1, "ip": 2, "ip6": 10}


async def foreign_changes() -> AsyncIterator[None]:
    """One item after each change that another process made here, several at once as one. Never ends."""
    with _listening() as listener:
        async for _ in notices(listener, lambda message: not _is_ours(changed_by(message))):
            yield


class TableGuard:
    """Knows tables as their owner left them, by the chains that hook into the kernel."""

    def __init__(self, chains: Iterable[str]) -> None:
        """Each as FAMILY TABLE CHAIN, in the network namespace of whoever calls the methods."""
        self._chains = [chain.split() for chain in chains]
        self._left: list[bytes] | None = None

    def remember(self) -> None:
        """To be called when the owner has made a table anew."""
        self._left = self._seen()

    def touched(self) -> bool:
        """Whether a table, or one of those chains, was emptied, deleted, changed or made anew since."""
        return self._left is not None and self._seen() != self._left

    def _seen(self) -> list[bytes]:
        """The rules, as the kernel tells them: libnftables would read every map of the machine first."""
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as kernel:
            kernel.bind((0, 0))
            return [_rules(kernel, *chain) for chain in self._chains]


def _rules(kernel: socket.socket, family: str, table: str, chain: str) -> bytes:
    """What is in a chain, with the handles that every rule gets anew; nothing where there is no such chain."""
    asked = struct.pack("=BBH", _FAMILIES[family], 0, 0) + _attribute(_TABLE, table) + _attribute(_CHAIN, chain)
    kernel.send(struct.pack("=IHHII", 16 + len(asked), _GET_RULE, _REQUEST_DUMP, 1, 0) + asked)
    found = b""
    while True:
        answer = kernel.recv(1 << 17)
        position = 0
        while position + 16 <= len(answer):
            length, kind = struct.unpack_from("=IH", answer, position)
            if kind in (_DONE, _ERROR) or length < 16:
                return found
            found += answer[position + _HEADER_BYTES : position + length]
            position += (length + 3) & ~3


def _attribute(kind: int, text: str) -> bytes:
    value = text.encode() + b"\0"
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def changed_by(message: bytes) -> int:
    """The thread that made the transaction which a message announces; 0 where it does not say."""
    found = (value for kind, value in attributes(message, _HEADER_BYTES) if kind == _PROCESS and len(value) == 4)
    return int.from_bytes(next(found, b""), "big")


def _is_ours(thread: int) -> bool:
    return bool(thread) and Path(f"/proc/self/task/{thread}").exists()


@contextlib.contextmanager
def _listening() -> Iterator[socket.socket]:
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (0x28, 0, 0, 4),  # the message's type, which is in the machine's order,
            (0x15, 0, 1, socket.htons(_NEW_GENERATION)),
            (0x06, 0, 0, 0xFFFF),
            (0x06, 0, 0, 0),
        )
    )
    buffer = ctypes.create_string_buffer(program, len(program))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as made:
        made.setblocking(False)
        # Everything else is left out by the kernel: a transaction of thousands of rules is one message then.
        made.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program) // 8, ctypes.addressof(buffer))
        )
        made.bind((0, 0))
        made.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NFNLGRP_NFTABLES)
        yield made
