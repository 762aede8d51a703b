"""DaemonSets end to end: real apiserver, real controllers, virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes.api.apps.v1 import ControllerRevision, DaemonSet
from pybernetes.api.core.v1 import Event, Node, Pod
from pybernetes.apimachinery.pods import is_ready
from tests.integration.cluster_world import NODE, World, in_world, pod_template


def daemon_set(name: str = "agent", image: str = "good", **spec: Any) -> dict[str, Any]:
    template = spec.pop("template", pod_template(image, app=name))
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


async def nodes(w: World, count: int) -> None:
    for number in range(2, count + 1):
        await w.add_node(f"node-{number}")


async def settled(w: World, name: str = "agent") -> bool:
    found = await w.client.get(DaemonSet, name, "default")
    s = found.status
    counts = {s.currentNumberScheduled, s.numberAvailable or 0, s.updatedNumberScheduled or 0}
    wanted = s.desiredNumberScheduled
    return s.observedGeneration == found.metadata.generation and wanted > 0 and counts == {wanted}


async def where(w: World) -> list[str]:
    return sorted(pod.spec.nodeName or "" for pod in await w.items(Pod) if not pod.metadata.deletionTimestamp)


async def update(w: World, spec: dict[str, Any], name: str = "agent") -> None:
    await w.client.patch(DaemonSet, name, "default", {"spec": spec})


def new_image(image: str) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}


def test_every_node_gets_its_pod_and_new_nodes_too() -> None:
    async def body(w: World) -> None:
        await nodes(w, 2)
        await w.create(DaemonSet, daemon_set())
        await w.until(lambda: settled(w))
        assert await where(w) == [NODE, "node-2"]
        tolerated = {t.key for t in (await w.items(Pod))[0].spec.tolerations}
        assert "node.kubernetes.io/unschedulable" in tolerated
        await w.add_node("node-3")
        await w.settle()
        assert await where(w) == [NODE, "node-2", "node-3"]
        await w.client.delete(Pod, (await w.items(Pod))[0].metadata.name or "", "default")
        await w.settle()
        assert await where(w) == [NODE, "node-2", "node-3"]
        assert await settled(w)

    in_world(body)


def test_labels_and_taints_decide_and_changes_count_at_once() -> None:
    async def body(w: World) -> None:
        await nodes(w, 3)
        template = pod_template(app="agent")
        template["spec"]["nodeSelector"] = {"disk": "ssd"}
        await w.create(DaemonSet, daemon_set(template=template))
        await w.settle()
        assert await where(w) == []
        for number in (2, 3):
            await w.client.patch(Node, f"node-{number}", "", {"metadata": {"labels": {"disk": "ssd"}}})
        await w.until(lambda: settled(w))
        assert await where(w) == ["node-2", "node-3"]
        await w.client.patch(Node, "node-3", "", {"metadata": {"labels": {"disk": None}}})
        await w.settle()
        assert await where(w) == ["node-2"]
        taint = {"key": "busy", "effect": "NoSchedule"}
        await w.client.patch(Node, "node-2", "", {"spec": {"taints": [taint]}})
        await w.settle()
        assert await where(w) == ["node-2"], "NoSchedule does not drive out what runs"
        await w.client.patch(Node, "node-2", "", {"spec": {"taints": [{**taint, "effect": "NoExecute"}]}})
        await w.settle()
        assert await where(w) == []
        status = (await w.client.get(DaemonSet, "agent", "default")).status
        assert (status.desiredNumberScheduled, status.currentNumberScheduled) == (0, 0)

    in_world(body)


class Extremes:
    """The fewest ready Pods and the most Pods there were, those being deleted left out."""

    def __init__(self, count: int) -> None:
        self.least_ready = self.most = count

    def __call__(self, pods: list[Pod]) -> None:
        staying = [pod for pod in pods if not pod.metadata.deletionTimestamp]
        self.least_ready = min(self.least_ready, sum(map(is_ready, staying)))
        self.most = max(self.most, len(staying))


async def only(w: World, image: str) -> bool:
    return await settled(w) and {pod.spec.containers[0].image for pod in await w.items(Pod)} == {image}


def test_a_rolling_update_takes_one_node_at_a_time() -> None:
    async def body(w: World) -> None:
        await nodes(w, 4)
        await w.create(DaemonSet, daemon_set())
        await w.until(lambda: settled(w))
        seen = Extremes(4)
        async with w.following(Pod, seen):
            await update(w, new_image("good:2"))
            await w.until(lambda: only(w, "good:2"))
        assert (seen.least_ready, seen.most) == (3, 4)
        assert sorted(r.revision for r in await w.items(ControllerRevision)) == [1, 2]
        await update(w, new_image("good"))
        await w.until(lambda: only(w, "good"))
        assert sorted(r.revision for r in await w.items(ControllerRevision)) == [2, 3]

    in_world(body)


def test_surging_keeps_every_node_served() -> None:
    async def body(w: World) -> None:
        await nodes(w, 3)
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        await w.create(DaemonSet, daemon_set(updateStrategy=strategy))
        await w.until(lambda: settled(w))
        seen = Extremes(3)
        async with w.following(Pod, seen):
            await update(w, new_image("good:2"))
            await w.until(lambda: only(w, "good:2"))
        assert (seen.least_ready, seen.most) == (3, 4)

    in_world(body)


def test_on_delete_waits_for_the_user_and_history_keeps_its_limit() -> None:
    async def body(w: World) -> None:
        await w.create(DaemonSet, daemon_set(updateStrategy={"type": "OnDelete"}, revisionHistoryLimit=1))
        await w.until(lambda: settled(w))
        for number in range(2, 6):
            await update(w, new_image(f"good:{number}"))
            await w.settle()
        (pod,) = await w.items(Pod)
        assert pod.spec.containers[0].image == "good"
        await w.client.delete(Pod, pod.metadata.name or "", "default")
        await w.until(lambda: settled(w))
        (pod,) = await w.items(Pod)
        assert pod.spec.containers[0].image == "good:5"
        await w.settle()
        numbers = sorted(r.revision for r in await w.items(ControllerRevision))
        assert numbers == [1, 5], "what a Pod was made from is not forgotten"

    in_world(body)


def test_a_daemon_that_fails_is_replaced_more_and_more_slowly() -> None:
    async def body(w: World) -> None:
        await w.create(DaemonSet, daemon_set(image="good"))
        await w.until(lambda: settled(w))
        uids: set[str] = set()
        for _ in range(600):
            for pod in await w.items(Pod):
                if pod.metadata.uid not in uids and pod.status.phase == "Running":
                    uids.add(pod.metadata.uid or "")
                    await w.client.patch(
                        Pod, pod.metadata.name or "", "default", {"status": {"phase": "Failed"}}, subresource="status"
                    )
            await asyncio.sleep(0.1)
        assert 5 <= len(uids) <= 8, "after 1, 2, 4, 8, 16, 32 seconds"
        assert any(e.reason == "FailedDaemonPod" for e in await w.items(Event))

    in_world(body)


def test_pods_for_nodes_that_went_go_as_well_and_nothing_is_doubled_by_restarts() -> None:
    async def body(w: World) -> None:
        await nodes(w, 6)
        await w.create(DaemonSet, daemon_set())
        for _ in range(4):
            await asyncio.sleep(0.003)
            await w.kill_controllers()
            await w.start_controllers()
        await w.until(lambda: settled(w))
        assert await where(w) == [NODE, *(f"node-{n}" for n in range(2, 7))]
        await w.client.delete(Node, "node-6")
        await w.until(lambda: _desired(w, 5))

    async def _desired(w: World, count: int) -> bool:
        status = (await w.client.get(DaemonSet, "agent", "default")).status
        return status.desiredNumberScheduled == count and (status.numberAvailable or 0) == count

    in_world(body)
