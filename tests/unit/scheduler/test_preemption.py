"""Preemption: the same victims and nodes as the plain search, the rules of choice, and the shell around them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.core.v1 import Pod, PodCondition
from pybernetes.api.meta.v1 import LabelSelector, ObjectMeta
from pybernetes.api.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from pybernetes.apimachinery import errors
from pybernetes.http.messages import Request
from pybernetes.scheduler.algorithm import NoFit, schedule
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import Candidate, pick
from tests.unit.scheduler import builders, reference
from tests.unit.scheduler.builders import node, pod, snapshot_of
from tests.unit.scheduler.generated import STARTS, crowded, preemptors
from tests.unit.scheduler.reference_preemption import cost, victims_on
from tests.unit.scheduler.world import World, scenario, until


def budget(labels: dict[str, str], allowed: int) -> PodDisruptionBudget:
    return PodDisruptionBudget(
        metadata=ObjectMeta(name="b", namespace="default"),
        spec=PodDisruptionBudgetSpec(selector=LabelSelector(matchLabels=labels)),
        status=PodDisruptionBudgetStatus(
            disruptionsAllowed=allowed, currentHealthy=0, desiredHealthy=0, expectedPods=0
        ),
    )


budgets = st.lists(st.builds(budget, st.sampled_from([{"app": "web"}, {"app": "db"}]), st.integers(0, 2)), max_size=2)


@settings(max_examples=150, deadline=None)
@given(crowded(), preemptors(), budgets)
def test_agrees_with_the_plain_search(cluster: reference.Cluster, new: Pod, limits: list[PodDisruptionBudget]) -> None:
    taken: list[Candidate] = []
    profile = builders.profile(budgets=lambda: limits)
    plugin: Any = dict(profile.post_filter_plugins)["DefaultPreemption"]
    plugin._executor.start = lambda candidate, info, yielding: taken.append(candidate)
    snapshot = snapshot_of(cluster.nodes, cluster.pods)
    result = schedule(profile, CycleState(), PodInfo(new), snapshot, lambda count: 0)
    if reference.feasible(new, cluster)[0]:
        assert not isinstance(result, NoFit)
        return
    assert isinstance(result, NoFit)
    plain = {
        each.metadata.name or "": found
        for each in cluster.nodes
        if (found := victims_on(new, each, cluster, limits)) is not None
    }
    if not plain:
        assert not taken
        assert result.nominate == ""
        assert "preemption: 0/" in result.diagnosis.message()
        return
    (candidate,) = taken
    assert result.nominate == candidate.node_name
    names, broken = plain[candidate.node_name]
    assert [victim.pod.metadata.name for victim in candidate.victims] == names
    assert candidate.violations == broken
    assert cost(names, broken, cluster) == min(cost(*found, cluster) for found in plain.values())


@settings(max_examples=60, deadline=None)
@given(crowded(), st.lists(preemptors(), min_size=1, max_size=2), budgets, st.data())
def test_one_after_another_is_as_if_each_were_the_first(
    cluster: reference.Cluster, kinds: list[Pod], limits: list[PodDisruptionBudget], data: Any
) -> None:
    """Pods that are alike, or come again, search a node once; whatever changes, as if they searched anew."""
    snapshot = snapshot_of(cluster.nodes, cluster.pods)
    taken: list[Candidate] = []
    old = builders.profile(budgets=lambda: limits)
    for _ in range(8):
        number = data.draw(st.integers(0, 3))
        metadata = ObjectMeta(name="new", namespace="default", uid=str(number))
        info = PodInfo(msgspec.structs.replace(kinds[number % len(kinds)], metadata=metadata))
        outcomes = []
        for profile in (old, builders.profile(budgets=lambda: limits)):
            plugin: Any = dict(profile.post_filter_plugins)["DefaultPreemption"]
            plugin._executor.start = lambda candidate, info, yielding: taken.append(candidate)
            taken.clear()
            result = schedule(profile, CycleState(), info, snapshot, lambda count: 0)
            message = result.diagnosis.message() if isinstance(result, NoFit) else result.node_name
            outcomes.append((message, list(taken)))
        assert outcomes[0] == outcomes[1]
        for candidate in taken:
            snapshot.nominations.set(info, candidate.node_name)
            if data.draw(st.booleans()):
                for each in candidate.victims:
                    snapshot.unplace(each.uid)
        placed = [each for each in cluster.pods if snapshot.node_of(each.metadata.uid or "")]
        match data.draw(st.sampled_from(["nothing", "leaves", "restarts", "comes"])) if placed else "nothing":
            case "leaves":
                snapshot.unplace(data.draw(st.sampled_from(placed)).metadata.uid or "")
            case "restarts":
                changed = msgspec.structs.replace(data.draw(st.sampled_from(placed)))
                changed.status = msgspec.structs.replace(changed.status, startTime=data.draw(st.sampled_from(STARTS)))
                snapshot.place_pod(changed)
            case "comes":
                on = data.draw(st.sampled_from(cluster.nodes)).metadata.name or ""
                snapshot.place(PodInfo(pod("more", on=on, cpu="100m", priority=-5)), on)


def test_a_node_is_searched_anew_for_the_pod_that_it_is_promised_to() -> None:
    snapshot = snapshot_of([node("n", cpu="1")], [pod("low", on="n", cpu="900m", priority=0)])
    taken: list[str] = []
    made = builders.profile(budgets=list)
    plugin: Any = dict(made.post_filter_plugins)["DefaultPreemption"]
    plugin._executor.start = lambda candidate, info, yielding: taken.append(info.pod.metadata.name or "")
    first, second = (PodInfo(pod(name, cpu="800m", priority=10)) for name in ("first", "second"))
    for info in (first, second, first):
        result = schedule(made, CycleState(), info, snapshot, lambda count: 0)
        assert isinstance(result, NoFit)
        if result.nominate:
            snapshot.nominations.set(info, result.nominate)
    assert taken == ["first", "first"], "there is no room for two of them"


def victim(name: str, priority: int, started: str | None = None) -> PodInfo:
    made = pod(name, priority=priority)
    made.status.startTime = started
    return PodInfo(made)


def test_the_choice_of_the_node() -> None:
    def of(name: str, *victims: PodInfo, violations: int = 0) -> Candidate:
        return Candidate(name, victims, violations)

    early, late = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    cases = {
        "fewest broken budgets": [of("a", victim("p", 1), violations=1), of("b", victim("p", 9))],
        "lowest of the highest priorities": [of("a", victim("p", 9)), of("b", victim("p", 1), victim("q", 1))],
        "smallest sum": [of("a", victim("p", 9), victim("q", 8)), of("b", victim("p", 9), victim("q", 1))],
        "fewest": [of("a", victim("p", 9), victim("q", -(2**31))), of("b", victim("p", 9))],
        "latest start": [of("a", victim("p", 9, early)), of("b", victim("p", 9, late))],
        "not started is latest": [of("a", victim("p", 9, late)), of("b", victim("p", 9))],
    }
    assert {name: pick(candidates).node_name for name, candidates in cases.items()} == dict.fromkeys(cases, "b")


def full(world: World) -> None:
    world.api.put(node("a", cpu="1"), "nodes")
    world.api.put(pod("low", cpu="800m", on="a", priority=1), "pods")


def test_victims_go_gracefully_and_the_preemptor_takes_their_place() -> None:
    async def body(world: World) -> None:
        full(world)
        world.api.put(pod("high", cpu="800m", priority=10), "pods")
        await until(lambda: world.node_of("high") == "a")
        uid = world.pod("high")["metadata"]["uid"]
        assert [path for method, path in world.api.requests if method == "DELETE"] == [
            "/api/v1/namespaces/default/pods/low"
        ]
        await until(lambda: world.events("Preempted") == [f"Preempted by pod {uid} on node a"])
        assert world.events("FailedScheduling") == ["0/1 nodes are available: 1 Insufficient cpu."]
        assert not world.scheduler.snapshot.nominations.nodes()

    scenario(body)


def test_a_pod_that_never_preempts_waits() -> None:
    async def body(world: World) -> None:
        full(world)
        world.api.put(pod("high", cpu="800m", priority=10, preemptionPolicy="Never"), "pods")
        await until(lambda: bool(world.events("FailedScheduling")))
        assert world.events("FailedScheduling") == [
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
            "preemption: not eligible due to preemptionPolicy=Never."
        ]
        assert "status" not in world.pod("low") or "conditions" not in world.pod("low")["status"]

    scenario(body)


def test_the_place_is_kept_while_the_victim_ends() -> None:
    """A Pod of lower priority that would fit beside the ending victim would take what the preemptor waits for."""

    async def body(world: World) -> None:
        world.api.put(node("a", cpu="1"), "nodes")
        low = pod("low", cpu="800m", on="a", priority=1)
        world.api.put(low, "pods")

        deletions = 0

        def fault(request: Request) -> errors.StatusError | None:
            nonlocal deletions
            deletions += request.method == "DELETE"
            if request.method == "DELETE" and not low.metadata.deletionTimestamp:
                low.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
                low.status.conditions = [
                    PodCondition(type="DisruptionTarget", status="True", reason="PreemptionByScheduler")
                ]
                world.api.put(low, "pods")
            return errors.NotFound("it lingers") if request.method == "DELETE" else None

        world.api.faults = fault
        world.api.put(pod("high", cpu="800m", priority=10), "pods")
        await until(lambda: world.api.get("pods", "high", "default").get("status", {}).get("nominatedNodeName") == "a")
        world.api.put(pod("small", cpu="150m"), "pods")
        await until(lambda: len(world.events("FailedScheduling")) > 1)
        await asyncio.sleep(60)
        assert (world.node_of("high"), world.node_of("small")) == ("", "")
        assert deletions == 1
        world.api.remove("pods", "low", "default")
        await until(lambda: (world.node_of("high"), world.node_of("small")) == ("a", "a"))

    scenario(body)


def test_a_failed_eviction_brings_the_preemptor_back() -> None:
    async def body(world: World) -> None:
        full(world)
        refused = 2

        def fault(request: Request) -> errors.StatusError | None:
            nonlocal refused
            if request.method == "DELETE" and refused:
                refused -= 1
                return errors.InternalError("the store is away")
            return None

        world.api.faults = fault
        world.api.put(pod("high", cpu="800m", priority=10), "pods")
        await until(lambda: world.node_of("high") == "a")

    scenario(body)
