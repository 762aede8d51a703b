"""A world with the real scheduler, whose nodes run what it put there."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.apimachinery.user import AUTHENTICATED, UserInfo
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.scheduler import Scheduler
from tests.integration.cluster_world import World

_SCHEDULER = UserInfo("system:kube-scheduler", groups=(AUTHENTICATED,))


class ScheduledWorld(World):
    scheduling: ClassVar[SchedulerConfig] = SchedulerConfig()

    async def start(self) -> None:
        await super().start()
        client = Client(LocalTransport(self.api.handler, _SCHEDULER), "kube-scheduler")
        self.scheduler = Scheduler(client, self.scheduling, self.clock, self.random)
        self._tasks.append(asyncio.create_task(self.scheduler.run()))
        await self.scheduler.synced.wait()

    async def add_node(self, name: str, **labels: str) -> None:
        await super().add_node(name, **{"kubernetes.io/hostname": name, **labels})
        room = {"cpu": "8", "memory": "8Gi", "pods": "110"}
        status = {"status": {"allocatable": room, "capacity": room}}
        await self.client.patch(Node, name, "", status, patch_type="merge", subresource="status")

    def _pod_seen(self, pod: Pod) -> None:
        if pod.spec.nodeName:
            super()._pod_seen(pod)

    def _pod_changed(self, old: Pod, new: Pod) -> None:
        if new.spec.nodeName and not old.spec.nodeName:
            super()._pod_seen(new)
        super()._pod_changed(old, new)
