"""Ranges for nodes: the set of ranges against a model, and the controller."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.core.v1 import Node, NodeSpec
from pybernetes.controllers.node_ipam.plan import CidrSet, CidrSets
from tests.unit.controllers.services import node
from tests.unit.controllers.world import World, scenario


@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=60))
def test_no_two_nodes_get_the_same_range(steps: list[int | None]) -> None:
    """None allocates; a number gives the range at that place back."""
    cidrs = CidrSet("10.244.0.0/21", 24)
    held: list[str] = []
    for step in steps:
        if step is None:
            given = cidrs.allocate()
            assert (given is None) == (len(held) == 8)
            if given is not None:
                assert given not in held
                assert ipaddress.ip_network(given).subnet_of(ipaddress.ip_network("10.244.0.0/21"))
                held.append(given)
        elif step < len(held):
            cidrs.release(held.pop(step))


def test_wider_ranges_occupy_every_piece_they_touch() -> None:
    cidrs = CidrSet("10.244.0.0/22", 24)
    assert cidrs.occupy("10.244.0.0/23")
    assert not cidrs.occupy("10.244.1.0/24")
    assert cidrs.occupy("192.168.0.0/24"), "not ours"
    assert [cidrs.allocate() for _ in range(3)] == ["10.244.2.0/24", "10.244.3.0/24", None]


def test_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        CidrSet("10.244.0.0/24", 16)


def world() -> World:
    return World("node-ipam-controller", cluster_cidr="10.244.0.0/23")


def with_cidr(name: str, cidr: str) -> Node:
    made = node(name)
    made.spec = NodeSpec(podCIDR=cidr, podCIDRs=[cidr])
    return made


def test_gives_each_node_its_own_range_and_takes_it_back() -> None:
    def before() -> World:
        made = world()
        made.api.put(with_cidr("old", "10.244.0.0/24"), "nodes")
        made.api.put(node("new"), "nodes")
        return made

    async def body(world: World) -> None:
        await world.settle()
        spec = world.api.get("nodes", "new")["spec"]
        assert (spec["podCIDR"], spec["podCIDRs"]) == ("10.244.1.0/24", ["10.244.1.0/24"])
        world.api.put(node("late"), "nodes")
        await world.settle()
        assert "podCIDR" not in world.api.get("nodes", "late").get("spec", {})
        assert world.events("CIDRNotAvailable") == ["Node late status is now: CIDRNotAvailable"]
        world.api.remove("nodes", "old")
        await world.settle()
        assert world.api.get("nodes", "late")["spec"]["podCIDR"] == "10.244.0.0/24"

    scenario(before, body)


def test_a_piece_of_each_family() -> None:
    cidrs = CidrSets("10.244.0.0/23,fd00:10:244::/63", 24)
    assert cidrs.allocate() == ["10.244.0.0/24", "fd00:10:244::/64"]
    assert cidrs.occupy("fd00:10:244:1::/64")
    assert cidrs.allocate() is None
    cidrs.release("fd00:10:244:1::/64")
    assert cidrs.allocate() == ["10.244.1.0/24", "fd00:10:244:1::/64"], "what could not be had whole was given back"
