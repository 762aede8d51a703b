"""Everything between controllers and apiserver goes wrong now and then; what must come out stays the same.

A seed replays a run.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest

from pybernetes.api.apps.v1 import DaemonSet, Deployment, ReplicaSet, StatefulSet
from pybernetes.api.batch.v1 import CronJob, Job
from pybernetes.api.core.v1 import Namespace, Pod
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.policy.v1 import PodDisruptionBudget
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.user import AUTHENTICATED, UserInfo
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport, RawResponse, ResponseStream
from pybernetes.controllers.manager import ControllerManager
from pybernetes.controllers.runtime.owners import controller_of
from pybernetes.controllers.runtime.pods import is_active
from pybernetes.host.random import Random
from tests.integration.cluster_world import WITHOUT_NODE_HEALTH, World, deployment, in_world, job, pod_template

_FAULT_RATE = 0.06


class FaultyTransport(LocalTransport):
    """Loses requests, loses answers, answers 500 and 409 of its own, cuts watches."""

    random = Random(0)
    faults = 0

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", timeout_s: float | None = None
    ) -> RawResponse:
        draw = self.random.uniform(0, 1)
        if draw < _FAULT_RATE:
            FaultyTransport.faults += 1
            raise ConnectionResetError("the request was lost")
        if draw < 2 * _FAULT_RATE:
            FaultyTransport.faults += 1
            return RawResponse(500, {}, b"the apiserver stumbled")
        answer = await super().request(method, target, headers, body, timeout_s)
        if draw > 1 - _FAULT_RATE:
            FaultyTransport.faults += 1
            raise ConnectionResetError("the answer was lost")
        return answer

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[ResponseStream]:
        async with super().stream(method, target, headers, body) as whole:
            yield _Cut(whole, self.random)


class _Cut:
    """A stream that breaks after some chunks."""

    def __init__(self, whole: ResponseStream, random: Random) -> None:
        self.status = whole.status
        self.headers = whole.headers
        self._whole = whole
        self._left = random.choice_index(40) + 1

    async def read(self) -> bytes:
        return await self._whole.read()

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._whole.chunks():
            yield chunk
            self._left -= 1
            if self._left == 0:
                FaultyTransport.faults += 1
                raise ConnectionResetError("the watch was cut")


class FaultyWorld(World):
    def _manager(self) -> ControllerManager:
        def client_for(service_account: str) -> Client:
            name = f"system:serviceaccount:kube-system:{service_account}"
            user = UserInfo(name if service_account else "system:kube-controller-manager", groups=(AUTHENTICATED,))
            return Client(FaultyTransport(self.api.handler, user), service_account or "kube-controller-manager")

        return ControllerManager(client_for, self._config, self.clock, self.random)


@pytest.mark.parametrize("seed", range(1, 7))
def test_what_is_wanted_comes_out(seed: int) -> None:
    async def body(w: World) -> None:
        FaultyTransport.random = Random(seed)
        FaultyTransport.faults = 0
        await w.create(Deployment, deployment(replicas=6))
        await w.create(Job, job(completions=8, parallelism=3))
        await w.settle(2)
        body = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "good:2"}]}}}}
        await w.client.patch(Deployment, "web", "default", body, patch_type="strategic")
        await w.kill_controllers()
        await w.start_controllers()
        await w.client.create(Namespace(metadata=ObjectMeta(name="gone")))
        await w.settle(1)
        await w.client.delete(Namespace, "gone")

        async def converged() -> bool:
            d = await w.client.get(Deployment, "web", "default")
            j = await w.client.get(Job, "work", "default")
            done = (d.status.updatedReplicas, d.status.replicas, d.status.availableReplicas) == (6, 6, 6)
            complete = condition_holds(j.status.conditions, "Complete")
            return done and complete and await w.gone(Namespace, "gone", "")

        await w.until(converged, within_s=1200)
        await w.settle(30)
        j = await w.client.get(Job, "work", "default")
        assert j.status.succeeded == 8
        pods = await w.items(Pod)
        of_job = [p for p in pods if (ref := controller_of(p)) is not None and ref.kind == "Job"]
        assert len(of_job) == 8, "no Pod too many, though answers were lost"
        web = [p for p in pods if p not in of_job and is_active(p)]
        assert [p.spec.containers[0].image for p in web] == ["good:2"] * 6
        assert len(await w.items(ReplicaSet)) == 2
        assert FaultyTransport.faults > 20

    in_world(body, seed, made=FaultyWorld, controllers=WITHOUT_NODE_HEALTH)


@pytest.mark.parametrize("seed", range(1, 5))
def test_sets_and_schedules_come_out_too(seed: int) -> None:
    async def body(w: World) -> None:
        FaultyTransport.random = Random(seed)
        FaultyTransport.faults = 0
        for number in range(2, 5):
            await w.add_node(f"node-{number}")
        selector = {"matchLabels": {"app": "db"}}
        ordered = {"replicas": 4, "serviceName": "db", "selector": selector, "template": pod_template(app="db")}
        daemons = {"selector": {"matchLabels": {"app": "agent"}}, "template": pod_template(app="agent")}
        template = job()["spec"]["template"]
        every_minute = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}
        await w.create(StatefulSet, {"metadata": {"name": "db"}, "spec": ordered})
        await w.create(DaemonSet, {"metadata": {"name": "agent"}, "spec": daemons})
        await w.create(CronJob, {"metadata": {"name": "tick"}, "spec": every_minute})
        budget = {"selector": selector, "maxUnavailable": 1}
        await w.create(PodDisruptionBudget, {"metadata": {"name": "db"}, "spec": budget})
        await w.settle(3)
        new = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "good:2"}]}}}}
        for cls, name in ((StatefulSet, "db"), (DaemonSet, "agent")):
            await w.client.patch(cls, name, "default", new, patch_type="strategic")
        await w.settle(1)
        await w.kill_controllers()
        await w.start_controllers()

        async def converged() -> bool:
            s = (await w.client.get(StatefulSet, "db", "default")).status
            d = (await w.client.get(DaemonSet, "agent", "default")).status
            allowed = (await w.client.get(PodDisruptionBudget, "db", "default")).status.disruptionsAllowed
            sets = (s.readyReplicas, s.updatedReplicas, d.numberAvailable, d.updatedNumberScheduled)
            return sets == (4, 4, 4, 4) and s.currentRevision == s.updateRevision and allowed == 1

        await w.until(converged, within_s=1200)
        await w.settle(600)
        pods = [pod for pod in await w.items(Pod) if is_active(pod)]
        agents = [pod for pod in pods if pod.metadata.labels.get("app") == "agent"]
        assert sorted(pod.spec.nodeName or "" for pod in agents) == ["node-1", "node-2", "node-3", "node-4"]
        assert {pod.spec.containers[0].image for pod in pods if "app" in pod.metadata.labels} == {"good:2"}
        jobs = [found for found in await w.items(Job) if not found.metadata.deletionTimestamp]
        assert 3 <= len(jobs) <= 4, "three of history and perhaps one that runs"
        assert FaultyTransport.faults > 20

    in_world(body, seed, made=FaultyWorld, controllers=WITHOUT_NODE_HEALTH)
