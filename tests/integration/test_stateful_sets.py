"""StatefulSets end to end: real apiserver, real controllers, virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes.api.apps.v1 import ControllerRevision, StatefulSet
from pybernetes.api.core.v1 import Event, PersistentVolumeClaim, Pod
from pybernetes.apimachinery.pods import is_ready
from pybernetes.controllers.runtime.revisions import REVISION_LABEL
from tests.integration.cluster_world import World, in_world, pod_template


def stateful_set(name: str = "db", replicas: int = 3, image: str = "good", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(image, app=name),
            **spec,
        },
    }


CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


async def get(w: World, name: str = "db") -> StatefulSet:
    return await w.client.get(StatefulSet, name, "default")


async def names(w: World) -> list[str]:
    return sorted(pod.metadata.name or "" for pod in await w.items(Pod))


async def all_ready(w: World, name: str = "db") -> bool:
    found = await get(w, name)
    wanted, status = found.spec.replicas, found.status
    counts = (status.readyReplicas or 0, status.replicas, status.updatedReplicas or 0)
    observed = status.observedGeneration == found.metadata.generation
    return observed and counts == (wanted,) * 3 and status.currentRevision == status.updateRevision


async def images(w: World) -> dict[str, str | None]:
    return {pod.metadata.name or "": pod.spec.containers[0].image for pod in await w.items(Pod)}


async def update(w: World, spec: dict[str, Any], name: str = "db") -> None:
    await w.client.patch(StatefulSet, name, "default", {"spec": spec})


def new_image(image: str) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}


def test_pods_come_one_after_another_and_go_the_other_way() -> None:
    async def body(w: World) -> None:
        seen: list[dict[str, bool]] = []

        def look(pods: list[Pod]) -> None:
            seen.append({pod.metadata.name or "": is_ready(pod) for pod in pods})

        async with w.following(Pod, look):
            await w.create(StatefulSet, stateful_set())
            await w.until(lambda: all_ready(w))
        assert {1, 2, 3} <= set(map(len, seen))
        for ready in seen:
            assert all(ready[f"db-{n - 1}"] for n in range(1, 3) if f"db-{n}" in ready)
        pods = {pod.metadata.name: pod for pod in await w.items(Pod)}
        labels = pods["db-2"].metadata.labels
        assert labels["statefulset.kubernetes.io/pod-name"] == "db-2"
        assert labels["apps.kubernetes.io/pod-index"] == "2"
        assert (pods["db-2"].spec.hostname, pods["db-2"].spec.subdomain) == ("db-2", "db")
        await update(w, {"replicas": 1})
        await w.until(lambda: all_ready(w))
        assert await names(w) == ["db-0"]
        told = [e.message for e in await w.items(Event) if e.reason == "SuccessfulDelete"]
        assert told == [f"Delete Pod db-{n} in StatefulSet db successful" for n in (2, 1)]

    in_world(body)


def test_a_pod_that_is_not_ready_holds_the_next_back_unless_parallel() -> None:
    async def body(w: World) -> None:
        await w.create(StatefulSet, stateful_set(image="never-ready"))
        await w.create(StatefulSet, stateful_set("wide", image="never-ready", podManagementPolicy="Parallel"))
        await w.settle()
        assert await names(w) == ["db-0", "wide-0", "wide-1", "wide-2"]
        await update(w, {"replicas": 0}, "wide")
        await w.settle()
        assert await names(w) == ["db-0"]

    in_world(body)


def test_an_update_goes_from_the_highest_ordinal_down_to_the_partition() -> None:
    async def body(w: World) -> None:
        await w.create(StatefulSet, stateful_set())
        await w.until(lambda: all_ready(w))
        before = (await get(w)).status.currentRevision
        rolling = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
        await update(w, {**new_image("good:2"), **rolling})
        await w.settle(20)
        assert await images(w) == {"db-0": "good", "db-1": "good", "db-2": "good:2"}
        status = (await get(w)).status
        assert (status.currentRevision, status.currentReplicas, status.updatedReplicas) == (before, 2, 1)
        await w.client.delete(Pod, "db-0", "default")
        await w.settle()
        assert (await images(w))["db-0"] == "good", "below the partition it comes back as it was"
        await update(w, {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}})
        order = ["db-2"]

        def look(pods: list[Pod]) -> None:
            new = [pod.metadata.name or "" for pod in pods if pod.spec.containers[0].image == "good:2"]
            order.extend(name for name in new if name not in order)

        async with w.following(Pod, look):
            await w.until(lambda: all_ready(w))
        assert order == ["db-2", "db-1", "db-0"]
        revisions = {r.metadata.name: r for r in await w.items(ControllerRevision)}
        assert len(revisions) == 2
        assert {p.metadata.labels[REVISION_LABEL] for p in await w.items(Pod)} == {(await get(w)).status.updateRevision}

        await update(w, new_image("good"))
        await w.until(lambda: all_ready(w))
        assert (await get(w)).status.currentRevision == before, "an old template brings its revision back"
        numbers = sorted(r.revision for r in await w.items(ControllerRevision))
        assert numbers == [2, 3]

    in_world(body)


def test_on_delete_waits_for_the_user() -> None:
    async def body(w: World) -> None:
        await w.create(StatefulSet, stateful_set(replicas=2, updateStrategy={"type": "OnDelete"}))
        await w.until(lambda: all_ready(w))
        await update(w, new_image("good:2"))
        await w.settle(20)
        assert set((await images(w)).values()) == {"good"}
        await w.client.delete(Pod, "db-1", "default")
        await w.settle()
        assert await images(w) == {"db-0": "good", "db-1": "good:2"}

    in_world(body)


def test_a_broken_update_heals_with_the_next_one_when_the_pod_is_deleted() -> None:
    async def body(w: World) -> None:
        await w.create(StatefulSet, stateful_set(replicas=2))
        await w.until(lambda: all_ready(w))
        await update(w, new_image("never-ready"))
        await w.settle(20)
        assert (await images(w)) == {"db-0": "good", "db-1": "never-ready"}
        await update(w, new_image("good:3"))
        await w.settle(20)
        await w.client.delete(Pod, "db-1", "default")
        await w.until(lambda: all_ready(w))
        assert set((await images(w)).values()) == {"good:3"}

    in_world(body)


def test_ordinals_may_start_later() -> None:
    async def body(w: World) -> None:
        await w.create(StatefulSet, stateful_set(replicas=2, ordinals={"start": 5}))
        await w.until(lambda: all_ready(w))
        assert await names(w) == ["db-5", "db-6"]
        await update(w, {"ordinals": {"start": 6}})
        await w.until(lambda: all_ready(w))
        await w.settle()
        assert await names(w) == ["db-6", "db-7"]

    in_world(body)


def test_claims_are_made_and_kept_or_deleted_as_the_policy_says() -> None:
    async def body(w: World) -> None:
        policy = {"whenDeleted": "Delete", "whenScaled": "Delete"}
        await w.create(StatefulSet, stateful_set("keep", replicas=2, volumeClaimTemplates=[CLAIM]))
        await w.create(
            StatefulSet,
            stateful_set(volumeClaimTemplates=[CLAIM], persistentVolumeClaimRetentionPolicy=policy),
        )
        await w.until(lambda: all_ready(w))
        await w.until(lambda: all_ready(w, "keep"))

        async def claims() -> list[str]:
            return sorted(claim.metadata.name or "" for claim in await w.items(PersistentVolumeClaim))

        assert await claims() == [*(f"data-db-{n}" for n in range(3)), "data-keep-0", "data-keep-1"]
        pod = await w.client.get(Pod, "db-1", "default")
        source = pod.spec.volumes[0].persistentVolumeClaim
        assert source is not None
        assert source.claimName == "data-db-1"
        claim = await w.client.get(PersistentVolumeClaim, "data-db-1", "default")
        assert claim.metadata.labels == {"app": "db"}
        assert [(r.kind, r.name) for r in claim.metadata.ownerReferences] == [("StatefulSet", "db")]

        for name in ("db", "keep"):
            await update(w, {"replicas": 1}, name)
        await w.until(lambda: all_ready(w))
        await w.until(lambda: all_ready(w, "keep"))
        await w.settle()
        for claim in await w.items(PersistentVolumeClaim):
            if claim.metadata.deletionTimestamp:  # kept only by the protection that nobody takes off here
                await w.client.patch(
                    PersistentVolumeClaim, claim.metadata.name or "", "default", {"metadata": {"finalizers": None}}
                )
        await w.settle()
        assert await claims() == ["data-db-0", "data-keep-0", "data-keep-1"]

    in_world(body)


def test_a_failed_pod_comes_again_under_its_name() -> None:
    async def body(w: World) -> None:
        await w.create(StatefulSet, stateful_set(replicas=1))
        await w.until(lambda: all_ready(w))
        first = await w.client.get(Pod, "db-0", "default")
        await w.client.patch(Pod, "db-0", "default", {"status": {"phase": "Failed"}}, subresource="status")
        await w.settle()
        second = await w.client.get(Pod, "db-0", "default")
        assert second.metadata.uid != first.metadata.uid
        assert is_ready(second)

    in_world(body)


def test_min_ready_seconds_hold_the_next_back() -> None:
    async def body(w: World) -> None:
        await w.create(StatefulSet, stateful_set(minReadySeconds=30))

        async def available() -> bool:
            return (await get(w)).status.availableReplicas == 3

        assert 88 < await w.until(available) < 95

    in_world(body)


def test_history_keeps_its_limit_and_the_controller_may_die_at_any_time() -> None:
    async def body(w: World) -> None:
        await w.create(StatefulSet, stateful_set(revisionHistoryLimit=1))
        for number in range(4):
            await update(w, new_image(f"good:{number}"))
            await asyncio.sleep(0.7)
            await w.kill_controllers()
            await w.start_controllers()
            await w.until(lambda: all_ready(w))
        await w.settle()
        assert await names(w) == ["db-0", "db-1", "db-2"]
        assert set((await images(w)).values()) == {"good:3"}
        assert len(await w.items(ControllerRevision)) == 2

    in_world(body)
