"""GangScheduling: Pods of a group that want to run together get nodes together, or none does.

They wait outside the queue until there are enough of them, and before they are bound until enough have a place. When
one finds none meanwhile, the others give theirs back.
Source: pkg/scheduler/framework/plugins/gangscheduling. Differs: upstream decides on a whole group in one cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, Diagnosis, Tries
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_groups import group_of
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SUCCESS, Code, Status, failed, unresolvable, unschedulable

_PATIENCE_S = 300.0


class GangScheduling:
    name = "GangScheduling"

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._groups = handle.pod_groups

    def pre_enqueue(self, info: PodInfo) -> Status:
        key = group_of(info.pod)
        if not key or self._groups is None:
            return SUCCESS
        if self._groups.get(key) is None:
            name = key.partition("/")[2]
            return unresolvable(f'waiting for pods\'s pod group "{name}" to appear in scheduling queue')
        if len(self._groups.pods(key)) < self._least(key):
            return unresolvable("waiting for minCount pods from a gang to appear in scheduling queue")
        return SUCCESS

    def permit(self, state: CycleState, info: PodInfo, node_name: str) -> tuple[Status, float]:
        key = group_of(info.pod)
        if not key or self._groups is None:
            return SUCCESS, 0
        if self._groups.get(key) is None:
            return failed(LookupError(f'failed to get podGroup {key}: podgroup "{key}" not found')), 0
        least = self._least(key)
        others = [pod for pod in self._groups.pods(key) if pod.metadata.uid != info.uid]
        placed = [pod for pod in others if self._has_place(pod)]
        if len(placed) + 1 < least:
            for pod in others:
                if pod not in placed:
                    self._handle.activate(pod.metadata.uid or "")
            return Status(Code.WAIT, ("waiting for minCount pods from a gang to be scheduled",)), _PATIENCE_S
        for pod in placed:
            self._handle.allow(pod.metadata.uid or "")
        return SUCCESS, 0

    def post_filter(
        self, tries: Tries, state: CycleState, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis
    ) -> tuple[str | None, Status]:
        """The Pods that wait for this one let go of what they hold, unless they are enough without it."""
        key = group_of(info.pod)
        if key and self._groups is not None:
            placed = [pod for pod in self._groups.pods(key) if self._has_place(pod)]
            if len(placed) < self._least(key):
                for pod in placed:
                    self._handle.reject(pod.metadata.uid or "", "another pod of the gang fits no node")
        return None, unschedulable()

    def events_to_register(self) -> Sequence[Registration]:
        return [
            Registration(ClusterEvent(EventResource.POD, Action.ADD), _is_of_its_group),
            Registration(ClusterEvent(EventResource.POD_GROUP, Action.ADD), _is_its_group),
        ]

    def _has_place(self, pod: Pod) -> bool:
        return bool(pod.spec.nodeName) or self._handle.is_placed(pod.metadata.uid or "")

    def _least(self, key: str) -> int:
        """How many Pods must go together; 0: each may go alone."""
        group = self._groups.get(key) if self._groups is not None else None
        gang = group.spec.schedulingPolicy.gang if group is not None else None
        return gang.minCount if gang is not None else 0


def _is_of_its_group(info: PodInfo, old: Any, new: Any) -> bool:
    return bool(group_of(new)) and group_of(new) == group_of(info.pod)


def _is_its_group(info: PodInfo, old: Any, new: Any) -> bool:
    return group_of(info.pod) == f"{new.metadata.namespace}/{new.metadata.name}"
