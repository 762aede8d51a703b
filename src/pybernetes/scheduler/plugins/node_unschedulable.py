"""NodeUnschedulable: cordoned nodes take no Pods but those that tolerate it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.tolerations import NO_SCHEDULE, UNSCHEDULABLE_TAINT, any_tolerates
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, Verdict
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

REASON = "node(s) were unschedulable"


class NodeUnschedulable:
    name = "NodeUnschedulable"

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        cordoned = snapshot.unschedulable[: snapshot.rows]
        if not cordoned.any() or _tolerated(info.pod):
            return None
        return Verdict.of(cordoned, REASON, unresolvable=True)

    def events_to_register(self) -> Sequence[Registration]:
        node = ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_TAINT)
        pod = ClusterEvent(EventResource.POD, Action.UPDATE_POD_TOLERATION)
        return [Registration(node, _uncordoned), Registration(pod, _pod_tolerates)]


def _tolerated(pod: Pod) -> bool:
    return any_tolerates(pod.spec.tolerations, UNSCHEDULABLE_TAINT, "", NO_SCHEDULE)


def _uncordoned(info: PodInfo, old: Any, new: Any) -> bool:
    return not new.spec.unschedulable and (old is None or bool(old.spec.unschedulable))


def _pod_tolerates(info: PodInfo, old: Any, new: Any) -> bool:
    return new.metadata.uid == info.uid and _tolerated(new)
