"""Endpoints are shared out among zones by CPUs. Source: k8s.io/endpointslice/topologycache/*_test.go (cases)."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.core.v1 import Node, NodeCondition
from pybernetes.api.discovery.v1 import Endpoint, EndpointConditions, EndpointHints, EndpointSlice, ForZone
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.controllers.endpointslice import topology
from tests.unit.controllers.services import node, pod, service
from tests.unit.controllers.world import World, scenario


def endpoint(text: str, address: str) -> Endpoint:
    """`a`: in zone a; `a>b`: hinted for b; `a!`: not ready; `-`: without a zone."""
    zone, _, hint = text.rstrip("!").partition(">")
    return Endpoint(
        addresses=[address],
        zone=None if zone == "-" else zone,
        conditions=EndpointConditions(ready=not text.endswith("!")),
        hints=EndpointHints(forZones=[ForZone(name=hint)]) if hint else None,
    )


def endpoint_slice(name: str, text: str) -> EndpointSlice:
    endpoints = [endpoint(each, f"10.0.0.{index}") for index, each in enumerate(text.split())]
    return EndpointSlice(metadata=ObjectMeta(name=name), addressType="IPv4", endpoints=endpoints)


def hints(slices: list[EndpointSlice]) -> list[str]:
    return [
        " ".join(e.hints.forZones[0].name if e.hints and e.hints.forZones else "-" for e in each.endpoints or [])
        for each in slices
    ]


def shared(create: str, update: str, unchanged: str, **ratios: float) -> tuple[list[str], list[str], topology.Sharing]:
    """Slices are separated by commas."""
    made = [
        [endpoint_slice(f"{kind}{index}", each) for index, each in enumerate(text.split(",")) if each]
        for kind, text in (("c", create), ("u", update), ("k", unchanged))
    ]
    result = topology.share(made[0], made[1], made[2], ratios)
    return hints(made[0]), hints(made[1]), result


@pytest.mark.parametrize(
    ("create", "ratios", "expected", "by_zone"),
    [
        ("a b", {"a": 0.45, "b": 0.55}, ["a b"], {"a": 1, "b": 1}),
        ("a b b!", {"a": 0.45, "b": 0.55}, ["a b -"], {"a": 1, "b": 1}),
        (
            "a b,c c a,a a,b c a",
            {"a": 0.35, "b": 0.35, "c": 0.3},
            ["b b", "c c a", "a a", "b c a"],
            {"a": 4, "b": 3, "c": 3},
        ),
        ("a a a a", {"a": 0.5, "b": 0.5}, ["b b a a"], {"a": 2, "b": 2}),
    ],
    ids=["own zones", "unready", "three zones", "one zone gives"],
)
def test_shares(create: str, ratios: dict[str, float], expected: list[str], by_zone: dict[str, int]) -> None:
    made, _, result = shared(create, "", "", **ratios)
    assert (made, result.by_zone, result.problem) == (expected, by_zone, "")


@pytest.mark.parametrize(
    ("create", "ratios", "problem"),
    [
        ("a b", {}, topology.NO_NODES),
        ("a b", {"a": 0.3, "b": 0.4, "c": 0.3}, f"{topology.FEW_ENDPOINTS} (2 endpoints, 3 zones)"),
        ("a b", {"a": 0.3, "b": 0.7}, f"{topology.UNEVEN} (2 endpoints, 2 zones)"),
        ("a b a -", {"a": 0.5, "b": 0.5}, topology.NO_ZONE),
    ],
    ids=["no nodes", "few", "overload", "zone unknown"],
)
def test_why_there_are_no_hints(create: str, ratios: dict[str, float], problem: str) -> None:
    made, updated, result = (
        shared(create, "", "a>a b>b,a", **ratios) if not ratios else shared(create, "", "", **ratios)
    )
    assert (set("".join(made).split()), result.problem) == ({"-"}, problem)
    assert updated == ([] if ratios else ["- -"]), "what had hints loses them, the rest stays"


def test_slices_keep_hints_that_are_still_good() -> None:
    assert shared("", "a b", "a>a b>b", a=0.5, b=0.5)[1:] == (["a b"], topology.Sharing(Counter(a=2, b=2)))
    assert shared("", "", "a>a b", a=0.5, b=0.5)[1] == ["a b"], "one without"
    assert shared("", "", "a>a b>c", a=0.5, b=0.5)[1] == ["a b"], "for a zone that is gone"
    assert shared("", "", "a>a " * 7 + "b>b " * 5, a=0.5, b=0.5)[1] == [], "as many as it may"
    assert shared("", "", "a>a " * 8 + "b>b " * 4, a=0.5, b=0.5)[1] == ["b b " + "a " * 6 + "b b b b"], "one more"


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=40),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
)
def test_every_endpoint_has_a_zone_and_no_zone_too_little(zones: list[str], cpus: list[int]) -> None:
    ratios = {zone: cpu / sum(cpus) for zone, cpu in zip("abc", cpus, strict=True)}
    made, _, result = shared(" ".join(zones), "", "", **ratios)
    if result.problem:
        return
    assert result.by_zone.total() == len(zones)
    assert Counter({z: "".join(made).count(z) for z in "abc"}) == result.by_zone
    assert not topology.is_overloaded(result.by_zone, ratios)


def sized(name: str, cpu: str, *, ready: bool = True, **labels: str) -> Node:
    made = node(name, **labels)
    made.status.allocatable = {"cpu": cpu}
    made.status.conditions = [NodeCondition(type="Ready", status="True" if ready else "False")]
    return made


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([], {}),
        ([sized("1", "1", zone="a"), sized("2", "2", zone="a")], {}),
        (
            [sized("1", "1", zone="a"), sized("2", "2500m", zone="b"), sized("3", "500m", zone="a")],
            {"a": 0.375, "b": 0.625},
        ),
        ([sized("1", "1", zone="a"), sized("2", "1", zone="b"), sized("3", "1")], {}),
        ([sized("1", "1", zone="a"), sized("2", "1", zone="b"), sized("3", "0", zone="b")], {}),
        ([sized("1", "1", zone="a"), sized("2", "1", zone="b"), sized("3", "1", ready=False)], {"a": 0.5, "b": 0.5}),
        (
            [
                sized("1", "1", zone="a"),
                sized("2", "1", zone="b"),
                sized("3", "1", **{"node-role.kubernetes.io/master": ""}),
            ],
            {"a": 0.5, "b": 0.5},
        ),
    ],
    ids=["none", "one zone", "two zones", "no zone", "no CPU", "not ready", "control plane"],
)
def test_cpu_ratios(nodes: list[Node], expected: dict[str, float]) -> None:
    assert topology.cpu_ratios(nodes) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("by_zone", "ratios", "overloaded"),
    [
        ({}, {"a": 1.0}, False),
        ({"a": 1}, {}, True),
        ({"a": 3, "b": 3}, {"a": 0.5, "b": 0.5}, False),
        ({"a": 6, "b": 3}, {"a": 0.5, "b": 0.5}, True),
        ({"a": 3}, {"a": 0.9, "b": 0.1}, True),
    ],
)
def test_overload(by_zone: dict[str, int], ratios: dict[str, float], overloaded: bool) -> None:
    assert topology.is_overloaded(by_zone, ratios) is overloaded


def test_hints_follow_the_annotation_and_the_nodes() -> None:
    asked = {"service.kubernetes.io/topology-mode": "Auto"}

    async def body(world: World) -> None:
        api = world.api
        for name, zone in (("n1", "a"), ("n2", "b")):
            api.put(sized(name, "2", zone=zone), "nodes")
        for index in range(4):
            api.put(pod(f"p{index}", f"10.0.0.{index}", node="n1" if index else "n2"), "pods")
        made = service(trafficDistribution="PreferClose")
        made.metadata.annotations = dict(asked)
        api.put(made, "services")
        await world.settle()

        def hinted() -> list[str]:
            found = api.all("endpointslices")[0]["endpoints"]
            return sorted((e.get("hints") or {"forZones": [{"name": "-"}]})["forZones"][0]["name"] for e in found)

        assert hinted() == ["a", "a", "b", "b"], "the annotation wins over trafficDistribution"
        assert world.events("TopologyAwareHintsEnabled") == ["Topology Aware Hints has been enabled, addressType: IPv4"]
        writes = len(world.writes())
        api.put(sized("n3", "500m", zone="a"), "nodes")
        await world.settle()
        assert len(world.writes()) == writes, "near enough"
        api.put(sized("n2", "2", zone="b", ready=False), "nodes")
        await world.settle()
        assert hinted() == ["-"] * 4
        assert world.events("TopologyAwareHintsDisabled") == [f"{topology.NO_NODES}, addressType: IPv4"]
        api.put(sized("n2", "2", zone="b"), "nodes")
        made.metadata.labels = {"touched": ""}
        api.put(made, "services")
        await world.settle()
        assert hinted() == ["a", "a", "b", "b"]
        made.metadata.annotations.clear()
        made.spec.trafficDistribution = None
        api.put(made, "services")
        await world.settle()
        assert hinted() == ["-"] * 4
        assert "Topology Aware Hints has been disabled, addressType: IPv4" in world.events("TopologyAwareHintsDisabled")

    scenario(lambda: World("endpointslice-controller"), body)
