"""What a Pod requests and what a node offers, as integers the columns can hold.

Units: `cpu` in thousandths of a core, everything else in whole units, rounded up. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pybernetes.api.core.v1 import Container, ContainerStatus, Node, Pod
from pybernetes.apimachinery import quantity

CPU = "cpu"
MEMORY = "memory"
EPHEMERAL_STORAGE = "ephemeral-storage"
PODS = "pods"

DEFAULT_MILLI_CPU = 100
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024
"""What a container without a request counts for in scores. Source: pkg/scheduler/util/pod_resources.go."""

_MOST = 2**56
"""More than any node has, and a hundred times it still fits a column: absurd requests just do not fit."""

_NON_MISSING = {CPU: DEFAULT_MILLI_CPU, MEMORY: DEFAULT_MEMORY_BYTES * 1000}


@lru_cache(maxsize=8192)
def _milli(text: str) -> int:
    return quantity.milli(text)


def is_scheduled_resource(name: str) -> bool:
    """Whether nodes are compared by this resource at all: the three native ones, extended ones and their like."""
    return (
        name in (CPU, MEMORY, EPHEMERAL_STORAGE)
        or "/" in name
        or name.startswith(("hugepages-", "attachable-volumes-"))
    )


def is_extended_resource(name: str) -> bool:
    return "/" in name and not name.startswith("kubernetes.io/") and ".kubernetes.io/" not in name


def pod_requests(
    pod: Pod, *, use_status: bool = True, non_missing: bool = False, pod_level: bool = True
) -> dict[str, int]:
    """The resources a Pod takes on a node: containers, init containers and sidecars, pod-level requests, overhead.

    Init containers run one after another beside the sidecars started before them, so each is a lower
    bound, not a summand. With `non_missing`, a container without a cpu or memory request counts with
    the defaults. With `use_status`, a running container counts with the largest of what its spec asks,
    what the kubelet allocated and what it enforces (in-place resize). Without `pod_level`, what the
    Pod asks for as a whole is not looked at.
    Source: component-helpers/resource/helpers.go, PodRequests.
    """
    return {name: _scaled(name, milli) for name, milli in _pod_milli(pod, use_status, non_missing, pod_level).items()}


def _pod_milli(pod: Pod, use_status: bool, non_missing: bool, pod_level: bool) -> dict[str, int]:
    spec = pod.spec
    statuses: dict[str, ContainerStatus] = {}
    infeasible = False
    if use_status and (pod.status.containerStatuses or pod.status.initContainerStatuses):
        statuses = {s.name: s for s in (*pod.status.containerStatuses, *pod.status.initContainerStatuses)}
        infeasible = any(c.type == "PodResizePending" and c.reason == "Infeasible" for c in pod.status.conditions)

    total: dict[str, int] = {}
    for container in spec.containers:
        _add(total, _container_milli(container, statuses.get(container.name), infeasible, non_missing))
    if spec.initContainers:
        sidecars: dict[str, int] = {}
        peak: dict[str, int] = {}
        for container in spec.initContainers:
            if container.restartPolicy == "Always":
                own = _container_milli(container, statuses.get(container.name), infeasible, non_missing)
                _add(total, own)
                _add(sidecars, own)
                needed = sidecars
            else:
                needed = _container_milli(container, None, False, non_missing)
                _add(needed, sidecars)
            _raise_to(peak, needed)
        _raise_to(total, peak)
    if pod_level and spec.resources is not None:
        for name, text in spec.resources.requests.items():
            if name in (CPU, MEMORY) or name.startswith("hugepages-"):
                total[name] = _milli(text)
    for name, text in spec.overhead.items():
        total[name] = total.get(name, 0) + _milli(text)
    return total


def _container_milli(
    container: Container, status: ContainerStatus | None, infeasible: bool, non_missing: bool
) -> dict[str, int]:
    spec = container.resources.requests if container.resources is not None else {}
    if status is not None and status.resources is not None:
        result = {} if infeasible else {name: _milli(text) for name, text in spec.items()}
        for source in (status.resources.requests, status.allocatedResources):
            _raise_to(result, {name: _milli(text) for name, text in source.items()})
    else:
        result = {name: _milli(text) for name, text in spec.items()}
    if non_missing:
        for name, milli in _NON_MISSING.items():
            result.setdefault(name, milli)
    return result


def node_allocatable(node: Node) -> dict[str, int]:
    """What a node offers, with `pods` as the number of Pods it takes."""
    return {
        name: _scaled(name, _milli(text))
        for name, text in node.status.allocatable.items()
        if name == PODS or is_scheduled_resource(name)
    }


def _scaled(name: str, milli: int) -> int:
    return min(milli if name == CPU else -(-milli // 1000), _MOST)


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, milli in more.items():
        total[name] = total.get(name, 0) + milli


def _raise_to(total: dict[str, int], floor: Mapping[str, int]) -> None:
    for name, milli in floor.items():
        if milli > total.get(name, -1):
            total[name] = milli
