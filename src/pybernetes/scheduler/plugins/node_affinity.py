"""NodeAffinity: nodeSelector and required node affinity refuse, preferred terms add score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from pybernetes.api.core import v1 as api
from pybernetes.apimachinery.node_selector import named_nodes, preferred_terms, required_affinity
from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, PluginArguments, PreFilterResult, Verdict, default_normalize
from pybernetes.scheduler.node_masks import affinity_mask, term_mask
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status, unresolvable

REASON = "node(s) didn't match Pod's node affinity/selector"
REASON_ENFORCED = "node(s) didn't match scheduler-enforced node affinity"
REASON_CONFLICT = "pod affinity terms conflict"


class NodeAffinity:
    name = "NodeAffinity"

    def __init__(self, arguments: PluginArguments) -> None:
        """`addedAffinity` is a node affinity that every Pod of the profile has beside its own."""
        added = msgspec.convert(arguments.arguments.get("addedAffinity") or {}, api.NodeAffinity)
        everybody = api.Pod(spec=api.PodSpec(affinity=api.Affinity(nodeAffinity=added)))
        self._added = required_affinity(everybody)
        self._added_preferred = preferred_terms(everybody)

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        if info.required_affinity.empty and self._added.empty:
            return PreFilterResult(SKIP)
        named = named_nodes(info.pod)
        if named is not None and not named:
            return PreFilterResult(unresolvable(REASON_CONFLICT))
        return PreFilterResult(SUCCESS, named)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        refused = ~affinity_mask(snapshot, info.required_affinity)
        if self._added.empty:
            return Verdict.of(refused, REASON, unresolvable=True)
        enforced = ~affinity_mask(snapshot, self._added)
        failures = np.where(enforced, 2, refused).astype(np.uint64)
        return Verdict((REASON, REASON_ENFORCED), failures, unresolvable=True)

    def pre_score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Status:
        affinity = info.pod.spec.affinity
        own = affinity.nodeAffinity if affinity is not None else None
        prefers = own is not None and bool(own.preferredDuringSchedulingIgnoredDuringExecution)
        return SUCCESS if prefers or self._added_preferred else SKIP

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        scores = np.zeros(len(rows), np.int64)
        for weight, term in (*self._added_preferred, *preferred_terms(info.pod)):
            scores += weight * term_mask(snapshot, term)[rows]
        return scores

    def normalize(self, state: CycleState, info: PodInfo, scores: Ints) -> Ints:
        return default_normalize(scores, reverse=False)

    def events_to_register(self) -> Sequence[Registration]:
        event = ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL)
        return [Registration(event, self._node_now_matches)]

    def _node_now_matches(self, info: PodInfo, old: Any, new: Any) -> bool:
        def matches(node: Any) -> bool:
            name, labels = node.metadata.name or "", node.metadata.labels
            return self._added.matches(name, labels) and info.required_affinity.matches(name, labels)

        return matches(new) and (old is None or not matches(old))
