"""TaintToleration: untolerated NoSchedule and NoExecute taints refuse, PreferNoSchedule ones cost score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pybernetes.apimachinery.tolerations import (
    NO_EXECUTE,
    NO_SCHEDULE,
    PREFER_NO_SCHEDULE,
    any_tolerates,
    untolerated,
)
from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, Verdict, default_normalize
from pybernetes.scheduler.node_masks import untolerated_mask
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

REASON = "node(s) had untolerated taint(s)"
REFUSING = (NO_SCHEDULE, NO_EXECUTE)


class TaintToleration:
    name = "TaintToleration"

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        failed = untolerated_mask(snapshot, info.pod.spec.tolerations, REFUSING)
        return None if failed is None else Verdict.of(failed, REASON, unresolvable=True)

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        tolerations = [t for t in info.pod.spec.tolerations if t.effect in (None, "", PREFER_NO_SCHEDULE)]
        counts = np.zeros(len(rows), np.int64)
        for (key, value, effect), nodes in snapshot.taints.items():
            if effect == PREFER_NO_SCHEDULE and not any_tolerates(tolerations, key, value, effect):
                counts += nodes[rows]
        return counts

    def normalize(self, state: CycleState, info: PodInfo, scores: Ints) -> Ints:
        return default_normalize(scores, reverse=True)

    def events_to_register(self) -> Sequence[Registration]:
        node = ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_TAINT)
        pod = ClusterEvent(EventResource.POD, Action.UPDATE_POD_TOLERATION)
        return [Registration(node, _taint_went), Registration(pod, _own_tolerations_changed)]


def _taint_went(info: PodInfo, old: Any, new: Any) -> bool:
    tolerations = info.pod.spec.tolerations
    refused = old is None or untolerated(old.spec.taints, tolerations, REFUSING) is not None
    return refused and untolerated(new.spec.taints, tolerations, REFUSING) is None


def _own_tolerations_changed(info: PodInfo, old: Any, new: Any) -> bool:
    return bool(new.metadata.uid == info.uid)
