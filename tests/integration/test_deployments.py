"""Deployments and ReplicaSets end to end: real apiserver, real controllers, virtual time."""

from __future__ import annotations

import asyncio

from pybernetes.api.apps.v1 import Deployment, ReplicaSet
from pybernetes.api.core.v1 import Event, Pod
from pybernetes.apimachinery.pods import is_ready
from pybernetes.client.informer import InformerFactory
from pybernetes.controllers.runtime.pods import is_active
from tests.integration.cluster_world import World, deployment, in_world, pod_template

REVISION = "deployment.kubernetes.io/revision"


async def rolled_out(w: World, name: str = "web") -> bool:
    d = await w.client.get(Deployment, name, "default")
    s, wanted = d.status, d.spec.replicas or 0
    counts = (s.updatedReplicas or 0, s.replicas or 0, s.availableReplicas or 0)
    return counts == (wanted,) * 3 and s.observedGeneration == d.metadata.generation


async def set_image(w: World, image: str, name: str = "web") -> None:
    body = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}
    await w.client.patch(Deployment, name, "default", body, patch_type="strategic")


def test_a_rolling_update_keeps_its_promises_and_can_be_undone() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment(replicas=4))
        await w.until(lambda: rolled_out(w))
        lowest, highest = 4, 4

        factory = InformerFactory(w.client, w.clock, w.random)
        pods = factory.informer(Pod)

        def count(*_: object) -> None:
            nonlocal lowest, highest
            active = [p for p in pods.lister.list("default") if is_active(p)]
            if pods.has_synced:
                lowest, highest = min(lowest, sum(map(is_ready, active))), max(highest, len(active))

        pods.add_handler(count, count, count)
        async with asyncio.TaskGroup() as group:
            await factory.start(group)
            await factory.wait_synced()
            await set_image(w, "good:2")
            await w.until(lambda: rolled_out(w))
            factory.stop()
        assert lowest >= 3, "maxUnavailable 25%"
        assert highest <= 5, "maxSurge 25%"

        d = await w.client.get(Deployment, "web", "default")
        assert d.metadata.annotations[REVISION] == "2"
        sets = {rs.metadata.annotations[REVISION]: rs for rs in await w.items(ReplicaSet)}
        assert {r: rs.spec.replicas for r, rs in sets.items()} == {"1": 0, "2": 4}

        old = sets["1"].spec.template
        assert old is not None
        assert old.metadata is not None
        old.metadata.labels.pop("pod-template-hash")
        await w.client.patch(
            Deployment, "web", "default", [{"op": "replace", "path": "/spec/template", "value": old}], patch_type="json"
        )
        await w.until(lambda: rolled_out(w))
        sets = {rs.metadata.annotations[REVISION]: rs for rs in await w.items(ReplicaSet)}
        assert {r: rs.spec.replicas for r, rs in sets.items()} == {"2": 0, "3": 4}
        events = {e.message for e in await w.items(Event) if e.reason == "ScalingReplicaSet"}
        assert f"Scaled up replica set {sets['3'].metadata.name} from 0 to 4" in events

    in_world(body)


def test_a_rollout_that_does_not_progress_is_told_after_its_deadline() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment(progressDeadlineSeconds=600))
        await w.until(lambda: rolled_out(w))
        await set_image(w, "never-ready")

        async def timed_out() -> bool:
            d = await w.client.get(Deployment, "web", "default")
            return any(c.reason == "ProgressDeadlineExceeded" for c in d.status.conditions)

        assert 590 < await w.until(timed_out, within_s=700) < 610
        pods = [p for p in await w.items(Pod) if is_ready(p)]
        assert len(pods) == 3, "what worked still works"
        await set_image(w, "good:3")
        await w.until(lambda: rolled_out(w))

    in_world(body)


def test_recreate_never_mixes_versions() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment(strategy={"type": "Recreate"}))
        await w.until(lambda: rolled_out(w))
        await set_image(w, "good:2")

        async def done_unmixed() -> bool:
            images = {p.spec.containers[0].image for p in await w.items(Pod)}
            assert len(images) <= 1
            return images == {"good:2"} and await rolled_out(w)

        await w.until(done_unmixed)

    in_world(body)


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment())
        await w.until(lambda: rolled_out(w))
        await w.client.patch(Deployment, "web", "default", {"spec": {"paused": True, "replicas": 5}})
        await set_image(w, "good:2")
        await w.settle(30)
        pods = await w.items(Pod)
        assert [p.spec.containers[0].image for p in pods] == ["good"] * 5
        d = await w.client.get(Deployment, "web", "default")
        assert any(c.reason == "DeploymentPaused" for c in d.status.conditions)
        await w.client.patch(Deployment, "web", "default", {"spec": {"paused": False}})
        await w.until(lambda: rolled_out(w))
        assert {p.spec.containers[0].image for p in await w.items(Pod) if is_active(p)} == {"good:2"}

    in_world(body)


def test_a_deleted_pod_is_replaced_and_a_relabelled_one_released() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment())
        await w.until(lambda: rolled_out(w))
        first, second, _ = await w.items(Pod)
        await w.client.delete(Pod, first.metadata.name or "", "default")
        await w.client.patch(Pod, second.metadata.name or "", "default", {"metadata": {"labels": {"app": "debug"}}})
        await w.settle()
        pods = {p.metadata.name: p for p in await w.items(Pod)}
        assert first.metadata.name not in pods
        assert len(pods) == 4
        assert pods[second.metadata.name].metadata.ownerReferences == []
        await w.until(lambda: rolled_out(w))

    in_world(body)


def test_a_matching_orphan_is_adopted() -> None:
    async def body(w: World) -> None:
        labels = {"app": "x"}
        await w.create(Pod, {"metadata": {"name": "alone", "labels": labels}, "spec": pod_template()["spec"]})
        spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod_template(app="x")}
        await w.create(ReplicaSet, {"metadata": {"name": "x"}, "spec": spec})
        await w.settle()
        pods = await w.items(Pod)
        assert len(pods) == 2
        assert all(p.metadata.ownerReferences[0].name == "x" for p in pods)

    in_world(body)


def test_min_ready_seconds_hold_availability_back() -> None:
    async def body(w: World) -> None:
        await w.create(Deployment, deployment(minReadySeconds=30))

        async def all_ready() -> bool:
            return ((await w.client.get(Deployment, "web", "default")).status.readyReplicas or 0) == 3

        await w.until(all_ready)
        assert 28 < await w.until(lambda: rolled_out(w)) < 33

    in_world(body)


def test_controllers_killed_in_the_middle_make_no_duplicates() -> None:
    async def body(w: World) -> None:
        for number in range(5):
            await w.create(Deployment, deployment(f"d{number}", replicas=10))
            await asyncio.sleep(0.001)
            await w.kill_controllers()
            await w.start_controllers()
        for number in range(5):
            await w.until(lambda name=f"d{number}": rolled_out(w, name))  # type: ignore[misc]
        assert len(await w.items(Pod)) == 50
        assert len(await w.items(ReplicaSet)) == 5

    in_world(body)
