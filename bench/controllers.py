"""Figures of controllers on simulated nodes: rollouts, deletions, garbage, a lost node, idleness; how they grow.

Usage: bench/controllers.py [--nodes 1000] [--replicas 500 1000 2000] [--objects 2500 10000] [--pods 10000].
Needs no root. Processor time is that of the control plane and, behind the plus sign, of the nodes' process; beside each
size stands what one object of it takes, so that what grows faster than its size is seen within one run, on a busy
machine too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.simulated import Processes, idle, run, say, say_both
from pybernetes.api.apps.v1 import Deployment, ReplicaSet
from pybernetes.api.core.v1 import ConfigMap, Namespace, Node, Pod
from pybernetes.api.meta.v1 import ObjectMeta, OwnerReference
from pybernetes.apimachinery import errors
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.sim.nodes import OFF

NAME = "bench-controllers"
AT_ONCE = 64
IDLE_S = 20.0
POLL_S = 0.1


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():  # noqa: ASYNC110 (a server is asked)
        await asyncio.sleep(POLL_S)


class Cluster:
    def __init__(self, client: Client, processes: Processes) -> None:
        self.client = client
        self.processes = processes

    @asynccontextmanager
    async def took(self, what: str, count: int) -> AsyncIterator[None]:
        """Prints the time and the processor time of what is done within."""
        began, before = time.perf_counter(), self.processes.cpu_s()
        yield
        took_s = time.perf_counter() - began
        plane, nodes = (1e6 * (now - then) / count for then, now in zip(before, self.processes.cpu_s(), strict=True))
        say(what, took_s, f"s, CPU {plane:5.0f} + {nodes:5.0f} µs each")

    async def gone(self, cls: Any, name: str, namespace: str = "") -> None:
        async def is_gone() -> bool:
            try:
                await self.client.get(cls, name, namespace)
            except errors.NotFound:
                return True
            return False

        await until(is_gone)

    async def pods(self, is_one: Callable[[Pod], bool], count: int, since: str) -> None:
        """Until so many Pods have been seen to be one."""
        seen: set[str] = set()
        async for event in self.client.watch(Pod, "default", resource_version=since, bookmarks=False):
            if event.type != "DELETED" and is_one(event.object):
                seen.add(event.object.metadata.uid or "")
                if len(seen) == count:
                    return

    async def version(self) -> str:
        return (await self.client.list(Pod, "default", limit=1)).resource_version

    async def make(self, count: int, namespace: str, owner: ConfigMap | None = None) -> None:
        """ConfigMaps, perhaps dependents of another."""
        references = []
        if owner is not None:
            uid, name = owner.metadata.uid or "", owner.metadata.name or ""
            references = [
                OwnerReference(apiVersion="v1", kind="ConfigMap", name=name, uid=uid, blockOwnerDeletion=True)
            ]
        numbers = iter(range(count))

        async def some() -> None:
            for number in numbers:
                meta = ObjectMeta(name=f"piece-{number}", ownerReferences=references)
                await self.client.create(ConfigMap(metadata=meta, data={"number": str(number)}), namespace)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())


def spec_of(name: str, replicas: int, **more: Any) -> dict[str, Any]:
    """Of a Deployment or a ReplicaSet; `more` of its Pods."""
    pod = {"containers": [{"name": "c", "image": "x:1"}], "terminationGracePeriodSeconds": 0, **more}
    return {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
    }


def deployment(name: str, replicas: int) -> Deployment:
    return msgspec.convert({"metadata": {"name": name}, "spec": spec_of(name, replicas)}, Deployment)


def is_bound(pod: Pod) -> bool:
    return bool(pod.spec.nodeName)


def is_running(pod: Pod) -> bool:
    return pod.status.phase == "Running"


async def rollout(on: Cluster, replicas: int) -> None:
    """Created, updated, deleted."""
    since = await on.version()
    async with asyncio.TaskGroup() as group:
        bound = asyncio.create_task(on.pods(is_bound, replicas, since))
        running = asyncio.create_task(on.pods(is_running, replicas, since))
        group.create_task(shown(on, f"Deployment of {replicas:,} until all are bound", replicas, bound))
        group.create_task(shown(on, "  until all run", replicas, running))
        await on.client.create(deployment("many", replicas), "default")
    async with on.took("  rolling update of it", replicas):
        change = {"spec": {"template": {"metadata": {"annotations": {"new": "1"}}}}}
        await on.client.patch(Deployment, "many", "default", change, patch_type="merge")
        await until(lambda: is_complete(on.client, replicas))
    async with on.took("  deletion of it, foreground", replicas):
        await on.client.delete(Deployment, "many", "default", propagation="Foreground")
        await on.gone(Deployment, "many", "default")


async def shown(on: Cluster, what: str, count: int, work: Awaitable[None]) -> None:
    async with on.took(what, count):
        await work


async def is_complete(client: Client, replicas: int) -> bool:
    found = await client.get(Deployment, "many", "default")
    status = found.status
    counts = (status.updatedReplicas, status.availableReplicas, status.replicas)
    return status.observedGeneration == found.metadata.generation and counts == (replicas,) * 3


async def dependents_gone(client: Client) -> bool:
    """Of the namespace's ConfigMaps one is the cluster's own."""
    return not (await client.list(ConfigMap, "default", limit=2)).continue_


async def garbage(on: Cluster, count: int, propagation: str) -> None:
    owner = await on.client.create(ConfigMap(metadata=ObjectMeta(name="owner")), "default")
    await on.make(count, "default", owner)
    async with on.took(f"{count:,} dependents deleted, {propagation.lower()}", count):
        await on.client.delete(ConfigMap, "owner", "default", propagation=propagation)
        await on.gone(ConfigMap, "owner", "default")
        await until(lambda: dependents_gone(on.client))


async def namespace(on: Cluster, count: int) -> None:
    await on.client.create(Namespace(metadata=ObjectMeta(name="full")))
    await on.make(count, "full")
    async with on.took(f"namespace with {count:,} objects deleted", count):
        await on.client.delete(Namespace, "full")
        await on.gone(Namespace, "full")


async def lost_node(on: Cluster) -> None:
    """110 Pods on one node, whose machine loses its power."""
    node, count = "simulated-1", 110
    there = {"kubernetes.io/hostname": node}
    leave = [
        {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "tolerationSeconds": 0, "operator": "Exists"}
    ]
    since = await on.version()
    spec = spec_of("lost", count, tolerations=leave, nodeSelector=there)
    await on.client.create(msgspec.convert({"metadata": {"name": "lost"}, "spec": spec}, ReplicaSet), "default")
    await on.pods(is_running, count, since)
    anywhere = {"spec": {"template": {"spec": {"nodeSelector": None}}}}
    await on.client.patch(ReplicaSet, "lost", "default", anywhere, patch_type="merge")
    since = await on.version()

    async def unreachable() -> None:
        async for event in on.client.watch(Node, field_selector=f"metadata.name={node}", resource_version=since):
            if any(taint.key == "node.kubernetes.io/unreachable" for taint in event.object.spec.taints):
                return

    await on.client.patch(Node, node, "", {"metadata": {"annotations": {OFF: "true"}}}, patch_type="merge")
    async with on.took(f"node with {count} Pods lost, until it is tainted (50 s of grace)", count):
        await unreachable()
    async with on.took("  until all are replaced and run elsewhere", count):
        await on.pods(lambda pod: is_running(pod) and pod.spec.nodeName != node, count, since)
    await on.client.patch(Node, node, "", {"metadata": {"annotations": {OFF: None}}}, patch_type="merge")
    await on.client.delete(ReplicaSet, "lost", "default", propagation="Foreground")
    await on.gone(ReplicaSet, "lost", "default")


async def nothing(on: Cluster, nodes: int, pods: int) -> None:
    await asyncio.sleep(5)
    await idle(f"idle with {nodes:,} nodes and {pods:,} Pods, CPU", on.processes, IDLE_S)
    say_both("  memory", *on.processes.memory_mb(), "MB")


async def full(on: Cluster, pods: int) -> None:
    since = await on.version()
    async with on.took(f"Deployment of {pods:,} until all run", pods):
        await on.client.create(deployment("many", pods), "default")
        await on.pods(is_running, pods, since)


async def figures(kubeconfig: Path, args: argparse.Namespace) -> None:
    transport = HttpTransport.from_kubeconfig(str(kubeconfig))
    on = Cluster(Client(transport, "bench"), Processes(NAME))
    try:
        await nothing(on, args.nodes, 0)
        for replicas in args.replicas:
            await rollout(on, replicas)
        for count in args.objects:
            await garbage(on, count, "Background")
            await garbage(on, count, "Foreground")
            await namespace(on, count)
        await lost_node(on)
        if args.pods:
            await full(on, args.pods)
            await nothing(on, args.nodes, args.pods)
    finally:
        await transport.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--replicas", type=int, nargs="*", default=[500, 1000, 2000])
    parser.add_argument("--objects", type=int, nargs="*", default=[2500, 10000])
    parser.add_argument("--pods", type=int, default=10000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=f"{NAME}-") as folder:
        os.environ["KUBECONFIG"] = f"{folder}/kubeconfig"
        run("down", "--name", NAME, "--purge")
        try:
            up = ("up", "--name", NAME, "--runtime", "simulated", "--simulated-nodes", str(args.nodes), "--wait", "600")
            run(*up, "--no-example")
            asyncio.run(figures(Path(folder) / "kubeconfig", args))
        finally:
            run("down", "--name", NAME, "--purge")


if __name__ == "__main__":
    main()
