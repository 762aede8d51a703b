"""InterPodAffinity: Pods that want each other together or apart, per topology.

Required terms refuse, of the Pod and (anti-affinity) of Pods that are there; preferred terms and the required
affinity of others score. Topology values are integer codes; a term's counts are an array by code.
Source: framework/plugins/interpodaffinity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pybernetes.apimachinery.selectors import SelectorError
from pybernetes.scheduler.columns import Bools, Ints
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
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.pod_terms import PodTerm, TermKind, pod_terms
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status, unresolvable

REASON_AFFINITY = "node(s) didn't match pod affinity rules"
REASON_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
REASON_EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
_DEFAULT_HARD_WEIGHT = 1


@dataclass(slots=True, frozen=True)
class _Resolved:
    """A term of the Pod to place, its namespaces known by name."""

    key: str
    term: PodTerm
    namespaces: frozenset[str] | None
    """None: all."""

    def matches(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return (self.namespaces is None or namespace in self.namespaces) and self.term.selector.matches(labels)

    def matches_pod(self, info: PodInfo) -> bool:
        return self.matches(info.pod.metadata.namespace or "", info.pod.metadata.labels)


@dataclass(slots=True)
class _State:
    affinity: list[_Resolved]
    anti_affinity: list[_Resolved]
    affinity_counts: list[Ints]
    """Per term, by code: Pods that all terms match."""
    anti_counts: list[Ints]
    existing: dict[str, Ints]
    """Topology key -> by code: anti-affinity terms of placed Pods that match the Pod."""
    alone: bool
    """No Pod matches the affinity, and the Pod itself does: it may be the first of its kind."""
    total: int
    self_match: bool


class InterPodAffinity:
    name = "InterPodAffinity"

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        given = arguments.arguments
        weight = given.get("hardPodAffinityWeight")
        self._hard_weight = _DEFAULT_HARD_WEIGHT if weight is None else int(weight)
        if not 0 <= self._hard_weight <= 100:
            raise ValueError("hardPodAffinityWeight must be between 0 and 100")
        self._ignore_existing = bool(given.get("ignorePreferredTermsOfExistingPods"))
        self._handle = handle

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        try:
            terms = pod_terms(info.pod) if info.pod.spec.affinity is not None else info.pod_terms
        except SelectorError as error:
            return PreFilterResult(unresolvable(f"parsing pod: {error}"))
        existing = self._existing_anti_affinity(info, snapshot)
        if not existing and not terms.affinity and not terms.anti_affinity:
            return PreFilterResult(SKIP)
        affinity = [self._resolved(term) for term in terms.affinity]
        anti_affinity = [self._resolved(term) for term in terms.anti_affinity]
        counts = _counts_of_all(affinity, snapshot)
        total = sum(int(by_code[1:].sum()) for by_code in counts)
        self_match = all(term.matches_pod(info) for term in affinity)
        state.write(
            self.name,
            _State(
                affinity,
                anti_affinity,
                counts,
                [_by_code(term.key, _matching((term,), snapshot), snapshot) for term in anti_affinity],
                existing,
                total == 0 and self_match,
                total,
                self_match,
            ),
        )
        return PreFilterResult(SUCCESS)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        own = state.read(self.name, _State)
        rows = snapshot.rows
        unlabelled = np.zeros(rows, np.bool_)
        lonely = np.zeros(rows, np.bool_)
        for term, counts in zip(own.affinity, own.affinity_counts, strict=True):
            codes = _codes(snapshot, term.key)
            unlabelled |= codes == 0
            lonely |= counts[codes] <= 0
        refused: Bools = unlabelled if own.alone else unlabelled | lonely
        failures = refused.astype(np.uint64)
        repelled = np.zeros(rows, np.bool_)
        for term, counts in zip(own.anti_affinity, own.anti_counts, strict=True):
            codes = _codes(snapshot, term.key)
            repelled |= (codes != 0) & (counts[codes] > 0)
        failures[~refused & repelled] = 2
        unwelcome = np.zeros(rows, np.bool_)
        for key, counts in own.existing.items():
            codes = _codes(snapshot, key)
            unwelcome |= (codes != 0) & (counts[codes] > 0)
        failures[~refused & ~repelled & unwelcome] = 4
        return Verdict((REASON_AFFINITY, REASON_ANTI_AFFINITY, REASON_EXISTING), failures, refused)

    def trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> Trial:
        return _AffinityTrial(state.read(self.name, _State), info, self._handle, snapshot, row)

    def pre_score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Status:
        terms = info.pod_terms
        own = bool(terms.preferred or terms.preferred_anti)
        if self._ignore_existing and not own:
            return SKIP
        weights: list[tuple[str, Ints]] = []
        for sign, preferred in ((1, terms.preferred), (-1, terms.preferred_anti)):
            for weight, term in preferred:
                resolved = self._resolved(term)
                counts = _by_code(term.key, _matching((resolved,), snapshot), snapshot)
                if counts[1:].any():
                    weights.append((term.key, counts * (sign * weight)))
        weights += self._existing_weights(info, snapshot)
        if not weights:
            return SKIP
        state.write(f"{self.name}/score", weights)
        return SUCCESS

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        total = np.zeros(len(rows), np.int64)
        for key, by_code in state.read(f"{self.name}/score", list):
            codes = _codes(snapshot, key)[rows]
            total += np.where(codes != 0, by_code[codes], 0)
        return total

    def normalize(self, state: CycleState, info: PodInfo, scores: Ints) -> Ints:
        least, most = int(scores.min()), int(scores.max())
        if most == least:
            return np.zeros_like(scores)
        return (MAX_NODE_SCORE * ((scores - least) / (most - least))).astype(np.int64)

    def _resolved(self, term: PodTerm) -> _Resolved:
        selector = term.namespace_selector
        if selector.empty:
            return _Resolved(term.key, term, None)
        named = term.namespaces if selector.nothing else term.namespaces | set(self._handle.namespaces(selector))
        return _Resolved(term.key, term, frozenset(named))

    def _existing_anti_affinity(self, info: PodInfo, snapshot: Snapshot) -> dict[str, Ints]:
        found: dict[str, Ints] = {}
        for (_, term), counts in snapshot.existing_terms.counts[TermKind.REQUIRED_ANTI_AFFINITY].items():
            column = snapshot.label(term.key)
            if column is None or not self._is_meant(term, info):
                continue
            by_code = counts.by_code(column, snapshot.labels_generation)
            if by_code[1:].any():
                found[term.key] = _sum(found.get(term.key), by_code, len(column.values))
        return found

    def _existing_weights(self, info: PodInfo, snapshot: Snapshot) -> list[tuple[str, Ints]]:
        found = []
        for kind, sign in (
            (TermKind.REQUIRED_AFFINITY, 1),
            (TermKind.PREFERRED_AFFINITY, 1),
            (TermKind.PREFERRED_ANTI_AFFINITY, -1),
        ):
            for (weight, term), counts in snapshot.existing_terms.counts[kind].items():
                weight = self._hard_weight if kind is TermKind.REQUIRED_AFFINITY else weight
                column = snapshot.label(term.key)
                if column is None or weight == 0 or not self._is_meant(term, info):
                    continue
                by_code = counts.by_code(column, snapshot.labels_generation)
                if by_code[1:].any():
                    found.append((term.key, _sum(None, by_code, len(column.values)) * (sign * weight)))
        return found

    def _is_meant(self, term: PodTerm, info: PodInfo) -> bool:
        metadata = info.pod.metadata
        return term.matches(metadata.namespace or "", metadata.labels, self._handle.namespace_labels)

    # Hints

    def events_to_register(self) -> Sequence[Registration]:
        pod = ClusterEvent(EventResource.POD, Action.ADD | Action.UPDATE_POD_LABEL | Action.DELETE)
        node = ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL)
        return [Registration(pod, self._pods_changed), Registration(node, _topology_changed)]

    def _pods_changed(self, info: PodInfo, old: Any, new: Any) -> bool:
        if old is not None and new is not None and new.metadata.uid == info.uid:
            return True
        for each in (old, new):
            if each is not None and not each.spec.nodeName and not each.status.nominatedNodeName:
                return False
        terms = info.pod_terms
        before = None if old is None else PodInfo(old)
        after = None if new is None else PodInfo(new)
        if after is not None:
            came = self._all_match(terms.affinity, after)
            if before is None:
                return came
            if came and not self._all_match(terms.affinity, before):
                return True
            return self._all_match(terms.anti_affinity, before) and not self._all_match(terms.anti_affinity, after)
        assert before is not None
        return self._all_match(terms.anti_affinity, before) or self._all_match(before.pod_terms.anti_affinity, info)

    def _all_match(self, terms: Sequence[PodTerm], other: PodInfo) -> bool:
        return bool(terms) and all(self._is_meant(term, other) for term in terms)


class _AffinityTrial:
    """The counts at one node's topology values while Pods come and go. Source: filtering.go, updateWithPod."""

    def __init__(self, own: _State, info: PodInfo, handle: Handle, snapshot: Snapshot, row: int) -> None:
        self._own = own
        self._info = info
        self._handle = handle
        self._labels = snapshot.nodes[row].metadata.labels  # type: ignore[union-attr]
        self._affinity = [_at(own.affinity_counts[i], term.key, snapshot, row) for i, term in enumerate(own.affinity)]
        self._anti = [_at(own.anti_counts[i], term.key, snapshot, row) for i, term in enumerate(own.anti_affinity)]
        self._existing = {key: _at(counts, key, snapshot, row) for key, counts in own.existing.items()}
        self._total = own.total

    def add(self, other: PodInfo) -> None:
        self._change(other, 1)

    def remove(self, other: PodInfo) -> None:
        self._change(other, -1)

    def _change(self, other: PodInfo, sign: int) -> None:
        own = self._own
        if own.affinity and all(term.matches_pod(other) for term in own.affinity):
            for index, term in enumerate(own.affinity):
                if term.key in self._labels:
                    self._affinity[index] += sign
                    self._total += sign
        for index, term in enumerate(own.anti_affinity):
            if term.matches_pod(other):
                self._anti[index] += sign
        metadata = self._info.pod.metadata
        for foreign in other.pod_terms.anti_affinity:
            if foreign.key in self._labels and foreign.matches(
                metadata.namespace or "", metadata.labels, self._handle.namespace_labels
            ):
                self._existing[foreign.key] = self._existing.get(foreign.key, 0) + sign

    def refusal(self) -> Refusal | None:
        own = self._own
        if any(term.key not in self._labels for term in own.affinity):
            return Refusal((REASON_AFFINITY,), unresolvable=True)
        if any(count <= 0 for count in self._affinity) and not (self._total == 0 and own.self_match):
            return Refusal((REASON_AFFINITY,), unresolvable=True)
        here = zip(own.anti_affinity, self._anti, strict=True)
        if any(count > 0 and term.key in self._labels for term, count in here):
            return Refusal((REASON_ANTI_AFFINITY,))
        if any(count > 0 for count in self._existing.values()):
            return Refusal((REASON_EXISTING,))
        return None


def _at(by_code: Ints, key: str, snapshot: Snapshot, row: int) -> int:
    code = int(_codes(snapshot, key)[row])
    return int(by_code[code]) if code else 0


def _codes(snapshot: Snapshot, key: str) -> Any:
    column = snapshot.label(key)
    return np.zeros(snapshot.rows, np.int32) if column is None else column.codes[: snapshot.rows]


def _by_code(key: str, per_node: Ints, snapshot: Snapshot) -> Ints:
    """Pods per node -> Pods per topology value."""
    column = snapshot.label(key)
    size = 1 if column is None else len(column.values)
    return np.bincount(_codes(snapshot, key), weights=per_node, minlength=size).astype(np.int64)


def _matching(terms: Sequence[_Resolved], snapshot: Snapshot) -> Ints:
    """Pods per node that all terms match, terminating ones too."""
    wanted = tuple((term.term.selector, term.namespaces) for term in terms)

    def predicate(namespace: str, labels: Mapping[str, str], terminating: bool) -> bool:
        return all(term.matches(namespace, labels) for term in terms)

    return snapshot.pods_where(wanted, predicate)


def _counts_of_all(terms: Sequence[_Resolved], snapshot: Snapshot) -> list[Ints]:
    if not terms:
        return []
    per_node = _matching(terms, snapshot)
    return [_by_code(term.key, per_node, snapshot) for term in terms]


def _sum(total: Ints | None, by_code: Ints, size: int) -> Ints:
    """Adds counts; a topology value may have got its code after the counts were made."""
    result = np.zeros(size, np.int64) if total is None else total
    result[: len(by_code)] += by_code
    return result


def _topology_changed(info: PodInfo, old: Any, new: Any) -> bool:
    """Source: plugin.go, isSchedulableAfterNodeChange. Differs: a Pod that others repel is tried as well."""
    terms = info.pod_terms
    before = {} if old is None else old.metadata.labels
    after = new.metadata.labels
    if any(after.get(term.key) is not None and after.get(term.key) != before.get(term.key) for term in terms.affinity):
        return True
    if old is None:
        return bool(terms.anti_affinity) or not terms.affinity
    if any(term.key in before and after.get(term.key) != before[term.key] for term in terms.anti_affinity):
        return True
    return not terms.affinity and not terms.anti_affinity and before != after
