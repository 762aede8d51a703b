"""Scheduling speed in one process, over a fake apiserver: 1,000 nodes, 3,000 Pods unless told otherwise.

    python bench/scheduler.py [--nodes N] [--pods N] [--spread | --apart | --preempt]

Prints Pods bound per second end to end (watch, queue, decision, binding, watch again), and the time of
one decision alone. The fake apiserver's own work is in the first figure.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pybernetes.api.core.v1 import (
    Affinity,
    Container,
    Node,
    NodeStatus,
    Pod,
    PodAffinityTerm,
    PodAntiAffinity,
    PodSpec,
    ResourceRequirements,
    TopologySpreadConstraint,
)
from pybernetes.api.meta.v1 import LabelSelector, ObjectMeta
from pybernetes.apimachinery.selectors import EVERYTHING as NO_SELECTOR
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.scheduler.algorithm import Decision, NoFit, schedule
from pybernetes.scheduler.config import ProfileConfig, SchedulerConfig
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Profile
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.snapshot import Snapshot
from tests.fake_api import FakeApi


def node(index: int) -> Node:
    labels = {"kubernetes.io/hostname": f"node-{index}", "topology.kubernetes.io/zone": f"zone-{index % 3}"}
    return Node(
        metadata=ObjectMeta(name=f"node-{index}", labels=labels),
        status=NodeStatus(allocatable={"cpu": "4", "memory": "32Gi", "pods": "110"}),
    )


def apart(labels: dict[str, str]) -> Affinity:
    term = PodAffinityTerm(topologyKey="kubernetes.io/hostname", labelSelector=LabelSelector(matchLabels=labels))
    return Affinity(podAntiAffinity=PodAntiAffinity(requiredDuringSchedulingIgnoredDuringExecution=[term]))


def pod(index: int, shape: str) -> Pod:
    labels = {"app": "bench"}
    constraint = TopologySpreadConstraint(
        maxSkew=5,
        topologyKey="topology.kubernetes.io/zone",
        whenUnsatisfiable="DoNotSchedule",
        labelSelector=LabelSelector(matchLabels=labels),
    )
    return Pod(
        metadata=ObjectMeta(name=f"pod-{index}", namespace="default", uid=f"uid-{index}", labels=labels),
        spec=PodSpec(
            schedulerName="default-scheduler",
            containers=[
                Container(
                    name="main",
                    image="pause:1",
                    resources=ResourceRequirements(requests={"cpu": "100m", "memory": "500Mi"}),
                )
            ],
            topologySpreadConstraints=[constraint] if shape == "spread" else [],
            affinity=apart(labels) if shape == "apart" else None,
        ),
    )


async def measure(nodes: int, pods: int, shape: str) -> None:
    api = FakeApi()
    for index in range(nodes):
        api.put(node(index), "nodes")
    scheduler = Scheduler(api.client(), SchedulerConfig(), SystemClock(), Random(1))
    running = asyncio.create_task(scheduler.run())
    await scheduler.synced.wait()
    start, cpu_start = time.perf_counter(), time.process_time()
    for index in range(pods):
        api.put(pod(index, shape), "pods")
        if index % 100 == 99:
            await asyncio.sleep(0)
    while sum(not each["spec"].get("nodeName") for each in api.all("pods")):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    decisions = []
    profile = scheduler.profiles["default-scheduler"]
    for index in range(500):
        info = PodInfo(pod(pods + index, shape))
        before = time.perf_counter()
        result = schedule(profile, CycleState(), info, scheduler.snapshot, lambda count: 0)
        decisions.append(time.perf_counter() - before)
        assert isinstance(result, Decision)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = {"basic": "basic", "spread": "spread over zones", "apart": "anti-affinity"}[shape]
    print(f"{what}: {nodes} nodes, {pods} pods in {elapsed:.2f} s: {pods / elapsed:,.0f} pods/s end to end")
    print(f"  of processor time {cpu:.2f} s: {pods / cpu:,.0f} pods/s a core, the fake apiserver's share included")
    median, worst = statistics.median(decisions) * 1e3, sorted(decisions)[-5] * 1e3
    print(f"  one decision: median {median:.3f} ms, 99th percentile {worst:.3f} ms; peak memory {peak_mb:.0f} MB")


def preemptions(nodes: int) -> None:
    """Four Pods of low priority on every node; one of high priority needs the place of three."""
    snapshot = Snapshot()
    profile = Profile(ProfileConfig(), Handle(None, lambda pod: NO_SELECTOR))  # type: ignore[arg-type]
    for index in range(nodes):
        snapshot.set_node(node(index))
        for number in range(4):
            low = pod(index * 4 + number, "basic")
            low.spec.containers[0].resources = ResourceRequirements(requests={"cpu": "900m"})
            snapshot.place(PodInfo(low), f"node-{index}")
    times = []
    for index in range(50):
        high = pod(4 * nodes + index, "basic")
        high.spec.priority = 10
        high.spec.containers[0].resources = ResourceRequirements(requests={"cpu": "3"})
        before = time.perf_counter()
        result = schedule(profile, CycleState(), PodInfo(high), snapshot, lambda count: 0)
        times.append(time.perf_counter() - before)
        assert isinstance(result, NoFit)
        snapshot.nominations.set(PodInfo(high), result.nominate or "")
    print(f"preemption: {nodes} nodes with 4 pods each: one decision: median {statistics.median(times) * 1e3:.3f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=3000)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--spread", action="store_true", help="with a hard topology spread constraint")
    shape.add_argument("--apart", action="store_true", help="with required anti-affinity over hosts")
    shape.add_argument("--preempt", action="store_true", help="only decide whom to preempt, on full nodes")
    args = parser.parse_args()
    if args.preempt:
        preemptions(args.nodes)
    else:
        asyncio.run(measure(args.nodes, args.pods, "spread" if args.spread else "apart" if args.apart else "basic"))


if __name__ == "__main__":
    main()
