"""Decisions of the scheduler alone, in the shapes of upstream's scheduler_perf: no API, no queue, a Pod at a time.

    python bench/decisions.py [--nodes 5000] [--pods 1000] [--shape NAME]...

Prints for each shape how many Pods a second of processor time are decided and counted on their node, how many times
upstream's floor at 5,000 nodes that is (test/integration/scheduler_perf; it is for all of a scheduler), the time of one
decision, and what a node and a Pod take of memory.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec

from pybernetes.api.core.v1 import Node, PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.apimachinery.selectors import EVERYTHING as NO_SELECTOR
from pybernetes.host.random import Random
from pybernetes.scheduler.algorithm import Decision, NoFit, schedule
from pybernetes.scheduler.config import ProfileConfig
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Profile
from pybernetes.scheduler.snapshot import Snapshot
from tests.unit.scheduler.builders import Storage

Tree = dict[str, Any]

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def node(index: int, shape: str = "") -> Node:
    room = {"cpu": "4", "memory": "32Gi", "pods": "110"}
    labels = {HOST: f"node-{index}", ZONE: f"zone-{index % 3}"}
    tree: Tree = {"metadata": {"name": f"node-{index}", "labels": labels}, "status": {"allocatable": room}}
    if shape == "taints" and index % 2:
        tree["spec"] = {"taints": _TAINTS[index % 4 // 2]}
    return msgspec.convert(tree, Node)


def pod(index: int, cpu: str = "100m", **spec: Any) -> Pod:
    asked = {"cpu": cpu, "memory": "500Mi"}
    containers = [{"name": "main", "image": "pause:1", "resources": {"requests": asked}}]
    meta = {"name": f"pod-{index}", "namespace": "default", "uid": f"uid-{index}", "labels": {"color": "green"}}
    tree = {"metadata": meta, "spec": {"schedulerName": "default-scheduler", "containers": containers, **spec}}
    return msgspec.convert(tree, Pod)


def resident(index: int) -> Pod:
    """One of the four on each node that make way for Pods of the preemption."""
    return pod(-1 - index, cpu="900m", terminationGracePeriodSeconds=0)


def volumes(count: int) -> Iterator[PersistentVolume | PersistentVolumeClaim]:
    """Each bound to its claim, as the Pods of that shape name them."""
    for index in range(count):
        size = {"storage": "1Gi"}
        spec: Tree = {"accessModes": ["ReadWriteOnce"], "capacity": size}
        spec["csi"] = {"driver": "disk.example.com", "volumeHandle": str(index)}
        spec["claimRef"] = {"namespace": "default", "name": f"claim-{index}", "uid": f"uid-{index}"}
        meta: Tree = {"name": f"volume-{index}", "uid": f"uid-{index}"}
        yield msgspec.convert({"metadata": meta, "spec": spec}, PersistentVolume)
        meta = {"name": f"claim-{index}", "namespace": "default", "uid": f"uid-{index}"}
        meta["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
        wanted: Tree = {"accessModes": ["ReadWriteOnce"], "volumeName": f"volume-{index}"}
        yield msgspec.convert(
            {"metadata": meta, "spec": wanted | {"resources": {"requests": size}}}, PersistentVolumeClaim
        )


def pods_of(shape: str, pods: int, nodes: int) -> int:
    """How many there can be of a shape that has room for one on each node."""
    return min(pods, nodes) if shape in ("preemption", "anti-affinity") else pods


def of_pods(side: str, key: str, *, preferred: bool) -> Tree:
    term: Tree = {"topologyKey": key, "labelSelector": {"matchLabels": {"color": "green"}}}
    if preferred:
        return {side: {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}}
    return {side: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def of_nodes(**term: Any) -> Tree:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def spread(key: str, when: str) -> Tree:
    selector = {"matchLabels": {"color": "green"}}
    return {"maxSkew": 5, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector}


def in_zones(index: int, nodes: int) -> Pod:
    wanted = {"key": ZONE, "operator": "In", "values": ["zone-0", "zone-1"]}
    return pod(index, affinity=of_nodes(matchExpressions=[wanted]))


def of_a_daemonset(index: int, nodes: int) -> Pod:
    wanted = {"key": "metadata.name", "operator": "In", "values": [f"node-{index % nodes}"]}
    return pod(index, affinity=of_nodes(matchFields=[wanted]))


def with_secret(index: int, nodes: int) -> Pod:
    return pod(index, volumes=[{"name": "secret", "secret": {"secretName": "secret"}}])


def with_claim(index: int, nodes: int) -> Pod:
    return pod(index, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": f"claim-{index}"}}])


UNSCHEDULABLE = 5
"""One in so many Pods fits nowhere, in the shape that has such Pods."""
Shape = Callable[[int, int], Pod]
"""(number of the Pod, how many nodes there are)."""

SHAPES: dict[str, tuple[int | None, Shape]] = {
    "basic": (270, lambda index, nodes: pod(index)),
    "node affinity": (220, in_zones),
    "affinity": (35, lambda index, nodes: pod(index, affinity=of_pods("podAffinity", ZONE, preferred=False))),
    "anti-affinity": (60, lambda index, nodes: pod(index, affinity=of_pods("podAntiAffinity", HOST, preferred=False))),
    "preferred affinity": (90, lambda index, nodes: pod(index, affinity=of_pods("podAffinity", HOST, preferred=True))),
    "preferred anti-affinity": (
        90,
        lambda index, nodes: pod(index, affinity=of_pods("podAntiAffinity", HOST, preferred=True)),
    ),
    "spreading": (85, lambda index, nodes: pod(index, topologySpreadConstraints=[spread(ZONE, "DoNotSchedule")])),
    "preferred spreading": (
        None,
        lambda index, nodes: pod(index, topologySpreadConstraints=[spread(ZONE, "ScheduleAnyway")]),
    ),
    "taints": (None, lambda index, nodes: pod(index, tolerations=[{"key": "a", "operator": "Exists"}])),
    "secrets": (None, with_secret),
    "volumes": (None, with_claim),
    "preemption": (160, lambda index, nodes: pod(index, cpu="3", priority=10, priorityClassName="urgent")),
    "unschedulable mix": (None, lambda index, nodes: pod(index, cpu="100m" if index % UNSCHEDULABLE else "9")),
    "mixed churn": (265, lambda index, nodes: pod(index)),
    "daemonset": (390, of_a_daemonset),
}
"""With the floor of upstream, in Pods a second; that of the daemonset is at 15,000 nodes."""


class Bench:
    def __init__(self, name: str, nodes: int, pods: int) -> None:
        self._name, self._nodes = name, nodes
        self._pods = pods_of(name, pods, nodes)
        self._floor, self._shape = SHAPES[name]
        self._choose = Random(1).choice_index
        self._snapshot = Snapshot()
        storage = Storage(*volumes(self._pods)).view if name == "volumes" else None
        self._profile = Profile(
            ProfileConfig(),
            Handle(None, lambda pod: NO_SELECTOR, choose=self._choose, storage=storage),  # type: ignore[arg-type]
        )
        before = _memory()
        for index in range(nodes):
            self._snapshot.set_node(node(index, name))
        self.bytes_a_node = (_memory() - before) / nodes
        for index in range(4 * nodes if name == "preemption" else 0):
            self._snapshot.place(PodInfo(resident(index)), f"node-{index % nodes}")

    def run(self) -> str:
        infos = [PodInfo(self._shape(index, self._nodes)) for index in range(self._pods)]
        before, start = _memory(), time.process_time()
        decisions = [self._decide(index, info) for index, info in enumerate(infos)]
        elapsed = time.process_time() - start
        bytes_a_pod = (_memory() - before) / self._pods
        rate = self._pods / elapsed
        times = f"{rate / self._floor:>6.1f}x" if self._floor else f"{'':>7}"
        median, late = statistics.median(decisions) * 1e3, sorted(decisions)[-max(1, len(decisions) // 100)] * 1e3
        return (
            f"{self._name:<24}{rate:>8,.0f}{times}{median:>9.3f}{late:>9.3f}"
            f"{self.bytes_a_node / 1024:>9.1f}{bytes_a_pod / 1024:>9.1f}"
        )

    def _decide(self, index: int, info: PodInfo) -> float:
        """Seconds of processor time of the decision alone."""
        snapshot = self._snapshot
        start = time.process_time()
        result = schedule(self._profile, CycleState(), info, snapshot, self._choose)
        elapsed = time.process_time() - start
        if isinstance(result, Decision):
            snapshot.place(info, result.node_name)
        elif result.nominate:
            snapshot.nominations.set(info, result.nominate)
        else:
            assert isinstance(result, NoFit) and self._name == "unschedulable mix", result.diagnosis.message()
        if self._name == "mixed churn":
            snapshot.remove_node(f"node-{index % self._nodes}")
            snapshot.set_node(node(index % self._nodes))
            snapshot.unplace(f"uid-{index - 100}")
        return elapsed


_TAINTS = ([{"key": "a", "effect": "NoSchedule"}], [{"key": "b", "effect": "PreferNoSchedule"}])


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--shape", action="append", choices=list(SHAPES), help="only this one; more than once for more")
    args = parser.parse_args()
    print(f"{args.nodes} nodes, {args.pods} pods")
    print(f"{'':<24}{'pods/s':>8}{'floor':>7}{'median':>9}{'99 %':>9}{'KB/node':>9}{'KB/pod':>9}")
    for name in args.shape or SHAPES:
        print(Bench(name, args.nodes, args.pods).run(), flush=True)


if __name__ == "__main__":
    main()
