"""Nodes on two segments: what goes through the tunnel, and Pods' packets that do."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path

import pytest

from pybernetes.api.core.v1 import Node
from pybernetes.host.netlink import KernelNetlink, Route
from pybernetes.network import overlay
from pybernetes.network.applying import CNI_FILE, apply
from pybernetes.network.plan import NetworkConfig, plan
from tests.network_machine import Machine
from tests.unit.network.builders import node

NEAR, FAR = "192.0.2.2", "198.51.100.2"


def nodes() -> list[Node]:
    return [
        node("a", "10.244.1.0/24", NEAR),
        node("b", "10.244.2.0/24", FAR),
        node("c", "10.244.3.0/24", "192.0.2.3"),
    ]


def test_only_nodes_behind_a_router_are_in_the_tunnel() -> None:
    made = plan(NetworkConfig(node_name="a"), nodes(), {FAR}, 1500)
    assert made.tunnel is not None
    assert made.tunnel.machine == NEAR
    assert made.tunnel.addresses == ("10.244.1.0",)
    assert [(p.machine, p.addresses) for p in made.tunnel.peers] == [(FAR, ("10.244.2.0",))]
    assert Route("10.244.2.0/24", gateway="10.244.2.0", device="pyb0-vx") in made.routes
    assert Route("10.244.3.0/24", gateway="192.0.2.3") in made.routes
    assert made.mtu == made.tunnel.mtu == json.loads(made.cni)["plugins"][0]["mtu"] == 1450


def test_without_them_there_is_none() -> None:
    made = plan(NetworkConfig(node_name="a"), nodes(), (), 9000)
    assert (made.tunnel, made.mtu) == (None, 9000)


def test_ranges_of_both_families_go_through_one_tunnel() -> None:
    config = NetworkConfig(node_name="a", cluster_cidrs=("10.244.0.0/16", "fd00::/48"))
    far = node("b", "10.244.2.0/24", FAR)
    far.spec.podCIDRs = ["10.244.2.0/24", "fd00:0:0:2::/64"]
    far.status.addresses.append(type(far.status.addresses[0])(type="InternalIP", address="2001:db8::2"))
    made = plan(config, [node("a", "10.244.1.0/24", NEAR), far], {FAR, "2001:db8::2"}, 1500)
    assert made.tunnel is not None
    assert [p.addresses for p in made.tunnel.peers] == [("10.244.2.0", "fd00:0:0:2::")]
    assert Route("fd00:0:0:2::/64", gateway="fd00:0:0:2::", device="pyb0-vx") in made.routes


def test_names_in_the_tunnel_need_no_word_of_the_peer() -> None:
    assert overlay.mac_of("a") == overlay.mac_of("a") != overlay.mac_of("b")
    assert int(overlay.mac_of("a")[:2], 16) & 3 == 2, "of nobody's, for one"
    assert overlay.tunnel_mtu(1500, "2001:db8::1") == 1430


def test_a_cni_of_the_user_s_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "05-theirs.conflist"
    theirs.write_text("{}")
    (tmp_path / CNI_FILE).write_text("{}")
    config = NetworkConfig(node_name="a", cni_conf_dir=str(tmp_path))
    with Machine() as machine:
        machine.run(apply, config, plan(config, [node("a", "10.244.1.0/24")]), None, KernelNetlink())
        assert machine.run(socket.if_nameindex) == [(1, "lo")], "no bridge of ours"
    assert [file.name for file in tmp_path.iterdir()] == [theirs.name]
    assert theirs.read_text() == "{}"


def _exchange(sender: Machine, receiver: Machine, sizes: list[int]) -> list[str]:
    """What becomes of datagrams of these sizes from Pod range to Pod range, none of which may be split."""
    with contextlib.ExitStack() as stack:
        there = receiver.run(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        here = sender.run(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        for made in (there, here):
            stack.enter_context(made)
            made.settimeout(60)
        there.bind(("10.244.2.1", 0))
        here.bind(("10.244.1.1", 0))
        here.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
        found = []
        for size in sizes:
            try:
                here.sendto(b"x" * size, there.getsockname())
            except OSError:
                found.append("too long")
                continue
            data, peer = there.recvfrom(4096)
            there.sendto(data, peer)
            found.append("and back" if here.recv(4096) == data else "something else")
        return found


@pytest.mark.e2e
def test_two_segments_with_a_router_between_them(tmp_path: Path) -> None:
    netlink = KernelNetlink()
    with Machine() as a, Machine() as router, Machine() as b:
        for machine, segment, name, range_ in ((a, "192.0.2", "a", 1), (b, "198.51.100", "b", 2)):
            router.ip(
                f"link add to-{name} type veth peer name eth0 netns {machine.thread}",
                f"address add {segment}.1/24 dev to-{name}",
                f"link set to-{name} up",
            )
            machine.ip(f"address add {segment}.2/24 dev eth0", "link set eth0 up", f"route add default via {segment}.1")
            for each in (machine, router):
                assert each.run(netlink.sysctl, "net.ipv4.ip_forward", "1")
            config = NetworkConfig(node_name=name, cni_conf_dir=str(tmp_path / name))
            cluster = nodes()[:2]
            peer = cluster[2 - range_].status.addresses[0].address
            assert machine.run(netlink.is_behind_router, peer)
            assert not machine.run(netlink.is_behind_router, f"{segment}.9")
            wanted = plan(config, cluster, {peer}, machine.run(netlink.mtu_towards, f"{segment}.2"))
            for before in (None, wanted):
                machine.run(apply, config, wanted, before, netlink)
            assert machine.run(netlink.our_routes) == {
                Route(r.destination, r.gateway, r.device, r.kind) for r in wanted.routes
            }
        assert _exchange(a, b, [10, 1422, 1423]) == ["and back", "and back", "too long"]
