"""Connection tracking: forgets UDP flows whose endpoint is gone, and says for how long silent connections are kept.

A UDP flow has no end, so its entry would keep sending to the vanished endpoint, or to none when the first packet came
before there was any.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol


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
        from pyroute2 import NFCTSocket
        from pyroute2.netlink.exceptions import NetlinkError
        from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple

        kind = socket.AF_INET6 if family == 6 else socket.AF_INET
        # Of the address too, the kernel would find no entry of IPv6.
        wanted = NFCTAttrTuple(family=kind, proto=socket.IPPROTO_UDP, dport=port)
        with NFCTSocket(nfgen_family=kind) as conntrack:
            for entry in list(conntrack.dump(tuple_orig=wanted)):
                sent = NFCTAttrTuple.from_netlink(kind, entry.get_attr("CTA_TUPLE_ORIG"))
                answered = NFCTAttrTuple.from_netlink(kind, entry.get_attr("CTA_TUPLE_REPLY"))
                if _matches(sent, address, port) and (answered.saddr, answered.sport) not in but:
                    with suppress(NetlinkError):  # it ended by itself
                        conntrack.entry("del", tuple_orig=sent)

    def keep_tcp(self, state: str, timeout_s: int) -> None:
        setting = Path(f"/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_{state}")
        if setting.read_text().strip() != str(timeout_s):
            setting.write_text(str(timeout_s))


def _matches(sent: Any, address: str, port: int) -> bool:
    """The port again, for kernels before 5.8, which tell all of their entries."""
    return sent.proto == socket.IPPROTO_UDP and sent.dport == port and (not address or sent.daddr == address)
