"""Eviction by NoExecute taints, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.api.core.v1 import Node, NodeSpec, Pod, Taint, Toleration
from pybernetes.controllers.taint_eviction.plan import patience_s
from tests.unit.controllers.services import node, pod
from tests.unit.controllers.world import World, scenario

UNREACHABLE = "node.kubernetes.io/unreachable"


def taint(key: str = UNREACHABLE, value: str | None = None) -> Taint:
    return Taint(key=key, value=value, effect="NoExecute")


def toleration(key: str | None = UNREACHABLE, seconds: int | None = None, **rest: str) -> Toleration:
    return Toleration(key=key, tolerationSeconds=seconds, **{"operator": "Exists", **rest})


@pytest.mark.parametrize(
    ("taints", "tolerations", "expected"),
    [
        pytest.param([], [], None, id="no-taint"),
        pytest.param([taint()], [], 0.0, id="not-tolerated"),
        pytest.param([taint()], [toleration()], None, id="for-ever"),
        pytest.param([taint()], [toleration(seconds=300)], 300.0, id="for-a-while"),
        pytest.param([taint()], [toleration(seconds=-5)], 0.0, id="negative"),
        pytest.param([taint(), taint("x")], [toleration(seconds=300)], 0.0, id="one-of-two"),
        pytest.param([taint(), taint("x")], [toleration(seconds=300), toleration("x", 60)], 60.0, id="the-shortest"),
        pytest.param([taint()], [toleration(), toleration(seconds=5)], None, id="the-first-that-matches"),
        pytest.param([taint("k", "v")], [toleration("k", operator="Equal", value="w")], 0.0, id="other-value"),
        pytest.param([taint()], [toleration(None)], None, id="tolerates-everything"),
        pytest.param([taint()], [toleration(effect="NoSchedule")], 0.0, id="other-effect"),
    ],
)
def test_patience(taints: list[Taint], tolerations: list[Toleration], expected: float | None) -> None:
    assert patience_s(taints, tolerations) == expected


def world() -> World:
    return World("taint-eviction-controller")


def tainted(name: str = "n1", *taints: Taint) -> Node:
    made = node(name)
    made.spec = NodeSpec(taints=list(taints))
    return made


def tolerating(name: str, seconds: int | None) -> Pod:
    return pod(name, tolerations=[toleration(seconds=seconds)])


def names(world: World) -> list[str]:
    return sorted(each["metadata"]["name"] for each in world.api.all("pods"))


def test_each_pod_leaves_when_its_patience_is_over() -> None:
    async def body(world: World) -> None:
        world.api.put(tainted("n1"), "nodes")
        world.api.put(tainted("n2"), "nodes")
        for made in (pod("now"), tolerating("soon", 30), tolerating("later", 300), tolerating("never", None)):
            world.api.put(made, "pods")
        world.api.put(pod("elsewhere", node="n2"), "pods")
        await world.settle()
        world.api.put(tainted("n1", taint()), "nodes")
        await world.settle()
        assert names(world) == ["elsewhere", "later", "never", "soon"]
        assert world.events("TaintManagerEviction") == ["Marking for deletion Pod default/now"]
        await asyncio.sleep(31)
        assert names(world) == ["elsewhere", "later", "never"]
        await asyncio.sleep(300)
        assert names(world) == ["elsewhere", "never"]

    scenario(world, body)


def test_the_pod_is_told_why_before_it_goes() -> None:
    async def body(world: World) -> None:
        world.api.put(tainted("n1", taint()), "nodes")
        world.api.put(pod("a"), "pods")
        await world.settle()
        assert [method for method, path in world.writes("/pods/a")] == ["PATCH", "DELETE"]

    scenario(world, body)


def test_the_taint_goes_away_in_time() -> None:
    async def body(world: World) -> None:
        world.api.put(tainted("n1", taint()), "nodes")
        world.api.put(tolerating("a", 30), "pods")
        await asyncio.sleep(20)
        world.api.put(tainted("n1"), "nodes")
        await asyncio.sleep(100)
        assert names(world) == ["a"]
        assert world.events("TaintManagerEviction") == ["Cancelling deletion of Pod default/a"]
        world.api.put(tainted("n1", taint()), "nodes")
        await asyncio.sleep(20)
        assert names(world) == ["a"], "the patience begins anew"
        await asyncio.sleep(15)
        assert names(world) == []

    scenario(world, body)


def test_a_pod_of_the_same_name_starts_anew() -> None:
    async def body(world: World) -> None:
        world.api.put(tainted("n1", taint()), "nodes")
        world.api.put(tolerating("a", 30), "pods")
        await asyncio.sleep(20)
        world.api.remove("pods", "a", "default")
        again = tolerating("a", 30)
        again.metadata.uid = "another"
        world.api.put(again, "pods")
        await asyncio.sleep(20)
        assert names(world) == ["a"]
        await asyncio.sleep(15)
        assert names(world) == []

    scenario(world, body)


def test_a_toleration_that_is_added_counts() -> None:
    async def body(world: World) -> None:
        world.api.put(tainted("n1", taint()), "nodes")
        made = tolerating("a", 30)
        world.api.put(made, "pods")
        await asyncio.sleep(10)
        made.spec.tolerations = [toleration()]
        world.api.put(made, "pods")
        await asyncio.sleep(100)
        assert names(world) == ["a"]

    scenario(world, body)


@pytest.mark.parametrize("seconds", [5, 300], ids=["a-shorter-one", "a-longer-one"])
def test_a_timer_that_runs_is_not_moved_by_other_tolerations(seconds: int) -> None:
    async def body(world: World) -> None:
        world.api.put(tainted("n1", taint()), "nodes")
        made = tolerating("a", 30)
        world.api.put(made, "pods")
        await asyncio.sleep(10)
        made.spec.tolerations = [toleration(seconds=seconds)]
        world.api.put(made, "pods")
        await asyncio.sleep(15)
        assert names(world) == ["a"]
        await asyncio.sleep(10)
        assert names(world) == []

    scenario(world, body)


def test_a_toleration_that_is_taken_away_ends_the_pod_at_once() -> None:
    async def body(world: World) -> None:
        world.api.put(tainted("n1", taint()), "nodes")
        made = tolerating("a", 30)
        world.api.put(made, "pods")
        await asyncio.sleep(10)
        made.spec.tolerations = []
        world.api.put(made, "pods")
        await world.settle()
        assert names(world) == []
        assert world.events("TaintManagerEviction") == [
            "Cancelling deletion of Pod default/a",
            "Marking for deletion Pod default/a",
        ]

    scenario(world, body)
