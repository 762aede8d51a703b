"""Simulated nodes in virtual time: the kubelet's own code, on containers that do what annotations say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSource,
    Container,
    EnvVar,
    HTTPGetAction,
    Node,
    Pod,
    Probe,
    ResourceRequirements,
    Volume,
)
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.kubelet.serving.log_reader import LogOptions
from pybernetes.sim import loop
from pybernetes.sim.nodes import OFF, FleetConfig, NodeWish, SimulatedNodes
from pybernetes.sim.serving import FleetHost
from pybernetes.storage.memory import MemoryStore

ADMIN = UserInfo("kubernetes-admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
ONE = FleetConfig([NodeWish("n1", {"topology.kubernetes.io/zone": "a"}, "240.0.0.0/24")])
SAYS = "simulation.pybernetes.io/"


def pod(name: str, policy: str = "Always", **says: str) -> Pod:
    """`run_for="5s"` becomes the annotation `run-for`."""
    made = Pod()
    made.metadata.name = name
    made.metadata.annotations = {SAYS + key.replace("_", "-"): text for key, text in says.items()}
    made.spec.nodeName = "n1"
    made.spec.restartPolicy = policy
    made.spec.containers = [Container(name="c", image="x:1")]
    made.spec.terminationGracePeriodSeconds = 5
    return made


class World:
    """An apiserver in memory, and simulated nodes that can be begun again."""

    def __init__(self, server: ApiServer, clock: LoopClock) -> None:
        self.server = server
        self.clock = clock
        self.client = Client(LocalTransport(server.handler, ADMIN), "test")
        self.nodes: SimulatedNodes
        self._task: asyncio.Task[None] | None = None

    def begin(self, config: FleetConfig = ONE) -> None:
        def client_of(node: str) -> Client:
            user = UserInfo(f"system:node:{node}", groups=("system:nodes", AUTHENTICATED))
            return Client(LocalTransport(self.server.handler, user), "kubelet")

        self.nodes = SimulatedNodes(self.client, client_of, config, self.clock, Random())
        self._task = asyncio.create_task(self.nodes.run())

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def pod(self, name: str) -> Pod:
        return await self.client.get(Pod, name, "default")

    async def phase(self, name: str, phase: str) -> Pod:
        await until(lambda: self._is(name, phase))
        return await self.pod(name)

    async def _is(self, name: str, phase: str) -> bool:
        return (await self.pod(name)).status.phase == phase

    async def ready(self, name: str) -> bool:
        return any(c.type == "Ready" and c.status == "True" for c in (await self.pod(name)).status.conditions)

    async def waiting(self, name: str) -> str:
        for status in (await self.pod(name)).status.containerStatuses:
            if status.state is not None and status.state.waiting is not None:
                return status.state.waiting.reason or ""
        return ""


async def until(condition: Callable[[], Awaitable[bool]], limit_s: float = 600) -> None:
    async with asyncio.timeout(limit_s):
        while not await condition():  # noqa: ASYNC110 (a server is asked)
            await asyncio.sleep(0.05)


async def gone(world: World, name: str) -> bool:
    try:
        await world.pod(name)
    except errors.NotFound:
        return True
    return False


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    store, clock = MemoryStore(), LoopClock()
    await store.start()
    config = ApiServerConfig(bind_addresses=(), port=-1, disable_admission_plugins=["ServiceAccount"])
    server = ApiServer(config, store, clock, Random())
    await server.start()
    world = World(server, clock)
    try:
        yield world
    finally:
        await world.end()
        await server.stop(0)


def simulated(play: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with a_world() as world:
            world.begin()
            await play(world)

    loop.run(main())


def test_a_node_registers_and_renews_its_lease() -> None:
    async def play(world: World) -> None:
        await until(lambda: _there(world.client, Lease, "n1", "kube-node-lease"))
        node = await world.client.get(Node, "n1")
        assert [c.status for c in node.status.conditions if c.type == "Ready"] == ["True"]
        assert (node.spec.podCIDR, node.metadata.labels["topology.kubernetes.io/zone"]) == ("240.0.0.0/24", "a")
        assert node.status.allocatable["cpu"] == "32"
        before = (await world.client.get(Lease, "n1", "kube-node-lease")).spec.renewTime
        await asyncio.sleep(10.5)
        assert (await world.client.get(Lease, "n1", "kube-node-lease")).spec.renewTime != before
        await world.client.delete(Node, "n1")
        await asyncio.sleep(30)
        assert not await _there(world.client, Node, "n1", ""), "a Node that was deleted stays away"

    simulated(play)


def test_what_was_said_of_a_node_while_it_was_cut_off_is_set_right_again() -> None:
    async def play(world: World) -> None:
        await world.client.create(pod("p"), "default")
        await until(lambda: world.ready("p"))
        lost = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
        await world.client.patch(Node, "n1", "", lost, patch_type="strategic", subresource="status")
        lost = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
        await world.client.patch(Pod, "p", "default", lost, patch_type="strategic", subresource="status")
        assert not await world.ready("p")
        await until(lambda: world.ready("p"), limit_s=20)
        node = await world.client.get(Node, "n1")
        assert [c.status for c in node.status.conditions if c.type == "Ready"] == ["True"]
        revision = (await world.pod("p")).metadata.resourceVersion
        await asyncio.sleep(60)
        assert (await world.pod("p")).metadata.resourceVersion == revision, "said once"

    simulated(play)


async def _there(client: Client, cls: Any, name: str, namespace: str) -> bool:
    try:
        await client.get(cls, name, namespace)
    except errors.NotFound:
        return False
    return True


def test_pods_run_until_they_are_deleted() -> None:
    async def play(world: World) -> None:
        for name in ("a", "b"):
            made = pod(name)
            made.spec.initContainers = [Container(name="i", image="x:1")]
            await world.client.create(made, "default")
        first, second = await world.phase("a", "Running"), await world.phase("b", "Running")
        assert {first.status.podIP, second.status.podIP} == {"240.0.0.2", "240.0.0.3"}
        assert [(s.ready, s.restartCount) for s in first.status.containerStatuses] == [(True, 0)]
        assert (first.status.containerStatuses[0].containerID or "").startswith("simulated://")
        assert first.status.initContainerStatuses[0].state.terminated is not None
        await asyncio.sleep(3600)
        assert (await world.pod("a")).status.phase == "Running"
        await world.client.delete(Pod, "a", "default")
        await until(lambda: gone(world, "a"))

    simulated(play)


def test_pods_that_are_to_end_do() -> None:
    async def play(world: World) -> None:
        await world.client.create(pod("short", "Never"), "default")
        await world.client.create(pod("long", "OnFailure", run_for="2h"), "default")
        await world.client.create(pod("bad", "Never", exit_code="3"), "default")
        await world.phase("short", "Succeeded")
        ended = (await world.phase("bad", "Failed")).status.containerStatuses[0].state
        assert ended is not None and ended.terminated is not None and ended.terminated.exitCode == 3
        await asyncio.sleep(7000)
        assert (await world.pod("long")).status.phase == "Running"
        await asyncio.sleep(300)
        assert (await world.pod("long")).status.phase == "Succeeded"

    simulated(play)


def test_a_pod_that_is_deleted_by_force_makes_room_at_once() -> None:
    async def play(world: World) -> None:
        for name in ("before", "after"):
            made = pod(name, stop_for="50s")
            made.spec.containers[0].resources = ResourceRequirements(requests={"cpu": "32"})
            await world.client.create(made, "default")
            await world.phase(name, "Running")
            await world.client.delete(Pod, name, "default", grace_period_s=0)

    simulated(play)


def test_crashes_back_off_and_images_that_cannot_be_pulled_are_told() -> None:
    async def play(world: World) -> None:
        await world.client.create(pod("crash", exit_code="1"), "default")
        await world.client.create(pod("pull", pull_error="manifest unknown"), "default")
        await world.client.create(pod("start", start_error="no such file"), "default")
        await world.client.create(pod("wrong", run_for="soon"), "default")
        await until(lambda: _equal(world.waiting("crash"), "CrashLoopBackOff"))
        await until(lambda: _equal(world.waiting("pull"), "ImagePullBackOff"))
        await until(lambda: _equal(world.waiting("start"), "RunContainerError"))
        await until(lambda: _equal(world.waiting("wrong"), "CreateContainerConfigError"))
        state = (await world.pod("wrong")).status.containerStatuses[0].state
        assert state is not None and state.waiting is not None and "no duration" in (state.waiting.message or "")
        await asyncio.sleep(600)
        assert ((await world.pod("crash")).status.containerStatuses[0].restartCount or 0) >= 5

    simulated(play)


async def _equal(actual: Awaitable[str], expected: str) -> bool:
    return await actual == expected


def test_probes_hear_what_the_script_says() -> None:
    async def play(world: World) -> None:
        made = pod("p", ready_after="30s", ready_flaps="60s", live_for="10m")
        ask = HTTPGetAction(path="/", port=80)
        made.spec.containers[0].readinessProbe = Probe(httpGet=ask, periodSeconds=1, failureThreshold=1)
        made.spec.containers[0].livenessProbe = Probe(httpGet=ask, periodSeconds=1, failureThreshold=1)
        await world.client.create(made, "default")
        await world.phase("p", "Running")
        began = world.clock.now()
        assert not await world.ready("p")
        await until(lambda: world.ready("p"))
        assert 28 < world.clock.now() - began < 33
        await asyncio.sleep(62)
        assert not await world.ready("p")
        await until(lambda: _restarted(world, "p"), 900)
        assert world.clock.now() - began > 590

    simulated(play)


async def _restarted(world: World, name: str) -> bool:
    return bool((await world.pod(name)).status.containerStatuses[0].restartCount)


def test_pods_wait_for_what_they_mount() -> None:
    async def play(world: World) -> None:
        made = pod("p")
        made.spec.volumes = [Volume(name="v", configMap=ConfigMapVolumeSource(name="settings"))]
        await world.client.create(made, "default")
        await asyncio.sleep(20)
        assert (await world.pod("p")).status.phase == "Pending"
        settings = ConfigMap(data={"a": "b"})
        settings.metadata.name = "settings"
        await world.client.create(settings, "default")
        await world.phase("p", "Running")

    simulated(play)


def test_a_new_process_goes_on_where_the_old_one_was() -> None:
    async def play(world: World) -> None:
        await world.client.create(pod("service"), "default")
        await world.client.create(pod("work", "Never", run_for="1h"), "default")
        before = await world.phase("service", "Running")
        await world.phase("work", "Running")
        await asyncio.sleep(1800)
        await world.end()
        await asyncio.sleep(600)
        world.begin()
        await asyncio.sleep(60)
        after = await world.pod("service")
        assert after.status == before.status
        assert (await world.pod("work")).status.phase == "Running"
        await asyncio.sleep(1200)
        ended = (await world.phase("work", "Succeeded")).status.containerStatuses[0]
        assert ended.restartCount == 0

    simulated(play)


def test_logs_grow_with_the_age_of_a_container() -> None:
    async def play(world: World) -> None:
        await world.client.create(pod("p", "Never", run_for="10s", logs="line {n}", log_every="2s"), "default")
        await world.phase("p", "Running")
        await asyncio.sleep(5)
        host = FleetHost(world.nodes._shared, world.nodes._kubelets, world.clock)
        log = await host.container_log("default", "p", "c", False)

        async def read(options: LogOptions) -> str:
            return "".join([text.decode() async for text in host.log_stream(log, options)])

        assert await read(LogOptions()) == "line 1\nline 2\nline 3\n"
        assert await read(LogOptions(tail_lines=1)) == "line 3\n"
        whole = await read(LogOptions(follow=True))
        assert whole.startswith("line 1\nline 2\n") and whole.endswith("line 5\nline 6\n")
        await world.client.create(pod("silent", "Never", run_for="1h"), "default")
        await world.phase("silent", "Running")
        log = await host.container_log("default", "silent", "c", False)
        began = world.clock.now()
        assert await read(LogOptions(follow=True)) == ""
        assert world.clock.now() - began > 3500, "until the container ends"
        await world.phase("p", "Succeeded")

    simulated(play)


def test_what_containers_use_is_what_annotations_say() -> None:
    async def play(world: World) -> None:
        asks = pod("asks")
        asks.spec.containers[0].resources = ResourceRequirements(requests={"cpu": "100m", "memory": "32Mi"})
        for made in (asks, pod("says", cpu="250m", memory="1Gi"), pod("ends", "Never", cpu="1", run_for="10s")):
            await world.client.create(made, "default")
            await world.phase(made.metadata.name or "", "Running")
        host = FleetHost(world.nodes._shared, world.nodes._kubelets, world.clock)
        with pytest.raises(errors.NotFound, match="the Host header has to be the name of one of them"):
            await host.stats_summary("127.0.0.1:10250")

        async def used() -> dict[str, tuple[int, int]]:
            told = await host.stats_summary("n1", only_cpu_and_memory=True)
            parts = {part["podRef"]["name"]: part for part in told["pods"]} | {"n1": told["node"]}
            return {
                name: (part["cpu"]["usageCoreNanoSeconds"], part["memory"]["workingSetBytes"] >> 20)
                for name, part in parts.items()
            }

        before = await used()
        assert {name: memory for name, (_, memory) in before.items()} == {
            "asks": 32,
            "says": 1024,
            "ends": 0,
            "n1": 1056,
        }
        await asyncio.sleep(4)
        after = await used()
        milli = {name: round((after[name][0] - before[name][0]) / 4e6) for name in before}
        assert milli == {"asks": 100, "says": 250, "ends": 1000, "n1": 1350}
        await world.phase("ends", "Succeeded")
        changed = {"metadata": {"annotations": {SAYS + "cpu": "2"}}}
        await world.client.patch(Pod, "says", "default", changed)
        await asyncio.sleep(10)
        before = await used()
        await asyncio.sleep(10)
        after = await used()
        milli = {name: round((after[name][0] - before[name][0]) / 1e7) for name in before}
        assert milli == {"asks": 100, "says": 2000, "n1": 2100}
        await world.client.create(pod("odd", cpu="much"), "default")
        await until(lambda: _equal(world.waiting("odd"), "CreateContainerConfigError"))

    simulated(play)


def test_a_variable_out_of_a_file_holds_nothing_up() -> None:
    async def play(world: World) -> None:
        made = pod("p")
        file = {"volumeName": "shared", "path": "env", "key": "COLOR"}
        made.spec.containers[0].env = [msgspec.convert({"name": "COLOR", "valueFrom": {"fileKeyRef": file}}, EnvVar)]
        made.spec.volumes = [msgspec.convert({"name": "shared", "emptyDir": {}}, Volume)]
        await world.client.create(made, "default")
        await world.phase("p", "Running")

    simulated(play)


def test_a_node_that_a_user_makes_is_played_as_it_is() -> None:
    async def play(world: World) -> None:
        made = Node()
        made.metadata.name = "big"
        made.status.capacity = {"cpu": "500", "memory": "1Ti", "pods": "1000", "example.com/gpu": "8"}
        made.status.allocatable = {"cpu": "499", "memory": "1Ti", "pods": "1000", "example.com/gpu": "8"}
        await world.client.create(made)

        async def ready() -> bool:
            return any(c.type == "Ready" for c in (await world.client.get(Node, "big")).status.conditions)

        await until(ready)
        node = await world.client.get(Node, "big")
        assert (node.status.capacity["example.com/gpu"], node.status.allocatable["cpu"]) == ("8", "499")

    simulated(play)


def test_what_somebody_adds_to_the_capacity_can_be_allocated_until_it_is_taken_away() -> None:
    async def play(world: World) -> None:
        async def allocatable() -> dict[str, str]:
            return (await world.client.get(Node, "n1")).status.allocatable

        async def follows(amount: str | None) -> None:
            change = {"status": {"capacity": {"example.com/beard-second": amount}}}
            await world.client.patch(Node, "n1", "", change, subresource="status")
            await until(lambda: is_(amount))

        async def is_(amount: str | None) -> bool:
            return (await allocatable()).get("example.com/beard-second") == amount

        await world.client.create(pod("p"), "default")
        await until(lambda: world.ready("p"))
        before = await allocatable()
        await follows("1k")
        await follows(None)
        assert await allocatable() == before

    simulated(play)


def test_a_node_that_is_switched_off_says_nothing_until_it_is_switched_on() -> None:
    async def play(world: World) -> None:
        async def renewed() -> str | None:
            return (await world.client.get(Lease, "n1", "kube-node-lease")).spec.renewTime

        await world.client.create(pod("p"), "default")
        await until(lambda: world.ready("p"))
        await world.client.patch(Node, "n1", "", {"metadata": {"annotations": {OFF: "true"}}})
        await asyncio.sleep(1)
        before = await renewed()
        await world.client.delete(Pod, "p", "default")
        await asyncio.sleep(60)
        assert (await renewed(), (await world.pod("p")).status.phase) == (before, "Running")
        await world.end()
        world.begin()
        await asyncio.sleep(60)
        assert await renewed() == before, "a new process finds it switched off"
        await world.client.patch(Node, "n1", "", {"metadata": {"annotations": {OFF: None}}})
        await until(lambda: gone(world, "p"))
        assert await renewed() != before

    simulated(play)
