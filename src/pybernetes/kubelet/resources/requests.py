"""What pods ask of the node: quality of service, sums of requests, cgroup values. Pure.

Source: pkg/kubelet/qos/policy.go, pkg/kubelet/cm/helpers_linux.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybernetes.api.core.v1 import Container, EphemeralContainer, Pod, ResourceRequirements
from pybernetes.apimachinery import pod_resources, quality_of_service, quantity
from pybernetes.kubelet.pod_spec import SYSTEM_CRITICAL_PRIORITY, is_sidecar
from pybernetes.kubelet.runtime import Size

MIN_SHARES = 2
MAX_SHARES = 262144
QUOTA_PERIOD_US = 100_000
MIN_QUOTA_PERIOD_US = 1000
GUARANTEED_OOM_SCORE = -997
BEST_EFFORT_OOM_SCORE = 1000
_EMPTY = ResourceRequirements()


def resources_of(holder: Container | EphemeralContainer) -> ResourceRequirements:
    return holder.resources or _EMPTY


def qos_class(pod: Pod) -> str:
    """As it was told, or what the spec comes to. Source: helper/qos GetPodQOS."""
    return pod.status.qosClass or quality_of_service.qos_class(pod.spec)


def pod_requests(pod: Pod) -> dict[str, str]:
    """What the scheduler counts: the larger of the running containers and of each step of initialization."""
    return pod_resources.total(pod.spec, "requests")


def pod_limits(pod: Pod) -> dict[str, str]:
    return pod_resources.total(pod.spec, "limits")


def size_of(pod: Pod, container: Container | EphemeralContainer) -> Size:
    """What the container is to have; limits of the pod hold for a container that has none."""
    held = resources_of(container)
    pod_limits = pod.spec.resources.limits if pod.spec.resources is not None else {}
    cpu_limit = quantity.milli(held.limits.get("cpu") or pod_limits.get("cpu", "0"))
    return Size(
        cpu_request_milli=quantity.milli(held.requests["cpu"]) if "cpu" in held.requests else cpu_limit,
        cpu_limit_milli=cpu_limit,
        memory_request_bytes=quantity.value(held.requests.get("memory", "0")),
        memory_limit_bytes=quantity.value(held.limits.get("memory") or pod_limits.get("memory", "0")),
    )


def cpu_shares(milli_cpu: int) -> int:
    """cgroup v1 cpu.shares of a request in thousandths of a CPU."""
    if milli_cpu <= 0:
        return MIN_SHARES
    return min(max(milli_cpu * 1024 // 1000, MIN_SHARES), MAX_SHARES)


def cpu_weight(shares: int) -> int:
    """cgroup v2 cpu.weight of v1 shares."""
    return 1 + ((shares - 2) * 9999) // 262142


def shares_of_weight(weight: int) -> int:
    """v1 shares of cgroup v2 cpu.weight. Source: cadvisor's convertCPUWeightToCPULimit."""
    return 2 + ((weight - 1) * 262142) // 9999


def cpu_quota(milli_cpu: int, period_us: int = QUOTA_PERIOD_US) -> int:
    """Microseconds per period of a limit in thousandths of a CPU; 0 for no limit."""
    if milli_cpu <= 0:
        return 0
    return max(milli_cpu * period_us // 1000, MIN_QUOTA_PERIOD_US)


def milli_of_shares(shares: int) -> int:
    """The request that has these cpu.shares, in thousandths of a CPU. Source: SharesToMilliCPU."""
    return -(-shares * 1000 // 1024)


def milli_of_quota(quota_us: int) -> int:
    """The limit that has this quota, in thousandths of a CPU; 0 for no limit. Source: QuotaToMilliCPU."""
    return max(quota_us, 0) * 1000 // QUOTA_PERIOD_US


@dataclass(frozen=True, slots=True)
class CgroupValues:
    """What is written into one cgroup; None leaves a file alone."""

    cpu_shares: int | None = None
    cpu_quota_us: int | None = None
    memory_limit_bytes: int | None = None
    memory_min_bytes: int | None = None
    """What the kernel never takes back, on cgroup v2."""
    memory_low_bytes: int | None = None
    """What it takes back only when there is nothing else, likewise."""
    pids_limit: int | None = None
    hugepages: tuple[tuple[int, int], ...] = ()
    """Bytes by the size of the pages, in bytes."""


def hugepages(amounts: Mapping[str, str]) -> tuple[tuple[int, int], ...]:
    """Size of the pages and amount, both in bytes, of the huge pages among resources."""
    prefix = "hugepages-"
    named = ((name.removeprefix(prefix), text) for name, text in amounts.items() if name.startswith(prefix))
    return tuple((quantity.value(size), quantity.value(text)) for size, text in named)


def page_name(size_bytes: int) -> str:
    """A size of huge pages as the kernel's cgroups and the runtime write it."""
    units, kilobytes = ("KB", "MB", "GB"), size_bytes // 1024
    step = min((kilobytes.bit_length() - 1) // 10, 2)
    return f"{kilobytes >> 10 * step}{units[step]}"


def pod_cgroup_values(pod: Pod, pids_limit: int | None = None) -> CgroupValues:
    """Limits hold for a pod only when every container has one. Source: ResourceConfigForPod."""
    requests, limits = pod_requests(pod), pod_limits(pod)
    milli_request = quantity.milli(requests.get("cpu", "0"))
    milli_limit = quantity.milli(limits.get("cpu", "0"))
    containers = [*pod.spec.containers, *(c for c in pod.spec.initContainers)]
    pod_level = pod.spec.resources.limits if pod.spec.resources is not None else {}
    cpu_limited = "cpu" in pod_level or all("cpu" in resources_of(c).limits for c in containers)
    memory_limited = "memory" in pod_level or all("memory" in resources_of(c).limits for c in containers)
    quality = qos_class(pod)
    if quality == "BestEffort":
        return CgroupValues(cpu_shares=MIN_SHARES, pids_limit=pids_limit)
    quota = cpu_quota(milli_limit) if cpu_limited else 0
    return CgroupValues(
        cpu_shares=cpu_shares(milli_request or (milli_limit if cpu_limited else 0)),
        cpu_quota_us=quota or -1,
        memory_limit_bytes=quantity.value(limits["memory"]) if memory_limited and "memory" in limits else None,
        pids_limit=pids_limit,
        hugepages=hugepages(requests),
    )


def oom_score_adjust(pod: Pod, container: Container | EphemeralContainer, memory_capacity_bytes: int) -> int:
    """Source: pkg/kubelet/qos/policy.go GetContainerOOMScoreAdjust."""
    if (pod.spec.priority or 0) >= SYSTEM_CRITICAL_PRIORITY:
        return GUARANTEED_OOM_SCORE
    quality = qos_class(pod)
    if quality == "Guaranteed":
        return GUARANTEED_OOM_SCORE
    if quality == "BestEffort":
        return BEST_EFFORT_OOM_SCORE
    request = quantity.value(resources_of(container).requests.get("memory", "0"))
    if isinstance(container, Container) and is_sidecar(container):
        regular = [quantity.value(resources_of(c).requests.get("memory", "0")) for c in pod.spec.containers]
        request = min([request, *regular]) if regular else request
    adjust = 1000 - (1000 * request) // max(memory_capacity_bytes, 1)
    if adjust < 1000 + GUARANTEED_OOM_SCORE:
        return 1000 + GUARANTEED_OOM_SCORE
    return adjust - 1 if adjust == BEST_EFFORT_OOM_SCORE else adjust
