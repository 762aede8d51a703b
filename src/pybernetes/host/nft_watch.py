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

from pybernetes.host.kernel_notices import notices
from pybernetes.host.netlink_socket import NETFILTER_HEADER_BYTES, NETLINK_NETFILTER, attributes
from pybernetes.host.nft_dump import rules

_NFNLGRP_NFTABLES = 7
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_SO_ATTACH_FILTER = 26
_NEW_GENERATION = 10 << 8 | 15
"""Subsystem nftables, NFT_MSG_NEWGEN."""
_PROCESS = 2
"""NFTA_GEN_PROC_PID."""


async def foreign_changes() -> AsyncIterator[None]:
    """One item after each change that another process made here, several at once as one. Never ends."""
    with _listening() as listener:
        async for _ in notices(listener, lambda message: not _is_ours(changed_by(message))):
            yield


class TableGuard:
    """Knows tables as their owner left them, by the chains that hook into the kernel."""

    def __init__(self, chains: Iterable[str]) -> None:
        """Each as FAMILY TABLE CHAIN, in the network namespace of whoever calls the methods."""
        self._chains = [(family, table, name) for family, table, name in map(str.split, chains)]
        self._left: list[bytes] | None = None

    def remember(self) -> None:
        """To be called when the owner has made a table anew."""
        self._left = rules(self._chains)

    def touched(self) -> bool:
        """Whether a table, or one of those chains, was emptied, deleted, changed or made anew since."""
        return self._left is not None and rules(self._chains) != self._left


def changed_by(message: bytes) -> int:
    """The thread that made the transaction which a message announces; 0 where it does not say."""
    found = (
        value for kind, value in attributes(message, NETFILTER_HEADER_BYTES) if kind == _PROCESS and len(value) == 4
    )
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
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as made:
        made.setblocking(False)
        # Everything else is left out by the kernel: a transaction of thousands of rules is one message then.
        made.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program) // 8, ctypes.addressof(buffer))
        )
        made.bind((0, 0))
        made.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NFNLGRP_NFTABLES)
        yield made
