"""Jobs end to end: real apiserver, real controllers, virtual time."""

from __future__ import annotations

import asyncio

from pybernetes.api.batch.v1 import Job
from pybernetes.api.core.v1 import Event, Pod
from pybernetes.apimachinery.conditions import condition_holds
from tests.integration.cluster_world import World, in_world, job


async def ended(w: World, kind: str, name: str = "work") -> bool:
    found = await w.client.get(Job, name, "default")
    return condition_holds(found.status.conditions, kind)


def test_a_job_completes() -> None:
    async def body(w: World) -> None:
        await w.create(Job, job(completions=5, parallelism=2))
        await w.until(lambda: ended(w, "Complete"))
        found = await w.client.get(Job, "work", "default")
        assert (found.status.succeeded, found.status.active, found.status.failed) == (5, None, None)
        assert found.status.completionTime
        pods = await w.items(Pod)
        assert len(pods) == 5
        assert all(p.metadata.finalizers == [] for p in pods)
        await w.settle()
        assert [e.message for e in await w.items(Event) if e.reason == "Completed"] == ["Job completed"]

    in_world(body)


def test_failures_back_off_and_end_at_the_limit() -> None:
    async def body(w: World) -> None:
        await w.create(Job, job(image="fail", backoffLimit=3))
        took_s = await w.until(lambda: ended(w, "Failed"), within_s=300)
        assert 70 <= took_s < 100, "10 + 20 + 40 seconds of back-off"
        found = await w.client.get(Job, "work", "default")
        assert found.status.failed == 4
        reasons = {c.type: c.reason for c in found.status.conditions}
        assert reasons == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}

    in_world(body)


def test_an_indexed_job_runs_each_index_once() -> None:
    async def body(w: World) -> None:
        await w.create(Job, job(completionMode="Indexed", completions=6, parallelism=3))
        await w.until(lambda: ended(w, "Complete"))
        found = await w.client.get(Job, "work", "default")
        assert (found.status.completedIndexes, found.status.succeeded) == ("0-5", 6)
        names = sorted(p.spec.hostname or "" for p in await w.items(Pod))
        assert names == [f"work-{i}" for i in range(6)]

    in_world(body)


def test_the_deadline_ends_a_job_and_its_pods() -> None:
    async def body(w: World) -> None:
        await w.create(Job, job(image="good", activeDeadlineSeconds=30))
        assert 29 < await w.until(lambda: ended(w, "Failed")) < 36
        await w.settle()
        assert await w.items(Pod) == []

    in_world(body)


def test_suspending_takes_the_pods_and_resuming_brings_them_back() -> None:
    async def body(w: World) -> None:
        await w.create(Job, job(image="good", parallelism=2, completions=2))
        await w.settle()
        assert len(await w.items(Pod)) == 2
        await w.client.patch(Job, "work", "default", {"spec": {"suspend": True}})
        await w.settle()
        assert await w.items(Pod) == []
        assert await ended(w, "Suspended")
        await w.client.patch(Job, "work", "default", {"spec": {"suspend": False}})
        await w.settle()
        assert len(await w.items(Pod)) == 2
        assert not await ended(w, "Suspended")

    in_world(body)


def test_a_failure_policy_ends_the_job_at_once() -> None:
    async def body(w: World) -> None:
        policy = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]}
        await w.create(Job, job(image="fail-42", podFailurePolicy=policy, backoffLimit=6))
        await w.until(lambda: ended(w, "Failed"), within_s=10)
        found = await w.client.get(Job, "work", "default")
        assert {c.reason for c in found.status.conditions} == {"PodFailurePolicy"}

    in_world(body)


def test_a_finished_job_goes_after_its_ttl() -> None:
    async def body(w: World) -> None:
        await w.create(Job, job(ttlSecondsAfterFinished=100))
        await w.until(lambda: ended(w, "Complete"))
        assert 95 < await w.until(lambda: w.gone(Job, "work")) < 110
        await w.until(lambda: _no_pods(w))

    in_world(body)


def test_pods_are_counted_once_though_the_controller_dies() -> None:
    async def body(w: World) -> None:
        await w.create(Job, job(completions=20, parallelism=5))
        for _ in range(8):
            await asyncio.sleep(0.37)
            await w.kill_controllers()
            await w.start_controllers()
        await w.until(lambda: ended(w, "Complete"))
        found = await w.client.get(Job, "work", "default")
        assert found.status.succeeded == 20
        assert len(await w.items(Pod)) == 20

    in_world(body)


async def _no_pods(w: World) -> bool:
    return not await w.items(Pod)
