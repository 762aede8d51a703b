"""Whom to evict: the victims on one node, and the node where evicting hurts least. Pure.

Source: framework/plugins/defaultpreemption/default_preemption.go, framework/preemption/preemption.go.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybernetes.api.core.v1 import Pod
from pybernetes.api.policy.v1 import PodDisruptionBudget
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.apimachinery.times import parse_time
from pybernetes.scheduler.columns import Bools, Ints, grown
from pybernetes.scheduler.framework import CycleState, NodeTrial, Refusal
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

_LATER_THAN_ANY = "~"
"""Stands for the start of a Pod that has not started: RFC 3339 times sort before it."""
_PRIORITIES_FROM = 2**31
_KEPT_KINDS = 8
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


Cost = tuple[int, int, int, int, float]
"""The least is best: broken budgets, the highest priority, their sum, how many victims, how long the first one runs."""


@dataclass(slots=True, frozen=True)
class Candidate:
    node_name: str
    victims: tuple[PodInfo, ...]
    """Most important first."""
    violations: int
    """Victims whose eviction breaks a disruption budget."""

    @property
    def cost(self) -> Cost:
        priorities = [victim.priority for victim in self.victims]
        total = sum(priority + _PRIORITIES_FROM for priority in priorities)
        # Of the victims of the highest priority, the one that started first.
        since = min(started(victim) for victim in self.victims if victim.priority == priorities[0])
        return self.violations, priorities[0], total, len(priorities), -_seconds(since)


def choose(state: CycleState, candidate: Candidate) -> None:
    """Notes the cycle's candidate."""
    state.write(_CHOSEN, candidate)


def chosen(state: CycleState) -> Candidate | None:
    """On which node the cycle makes room, and how; None: on none."""
    return state.peek(_CHOSEN, Candidate)


def started(info: PodInfo) -> str:
    return info.pod.status.startTime or _LATER_THAN_ANY


def _seconds(started: str) -> float:
    return math.inf if started == _LATER_THAN_ANY else parse_time(started)


def importance(info: PodInfo) -> tuple[int, str]:
    """Sorts the most important Pod first: priority, then who runs longer."""
    return -info.priority, started(info)


class VictimsByRow:
    """What was found on each node for one kind of Pods, and when. Its vectors have an element a row."""

    def __init__(self) -> None:
        self._found: list[Candidate | Refusal | None] = []
        self._at: Ints = np.zeros(0, np.int64)
        self._costs: list[NDArray[Any]] = [np.zeros(0, np.int64) for _ in range(4)] + [np.zeros(0)]
        """Of candidates, the most important first."""
        self._is_candidate: Bools = np.zeros(0, np.bool_)

    def search(self, rows: Ints, snapshot: Snapshot, search: Callable[[int], Candidate | Refusal]) -> Bools:
        """Which of the rows are candidates; nodes that have not changed are not searched again."""
        if len(self._at) < snapshot.rows:
            self._found += [None] * (snapshot.rows - len(self._found))
            self._at, self._is_candidate = grown(self._at, snapshot.rows), grown(self._is_candidate, snapshot.rows)
            self._costs = [grown(column, snapshot.rows) for column in self._costs]
        for row in rows[self._at[rows] != snapshot.changed()[rows]].tolist():
            found = self._found[row] = search(row)
            self._at[row] = snapshot.changed()[row]
            self._is_candidate[row] = isinstance(found, Candidate) and bool(found.victims)
            if isinstance(found, Candidate) and found.victims:
                for column, value in zip(self._costs, found.cost, strict=True):
                    column[row] = value
        return self._is_candidate[rows]

    def __getitem__(self, row: int) -> Candidate | Refusal:
        """What the search found."""
        found = self._found[row]
        assert found is not None
        return found

    def candidate(self, row: int) -> Candidate:
        found = self._found[row]
        assert isinstance(found, Candidate)
        return found

    def breaks_nothing(self, rows: Ints) -> bool:
        """Whether any of these candidates breaks no budget."""
        return bool((self._costs[0][rows] == 0).any())

    def best(self, rows: Ints) -> Candidate:
        """The node to preempt on: of these candidates the first of the least cost."""
        for column in self._costs:
            values = column[rows]
            rows = rows[values == values.min()]
        return self.candidate(int(rows[0]))

    def forget(self, row: int) -> None:
        self._at[row : row + 1] = 0


class KnownVictims:
    """For the last few kinds of Pods: those that are alike and come in a row search a node once, until it changes."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, VictimsByRow] = OrderedDict()
        self._snapshot: Snapshot | None = None

    def of(self, kind: Hashable, snapshot: Snapshot) -> VictimsByRow:
        """None is a kind that no other Pod is of."""
        if kind is None:
            return VictimsByRow()
        if self._snapshot is not snapshot:
            self._snapshot = snapshot
            self._known.clear()
        found = self._known.get(kind)
        if found is None:
            found = self._known[kind] = VictimsByRow()
        self._known.move_to_end(kind)
        if len(self._known) > _KEPT_KINDS:
            self._known.popitem(last=False)
        return found


def select_victims(
    trial: NodeTrial, info: PodInfo, node_name: str, on_node: Sequence[PodInfo], limits: Sequence[Budget]
) -> Candidate | Refusal:
    """The fewest important Pods whose going makes room, and how many of them break a budget; or why none do.

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
    return Candidate(node_name, tuple(sorted(victims, key=importance)), violations)


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
    """The node to preempt on, of those that extenders leave: the first of the least cost."""
    return min(candidates, key=lambda candidate: candidate.cost)


def terminating_by_preemption(pod: Pod) -> bool:
    return pod.metadata.deletionTimestamp is not None and any(
        condition.type == "DisruptionTarget"
        and condition.status == "True"
        and condition.reason == "PreemptionByScheduler"
        for condition in pod.status.conditions
    )
