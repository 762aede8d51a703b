"""NodeResourcesFit's other strategies agree with plain ones; requests of the Pod as a whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.core.v1 import Container, Pod, ResourceRequirements
from pybernetes.scheduler.config import ProfileConfig
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from tests.unit.scheduler import builders, reference
from tests.unit.scheduler.builders import snapshot_of
from tests.unit.scheduler.generated import clusters, pods

Resources = list[tuple[str, int]]
GPU = "example.com/gpu"

resources = st.tuples(st.sampled_from(["cpu", "memory", GPU]), st.integers(1, 5))
weights = st.lists(resources, min_size=1, max_size=3, unique_by=lambda resource: resource[0])
shapes = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 10)), min_size=1, max_size=4, unique_by=lambda point: point[0]
).map(sorted)


def use(pod: Pod, node: Any, cluster: reference.Cluster, resources: Resources) -> list[tuple[int, int, int]]:
    """(used with the Pod, offered, weight) of the resources that count."""
    result = []
    for name, weight in resources:
        everybody = [*cluster.on(node), pod]
        if name in ("cpu", "memory"):
            index = 0 if name == "cpu" else 1
            used = sum(reference.non_zero_requests(each)[index] for each in everybody)
        elif not reference.requests(pod)[name]:
            continue
        else:
            used = sum(reference.requests(each)[name] for each in everybody)
        offered = reference.allocatable(node).get(name, 0)
        if offered:
            result.append((used, offered, weight))
    return result


def most(used: list[tuple[int, int, int]]) -> int:
    total = sum(min(amount, size) * 100 // size * weight for amount, size, weight in used)
    return total // sum(weight for _, _, weight in used) if used else 0


def line(shape: list[tuple[int, int]], at: int) -> int:
    for index, (x, y) in enumerate(shape):
        if at <= x:
            if index == 0:
                return y * 10
            x0, y0 = shape[index - 1]
            return y0 * 10 + int((y - y0) * 10 * (at - x0) / (x - x0))
    return shape[-1][1] * 10


def ratio(used: list[tuple[int, int, int]], shape: list[tuple[int, int]]) -> int:
    scores = [(line(shape, 100 if u > size else u * 100 // size), weight) for u, size, weight in used]
    counted = [(score, weight) for score, weight in scores if score > 0]
    total = sum(weight for _, weight in counted)
    return math.floor(sum(score * weight for score, weight in counted) / total + 0.5) if total else 0


def scores(strategy: dict[str, Any], cluster: reference.Cluster, pod: Pod) -> dict[str, int]:
    profile = builders.profile(ProfileConfig(arguments={"NodeResourcesFit": {"scoringStrategy": strategy}}))
    plugin: Any = dict(profile.plugins)["NodeResourcesFit"]
    snapshot = snapshot_of(cluster.nodes, cluster.pods)
    found = plugin.score(CycleState(), PodInfo(pod), snapshot, np.arange(snapshot.rows))
    return dict(zip(snapshot.names(), map(int, found), strict=True))


@settings(max_examples=60, deadline=None)
@given(clusters(), pods(), weights, shapes)
def test_strategies_agree(cluster: reference.Cluster, pod: Pod, resources: Resources, shape: Any) -> None:
    listed = [{"name": name, "weight": weight} for name, weight in resources]
    plain = {node.metadata.name or "": use(pod, node, cluster, resources) for node in cluster.nodes}
    assert scores({"type": "MostAllocated", "resources": listed}, cluster, pod) == {
        name: most(used) for name, used in plain.items()
    }
    points = [{"utilization": x, "score": y} for x, y in shape]
    strategy = {"type": "RequestedToCapacityRatio", "resources": listed, "requestedToCapacityRatio": {"shape": points}}
    assert scores(strategy, cluster, pod) == {name: ratio(used, shape) for name, used in plain.items()}


def test_requests_of_the_pod_as_a_whole_stand_for_those_of_its_containers() -> None:
    pod = builders.pod(cpu="100m", memory="64Mi", more={GPU: "1"})
    pod.spec.initContainers = [Container(name="i", resources=ResourceRequirements(requests={"cpu": "4"}))]
    pod.spec.resources = ResourceRequirements(requests={"cpu": "2"})
    pod.spec.overhead = {"cpu": "50m"}
    assert PodInfo(pod).requests == {"cpu": 2050, "memory": 64 << 20, GPU: 1}
