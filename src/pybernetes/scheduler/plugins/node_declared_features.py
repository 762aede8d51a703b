"""NodeDeclaredFeatures: nodes whose kubelet has the features that the Pod needs.

Source: pkg/scheduler/framework/plugins/nodedeclaredfeatures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pybernetes.apimachinery.declared_features import needed_to_run
from pybernetes.scheduler.columns import Bools, Ints
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, Verdict
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

REASON = "node(s) didn't match Pod's required features"


class NodeDeclaredFeatures:
    name = "NodeDeclaredFeatures"

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        needed = needed_to_run(info.pod.spec)
        if not needed:
            return None

        def lacking(rows: Ints) -> Bools:
            nodes = (snapshot.nodes[row] for row in rows)
            return np.fromiter(
                (not needed.issubset(n.status.declaredFeatures) if n else False for n in nodes), np.bool_
            )

        return Verdict.of(snapshot.kept((self.name, needed), lacking), REASON, unresolvable=True)

    def events_to_register(self) -> Sequence[Registration]:
        node = ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_DECLARED_FEATURE)
        pod = ClusterEvent(EventResource.POD, Action.UPDATE)
        return [Registration(node), Registration(pod, _needs_others)]


def _needs_others(info: PodInfo, old: Any, new: Any) -> bool:
    return new.metadata.uid == info.uid and needed_to_run(old.spec) != needed_to_run(new.spec)
