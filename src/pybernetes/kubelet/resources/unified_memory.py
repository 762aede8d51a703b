"""What cgroup v2 is told of a container's memory beside its limit: swap, throttling, protection, who ends. Pure.

Source: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go, KEP-2400 (swap), KEP-2570 (MemoryQoS).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from pybernetes.api.core.v1 import Container, EphemeralContainer, Pod
from pybernetes.kubelet.pod_spec import is_critical
from pybernetes.kubelet.resources.requests import qos_class
from pybernetes.kubelet.runtime import Size

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class MemoryRules:
    """Of the node. Without `quality` there is no MemoryQoS; `tiered` also protects what containers ask for.

    Without `holds_swap` the kernel cannot say how much somebody may swap.
    """

    memory_bytes: int = 0
    allocatable_bytes: int = 0
    swap_bytes: int = 0
    holds_swap: bool = True
    limited_swap: bool = False
    single_process_oom_kill: bool = False
    quality: bool = False
    tiered: bool = False
    throttling: float = 0.9


def unified(pod: Pod, container: Container | EphemeralContainer, size: Size, rules: MemoryRules) -> dict[str, str]:
    """Contents of the files of the container's cgroup, by name."""
    found = {}
    if rules.holds_swap:
        swaps = rules.limited_swap and may_swap(pod, size)
        found["memory.swap.max"] = str(swap_limit(size, rules) if swaps else 0)
    if not rules.single_process_oom_kill:
        found["memory.oom.group"] = "1"
    if rules.quality:
        found |= {"memory.min": "0", "memory.low": "0"}
        if rules.tiered:
            file = "memory.min" if qos_class(pod) == "Guaranteed" else "memory.low"
            found[file] = str(size.memory_request_bytes)
        if high := throttled_at(size, rules):
            found["memory.high"] = str(high)
    return found


def may_swap(pod: Pod, size: Size) -> bool:
    """With LimitedSwap: containers of burstable pods that ask for memory and may have more; none of critical pods."""
    request, limit = size.memory_request_bytes, size.memory_limit_bytes
    asks = request != limit and (request > 0 or limit > 0)
    return asks and not is_critical(pod) and qos_class(pod) == "Burstable"


def swap_limit(size: Size, rules: MemoryRules) -> int:
    """The part of the swap that the request is of the memory."""
    if not 0 <= size.memory_request_bytes <= rules.memory_bytes or not rules.memory_bytes:
        return 0
    return int(size.memory_request_bytes / rules.memory_bytes * rules.swap_bytes)


def throttled_at(size: Size, rules: MemoryRules) -> int:
    """From how much memory on the kernel slows the container down: some way from its request to the limit; 0: never."""
    request = size.memory_request_bytes
    most = size.memory_limit_bytes or rules.allocatable_bytes
    high = int((request + (most - request) * rules.throttling) // _PAGE) * _PAGE
    return high if request != size.memory_limit_bytes and high > request else 0
