"""What people are told: the verdict per plugin and node, the smallest change, figures."""

from __future__ import annotations

import pytest

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.suggest import changes
from tests.unit.scheduler.builders import node, pod, profile, snapshot_of
from tests.unit.scheduler.world import World, scenario, until

TAINTED = node("b", taints=[("gpu", "yes", "NoSchedule")])

CASES: dict[str, tuple[list[Node], list[Pod], Pod, list[str]]] = {
    "a lower request, or another node": (
        [node("a", cpu="1"), node("b", cpu="2")],
        [pod("x", cpu="1", on="b"), pod("y", cpu="600m", on="a")],
        pod(cpu="1500m"),
        ["requesting cpu 1000m instead of 1500m it would fit on b", "one more node like b would hold it"],
    ),
    "a toleration": (
        [node("a", cpu="1"), TAINTED],
        [],
        pod(cpu="3"),
        [
            "tolerating gpu=yes:NoSchedule it would fit on b",
            "requesting cpu 1000m instead of 3000m it would fit on a",
        ],
    ),
    "no selector": (
        [node("a")],
        [],
        pod(nodeSelector={"disk": "ssd"}),
        ["without its node selector and required node affinity it would fit on a"],
    ),
    "uncordon": ([node("a", unschedulable=True)], [], pod(), ["kubectl uncordon a would let it run there"]),
    "two things at once": ([node("b", cpu="1", taints=[("gpu", "", "NoSchedule")])], [], pod(cpu="2"), []),
}


@pytest.mark.parametrize(("nodes", "placed", "new", "expected"), CASES.values(), ids=CASES)
def test_the_smallest_change(nodes: list[Node], placed: list[Pod], new: Pod, expected: list[str]) -> None:
    assert changes(profile(), PodInfo(new), snapshot_of(nodes, placed)) == expected


def test_the_verdict_per_node_and_the_figures() -> None:
    async def body(world: World) -> None:
        world.api.put(node("a", cpu="1"), "nodes")
        world.api.put(pod("small", cpu="100m"), "pods")
        world.api.put(pod("large", cpu="2"), "pods")
        await until(lambda: world.node_of("small") == "a" and bool(world.events("FailedScheduling")))
        told = world.scheduler.explained({"namespace": "default", "name": "large"})
        assert told is not None
        assert told["refusals"] == {"a": {"plugin": "NodeResourcesFit", "reasons": ["Insufficient cpu"]}}
        assert told["text"][1:] == [
            "  NodeResourcesFit: Insufficient cpu: a",
            "  To make it fit: requesting cpu 900m instead of 2000m it would fit on a.",
        ]
        small = world.scheduler.explained({"namespace": "default", "name": "small"})
        assert small is not None
        assert (small["node"], small["changes"]) == ("a", [])
        assert world.scheduler.explained({"name": "nobody"}) is None
        figures = "\n".join(world.scheduler.figures())
        for line in (
            'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1',
            'scheduler_pending_pods{queue="unschedulable"} 1',
            'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 1',
            "scheduler_preemption_attempts_total 1",
            'scheduler_cache_size{type="nodes"} 1',
            "scheduler_pod_scheduling_attempts_count 1",
        ):
            assert line in figures

    scenario(body)


def test_what_keeps_a_pod_from_being_decided_on() -> None:
    async def body(world: World) -> None:
        world.api.put(node("a"), "nodes")
        world.api.put(pod("gated", schedulingGates=[{"name": "example.com/wait"}]), "pods")
        world.api.put(pod("theirs", schedulerName="other"), "pods")
        world.api.put(pod("ready"), "pods")
        await until(lambda: world.node_of("ready") == "a")
        texts = {
            "gated": "default/gated is not scheduled yet: waiting for scheduling gates: [example.com/wait]",
            "theirs": "default/theirs waits for the scheduler 'other', which is not ours",
        }
        for name, text in texts.items():
            told = world.scheduler.explained({"namespace": "default", "name": name})
            assert told is not None
            assert (told["node"], told["text"]) == ("", [text])

    scenario(body)
