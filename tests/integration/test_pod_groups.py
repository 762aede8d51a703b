"""Pods of a group, behind their gates: all that are needed get nodes, or none holds one."""

from __future__ import annotations

from typing import Any, ClassVar

from pybernetes.api.core.v1 import Pod
from pybernetes.api.scheduling.v1alpha2 import PodGroup
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.scheduler.config import SchedulerConfig
from tests.integration.cluster_world import in_world
from tests.integration.scheduled_world import ScheduledWorld

_GATES = {"GenericWorkload": True, "GangScheduling": True}


class GroupWorld(ScheduledWorld):
    """Of one node with 8 CPUs."""

    api_config: ClassVar[ApiServerConfig] = ApiServerConfig(
        bind_addresses=(), port=-1, feature_gates=_GATES, runtime_config={"scheduling.k8s.io/v1alpha2": True}
    )
    scheduling: ClassVar[SchedulerConfig] = SchedulerConfig(feature_gates=_GATES)

    async def group(self, name: str, least: int) -> None:
        spec = {"schedulingPolicy": {"gang": {"minCount": least}}}
        await self.create(PodGroup, {"metadata": {"name": name}, "spec": spec})

    async def pod(self, name: str, group: str = "", cpu: str = "3") -> None:
        container = {"name": "c", "image": "good", "resources": {"requests": {"cpu": cpu}}}
        spec: dict[str, Any] = {"containers": [container], "restartPolicy": "Never"}
        if group:
            spec["schedulingGroup"] = {"podGroupName": group}
        await self.create(Pod, {"metadata": {"name": name}, "spec": spec})

    async def placed(self) -> set[str]:
        return {pod.metadata.name or "" for pod in await self.items(Pod) if pod.spec.nodeName}

    async def until_placed(self, *names: str) -> None:
        async def are() -> bool:
            return await self.placed() == set(names)

        await self.until(are)

    def waits(self) -> set[str]:
        """The Pods that are kept out of the queue."""
        return {queued.pod.metadata.name or "" for queued in self.scheduler.queue.pending()["gated"]}


def test_the_pods_of_a_gang_go_together() -> None:
    async def body(w: GroupWorld) -> None:
        await w.pod("a", "gang", cpu="1")
        await w.until(lambda: _true(w.waits() == {"a"}))
        await w.group("gang", 3)
        await w.pod("b", "gang", cpu="1")
        await w.until(lambda: _true(w.waits() == {"a", "b"}))
        await w.settle()
        assert await w.placed() == set()
        await w.pod("c", "gang", cpu="1")
        await w.until_placed("a", "b", "c")

    in_world(body, made=GroupWorld)


def test_a_gang_that_does_not_fit_holds_nothing() -> None:
    async def body(w: GroupWorld) -> None:
        await w.group("gang", 3)
        for name in "abc":
            await w.pod(name, "gang")
        await w.settle(60)
        assert await w.placed() == set()
        await w.pod("alone", cpu="6")
        await w.until_placed("alone")
        await w.add_node("node-2")
        await w.client.delete(Pod, "alone", "default")
        await w.until_placed("a", "b", "c")

    in_world(body, made=GroupWorld)


def test_the_pods_of_a_basic_group_go_alone() -> None:
    async def body(w: GroupWorld) -> None:
        await w.create(PodGroup, {"metadata": {"name": "any"}, "spec": {"schedulingPolicy": {"basic": {}}}})
        await w.pod("a", "any")
        await w.until_placed("a")

    in_world(body, made=GroupWorld)


async def _true(value: bool) -> bool:
    return value
