"""Whom to evict: the victims on one node, and the node where evicting hurts least. Pure.

Source: framework/plugins/defaultpreemption/default_preemption.go, framework/preemption/preemption.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pybernetes.api.core.v1 import Pod
from pybernetes.api.policy.v1 import PodDisruptionBudget
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.scheduler.framework import CycleState, NodeTrial, Refusal
from pybernetes.scheduler.pod_info import PodInfo

_LATER_THAN_ANY = "~"
"""Stands for the start of a Pod that has not started: RFC 3339 times sort before it."""
_PRIORITIES_FROM = 2**31
_CHOSEN = "PreemptionCandidate"


@dataclass(slots=True, frozen=True)
class Budget:
    namespace: str
    selector: LabelSelector
    allowed: int
    disrupted: frozenset[str]
    """Pods whose disruption the budget already counts."""


def budgets(objects: Iterable[PodDisruptionBudget]) -> list[Budget]:
    """Those that select anything."""
    found = []
    for each in objects:
        try:
            selector = LabelSelector.of(each.spec.selector)
        except SelectorError:
            continue
        if not selector.empty and not selector.nothing:
            found.append(
                Budget(
                    each.metadata.namespace or "",
                    selector,
                    each.status.disruptionsAllowed,
                    frozenset(each.status.disruptedPods),
                )
            )
    return found


@dataclass(slots=True, frozen=True)
class Candidate:
    node_name: str
    victims: tuple[PodInfo, ...]
    """Most important first."""
    violations: int
    """Victims whose eviction breaks a disruption budget."""


def choose(state: CycleState, candidate: Candidate) -> None:
    """Notes the cycle's candidate."""
    state.write(_CHOSEN, candidate)


def chosen(state: CycleState) -> Candidate | None:
    """On which node the cycle makes room, and how; None: on none."""
    return state.peek(_CHOSEN, Candidate)


def started(info: PodInfo) -> str:
    return info.pod.status.startTime or _LATER_THAN_ANY


def importance(info: PodInfo) -> tuple[int, str]:
    """Sorts the most important Pod first: priority, then who runs longer."""
    return -info.priority, started(info)


def select_victims(
    trial: NodeTrial, info: PodInfo, on_node: Sequence[PodInfo], limits: Sequence[Budget]
) -> tuple[list[PodInfo], int] | Refusal:
    """(the fewest important Pods whose going makes room, how many of them break a budget), or why none do.

    The trial starts with all Pods on the node; at least one of them must be of lower priority.
    """
    potential = sorted((other for other in on_node if other.priority < info.priority), key=importance)
    for other in potential:
        trial.remove(other)
    refused = trial.refusal()
    if refused is not None:
        return refused[1]
    victims: list[PodInfo] = []
    violations = 0
    violating, others = by_budget(potential, limits)
    for count, group in ((1, violating), (0, others)):
        for other in group:
            trial.add(other)
            if trial.refusal() is not None:
                trial.remove(other)
                victims.append(other)
                violations += count
    return sorted(victims, key=importance), violations


def by_budget(pods: Sequence[PodInfo], limits: Sequence[Budget]) -> tuple[list[PodInfo], list[PodInfo]]:
    """(Pods whose eviction breaks a budget, the others), if all go in this order."""
    allowed = [limit.allowed for limit in limits]
    violating: list[PodInfo] = []
    others: list[PodInfo] = []
    for info in pods:
        metadata = info.pod.metadata
        violates = False
        for index, limit in enumerate(limits):
            if (
                not metadata.labels
                or limit.namespace != metadata.namespace
                or not limit.selector.matches(metadata.labels)
                or metadata.name in limit.disrupted
            ):
                continue
            allowed[index] -= 1
            violates = violates or allowed[index] < 0
        (violating if violates else others).append(info)
    return violating, others


def pick(candidates: Sequence[Candidate]) -> Candidate:
    """The node to preempt on: each rule decides among those that the ones before left equal."""
    left = list(candidates)
    for cost in _COSTS:
        costs = [cost(candidate) for candidate in left]
        least = min(costs)
        left = [candidate for candidate, value in zip(left, costs, strict=True) if value == least]
        if len(left) == 1:
            break
    latest = max(_earliest_start(candidate) for candidate in left)
    return next(candidate for candidate in left if _earliest_start(candidate) == latest)


_COSTS: tuple[Callable[[Candidate], int], ...] = (
    lambda candidate: candidate.violations,
    lambda candidate: candidate.victims[0].priority,
    lambda candidate: sum(victim.priority + _PRIORITIES_FROM for victim in candidate.victims),
    lambda candidate: len(candidate.victims),
)


def _earliest_start(candidate: Candidate) -> str:
    highest = candidate.victims[0].priority
    return min(started(victim) for victim in candidate.victims if victim.priority == highest)


def terminating_by_preemption(pod: Pod) -> bool:
    return pod.metadata.deletionTimestamp is not None and any(
        condition.type == "DisruptionTarget"
        and condition.status == "True"
        and condition.reason == "PreemptionByScheduler"
        for condition in pod.status.conditions
    )
