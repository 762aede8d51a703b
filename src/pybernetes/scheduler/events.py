"""What happened in the cluster, in the terms by which plugins say what may make a Pod schedulable again.

Pure: two versions of an object in, the cluster events between them out.
Source: kube-scheduler/framework/types.go, pkg/scheduler/framework/events.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntFlag
from typing import Any

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.resources import pod_requests


class Action(IntFlag):
    ADD = 1
    DELETE = 1 << 1
    UPDATE_NODE_ALLOCATABLE = 1 << 2
    UPDATE_NODE_LABEL = 1 << 3
    UPDATE_NODE_TAINT = 1 << 4
    UPDATE_NODE_CONDITION = 1 << 5
    UPDATE_NODE_ANNOTATION = 1 << 6
    UPDATE_POD_LABEL = 1 << 7
    UPDATE_POD_SCALE_DOWN = 1 << 8
    UPDATE_POD_TOLERATION = 1 << 9
    UPDATE_POD_SCHEDULING_GATES_ELIMINATED = 1 << 10
    UPDATE_POD_GENERATED_RESOURCE_CLAIM = 1 << 11
    UPDATE_NODE_DECLARED_FEATURE = 1 << 12
    UPDATE_OTHER = 1 << 13
    UPDATE = sum(1 << shift for shift in range(2, 14))
    ALL = (1 << 14) - 1


class EventResource(Enum):
    NODE = "Node"
    POD = "Pod"
    """A plugin that registers for POD hears of assigned and of unscheduled Pods."""
    ASSIGNED_POD = "AssignedPod"
    UNSCHEDULED_POD = "UnschedulablePod"
    PERSISTENT_VOLUME = "PersistentVolume"
    PERSISTENT_VOLUME_CLAIM = "PersistentVolumeClaim"
    STORAGE_CLASS = "storage.k8s.io/StorageClass"
    CSI_NODE = "storage.k8s.io/CSINode"
    CSI_DRIVER = "storage.k8s.io/CSIDriver"
    CSI_STORAGE_CAPACITY = "storage.k8s.io/CSIStorageCapacity"
    VOLUME_ATTACHMENT = "storage.k8s.io/VolumeAttachment"
    RESOURCE_CLAIM = "resource.k8s.io/ResourceClaim"
    DEVICE_CLASS = "resource.k8s.io/DeviceClass"
    RESOURCE_SLICE = "resource.k8s.io/ResourceSlice"
    POD_GROUP = "scheduling.k8s.io/PodGroup"
    WILDCARD = "*"


@dataclass(slots=True, frozen=True)
class ClusterEvent:
    resource: EventResource
    action: Action
    label: str = ""

    @property
    def wildcard(self) -> bool:
        return self.resource is EventResource.WILDCARD and self.action == Action.ALL

    def covers(self, happened: ClusterEvent) -> bool:
        """Whether a registration for this event is about what happened."""
        if self.wildcard or happened.wildcard:
            return True
        same = self.resource is happened.resource or (
            self.resource is EventResource.POD
            and happened.resource in (EventResource.ASSIGNED_POD, EventResource.UNSCHEDULED_POD)
        )
        # A general update is for those alone who asked for all updates, so it must not be the larger one.
        return same and bool(self.action & happened.action) and happened.action <= self.action


Hint = Callable[[PodInfo, Any, Any], bool]
"""(the waiting Pod, the old object or None, the new object or None) -> whether to try the Pod again."""


@dataclass(slots=True, frozen=True)
class Registration:
    """One event a plugin waits for after it rejected a Pod; without a hint, any such event counts."""

    event: ClusterEvent
    hint: Hint | None = None


NODE_ADD = ClusterEvent(EventResource.NODE, Action.ADD)
NODE_DELETE = ClusterEvent(EventResource.NODE, Action.DELETE)
ASSIGNED_POD_ADD = ClusterEvent(EventResource.ASSIGNED_POD, Action.ADD)
ASSIGNED_POD_DELETE = ClusterEvent(EventResource.ASSIGNED_POD, Action.DELETE)
UNSCHEDULED_POD_ADD = ClusterEvent(EventResource.UNSCHEDULED_POD, Action.ADD)
ANYTHING = ClusterEvent(EventResource.WILDCARD, Action.ALL)
UNSCHEDULABLE_TIMEOUT = ClusterEvent(EventResource.WILDCARD, Action.ALL, "UnschedulableTimeout")


def node_changes(old: Node, new: Node) -> list[ClusterEvent]:
    """The scheduling properties in which two versions of a node differ."""
    actions = []
    if old.spec.unschedulable and not new.spec.unschedulable:
        actions.append(Action.UPDATE_NODE_TAINT)
    if old.status.allocatable != new.status.allocatable:
        actions.append(Action.UPDATE_NODE_ALLOCATABLE)
    if old.metadata.labels != new.metadata.labels:
        actions.append(Action.UPDATE_NODE_LABEL)
    if old.spec.taints != new.spec.taints:
        actions.append(Action.UPDATE_NODE_TAINT)
    if _condition_statuses(old) != _condition_statuses(new):
        actions.append(Action.UPDATE_NODE_CONDITION)
    if old.metadata.annotations != new.metadata.annotations:
        actions.append(Action.UPDATE_NODE_ANNOTATION)
    if old.status.declaredFeatures != new.status.declaredFeatures:
        actions.append(Action.UPDATE_NODE_DECLARED_FEATURE)
    return [ClusterEvent(EventResource.NODE, action) for action in dict.fromkeys(actions)]


def pod_changes(old: Pod, new: Pod) -> list[ClusterEvent]:
    """The scheduling properties in which two versions of a Pod differ; a general update when none does."""
    resource = EventResource.ASSIGNED_POD if new.spec.nodeName else EventResource.UNSCHEDULED_POD
    actions = []
    if old.metadata.labels != new.metadata.labels:
        actions.append(Action.UPDATE_POD_LABEL)
    if _scaled_down(old, new):
        actions.append(Action.UPDATE_POD_SCALE_DOWN)
    if old.spec.schedulingGates and not new.spec.schedulingGates:
        actions.append(Action.UPDATE_POD_SCHEDULING_GATES_ELIMINATED)
    if len(old.spec.tolerations) != len(new.spec.tolerations):
        actions.append(Action.UPDATE_POD_TOLERATION)
    if old.status.resourceClaimStatuses != new.status.resourceClaimStatuses:
        actions.append(Action.UPDATE_POD_GENERATED_RESOURCE_CLAIM)
    return [ClusterEvent(resource, action) for action in actions or [Action.UPDATE]]


def _condition_statuses(node: Node) -> dict[str, str]:
    return {condition.type: condition.status for condition in node.status.conditions}


def _scaled_down(old: Pod, new: Pod) -> bool:
    if old.spec == new.spec and old.status.containerStatuses == new.status.containerStatuses:
        return False
    after = pod_requests(new)
    return any(name not in after or before > after[name] for name, before in pod_requests(old).items())
