"""SchedulingGates: a Pod with gates waits outside the queue until the last gate is removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.status import SUCCESS, Status, unresolvable


class SchedulingGates:
    name = "SchedulingGates"

    def pre_enqueue(self, info: PodInfo) -> Status:
        gates = [gate.name for gate in info.pod.spec.schedulingGates]
        return unresolvable(f"waiting for scheduling gates: [{' '.join(gates)}]") if gates else SUCCESS

    def events_to_register(self) -> Sequence[Registration]:
        event = ClusterEvent(EventResource.POD, Action.UPDATE_POD_SCHEDULING_GATES_ELIMINATED)
        return [Registration(event, _own_gates_went)]


def _own_gates_went(info: PodInfo, old: Any, new: Any) -> bool:
    return bool(new.metadata.uid == info.uid)
