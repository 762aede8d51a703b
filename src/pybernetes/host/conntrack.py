"""Connection tracking: forgets UDP flows whose endpoint is gone, and says for how long silent connections are kept.

A UDP flow has no end, so its entry would keep sending to the vanished endpoint, or to none when the first packet came
before there was any.

Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from pybernetes.host.netlink_socket import (
    DUMP,
    NESTED,
    NETFILTER_HEADER_BYTES,
    NETLINK_NETFILTER,
    ask,
    attribute,
    attributes,
    number_attribute,
    talking_to,
    tell,
)

_GET_ENTRY, _DELETE_ENTRY = 1 << 8 | 1, 1 << 8 | 2
"""Subsystem conntrack, IPCTNL_MSG_CT_GET and IPCTNL_MSG_CT_DELETE."""
_SENT, _ANSWERED, _FILTER = 1, 2, 25
"""CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_FILTER."""
_ADDRESSES, _PROTOCOL = 1, 2
_SOURCE, _TO = 1, 2
"""IPv4's, CTA_IP_V4_SRC and so on; IPv6's are two further."""
_NUMBER, _FROM_PORT, _TO_PORT = 1, 2, 3
"""CTA_PROTO_NUM and so on."""
_BY_SENT, _BY_NUMBER, _BY_TO_PORT = 1, 1 << 3, 1 << 5
"""CTA_FILTER_ORIG_FLAGS, and which parts of the flow count."""


class Conntrack(Protocol):
    def forget_udp(self, address: str, port: int, family: int, but: Collection[tuple[str, int]]) -> None:
        """Drops entries sent to `address` ("" for any) and `port` that none of `but` (address, port) answers."""
        ...

    def keep_tcp(self, state: str, timeout_s: int) -> None:
        """How long connections in this state (established, close_wait) are kept. Raises OSError."""
        ...


class KernelConntrack:
    """The real one, in the caller's network namespace. The kernel picks the entries of a port out of all."""

    def forget_udp(self, address: str, port: int, family: int, but: Collection[tuple[str, int]]) -> None:
        head = struct.pack("=BBH", socket.AF_INET6 if family == 6 else socket.AF_INET, 0, 0)
        number = attribute(_NUMBER, bytes([socket.IPPROTO_UDP])) + attribute(_TO_PORT, port.to_bytes(2, "big"))
        # Of the address too, the kernel would find no entry of IPv6.
        wanted = attribute(_SENT | NESTED, attribute(_PROTOCOL | NESTED, number))
        by = attribute(_FILTER | NESTED, number_attribute(_BY_SENT, _BY_NUMBER | _BY_TO_PORT))
        with talking_to(NETLINK_NETFILTER) as kernel:
            for entry in ask(kernel, _GET_ENTRY, DUMP, head + wanted + by):
                told = dict(attributes(entry, NETFILTER_HEADER_BYTES))
                sent, answered = _flow(told[_SENT]), _flow(told[_ANSWERED])
                # The port again, for kernels before 5.8, which tell all of their entries.
                if sent.protocol != socket.IPPROTO_UDP or sent.to_port != port or address not in ("", sent.to):
                    continue
                if (answered.source, answered.source_port) not in but:
                    with suppress(OSError):  # it ended by itself, or is the kernel's to end
                        tell(kernel, _DELETE_ENTRY, 0, head + attribute(_SENT | NESTED, told[_SENT]))

    def keep_tcp(self, state: str, timeout_s: int) -> None:
        setting = Path(f"/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_{state}")
        if setting.read_text().strip() != str(timeout_s):
            setting.write_text(str(timeout_s))


@dataclass(frozen=True, slots=True)
class _Flow:
    protocol: int
    source: str
    source_port: int
    to: str
    to_port: int


def _flow(message: bytes) -> _Flow:
    """One direction of an entry."""
    parts = dict(attributes(message, 0))
    ends = dict(attributes(parts[_ADDRESSES], 0))
    source, to = (ends.get(kind) or ends[kind + 2] for kind in (_SOURCE, _TO))
    protocol = dict(attributes(parts[_PROTOCOL], 0))
    from_port, to_port = (int.from_bytes(protocol.get(kind, b""), "big") for kind in (_FROM_PORT, _TO_PORT))
    return _Flow(protocol[_NUMBER][0], str(ip_address(source)), from_port, str(ip_address(to)), to_port)
