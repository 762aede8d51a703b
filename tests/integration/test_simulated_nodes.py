"""Nodes that only pretend: Ready, with Pods that run at once, keep a state they have, and go when they are deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pybernetes.api.core.v1 import Container, Node, Pod
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.sim.nodes import SimulatedNodes
from pybernetes.storage.memory import MemoryStore

ADMIN = UserInfo("kubernetes-admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))


def pod(name: str, node: str = "n1") -> Pod:
    made = Pod()
    made.metadata.name = name
    made.spec.nodeName = node
    made.spec.containers = [Container(name="c", image="x")]
    made.spec.initContainers = [Container(name="i", image="x")]
    return made


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 (a server is asked)
            await asyncio.sleep(0.02)


def test_pods_run_and_end() -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.start()
        off = ["ServiceAccount"]
        config = ApiServerConfig(bind_addresses=(), port=-1, disable_admission_plugins=off)
        server = ApiServer(config, store, SystemClock(), Random())
        await server.start()
        client = Client(LocalTransport(server.handler, ADMIN), "test")
        node = Node()
        node.metadata.name = "n1"
        node.spec.podCIDR, node.spec.podCIDRs = "10.1.0.0/24", ["10.1.0.0/24"]
        await client.create(node)
        await client.create(pod("old"), "default")
        told = {"status": {"phase": "Failed", "reason": "Evicted"}}
        await client.patch(Pod, "old", "default", told, subresource="status")
        task = asyncio.create_task(SimulatedNodes(client, SystemClock(), Random()).run())
        for name in ("a", "b"):
            await client.create(pod(name), "default")

        async def running() -> bool:
            pods = (await client.list(Pod, "default")).items
            return sum(each.status.phase == "Running" for each in pods) == 2

        async def ready() -> bool:
            return any(each.type == "Ready" for each in (await client.get(Node, "n1")).status.conditions)

        async def gone() -> bool:
            try:
                await client.get(Pod, "a", "default")
            except errors.NotFound:
                return True
            return False

        await until(running)
        await until(ready)
        first, second = [await client.get(Pod, name, "default") for name in ("a", "b")]
        assert {first.status.podIP, second.status.podIP} == {"10.1.0.2", "10.1.0.3"}
        assert [(status.ready, status.restartCount) for status in first.status.containerStatuses] == [(True, 0)]
        assert first.status.initContainerStatuses[0].state.terminated is not None
        assert (await client.get(Pod, "old", "default")).status.reason == "Evicted", "what had a state keeps it"
        await client.delete(Pod, "a", "default")
        await until(gone)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.stop(0)

    asyncio.run(main())
