"""NodeAffinity: nodeSelector and required node affinity refuse, preferred terms add score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pybernetes.apimachinery.node_selector import named_nodes, preferred_terms
from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, PreFilterResult, Verdict, default_normalize
from pybernetes.scheduler.node_masks import affinity_mask, term_mask
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status, unresolvable

REASON = "node(s) didn't match Pod's node affinity/selector"
REASON_CONFLICT = "pod affinity terms conflict"


class NodeAffinity:
    name = "NodeAffinity"

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        if info.required_affinity.empty:
            return PreFilterResult(SKIP)
        named = named_nodes(info.pod)
        if named is not None and not named:
            return PreFilterResult(unresolvable(REASON_CONFLICT))
        return PreFilterResult(SUCCESS, named)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        return Verdict.of(~affinity_mask(snapshot, info.required_affinity), REASON, unresolvable=True)

    def pre_score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Status:
        affinity = info.pod.spec.affinity
        if (
            affinity is None
            or affinity.nodeAffinity is None
            or not affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution
        ):
            return SKIP
        return SUCCESS

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        scores = np.zeros(len(rows), np.int64)
        for weight, term in preferred_terms(info.pod):
            scores += weight * term_mask(snapshot, term)[rows]
        return scores

    def normalize(self, state: CycleState, info: PodInfo, scores: Ints) -> Ints:
        return default_normalize(scores, reverse=False)

    def events_to_register(self) -> Sequence[Registration]:
        event = ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL)
        return [Registration(event, _node_now_matches)]


def _node_now_matches(info: PodInfo, old: Any, new: Any) -> bool:
    required = info.required_affinity
    if not required.matches(new.metadata.name or "", new.metadata.labels):
        return False
    return old is None or not required.matches(old.metadata.name or "", old.metadata.labels)
