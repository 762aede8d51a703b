"""NodeName: a Pod that names its node fits only there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, Verdict
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

REASON = "node(s) didn't match the requested node name"


class NodeName:
    name = "NodeName"

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        wanted = info.pod.spec.nodeName
        if not wanted:
            return None
        failed = np.ones(snapshot.rows, np.bool_)
        row = snapshot.row_of.get(wanted)
        if row is not None:
            failed[row] = False
        return Verdict.of(failed, REASON, unresolvable=True)

    def events_to_register(self) -> Sequence[Registration]:
        return [Registration(ClusterEvent(EventResource.NODE, Action.ADD))]
