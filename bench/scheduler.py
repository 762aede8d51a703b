"""Scheduling end to end: an apiserver over TLS on SQLite, the scheduler, and who makes Pods, a process each.

    python bench/scheduler.py [--nodes 1000]... [--pods 3000] [--shape NAME]... [--gated N]

The shapes are those of `bench/decisions.py`, which has the decisions alone. The time goes from the first Pod made until
the last that fits is bound, as upstream's scheduler_perf counts; as many Pods as are said wait behind a scheduling gate
meanwhile. Prints for each shape and number of nodes how many Pods a second that are, how many times upstream's floor,
the processor time of both processes for a Pod, and what the scheduler's memory grew by for a node and a Pod. With
"mixed churn" a node, a Service and a Pod that fits nowhere come and go each second meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import uvloop

from bench.clients.server import START, Server
from bench.decisions import SHAPES, UNSCHEDULABLE, node, pod, pods_of, resident, volumes
from bench.machine import cpu_s, memory_mb
from pybernetes.api.core.v1 import Pod, Service, ServicePort, ServiceSpec
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.scheduling.v1 import PriorityClass
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.cluster.kubeconfig import one_context

AT_ONCE = 64
RESIDENTS = 4
"""On each node, of low priority, where Pods are preempted."""
CHURN_S = 1.0


class Cluster(Server):
    """An apiserver, and a scheduler once it is started. Nobody takes the taint off nodes that are new."""

    scheduler: subprocess.Popen[bytes]

    def flags(self) -> dict[str, str]:
        return super().flags() | {"disable-admission-plugins": "TaintNodesByCondition"}

    def start_scheduler(self) -> None:
        cluster = {"server": self.url, "certificate-authority": str(self.authority.certificate_file)}
        kubeconfig = self.folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(one_context("bench", cluster, {"token": "secret"})))
        with (self.folder / "scheduler.log").open("ab") as log:
            command = [sys.executable, "-c", START, "scheduler", f"--kubeconfig={kubeconfig}", "--secure-port=0"]
            self.scheduler = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        if hasattr(self, "scheduler"):
            self.scheduler.terminate()
            self.scheduler.wait()
        super().stop()


@asynccontextmanager
async def client_of(server: Server) -> AsyncIterator[Client]:
    transport = HttpTransport(server.url, server.context, token="secret")
    try:
        yield Client(transport, "bench")
    finally:
        await transport.close()


async def make(client: Client, objects: Iterable[Any]) -> None:
    """Creates them, so many at once."""
    each = iter(objects)

    async def some() -> None:
        for obj in each:
            await client.create(obj, obj.metadata.namespace or "")

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())


async def until_bound(client: Client, since: str, count: int) -> None:
    """Until so many Pods got a node after that version."""
    where = f"/api/v1/namespaces/default/pods?watch=1&resourceVersion={since}&fieldSelector=spec.nodeName!%3D"
    async with contextlib.aclosing(client.watch_lines(where)) as lines:
        async for kind, _ in lines:
            count -= kind == "ADDED"
            if not count:
                return


async def bind(client: Client, pods: Iterable[Pod], count: int) -> float:
    """Makes the Pods; returns the seconds until so many of them are bound."""
    since = (await client.list(Pod, "default", limit=1)).resource_version
    bound = asyncio.create_task(until_bound(client, since, count))
    start = time.perf_counter()
    await make(client, pods)
    await bound
    return time.perf_counter() - start


async def churn(client: Client) -> None:
    """Makes and deletes again what scheduling has to look at."""
    for number in itertools.count():
        large = pod(number, cpu="9", priorityClassName="urgent", priority=10)
        large.metadata.name = f"churn-{number}"
        passing = node(-1 - number)
        ports = ServiceSpec(ports=[ServicePort(port=80)])
        service = Service(metadata=ObjectMeta(name=f"churn-{number}", namespace="default"), spec=ports)
        for obj in (passing, large, service):
            await client.create(obj, obj.metadata.namespace or "")
        await asyncio.sleep(CHURN_S)
        for obj in (passing, large, service):
            await client.delete(type(obj), obj.metadata.name or "", obj.metadata.namespace or "")


async def measured(server: Server, shape: str, nodes: int, pods: int, gated: int) -> float:
    waiting = (pod(pods + index, schedulingGates=[{"name": "example.com/later"}]) for index in range(gated))
    made = (SHAPES[shape][1](index, nodes) for index in range(pods))
    fitting = pods - len(range(0, pods, UNSCHEDULABLE)) if shape == "unschedulable mix" else pods
    async with client_of(server) as client:
        churning = asyncio.create_task(churn(client)) if shape == "mixed churn" else None
        seconds = await bind(client, itertools.chain(waiting, made), fitting)
        if churning is not None:
            churning.cancel()
            await asyncio.gather(churning, return_exceptions=True)
        return seconds


async def prepared(server: Cluster, shape: str, nodes: int, pods: int) -> float:
    """Makes what is there before, and starts the scheduler; returns the KB that a node takes of it."""
    urgent = PriorityClass(metadata=ObjectMeta(name="urgent"), value=10)
    async with client_of(server) as client:
        await make(client, [urgent, node(0, shape)])
        if shape == "volumes":
            await make(client, volumes(pods))
        server.start_scheduler()
        await bind(client, [_named(pod(0), "first")], 1)
        before_mb = memory_mb(server.scheduler.pid)
        await make(client, (node(index, shape) for index in range(1, nodes)))
        await bind(client, [_named(pod(0), "second")], 1)
        grown_mb = memory_mb(server.scheduler.pid) - before_mb
        for name in ("first", "second"):
            await client.delete(Pod, name, "default", grace_period_s=0)
        if shape == "preemption":
            residents = (_placed(resident(index), f"node-{index % nodes}") for index in range(RESIDENTS * nodes))
            await make(client, residents)
    return grown_mb * 1024 / nodes


def _named(obj: Pod, name: str) -> Pod:
    obj.metadata.name = name
    return obj


def _placed(obj: Pod, node_name: str) -> Pod:
    obj.spec.nodeName = node_name
    return obj


def measure(shape: str, nodes: int, pods: int, gated: int) -> str:
    pods = pods_of(shape, pods, nodes)
    with tempfile.TemporaryDirectory() as folder:
        server = Cluster(Path(folder))
        server.start()
        try:
            server.request("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
            kb_a_node = uvloop.run(prepared(server, shape, nodes, pods))
            pid = server.scheduler.pid
            before_mb, cpu, server_cpu = memory_mb(pid), cpu_s(pid), server.cpu_s()
            seconds = uvloop.run(measured(server, shape, nodes, pods, gated))
            cpu_us, server_cpu_us = (
                (now - then) / pods * 1e6 for now, then in ((cpu_s(pid), cpu), (server.cpu_s(), server_cpu))
            )
            kb_a_pod = (memory_mb(pid) - before_mb) * 1024 / pods
            peak = memory_mb(pid)
        finally:
            server.stop()
    rate, floor = pods / seconds, SHAPES[shape][0]
    times = f"{rate / floor:>7.1f}x" if floor else f"{'':>8}"
    return (
        f"{shape:<24}{nodes:>7}{pods:>7}{rate:>8,.0f}{times}{cpu_us:>10,.0f}{server_cpu_us:>10,.0f}"
        f"{kb_a_node:>9.1f}{kb_a_pod:>8.1f}{peak:>8,.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--nodes", type=int, action="append", help="(default 1000); more than once for more")
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument(
        "--shape", action="append", choices=list(SHAPES), help="(default basic); more than once for more"
    )
    parser.add_argument("--gated", type=int, default=0, help="pods that wait behind a gate meanwhile")
    args = parser.parse_args()
    print(f"{'':<38}{'':>8}{'':>8}{'µs of processor a pod':>21}{'KB of the scheduler':>20}")
    print(
        f"{'':<24}{'nodes':>7}{'pods':>7}{'pods/s':>8}{'floor':>8}{'scheduler':>10}{'apiserver':>10}"
        f"{'a node':>9}{'a pod':>8}{'MB':>8}"
    )
    for shape in args.shape or ["basic"]:
        for nodes in args.nodes or [1000]:
            print(measure(shape, nodes, args.pods, args.gated), flush=True)


if __name__ == "__main__":
    main()
