"""Preemption again, plainly: one node at a time, from the API objects alone."""

from __future__ import annotations

from dataclasses import replace

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.api.policy.v1 import PodDisruptionBudget
from pybernetes.apimachinery.selectors import LabelSelector
from tests.unit.scheduler.reference import FILTERS, Cluster

Cost = tuple[int, int, int, int]


def fits(pod: Pod, node: Node, cluster: Cluster) -> bool:
    return all(refuse(pod, node, cluster) is None for refuse in FILTERS.values())


def importance(pod: Pod) -> tuple[int, str]:
    return -(pod.spec.priority or 0), pod.status.startTime or "~"


def victims_on(
    pod: Pod, node: Node, cluster: Cluster, budgets: list[PodDisruptionBudget]
) -> tuple[list[str], int] | None:
    """(names, budgets broken); None: evicting does not help here."""
    lower = [p for p in cluster.on(node) if (p.spec.priority or 0) < (pod.spec.priority or 0)]
    if not lower:
        return None
    kept = [p for p in cluster.pods if not any(p is gone for gone in lower)]
    if not fits(pod, node, replace(cluster, pods=kept)):
        return None
    lower.sort(key=importance)
    left = [budget.status.disruptionsAllowed for budget in budgets]
    breaking = []
    for victim in lower:
        breaks = False
        for index, budget in enumerate(budgets):
            selector = LabelSelector.of(budget.spec.selector)
            if (
                budget.metadata.namespace == victim.metadata.namespace
                and not selector.empty
                and selector.matches(victim.metadata.labels)
                and victim.metadata.labels
            ):
                left[index] -= 1
                breaks = breaks or left[index] < 0
        breaking.append(breaks)
    victims: list[Pod] = []
    broken = 0
    for group in (True, False):
        for victim, breaks in zip(lower, breaking, strict=True):
            if breaks is not group:
                continue
            if fits(pod, node, replace(cluster, pods=[*kept, victim])):
                kept = [*kept, victim]
            else:
                victims.append(victim)
                broken += breaks
    return [v.metadata.name or "" for v in sorted(victims, key=importance)], broken


def cost(names: list[str], broken: int, cluster: Cluster) -> Cost:
    priorities = [p.spec.priority or 0 for name in names for p in cluster.pods if p.metadata.name == name]
    return broken, max(priorities), sum(priority + 2**31 for priority in priorities), len(priorities)
