"""PodTopologySpread: keeps matching Pods evenly over zones, nodes or any other label.

Hard constraints (DoNotSchedule) refuse, soft ones (ScheduleAnyway) score; a Pod without constraints
of its own is spread softly over hosts and zones beside the Pods of its Service or controller.
Source: framework/plugins/podtopologyspread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybernetes.api.core.v1 import Pod, TopologySpreadConstraint
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.apimachinery.tolerations import NO_EXECUTE, NO_SCHEDULE
from pybernetes.scheduler.columns import Bools, Ints, LabelColumn, at_rows
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import (
    MAX_NODE_SCORE,
    CycleState,
    PluginArguments,
    PreFilterResult,
    Refusal,
    Trial,
    Verdict,
)
from pybernetes.scheduler.handle import DefaultSelector
from pybernetes.scheduler.node_masks import affinity_mask, untolerated_mask
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status, failed

REASON = "node(s) didn't match pod topology spread constraints"
REASON_NO_LABEL = f"{REASON} (missing required label)"
HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"

_SYSTEM_DEFAULTS = (
    TopologySpreadConstraint(topologyKey=HOSTNAME, whenUnsatisfiable="ScheduleAnyway", maxSkew=3),
    TopologySpreadConstraint(topologyKey=ZONE, whenUnsatisfiable="ScheduleAnyway", maxSkew=5),
)


@dataclass(slots=True, frozen=True)
class Constraint:
    max_skew: int
    key: str
    selector: LabelSelector
    min_domains: int
    honor_affinity: bool
    honor_taints: bool


@dataclass(slots=True)
class _Hard:
    constraint: Constraint
    counts: Ints
    """Matching Pods by the code of the topology value."""
    least: int
    domains: Bools
    """By code: the topology values that count for `least`."""
    nodes: Bools
    """The nodes whose Pods count."""


@dataclass(slots=True)
class _Soft:
    constraint: Constraint
    counts: Ints | None
    """By code; None for the hostname, which is counted per node."""
    weight: float

    def costs(self, counts: Ints) -> NDArray[Any]:
        return counts * self.weight + (self.constraint.max_skew - 1)


class PodTopologySpread:
    name = "PodTopologySpread"

    def __init__(self, arguments: PluginArguments, default_selector: DefaultSelector) -> None:
        given = arguments.arguments
        self._system_defaulted = (given.get("defaultingType") or "System") == "System"
        if self._system_defaulted:
            self._defaults: Sequence[TopologySpreadConstraint] = _SYSTEM_DEFAULTS
        else:
            self._defaults = [TopologySpreadConstraint(**entry) for entry in given.get("defaultConstraints") or ()]
        self._default_selector = default_selector

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        try:
            constraints = self._constraints(info.pod, "DoNotSchedule")
        except SelectorError as error:
            return PreFilterResult(failed(error))
        if not constraints:
            return PreFilterResult(SKIP)
        eligible = snapshot.live_rows() & _has_labels(snapshot, constraints)
        state.write(self.name, [_hard(constraint, info, snapshot, eligible) for constraint in constraints])
        return PreFilterResult(SUCCESS)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        failures = np.zeros(snapshot.rows, np.uint64)
        unresolvable = np.zeros(snapshot.rows, np.bool_)
        fits = np.ones(snapshot.rows, np.bool_)
        for hard in state.read(self.name, list):
            constraint = hard.constraint
            codes = _codes(snapshot, constraint.key)
            missing = fits & (codes == 0)
            own = int(constraint.selector.matches(info.pod.metadata.labels))
            skewed = fits & ~missing & (hard.counts[codes] + own - hard.least > constraint.max_skew)
            failures[skewed] = 1
            failures[missing] = 2
            unresolvable |= missing
            fits &= ~(missing | skewed)
        return Verdict((REASON, REASON_NO_LABEL), failures, unresolvable)

    def trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> Trial:
        return _SpreadTrial(state.read(self.name, list), info, snapshot, row)

    def pre_score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Status:
        try:
            constraints = self._constraints(info.pod, "ScheduleAnyway")
        except SelectorError as error:
            return failed(error)
        if not constraints:
            return SKIP
        counted = snapshot.live_rows()
        strict = bool(info.pod.spec.topologySpreadConstraints) or not self._system_defaulted
        scored: Bools | None = None  # all of them
        if strict:
            labelled = _has_labels(snapshot, constraints)
            counted, scored = counted & labelled, labelled[rows]
        scored_rows = rows if scored is None else rows[scored]
        softs = [
            _soft(constraint, column, info, snapshot, counted, scored_rows)
            for constraint in constraints
            if (column := snapshot.label(constraint.key)) is not None  # otherwise it costs no node anything
        ]
        state.write(f"{self.name}/score", (softs, scored))
        return SUCCESS

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        softs, scored = state.read(f"{self.name}/score", tuple)
        total = np.zeros(len(rows))
        for soft in softs:
            codes = at_rows(_codes(snapshot, soft.constraint.key), rows)
            if soft.counts is None:
                counts = at_rows(_matching(soft.constraint, info, snapshot), rows)
                total += np.where(codes != 0, soft.costs(counts), 0.0)
            else:
                by_code = soft.costs(soft.counts)
                by_code[0] = 0.0
                total += by_code[codes]
        whole = np.floor(total)
        rounded = (whole + (total - whole >= 0.5)).astype(np.int64)
        return rounded if scored is None else np.where(scored, rounded, 0)

    def normalize(self, state: CycleState, info: PodInfo, scores: Ints) -> Ints:
        _, scored = state.read(f"{self.name}/score", tuple)
        counting = scores if scored is None else scores[scored]
        if not len(counting):
            return np.zeros_like(scores)
        least, most = int(counting.min()), int(counting.max())
        found = MAX_NODE_SCORE * (most + least - scores) // most if most else np.full_like(scores, MAX_NODE_SCORE)
        return found if scored is None else np.where(scored, found, 0)

    def events_to_register(self) -> Sequence[Registration]:
        pod = ClusterEvent(
            EventResource.POD, Action.ADD | Action.DELETE | Action.UPDATE_POD_LABEL | Action.UPDATE_POD_TOLERATION
        )
        node = ClusterEvent(
            EventResource.NODE, Action.ADD | Action.DELETE | Action.UPDATE_NODE_LABEL | Action.UPDATE_NODE_TAINT
        )
        return [Registration(pod, self._counts_changed), Registration(node, self._domains_changed)]

    def _constraints(self, pod: Pod, action: str) -> list[Constraint]:
        own = pod.spec.topologySpreadConstraints
        wanted = [entry for entry in own or self._defaults if entry.whenUnsatisfiable == action]
        if own or not wanted:
            return [_parsed(entry, pod, LabelSelector.of(entry.labelSelector)) for entry in wanted]
        selector = self._default_selector(pod)
        if selector.empty:
            return []
        return [_parsed(entry, pod, selector) for entry in wanted]

    def _counts_changed(self, info: PodInfo, old: Any, new: Any) -> bool:
        changed = [other for other in (old, new) if other is not None]
        if any(other.metadata.uid == info.uid for other in changed):
            return True
        if any(other.metadata.namespace != info.pod.metadata.namespace for other in changed):
            return False
        constraints = self._constraints(info.pod, "DoNotSchedule")
        return any(c.selector.matches(other.metadata.labels) for c in constraints for other in changed)

    def _domains_changed(self, info: PodInfo, old: Any, new: Any) -> bool:
        keys = [constraint.key for constraint in self._constraints(info.pod, "DoNotSchedule")]
        return any(all(key in node.metadata.labels for key in keys) for node in (old, new) if node is not None)


def _parsed(entry: TopologySpreadConstraint, pod: Pod, selector: LabelSelector) -> Constraint:
    keyed = {key: pod.metadata.labels[key] for key in entry.matchLabelKeys if key in pod.metadata.labels}
    if keyed and not selector.nothing:
        selector = LabelSelector((*selector.requirements, *LabelSelector.of_set(keyed).requirements))
    return Constraint(
        entry.maxSkew,
        entry.topologyKey,
        selector,
        entry.minDomains if entry.minDomains is not None else 1,
        entry.nodeAffinityPolicy != "Ignore",
        entry.nodeTaintsPolicy == "Honor",
    )


def _codes(snapshot: Snapshot, key: str) -> Any:
    column = snapshot.label(key)
    return np.zeros(snapshot.rows, np.int32) if column is None else column.codes[: snapshot.rows]


def _has_labels(snapshot: Snapshot, constraints: Sequence[Constraint]) -> Bools:
    mask = np.ones(snapshot.rows, np.bool_)
    for constraint in constraints:
        mask &= _codes(snapshot, constraint.key) != 0
    return mask


def _included(constraint: Constraint, info: PodInfo, snapshot: Snapshot, nodes: Bools) -> Bools:
    """The nodes that count for a constraint under its node inclusion policies."""
    mask = nodes
    if constraint.honor_affinity and not info.required_affinity.empty:
        mask = mask & affinity_mask(snapshot, info.required_affinity)
    if constraint.honor_taints:
        refused = untolerated_mask(snapshot, info.pod.spec.tolerations, (NO_SCHEDULE, NO_EXECUTE))
        if refused is not None:
            mask = mask & ~refused
    return mask


def _matching(constraint: Constraint, info: PodInfo, snapshot: Snapshot) -> Ints:
    """Matching Pods per node; an empty selector counts none."""
    selector = constraint.selector
    if selector.empty or selector.nothing:
        return np.zeros(snapshot.rows, np.int64)
    return snapshot.matching_pods(info.pod.metadata.namespace or "", selector, selector.matches)


def _by_code(codes: Any, counts: Ints, size: int) -> Ints:
    return np.bincount(codes, weights=counts, minlength=size).astype(np.int64)


def _hard(constraint: Constraint, info: PodInfo, snapshot: Snapshot, eligible: Bools) -> _Hard:
    column = snapshot.label(constraint.key)
    size = len(column.values) if column is not None else 1
    nodes = _included(constraint, info, snapshot, eligible)
    codes = _codes(snapshot, constraint.key)[nodes]
    counts = _by_code(codes, _matching(constraint, info, snapshot)[nodes], size)
    domains = np.bincount(codes, minlength=size) > 0
    return _Hard(constraint, counts, _least(constraint, counts, domains), domains, nodes)


def _least(constraint: Constraint, counts: Ints, domains: Bools) -> int:
    """The global minimum that the skew is measured from."""
    found = int(np.count_nonzero(domains))
    if found < constraint.min_domains:
        return 0
    return int(counts[domains].min()) if found else 2**31 - 1


class _SpreadTrial:
    """The counts of all topology values while Pods come to and go from one node.

    Here an empty selector matches, and Pods that are ending count, although the counts at the start are without them.
    Source: podtopologyspread/filtering.go, updateWithPod.
    """

    def __init__(self, hards: Sequence[_Hard], info: PodInfo, snapshot: Snapshot, row: int) -> None:
        self._pod = info.pod
        self._parts = [(hard, int(_codes(snapshot, hard.constraint.key)[row]), bool(hard.nodes[row])) for hard in hards]
        self._moved = [0] * len(hards)

    def add(self, other: PodInfo) -> None:
        self._change(other, 1)

    def remove(self, other: PodInfo) -> None:
        self._change(other, -1)

    def _change(self, other: PodInfo, sign: int) -> None:
        if other.pod.metadata.namespace != self._pod.metadata.namespace:
            return
        for index, (hard, code, counts) in enumerate(self._parts):
            selector = hard.constraint.selector
            if code and counts and selector.matches(other.pod.metadata.labels):
                self._moved[index] += sign

    def refusal(self) -> Refusal | None:
        for (hard, code, _), moved in zip(self._parts, self._moved, strict=True):
            if not code:
                return Refusal((REASON_NO_LABEL,), unresolvable=True)
            constraint, least = hard.constraint, hard.least
            if moved:
                counts = hard.counts.copy()
                counts[code] += moved
                least = _least(constraint, counts, hard.domains)
            own = int(constraint.selector.matches(self._pod.metadata.labels))
            if int(hard.counts[code]) + moved + own - least > constraint.max_skew:
                return Refusal((REASON,))
        return None


def _soft(
    constraint: Constraint, column: LabelColumn, info: PodInfo, snapshot: Snapshot, counted: Bools, scored_rows: Ints
) -> _Soft:
    if constraint.key == HOSTNAME:
        return _Soft(constraint, None, float(np.log(len(scored_rows) + 2)))
    size = len(column.values)
    codes = column.codes[: snapshot.rows]
    candidates = np.bincount(at_rows(codes, scored_rows), minlength=size) > 0
    nodes = _included(constraint, info, snapshot, counted)
    counts = _by_code(codes, np.where(nodes, _matching(constraint, info, snapshot), 0), size)
    counts[~candidates] = 0
    return _Soft(constraint, counts, float(np.log(int(np.count_nonzero(candidates)) + 2)))
