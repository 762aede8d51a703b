"""Which pod goes first where a node is short of something, and what is said of it. Pure.

Source: pkg/kubelet/eviction/helpers.go (rankMemoryPressure, rankDiskPressureFunc, rankPIDPressure, evictionMessage),
eviction_manager.go localStorageEviction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import quantity
from pybernetes.kubelet.eviction.thresholds import RESOURCES, Observation, Threshold
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.resources.requests import pod_limits, pod_requests, resources_of


@dataclass(slots=True)
class ContainerUsage:
    memory_bytes: int = 0
    disk_bytes: int = 0
    """Its writable layer and its logs."""


@dataclass(slots=True)
class Usage:
    """What a pod has of the node's memory, disk and processes."""

    memory_bytes: int = 0
    processes: int = 0
    disk_bytes: int = 0
    inodes: int = 0
    layer_bytes: int = 0
    """Of these the writable layers of its containers, which lie where images do."""
    layer_inodes: int = 0
    containers: dict[str, ContainerUsage] = field(default_factory=dict)
    volumes: dict[str, int] = field(default_factory=dict)
    """Bytes of emptyDir volumes by name."""


Disk = Literal["one", "images", "rest"]
"""Which disk is short: the only one, that of images, or the other one."""


def rank(resource: str, pods: Iterable[Pod], usages: Mapping[str, Usage], disk: Disk = "one") -> list[Pod]:
    """First the pod to evict first: beyond its requests, of low priority, using most above its requests."""

    def of_disk(whole: int, layers: int) -> int:
        return {"one": whole, "images": layers, "rest": whole - layers}[disk]

    def above(pod: Pod, resource: str, used: int) -> int:
        name = "ephemeral-storage" if resource == "inodes" else resource
        return used - quantity.value(pod_requests(pod).get(name, "0"))

    def key(pod: Pod) -> tuple[bool, bool, int, int]:
        usage, priority = usages.get(uid_of(pod)), pod.spec.priority or 0
        if usage is None:
            return False, False, priority, 0
        if resource == "pids":
            return False, False, priority, -usage.processes
        used = {
            "memory": usage.memory_bytes,
            "ephemeral-storage": of_disk(usage.disk_bytes, usage.layer_bytes),
            "inodes": of_disk(usage.inodes, usage.layer_inodes),
        }[resource]
        exceeds = used > 0 if resource == "inodes" else above(pod, resource, used) > 0
        return True, not exceeds, priority, -above(pod, resource, used)

    if resource == "pids":
        return sorted(pods, key=lambda p: (p.spec.priority or 0, uid_of(p) in usages, *key(p)[3:]))
    return sorted(pods, key=key)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pod goes: for people, and for programs that read its Event."""

    message: str
    annotations: Mapping[str, str] = field(default_factory=dict)


def reason(
    resource: str,
    pod: Pod,
    usage: Usage | None,
    thresholds: Sequence[Threshold],
    observed: Mapping[str, Observation],
) -> Reason:
    """Why this pod: upstream's words."""
    text = f"The node was low on resource: {resource}. "
    for threshold in thresholds:
        seen = observed.get(threshold.signal)
        if RESOURCES[threshold.signal] == resource and seen is not None:
            wanted, left = _shown(resource, threshold.value.of(seen.capacity)), _shown(resource, seen.available)
            text += f"Threshold quantity: {wanted}, available: {left}. "
            break
    if usage is None:
        return Reason(text)
    annotations: dict[str, str] = {}
    held = pod.spec.resources.requests if pod.spec.resources is not None else {}
    if resource == "memory" and "memory" in held:
        used = _shown(resource, usage.memory_bytes)
        text += (
            f"Pod {pod.metadata.name} was using {used}, request is {held['memory']}, "
            f"has larger consumption of {resource}. "
        )
        annotations |= {"offending_pod": pod.metadata.name or "", "offending_pod_usage": used}
    offending: dict[str, str] = {}
    for container in (*pod.spec.containers, *pod.spec.initContainers):
        found = usage.containers.get(container.name)
        if found is None or resource not in ("memory", "ephemeral-storage"):
            continue
        size = found.memory_bytes if resource == "memory" else found.disk_bytes
        request = resources_of(container).requests.get(resource, "0")
        if size > quantity.value(request):
            offending[container.name] = _shown(resource, size)
            text += (
                f"Container {container.name} was using {_shown(resource, size)}, request is {request}, "
                f"has larger consumption of {resource}. "
            )
    annotations["offending_containers"] = ",".join(offending)
    annotations["offending_containers_usage"] = ",".join(offending.values())
    return Reason(text, {**annotations, "starved_resource": resource})


def _shown(resource: str, amount: int) -> str:
    if resource in ("inodes", "pids"):
        return quantity.from_value(amount)
    if amount % 1024:
        amount = amount // 1024 * 1024
    return quantity.from_value(amount, "BinarySI")


def limits_storage(pod: Pod) -> bool:
    """Whether the pod may use only so much of the disk, so that what it uses has to be measured."""
    limited = any("ephemeral-storage" in resources_of(c).limits for c in pod.spec.containers)
    sized = any(v.emptyDir is not None and v.emptyDir.sizeLimit for v in pod.spec.volumes)
    return limited or sized or "ephemeral-storage" in pod_limits(pod)


def beyond_its_storage(pod: Pod, usage: Usage) -> tuple[str, str]:
    """What the pod uses more of than it may, as metrics and as users are told it; "" if nothing."""
    for volume in pod.spec.volumes:
        limit = volume.emptyDir.sizeLimit if volume.emptyDir is not None else None
        if limit and 0 < quantity.value(limit) < usage.volumes.get(volume.name, 0):
            return "emptydirfs.limit", f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{limit}". '
    whole = pod_limits(pod).get("ephemeral-storage")
    if whole is not None and usage.disk_bytes > quantity.value(whole):
        text = f"Pod ephemeral local storage usage exceeds the total limit of containers {whole}. "
        return "ephemeralpodfs.limit", text
    for container in pod.spec.containers:
        limit = resources_of(container).limits.get("ephemeral-storage")
        found = usage.containers.get(container.name)
        if limit and found is not None and found.disk_bytes > quantity.value(limit):
            text = f'Container {container.name} exceeded its local ephemeral storage limit "{limit}". '
            return "ephemeralcontainerfs.limit", text
    return "", ""
