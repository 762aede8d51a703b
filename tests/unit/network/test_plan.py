"""What a machine's network must look like, and that the kernel can be brought there and back."""

from __future__ import annotations

import dataclasses
import json

import pytest

from pybernetes.host.netlink import KernelNetlink, Route
from pybernetes.network.plan import LOW_PRIORITY, NetworkConfig, masquerade_rules, plan
from tests.network_machine import Machine
from tests.unit.network.builders import node

CONFIG = NetworkConfig(node_name="n1", bridge="pybtest0", cni_data_dir="/var/lib/x")
UNREACHABLE = Route("10.244.0.0/16", kind="unreachable", metric=LOW_PRIORITY)


def test_a_node_without_a_range_waits() -> None:
    made = plan(CONFIG, [node("n1", "")])
    assert (made.bridge_addresses, made.cni, made.routes) == ((), "", frozenset({UNREACHABLE}))


def test_own_range_gives_bridge_and_cni() -> None:
    made = plan(CONFIG, [node("n1", "10.244.3.0/24", "192.0.2.1")])
    assert made.bridge_addresses == ("10.244.3.1/24",)
    bridge = json.loads(made.cni)["plugins"][0]
    assert (bridge["bridge"], bridge["ipam"]["ranges"]) == ("pybtest0", [[{"subnet": "10.244.3.0/24"}]])
    assert made.routes == {UNREACHABLE, Route("10.96.0.0/16", device="pybtest0")}


def test_other_nodes_are_reached_through_their_addresses() -> None:
    made = plan(
        CONFIG, [node("n1", "10.244.0.0/24"), node("n2", "10.244.1.0/24", "192.0.2.2"), node("n3", "10.244.2.0/24")]
    )
    assert Route("10.244.1.0/24", gateway="192.0.2.2") in made.routes
    assert len(made.routes) == 3, "a node without an address has no route"


def test_no_route_leads_to_simulated_nodes() -> None:
    made = plan(CONFIG, [node("n1", "10.244.0.0/24"), node("simulated-1", "10.244.1.0/24", "127.0.0.1")])
    assert not [route for route in made.routes if route.gateway]


def test_a_machine_that_is_no_node_only_routes() -> None:
    made = plan(NetworkConfig(), [node("n1", "10.244.0.0/24", "192.0.2.1")])
    assert (made.bridge_addresses, made.cni) == ((), "")
    assert made.routes == {UNREACHABLE, Route("10.244.0.0/24", gateway="192.0.2.1")}


def test_two_families() -> None:
    config = dataclasses.replace(
        CONFIG,
        cluster_cidrs=("10.244.0.0/16", "fd00:10:244::/56"),
        service_cidrs=("10.96.0.0/16", "fd00:10:96::/112"),
    )
    nodes = [
        node("n1", "10.244.0.0/24,fd00:10:244::/64", "192.0.2.1,2001:db8::1"),
        node("n2", "10.244.1.0/24,fd00:10:244:1::/64", "192.0.2.2,2001:db8::2"),
        node("n3", "fd00:10:244:2::/64", "192.0.2.3"),
    ]
    made = plan(config, nodes)
    assert made.bridge_addresses == ("10.244.0.1/24", "fd00:10:244::1/64")
    ipam = json.loads(made.cni)["plugins"][0]["ipam"]
    assert ipam["ranges"] == [[{"subnet": "10.244.0.0/24"}], [{"subnet": "fd00:10:244::/64"}]]
    assert ipam["routes"] == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    assert made.routes == {
        UNREACHABLE,
        Route("fd00:10:244::/56", kind="unreachable", metric=LOW_PRIORITY),
        Route("10.96.0.0/16", device="pybtest0"),
        Route("fd00:10:96::/112", device="pybtest0"),
        Route("10.244.1.0/24", gateway="192.0.2.2"),
        Route("fd00:10:244:1::/64", gateway="2001:db8::2"),
    }, "a range is reached through an address of its own family alone"
    rules = masquerade_rules(config)
    assert "ip6 saddr { fd00:10:244::/56 } ip6 daddr != { fd00:10:244::/56, fd00:10:96::/112, ff00::/8 }" in rules
    assert "ip saddr { 10.244.0.0/16 } ip daddr != { 10.244.0.0/16, 10.96.0.0/16, 224.0.0.0/4 }" in rules


@pytest.mark.e2e
def test_the_kernel_takes_bridge_and_routes_and_gives_them_back() -> None:
    def check() -> None:
        netlink = KernelNetlink()
        netlink.ensure_bridge("pybtest0", ["10.244.0.1/24"])
        netlink.ensure_bridge("pybtest0", ["10.244.3.1/24", "fd00:10:244:3::1/64"], 1400)
        wanted = [
            UNREACHABLE,
            Route("10.96.0.0/16", device="pybtest0"),
            Route("10.244.1.0/24", gateway="10.244.3.9"),
            Route("fd00:10:244::/56", kind="unreachable", metric=LOW_PRIORITY),
            Route("fd00:10:96::/112", device="pybtest0"),
            Route("fd00:10:244:1::/64", gateway="fd00:10:244:3::9"),
        ]
        for route in wanted * 2:
            netlink.ensure_route(route)
        assert netlink.mtu_towards("10.244.3.1") == netlink.mtu_towards("fd00:10:244:3::1") == 1400
        assert netlink.mtu_towards("10.244.0.1") == 0
        assert netlink.mtu_towards("127.0.0.1") == 0, "no Pod's device can have the loopback's"
        plain = {Route(r.destination, r.gateway, r.device, r.kind) for r in wanted}
        assert netlink.our_routes() == plain
        for route in plain:
            netlink.delete_route(route)
        assert netlink.our_routes() == set()
        netlink.delete_link("pybtest0")
        netlink.delete_link("pybtest0")

    with Machine() as machine:
        machine.run(check)
