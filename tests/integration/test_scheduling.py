"""Scheduler, node controllers and endpoints together: real apiserver in memory, real authorization, virtual time.

The nodes only pretend: they register, renew Leases, give their Pods addresses and end them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from pybernetes.api.apps.v1 import Deployment
from pybernetes.api.coordination.v1 import Lease, LeaseSpec
from pybernetes.api.core.v1 import Endpoints, Event, Node, Pod, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.scheduling.v1 import PriorityClass
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.times import format_micro_time, format_time
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.client.transport import LocalTransport
from pybernetes.controllers.config import ControllerManagerConfig
from pybernetes.controllers.manager import ControllerManager
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.storage.memory import MemoryStore
from tests.integration.cluster_world import local_client_for
from tests.worlds import live_in

_ADMIN = UserInfo("kubernetes-admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
_SCHEDULER = UserInfo("system:kube-scheduler", groups=(AUTHENTICATED,))
_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


class Cluster:
    def __init__(self) -> None:
        self.clock, self.random = LoopClock(), Random(1)
        self.api = ApiServer(ApiServerConfig(bind_addresses=(), port=-1), MemoryStore(), self.clock, self.random)
        self.client = Client(LocalTransport(self.api.handler, _ADMIN), "test")
        self.alive: set[str] = set()
        self._addresses = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._work: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self.api.start()
        self._tasks["kubelets"] = asyncio.create_task(self._kubelets())
        self._tasks["heartbeats"] = asyncio.create_task(self._heartbeats())
        await self.start_control_plane()

    async def start_control_plane(self) -> None:
        config = ControllerManagerConfig(root_ca_pem="the CA")
        manager = ControllerManager(local_client_for(self.api.handler), config, self.clock, self.random)
        scheduler = self.scheduler = Scheduler(
            Client(LocalTransport(self.api.handler, _SCHEDULER), "kube-scheduler"),
            SchedulerConfig(),
            self.clock,
            self.random,
        )
        self._tasks["controllers"] = asyncio.create_task(manager.run())
        self._tasks["scheduler"] = asyncio.create_task(scheduler.run())
        await manager.started.wait()
        await scheduler.synced.wait()

    async def kill(self, *names: str) -> None:
        tasks = [self._tasks.pop(name) for name in names]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        await self.kill(*self._tasks)
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await self.api.stop()

    # What tests do

    async def create(self, cls: Any, tree: dict[str, Any]) -> Any:
        tree.setdefault("metadata", {}).setdefault("namespace", "default")
        return await self.client.create(msgspec.convert(tree, cls))

    async def until(self, what: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        while not await what():
            assert loop.time() - start <= within_s, f"not within {within_s} s"
            await asyncio.sleep(0.1)
        return loop.time() - start

    async def pods(self) -> list[Pod]:
        return (await self.client.list(Pod, "default")).items

    async def running(self) -> list[str]:
        """The nodes of the Pods that are ready and stay."""
        return sorted(
            pod.spec.nodeName or ""
            for pod in await self.pods()
            if pod.metadata.deletionTimestamp is None and condition_holds(pod.status.conditions, "Ready")
        )

    async def node(self, name: str) -> Node:
        return await self.client.get(Node, name)

    async def endpoints(self) -> dict[str, bool]:
        return {
            endpoint.addresses[0]: bool(endpoint.conditions and endpoint.conditions.ready)
            for each in (await self.client.list(EndpointSlice, "default", label_selector=_OF_WEB)).items
            for endpoint in each.endpoints or []
        }

    async def events(self, reason: str) -> list[str]:
        return [e.message or "" for e in (await self.client.list(Event, "default")).items if e.reason == reason]

    # What nodes do

    async def add_node(self, name: str, cpu: str = "4") -> None:
        await self.client.create(
            msgspec.convert({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}, Node)
        )
        self.alive.add(name)
        await self._post_status(name, cpu)

    async def _post_status(self, name: str, cpu: str = "4") -> None:
        now = format_time(self.clock.now())
        conditions = [
            {
                "type": kind,
                "status": "True" if kind == "Ready" else "False",
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
            }
            for kind in _CONDITIONS
        ]
        offered = {"cpu": cpu, "memory": "8Gi", "pods": "110"}
        status = {"conditions": conditions, "allocatable": offered, "capacity": offered}
        await self.client.patch(Node, name, "", {"status": status}, patch_type="strategic", subresource="status")

    async def comes_back(self, name: str) -> None:
        """The kubelet speaks again, and ends what was deleted while it was away."""
        self.alive.add(name)
        await self._post_status(name)
        for pod in await self.pods():
            if pod.spec.nodeName == name and pod.metadata.deletionTimestamp:
                await self._end(pod)

    async def _heartbeats(self) -> None:
        while True:
            for name in sorted(self.alive):
                spec = LeaseSpec(holderIdentity=name, renewTime=format_micro_time(self.clock.now()))
                with contextlib.suppress(errors.NotFound):
                    try:
                        old = await self.client.get(Lease, name, "kube-node-lease")
                        old.spec = spec
                        await self.client.update(old)
                    except errors.NotFound:
                        meta = ObjectMeta(name=name, namespace="kube-node-lease")
                        await self.client.create(Lease(metadata=meta, spec=spec))
            await asyncio.sleep(10)

    async def _kubelets(self) -> None:
        factory = InformerFactory(self.client, self.clock, self.random)
        factory.informer(Pod).add_handler(on_add=self._pod_seen, on_update=lambda old, new: self._pod_seen(new))
        async with asyncio.TaskGroup() as group:
            await factory.start(group)

    def _pod_seen(self, pod: Pod) -> None:
        if pod.spec.nodeName not in self.alive:
            return
        if pod.metadata.deletionTimestamp:
            self._later(self._end(pod))
        elif not pod.status.podIP:
            self._later(self._begin(pod))

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _begin(self, pod: Pod) -> None:
        self._addresses += 1
        address = f"10.244.0.{self._addresses}"
        now = format_time(self.clock.now())
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}],
        }
        with contextlib.suppress(errors.NotFound):
            await self.client.patch(
                Pod,
                pod.metadata.name or "",
                pod.metadata.namespace or "",
                {"status": status},
                patch_type="strategic",
                subresource="status",
            )

    async def _end(self, pod: Pod) -> None:
        with contextlib.suppress(errors.NotFound, errors.Conflict):
            name, namespace = pod.metadata.name or "", pod.metadata.namespace or ""
            await self.client.delete(Pod, name, namespace, grace_period_s=0, uid=pod.metadata.uid or "")


_OF_WEB = "kubernetes.io/service-name=web"


def in_cluster(body: Callable[[Cluster], Awaitable[None]]) -> None:
    live_in(Cluster, body)


def web(replicas: int, cpu: str = "100m") -> dict[str, Any]:
    container = {"name": "c", "image": "web:1", "resources": {"requests": {"cpu": cpu}}}
    return {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    }


SERVICE = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}


def test_a_deployment_behind_a_service_is_spread_over_the_nodes() -> None:
    async def body(c: Cluster) -> None:
        await c.add_node("a")
        await c.add_node("b")
        await c.create(Service, dict(SERVICE))
        await c.create(Deployment, web(4))

        async def spread() -> bool:
            return await c.running() == ["a", "a", "b", "b"]

        await c.until(spread)

        async def published() -> bool:
            return list((await c.endpoints()).values()) == [True] * 4

        await c.until(published)
        legacy = await c.client.get(Endpoints, "web", "default")
        assert sorted(a.ip for a in legacy.subsets[0].addresses) == sorted(await c.endpoints())
        cidrs = {(await c.node(name)).spec.podCIDR for name in ("a", "b")}
        assert cidrs == {"10.244.0.0/24", "10.244.1.0/24"}
        assert [(await c.node(name)).spec.taints for name in ("a", "b")] == [[], []]
        assert len(await c.events("Scheduled")) == 4

    in_cluster(body)


def test_the_pods_of_a_lost_node_are_replaced_and_nothing_is_doubled_when_it_returns() -> None:
    async def body(c: Cluster) -> None:
        for name in ("a", "b"):
            await c.add_node(name)
        await c.create(Service, dict(SERVICE))
        await c.create(Deployment, web(4))

        async def all_run() -> bool:
            return len(await c.running()) == 4

        await c.until(all_run)
        c.alive.remove("b")

        async def unready() -> bool:
            return sorted((await c.endpoints()).values()) == [False, False, True, True]

        assert 40 <= await c.until(unready, 80) <= 70
        taints = {(t.key, t.effect) for t in (await c.node("b")).spec.taints}
        assert taints == {("node.kubernetes.io/unreachable", e) for e in ("NoSchedule", "NoExecute")}

        async def replaced() -> bool:
            return await c.running() == ["a"] * 4

        assert 290 <= await c.until(replaced, 400) <= 310, "the default toleration of 300 s"
        assert sum(pod.metadata.deletionTimestamp is not None for pod in await c.pods()) == 2
        await c.comes_back("b")

        async def clean() -> bool:
            return len(await c.pods()) == 4 and (await c.node("b")).spec.taints == []

        await c.until(clean)
        assert await c.running() == ["a"] * 4
        assert sorted((await c.endpoints()).values()) == [True] * 4

    in_cluster(body)


def test_what_does_not_fit_says_why_and_runs_when_there_is_room() -> None:
    async def body(c: Cluster) -> None:
        await c.add_node("a", cpu="1")
        await c.create(Deployment, web(3, cpu="400m"))

        async def told() -> bool:
            return bool(await c.events("FailedScheduling"))

        await c.until(told)
        message = (
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: "
            "0/1 nodes are available: 1 No preemption victims found for incoming pod."
        )
        assert set(await c.events("FailedScheduling")) == {message}
        waiting = next(pod for pod in await c.pods() if not pod.spec.nodeName)
        condition = next(each for each in waiting.status.conditions if each.type == "PodScheduled")
        assert (condition.status, condition.reason, condition.message) == ("False", "Unschedulable", message)
        await c.add_node("b", cpu="1")

        async def all_run() -> bool:
            return await c.running() == ["a", "a", "b"]

        await c.until(all_run)

    in_cluster(body)


def test_the_control_plane_may_die_at_any_time() -> None:
    async def body(c: Cluster) -> None:
        for name in ("a", "b"):
            await c.add_node(name)
        await c.create(Deployment, web(10))
        for pause in (0.0, 0.001, 0.01, 0.1, 1.0):
            await asyncio.sleep(pause)
            await c.kill("controllers", "scheduler")
            await c.start_control_plane()

        async def all_run() -> bool:
            return await c.running() == ["a"] * 5 + ["b"] * 5

        await c.until(all_run)
        assert len(await c.pods()) == 10

    in_cluster(body)


def of_high_priority(replicas: int, cpu: str) -> dict[str, Any]:
    high = web(replicas, cpu=cpu)
    high["metadata"]["name"] = "high"
    high["spec"]["selector"]["matchLabels"] = high["spec"]["template"]["metadata"]["labels"] = {"app": "high"}
    high["spec"]["template"]["spec"]["priorityClassName"] = "high"
    return high


def test_a_deployment_of_high_priority_takes_the_place_of_another() -> None:
    async def body(c: Cluster) -> None:
        for name in ("a", "b"):
            await c.add_node(name, cpu="1")
        await c.create(PriorityClass, {"metadata": {"name": "high"}, "value": 1000})
        await c.create(Deployment, web(2, cpu="800m"))

        async def low_runs() -> bool:
            return await c.running() == ["a", "b"]

        await c.until(low_runs)
        await c.create(Deployment, of_high_priority(1, cpu="800m"))

        async def high_runs() -> bool:
            return any(pod.metadata.labels["app"] == "high" and pod.status.phase == "Running" for pod in await c.pods())

        await c.until(high_runs)
        (preempted,) = await c.events("Preempted")
        assert preempted.startswith("Preempted by pod ")

        async def settled() -> bool:
            return len(await c.running()) == 2 and len(await c.pods()) == 3

        await c.until(settled)

    in_cluster(body)


def test_while_evictions_go_on_nobody_is_preempted_for_again() -> None:
    """A Pod that is to have a node is not tried, whatever goes elsewhere, until its own victims are gone."""

    async def body(c: Cluster) -> None:
        nodes = [f"n{index}" for index in range(8)]
        for name in nodes:
            await c.add_node(name, cpu="1")
        await c.create(PriorityClass, {"metadata": {"name": "high"}, "value": 1000})
        await c.create(Deployment, web(24, cpu="300m"))

        async def low_runs() -> bool:
            return len(await c.running()) == 24

        await c.until(low_runs)
        await c.create(Deployment, of_high_priority(8, cpu="900m"))

        async def high_runs() -> bool:
            high = [pod for pod in await c.pods() if pod.metadata.labels["app"] == "high"]
            return sorted(pod.spec.nodeName or "" for pod in high if pod.status.phase == "Running") == nodes

        await c.until(high_runs)
        assert "scheduler_preemption_victims_sum 24" in "\n".join(c.scheduler.figures())

    in_cluster(body)
