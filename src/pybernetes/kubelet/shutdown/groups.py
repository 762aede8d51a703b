"""Who ends when, and how much time they have. Pure.

Source: pkg/kubelet/nodeshutdown/nodeshutdown_manager.go migrateConfig, groupByPriority.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.pod_spec import SYSTEM_CRITICAL_PRIORITY


@dataclass(slots=True)
class Group:
    """Pods of a priority from this one up to the next group's, and the seconds they have."""

    priority: int
    seconds: int
    pods: list[Pod] = field(default_factory=list)

    def grace_period_s(self, pod: Pod) -> int:
        own = pod.spec.terminationGracePeriodSeconds
        return self.seconds if own is None else min(own, self.seconds)


def periods(config: KubeletConfig) -> list[tuple[int, int]]:
    """Priority and seconds, the lowest first; none where pods just end with the machine. Raises ValueError."""
    if config.shutdown_grace_periods:
        return sorted(config.shutdown_grace_periods.items())
    whole, critical = config.shutdown_grace_period_s, config.shutdown_grace_period_critical_pods_s
    if critical > whole:
        raise ValueError("critical pods cannot have more of the shutdown's grace period than there is")
    return [(0, whole - critical), (SYSTEM_CRITICAL_PRIORITY, critical)] if whole else []


def groups(of: Sequence[tuple[int, int]], pods: Iterable[Pod]) -> list[Group]:
    """In the order they end; pods below the lowest priority belong to the lowest."""
    found = [Group(priority, seconds) for priority, seconds in of]
    lowest = [group.priority for group in found]
    for pod in pods:
        found[max(bisect_right(lowest, pod.spec.priority or 0) - 1, 0)].pods.append(pod)
    return [group for group in found if group.pods]
