"""Scheduling end to end: an apiserver over TLS on SQLite, the scheduler in this process, Pods made by a third.

    python bench/scheduler.py [--nodes 1000] [--pods 3000] [--shape NAME] [--gated N]

The shapes are those of `bench/decisions.py`, which has the decisions alone. The time goes from the first Pod made until
the last is bound, as upstream's scheduler_perf counts; as many Pods as are said wait behind a
scheduling gate meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.clients.server import Server
from bench.decisions import SHAPES, node, pod
from pybernetes.api.core.v1 import Node, Pod
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.scheduler import Scheduler

AT_ONCE = 64
WITH_NOTHING_ELSE = [
    name for name in SHAPES if name not in ("volumes", "preemption", "unschedulable mix", "mixed churn")
]


class WithoutController(Server):
    """Nobody takes the taint off nodes that are new."""

    def flags(self) -> dict[str, str]:
        return super().flags() | {"disable-admission-plugins": "TaintNodesByCondition"}


@asynccontextmanager
async def client_of(server: Server) -> AsyncIterator[Client]:
    transport = HttpTransport(server.url, server.context, token="secret")
    try:
        yield Client(transport, "bench")
    finally:
        await transport.close()


async def make(server: Server, objects: Iterator[Node] | Iterator[Pod]) -> None:
    """Creates them, so many at once."""
    async with client_of(server) as client:

        async def some() -> None:
            for each in objects:
                await client.create(each, each.metadata.namespace or "")

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())


def make_pods(server: Server, shape: str, pods: int, nodes: int, gated: int) -> None:
    """In a process of its own: who makes Pods is not the scheduler."""
    waiting = (pod(pods + index, schedulingGates=[{"name": "example.com/later"}]) for index in range(gated))
    asyncio.run(make(server, itertools.chain(waiting, (SHAPES[shape][1](index, nodes) for index in range(pods)))))


async def all_bound(client: Client, count: int) -> None:
    """Until so many Pods have a node."""
    since = (await client.list(Pod, "default", limit=1)).resource_version
    seen = 0
    async for event in client.watch(
        Pod, "default", resource_version=since, field_selector="spec.nodeName!=", bookmarks=False, read_only=True
    ):
        seen += event.type == "ADDED"
        if seen == count:
            return


async def measure(server: Server, nodes: int, pods: int, shape: str, gated: int) -> None:
    server.request("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
    await make(server, (node(index) for index in range(nodes)))
    async with client_of(server) as client:
        scheduler = Scheduler(client, SchedulerConfig(), SystemClock(), Random(1))
        running = asyncio.create_task(scheduler.run())
        await scheduler.synced.wait()
        maker = multiprocessing.get_context("fork").Process(
            target=make_pods, args=(server, shape, pods, nodes, gated), daemon=True
        )
        bound = asyncio.create_task(all_bound(client, pods))
        start, cpu_start, server_start = time.perf_counter(), time.process_time(), server.cpu_s()
        maker.start()
        await bound
        elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu_start
        server_cpu = server.cpu_s() - server_start
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        maker.join()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{shape}: {nodes} nodes, {pods} pods in {elapsed:.2f} s: {pods / elapsed:,.0f} pods/s end to end")
    print(f"  processor time: scheduler {cpu:.2f} s, apiserver {server_cpu:.2f} s; peak memory {peak_mb:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--shape", default="basic", choices=WITH_NOTHING_ELSE)
    parser.add_argument("--gated", type=int, default=0, help="pods that wait behind a gate meanwhile")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # Events that nobody waits for are dropped, each with a line.
    with tempfile.TemporaryDirectory() as folder:
        server = WithoutController(Path(folder))
        server.start()
        try:
            asyncio.run(measure(server, args.nodes, args.pods, args.shape, args.gated))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
