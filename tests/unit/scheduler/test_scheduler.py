"""The shell against a fake apiserver in virtual time: bind, events, conditions, retries, restarts."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.api.core.v1 import ContainerRestartRule
from pybernetes.apimachinery import errors
from pybernetes.http.messages import Request
from tests.unit.scheduler.builders import node, pod
from tests.unit.scheduler.world import World, scenario, until


def test_binds_and_says_so() -> None:
    async def body(world: World) -> None:
        world.api.put(node("node-1"), "nodes")
        world.api.put(pod(cpu="1"), "pods")
        await until(lambda: world.node_of() == "node-1")
        await until(lambda: world.events("Scheduled") == ["Successfully assigned default/web to node-1"])
        assert world.scheduler._assumed == set()

    scenario(body)


def test_events_stand_back_while_pods_come_one_soon_after_the_other() -> None:
    async def body(world: World) -> None:
        world.api.put(node("node-1"), "nodes")
        names = [f"p{index}" for index in range(5)]
        for name in names:
            world.api.put(pod(name), "pods")
            await asyncio.sleep(0.05)
            assert world.node_of(name) == "node-1"
            assert world.events("Scheduled") == []
        await until(lambda: len(world.events("Scheduled")) == len(names))

    scenario(body)


def test_says_why_not_and_schedules_when_a_node_comes() -> None:
    async def body(world: World) -> None:
        world.api.put(pod(cpu="1"), "pods")
        await until(lambda: bool(world.events("FailedScheduling")))
        await asyncio.sleep(100)
        assert world.events("FailedScheduling") == ["no nodes available to schedule pods"]
        assert len(world.api.requests) == 2, "the event and the condition, once"
        world.api.put(node("small", cpu="500m"), "nodes")
        await until(lambda: "conditions" in world.pod().get("status", {}))
        await until(lambda: "0/1" in world.pod()["status"]["conditions"][0]["message"])
        condition = world.pod()["status"]["conditions"][0]
        assert (condition["type"], condition["status"], condition["reason"]) == (
            "PodScheduled",
            "False",
            "Unschedulable",
        )
        assert condition["message"].startswith("0/1 nodes are available: 1 Insufficient cpu. no new claims")
        writes = len(world.api.requests)
        await asyncio.sleep(200)
        assert len(world.api.requests) == writes, "nothing is written while nothing changes"
        world.api.put(node("large"), "nodes")
        await until(lambda: world.node_of() == "large")

    scenario(body)


def test_a_node_that_learns_a_feature_gets_the_pod_that_needs_it() -> None:
    async def body(world: World) -> None:
        world.api.put(node("node-1"), "nodes")
        waiting = pod()
        waiting.spec.containers[0].restartPolicyRules = [ContainerRestartRule(action="RestartAllContainers")]
        world.api.put(waiting, "pods")
        await until(lambda: bool(world.events("FailedScheduling")))
        assert "1 node(s) didn't match Pod's required features." in world.events("FailedScheduling")[0]
        world.api.put(node("node-1", labels={"a": "b"}, features=["Another"]), "nodes")
        await asyncio.sleep(100)
        assert world.node_of() == ""
        world.api.put(node("node-1", features=["RestartAllContainersOnContainerExits"]), "nodes")
        await until(lambda: world.node_of() == "node-1")

    scenario(body)


def test_assumed_pods_count_before_the_watch_confirms_them() -> None:
    async def body(world: World) -> None:
        world.api.put(node("a", cpu="1"), "nodes")
        world.api.put(node("b", cpu="1"), "nodes")
        for index in range(3):
            world.api.put(pod(f"p{index}", cpu="800m"), "pods")
        await until(lambda: len(world.bindings()) == 2 and bool(world.events("FailedScheduling")))
        assert sorted(world.node_of(f"p{i}") for i in range(3)) == ["", "a", "b"]

    scenario(body)


def test_a_freed_place_is_taken() -> None:
    async def body(world: World) -> None:
        world.api.put(node("a", cpu="1"), "nodes")
        world.api.put(pod("first", cpu="800m", on="a"), "pods")
        world.api.put(pod("second", cpu="800m"), "pods")
        await until(lambda: bool(world.events("FailedScheduling")))
        world.api.remove("pods", "first", "default")
        await until(lambda: world.node_of("second") == "a")

    scenario(body)


def test_a_finished_pod_frees_its_place() -> None:
    async def body(world: World) -> None:
        world.api.put(node("a", cpu="1"), "nodes")
        first = pod("first", cpu="800m", on="a")
        world.api.put(first, "pods")
        world.api.put(pod("second", cpu="800m"), "pods")
        await until(lambda: bool(world.events("FailedScheduling")))
        first.status.phase = "Succeeded"
        world.api.put(first, "pods")
        await until(lambda: world.node_of("second") == "a")

    scenario(body)


def test_a_failed_binding_frees_the_place_and_is_tried_again() -> None:
    async def body(world: World) -> None:
        refused = 3

        def fault(request: Request) -> errors.StatusError | None:
            nonlocal refused
            if request.path.endswith("/binding") and refused:
                refused -= 1
                return errors.InternalError("the store is away")
            return None

        world.api.faults = fault
        world.api.put(node("a", cpu="1"), "nodes")
        world.api.put(pod(cpu="1"), "pods")
        await until(lambda: world.node_of() == "a")
        assert world.events("FailedScheduling") == ["the store is away"]
        assert asyncio.get_running_loop().time() >= 7, "1, 2 and 4 seconds of back-off"
        assert world.scheduler.snapshot.requested("cpu")[0] == 1000

    scenario(body)


def test_somebody_elses_binding_is_believed() -> None:
    async def body(world: World) -> None:
        world.api.put(node("a"), "nodes")
        world.api.put(node("b"), "nodes")
        new = pod(cpu="1")

        def fault(request: Request) -> errors.StatusError | None:
            if request.path.endswith("/binding") and not world.node_of():
                new.spec.nodeName = "b"
                world.api.put(new, "pods")
            return None

        world.api.put(new, "pods")
        world.api.faults = fault
        await until(lambda: world.node_of() == "b")
        await asyncio.sleep(60)
        assert len(world.bindings()) == 1
        assert not any(world.scheduler.queue.pending().values())
        assert world.scheduler.snapshot.node_of(new.metadata.uid or "") == "b"

    scenario(body)


def test_a_pod_deleted_while_it_waits_is_forgotten() -> None:
    async def body(world: World) -> None:
        world.api.put(node("a", cpu="1"), "nodes")
        world.api.put(pod(cpu="2"), "pods")
        await until(lambda: bool(world.events("FailedScheduling")))
        world.api.remove("pods", "web", "default")
        await asyncio.sleep(1)
        assert not any(world.scheduler.queue.pending().values())

    scenario(body)


def test_pods_of_another_scheduler_are_left_alone_but_counted() -> None:
    async def body(world: World) -> None:
        world.api.put(node("a", cpu="1"), "nodes")
        world.api.put(pod("theirs", cpu="1", schedulerName="other"), "pods")
        await asyncio.sleep(5)
        assert world.node_of("theirs") == ""
        world.api.put(pod("placed", cpu="1", schedulerName="other", on="a"), "pods")
        await asyncio.sleep(1)
        world.api.put(pod("ours", cpu="1"), "pods")
        await until(lambda: bool(world.events("FailedScheduling")))

    scenario(body)


@pytest.mark.parametrize("steps", range(0, 60, 5))
def test_a_restart_at_any_instant_converges_and_binds_once(steps: int) -> None:
    async def body(world: World) -> None:
        for name in ("a", "b"):
            world.api.put(node(name, cpu="2"), "nodes")
        for index in range(6):
            world.api.put(pod(f"p{index}", cpu="600m"), "pods")
        for _ in range(steps):
            await asyncio.sleep(0)
        await world.stop()
        await world.start()
        await until(lambda: all(world.node_of(f"p{i}") for i in range(6)))
        placed = [world.node_of(f"p{i}") for i in range(6)]
        assert placed.count("a") == placed.count("b") == 3

    scenario(body)


def test_many_pods_that_fit_nowhere_starve_nobody() -> None:
    async def body(world: World) -> None:
        world.api.put(node("a", cpu="2"), "nodes")
        for index in range(1000):
            world.api.put(pod(f"big-{index}", cpu="100", priority=10), "pods")
        world.api.put(pod("small", cpu="1"), "pods")
        await until(lambda: world.node_of("small") == "a")
        waiting = world.scheduler.queue.pending()["unschedulable"]
        assert len(waiting) == 1000
        # Something happens that helps none of them: nobody is in the way of the next.
        world.api.put(node("b", cpu="2"), "nodes")
        world.api.put(pod("next", cpu="2"), "pods")
        await until(lambda: world.node_of("next") == "b")
        assert {queued.attempts for queued in waiting} == {1}
        await asyncio.sleep(60)
        told = [tree for tree in world.api.all("pods") if "conditions" in tree.get("status", {})]
        assert len(told) == 1000 and all("Insufficient cpu" in str(tree["status"]) for tree in told)
        assert len(world.events("FailedScheduling")) == 1000

    scenario(body)
