"""UDP flows whose endpoint is gone are forgotten, in both IP families; others are left alone. How long TCP is kept."""

from __future__ import annotations

import select
import socket
from pathlib import Path

import pytest

from pybernetes.host.conntrack import KernelConntrack
from pybernetes.host.nft import LibNft
from tests.network_machine import Machine

PORT = 5300
_TRIES = 60


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("service", "endpoints", "family"),
    [("10.9.9.9", ("10.9.0.1", "10.9.0.2"), 4), ("fd00:9::9", ("fd00:9:1::1", "fd00:9:1::2"), 6)],
    ids=["ipv4", "ipv6"],
)
def test_flows_of_a_vanished_endpoint(service: str, endpoints: tuple[str, str], family: int) -> None:
    with Machine() as machine:
        machine.ip(
            # Without `nodad` an IPv6 address can be bound to a moment later only.
            *(f"address add {address}/{'32' if family == 4 else '128 nodad'} dev lo" for address in endpoints),
            f"route add {service} dev lo",
        )
        machine.run(_flows, service, endpoints, family)


@pytest.mark.e2e
def test_silent_connections_are_kept_as_long_as_is_said() -> None:
    before = _close_wait_s()
    with Machine() as machine:
        machine.run(KernelConntrack().keep_tcp, "close_wait", 3600)
        assert machine.run(_close_wait_s) == 3600
        with pytest.raises(FileNotFoundError):
            machine.run(KernelConntrack().keep_tcp, "asleep", 1)
    assert _close_wait_s() == before, "no other namespace's"


def _close_wait_s() -> int:
    return int(Path("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait").read_text())


def _flows(service: str, endpoints: tuple[str, str], family: int) -> None:
    first, second = endpoints
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    servers = {address: socket.socket(kind, socket.SOCK_DGRAM) for address in endpoints}
    for address, server in servers.items():
        server.bind((address, PORT))
        server.setblocking(False)
    nft, conntrack = LibNft(), KernelConntrack()
    with socket.socket(kind, socket.SOCK_DGRAM) as client:

        def receiver() -> str:
            found: list[socket.socket] = []
            for _ in range(_TRIES):
                client.sendto(b"hello", (service, 53))
                found, _, _ = select.select(list(servers.values()), [], [], 1)
                if found:
                    break
            (server,) = found
            server.recvfrom(100)
            return next(address for address, each in servers.items() if each is server)

        nft.apply(_sent_to(service, first, family))
        assert receiver() == first
        nft.apply(_sent_to(service, second, family))
        assert receiver() == first, "the flow is remembered"
        conntrack.forget_udp(service, 53, family, {(first, PORT)})
        conntrack.forget_udp(service, 54, family, ())
        conntrack.forget_udp(first, 53, family, ())
        assert receiver() == first, "its endpoint serves still, and others are not meant"
        conntrack.forget_udp(service, 53, family, {(second, PORT)})
        assert receiver() == second
        nft.apply(_sent_to(service, first, family))
        conntrack.forget_udp("", 53, family, {(first, PORT)})
        assert receiver() == first, "as a node port, at any address"
    for server in servers.values():
        server.close()


def _sent_to(service: str, endpoint: str, family: int) -> str:
    ip, target = ("ip", f"{endpoint}:{PORT}") if family == 4 else ("ip6", f"[{endpoint}]:{PORT}")
    return (
        f"add table {ip} flows\ndelete table {ip} flows\ntable {ip} flows {{\n chain output {{\n"
        f"  type nat hook output priority -100;\n  {ip} daddr {service} udp dport 53 dnat to {target}\n }}\n}}\n"
    )
