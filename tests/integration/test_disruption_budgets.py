"""PodDisruptionBudgets and evictions: real apiserver, real controllers, virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.apps.v1 import DaemonSet, Deployment, StatefulSet
from pybernetes.api.core.v1 import Pod
from pybernetes.api.meta.v1 import ObjectMeta, Status
from pybernetes.api.policy.v1 import Eviction, PodDisruptionBudget, PodDisruptionBudgetStatus
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.pods import is_ready
from tests.integration.cluster_world import World, deployment, in_world, pod_template


def budget(app: str = "web", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "budget"}, "spec": {"selector": {"matchLabels": {"app": app}}, **spec}}


async def status(w: World) -> PodDisruptionBudgetStatus:
    return (await w.client.get(PodDisruptionBudget, "budget", "default")).status


async def allows(w: World, count: int) -> bool:
    found = await w.client.get(PodDisruptionBudget, "budget", "default")
    return found.status.observedGeneration == found.metadata.generation and found.status.disruptionsAllowed == count


async def evict(w: World, pod: Pod) -> None:
    name = pod.metadata.name or ""
    eviction = Eviction(metadata=ObjectMeta(name=name, namespace="default"))
    await w.client.create_subresource(Pod, name, "default", "eviction", eviction, Status)


async def ready(w: World, count: int) -> bool:
    return sum(is_ready(pod) and not pod.metadata.deletionTimestamp for pod in await w.items(Pod)) == count


@pytest.mark.parametrize(
    ("spec", "replicas", "expected", "desired", "allowed"),
    [
        ({"minAvailable": 2}, 3, 3, 2, 1),
        ({"minAvailable": "60%"}, 4, 4, 3, 1),
        ({"maxUnavailable": 1}, 3, 3, 2, 1),
        ({"maxUnavailable": "30%"}, 4, 4, 2, 2),
        ({"maxUnavailable": 0}, 2, 2, 2, 0),
        ({"minAvailable": 5}, 2, 2, 5, 0),
    ],
)
def test_a_deployments_budget(spec: dict[str, Any], replicas: int, expected: int, desired: int, allowed: int) -> None:
    async def body(w: World) -> None:
        await w.create(PodDisruptionBudget, budget(**spec))
        await w.create(Deployment, deployment(replicas=replicas))
        await w.until(lambda: ready(w, replicas))
        await w.until(lambda: allows(w, allowed))
        found = await status(w)
        assert (found.expectedPods, found.desiredHealthy, found.currentHealthy) == (expected, desired, replicas)
        (condition,) = found.conditions
        reason = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
        assert (condition.type, condition.status, condition.reason) == ("DisruptionAllowed", *reason)

    in_world(body)


def test_evictions_never_go_below_the_budget_and_all_pods_move_in_the_end() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment(replicas=4))
        await w.create(PodDisruptionBudget, budget(minAvailable=3))
        await w.until(lambda: allows(w, 1))
        first = {pod.metadata.uid for pod in await w.items(Pod)}
        refused = 0

        async def drained() -> bool:
            nonlocal refused
            old = [pod for pod in await w.items(Pod) if pod.metadata.uid in first]
            for pod in old:
                try:
                    await evict(w, pod)
                except errors.TooManyRequests:
                    refused += 1
            left = [p for p in await w.items(Pod) if is_ready(p) and not p.metadata.deletionTimestamp]
            assert len(left) >= 3
            return not old

        await w.until(drained)
        assert refused > 0
        await w.until(lambda: allows(w, 1))
        assert (await status(w)).disruptedPods == {}

    in_world(body)


def test_a_granted_eviction_that_never_came_counts_again() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment(replicas=2))
        await w.create(PodDisruptionBudget, budget(maxUnavailable=1))
        await w.until(lambda: allows(w, 1))
        pod = (await w.items(Pod))[0]
        granted = {"disruptedPods": {pod.metadata.name: (await now(w))}, "disruptionsAllowed": 0}
        await w.client.patch(PodDisruptionBudget, "budget", "default", {"status": granted}, subresource="status")
        await w.settle()
        found = await status(w)
        assert (found.currentHealthy, found.disruptionsAllowed) == (1, 0)
        assert 110 < await w.until(lambda: allows(w, 1), within_s=200) < 125

    async def now(w: World) -> str:
        from pybernetes.apimachinery.times import format_time

        return format_time(w.clock.now())

    in_world(body)


def test_stateful_sets_count_and_daemon_sets_say_that_they_cannot() -> None:
    async def body(w: World) -> None:
        spec = {
            "replicas": 3,
            "serviceName": "web",
            "selector": {"matchLabels": {"app": "web"}},
            "template": pod_template(app="web"),
        }
        await w.create(StatefulSet, {"metadata": {"name": "web"}, "spec": spec})
        await w.create(PodDisruptionBudget, budget(maxUnavailable="50%"))
        await w.until(lambda: allows(w, 2))
        await w.client.delete(StatefulSet, "web", "default")
        await w.until(lambda: ready(w, 0))

        daemon = {"selector": {"matchLabels": {"app": "web"}}, "template": pod_template(app="web")}
        await w.create(DaemonSet, {"metadata": {"name": "web"}, "spec": daemon})
        await w.until(lambda: ready(w, 1))
        await w.settle()
        (condition,) = (await status(w)).conditions
        assert (condition.reason, condition.message) == (
            "SyncFailed",
            "daemonsets.apps does not implement the scale subresource",
        )

    in_world(body)


def test_unhealthy_pods_may_go_when_the_policy_says_so() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment(replicas=2, image="never-ready"))
        await w.create(PodDisruptionBudget, budget(minAvailable=1))
        await w.settle()
        pod = (await w.items(Pod))[0]
        with pytest.raises(errors.TooManyRequests):
            await evict(w, pod)
        change = {"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}
        await w.client.patch(PodDisruptionBudget, "budget", "default", change)
        await w.settle()
        await evict(w, pod)

    in_world(body)


def test_a_disruption_that_came_to_nothing_is_taken_back() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment(replicas=1))
        await w.until(lambda: ready(w, 1))
        (pod,) = await w.items(Pod)
        told = {"type": "DisruptionTarget", "status": "True", "reason": "Test", "lastTransitionTime": await now(w)}
        conditions = {"status": {"conditions": [told]}}
        await w.client.patch(
            Pod, pod.metadata.name or "", "default", conditions, patch_type="strategic", subresource="status"
        )

        async def cleared() -> bool:
            (found,) = await w.items(Pod)
            return any(c.type == "DisruptionTarget" and c.status == "False" for c in found.status.conditions)

        assert 115 < await w.until(cleared, within_s=200) < 125

    async def now(w: World) -> str:
        from pybernetes.apimachinery.times import format_time

        return format_time(w.clock.now())

    in_world(body)
