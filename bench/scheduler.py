"""Scheduling in one process, end to end over a fake apiserver: watch, queue, decision, binding, watch again.

    python bench/scheduler.py [--nodes 1000] [--pods 3000] [--shape NAME] [--gated N]

The shapes are those of `bench/decisions.py`, which has the decisions alone. The fake apiserver's own work is in the
figures; so is that of as many Pods as are said to wait behind a scheduling gate.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.decisions import SHAPES, node, pod
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.scheduler import Scheduler
from tests.fake_api import FakeApi

WITH_NOTHING_ELSE = [
    name for name in SHAPES if name not in ("volumes", "preemption", "unschedulable mix", "mixed churn")
]


async def measure(nodes: int, pods: int, shape: str, gated: int) -> None:
    api = FakeApi()
    for index in range(nodes):
        api.put(node(index), "nodes")
    scheduler = Scheduler(api.client(), SchedulerConfig(), SystemClock(), Random(1))
    running = asyncio.create_task(scheduler.run())
    await scheduler.synced.wait()
    start, cpu_start = time.perf_counter(), time.process_time()
    for index in range(gated):
        api.put(pod(pods + index, schedulingGates=[{"name": "example.com/later"}]), "pods")
    for index in range(pods):
        api.put(SHAPES[shape][1](index, nodes), "pods")
        if index % 100 == 99:
            await asyncio.sleep(0)
    while sum(not each["spec"].get("nodeName") for each in api.all("pods")) > gated:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{shape}: {nodes} nodes, {pods} pods in {elapsed:.2f} s: {pods / elapsed:,.0f} pods/s end to end")
    print(f"  of processor time {cpu:.2f} s: {pods / cpu:,.0f} pods/s a core; peak memory {peak_mb:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--shape", default="basic", choices=WITH_NOTHING_ELSE)
    parser.add_argument("--gated", type=int, default=0, help="pods that wait behind a gate meanwhile")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # Events that nobody waits for are dropped, each with a line.
    asyncio.run(measure(args.nodes, args.pods, args.shape, args.gated))


if __name__ == "__main__":
    main()
