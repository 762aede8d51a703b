"""What a Pod requests and what a node offers, as integers the columns can hold.

Units: `cpu` in thousandths of a core, everything else in whole units, rounded up. Pure.
"""

from __future__ import annotations

from functools import lru_cache

from pybernetes.api.core.v1 import Container, Node, Pod, PodSpec, ResourceRequirements
from pybernetes.apimachinery import pod_resources, quantity

CPU = "cpu"
MEMORY = "memory"
EPHEMERAL_STORAGE = "ephemeral-storage"
PODS = "pods"

_NON_MISSING = {CPU: "100m", MEMORY: "200Mi"}
"""What a container without a request counts for in scores. Source: pkg/scheduler/util/pod_resources.go."""

_MOST = 2**56
"""More than any node has, and a hundred times it still fits a column: absurd requests just do not fit."""


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


def pod_requests(pod: Pod, *, non_missing: bool = False, pod_level: bool = True) -> dict[str, int]:
    """The resources a Pod takes on a node, also while it is resized.

    With `non_missing`, a container without a cpu or memory request counts with the defaults. Without
    `pod_level`, what the Pod asks for as a whole is not looked at. Pods that are alike share the answer.
    """
    if pod.status.containerStatuses or pod.status.initContainerStatuses:
        return _summed(pod.spec, pod_resources.held_by(pod), non_missing, pod_level)
    spec = pod.spec
    init, main = (tuple(_asked(c) for c in containers) for containers in (spec.initContainers, spec.containers))
    whole = _items(spec.resources) if pod_level else ()
    return _sum_of(init, main, tuple(spec.overhead.items()), whole, non_missing)


_Items = tuple[tuple[str, str], ...]
_Asked = tuple[str, _Items]
"""(restart policy of a container, what it asks for)."""


def _items(resources: ResourceRequirements | None) -> _Items:
    return () if resources is None else tuple(resources.requests.items())


def _asked(container: Container) -> _Asked:
    return container.restartPolicy or "", _items(container.resources)


@lru_cache(maxsize=4096)
def _sum_of(
    init: tuple[_Asked, ...], main: tuple[_Asked, ...], overhead: _Items, whole: _Items, non_missing: bool
) -> dict[str, int]:
    def container(asked: _Asked) -> Container:
        return Container(restartPolicy=asked[0] or None, resources=ResourceRequirements(requests=dict(asked[1])))

    spec = PodSpec(
        initContainers=[container(each) for each in init],
        containers=[container(each) for each in main],
        overhead=dict(overhead),
        resources=ResourceRequirements(requests=dict(whole)) if whole else None,
    )
    return _summed(spec, pod_resources.amounts_of, non_missing, True)


def _summed(spec: PodSpec, held: pod_resources.Of, non_missing: bool, pod_level: bool) -> dict[str, int]:
    def with_defaults(container: Container, kind: pod_resources.Kind) -> pod_resources.Amounts:
        return _NON_MISSING | held(container, kind)

    of = with_defaults if non_missing else held
    found = pod_resources.total(spec, "requests", pod_level=pod_level, of=of)
    return {name: _scaled(name, _milli(text)) for name, text in found.items()}


def node_allocatable(node: Node) -> dict[str, int]:
    """What a node offers, with `pods` as the number of Pods it takes."""
    return {
        name: _scaled(name, _milli(text))
        for name, text in node.status.allocatable.items()
        if name == PODS or is_scheduled_resource(name)
    }


def _scaled(name: str, milli: int) -> int:
    return min(milli if name == CPU else -(-milli // 1000), _MOST)
