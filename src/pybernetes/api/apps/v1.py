"""Structs of the group-version apps/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, Int64, IntOrString, Time, ZeroBool, ZeroInt32, ZeroInt64, ZeroStr
from pybernetes.api.core import v1 as core_v1
from pybernetes.api.meta import v1 as meta_v1

class ControllerRevision(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "ControllerRevision")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    data: Any = None
    revision: Int64 = field(default_factory=zero.zero)


class ControllerRevisionList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "ControllerRevisionList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ControllerRevision] = field(default_factory=zero.array)


class DaemonSet(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "DaemonSet")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: DaemonSetSpec = field(default_factory=lambda: DaemonSetSpec())
    status: DaemonSetStatus = field(default_factory=lambda: DaemonSetStatus())


class DaemonSetCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class DaemonSetList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "DaemonSetList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[DaemonSet] = field(default_factory=zero.array)


class DaemonSetSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    minReadySeconds: ZeroInt32 | None = None
    revisionHistoryLimit: Int32 | None = None
    selector: meta_v1.LabelSelector | None = field(default_factory=zero.null)
    template: core_v1.PodTemplateSpec = field(default_factory=lambda: core_v1.PodTemplateSpec())
    updateStrategy: DaemonSetUpdateStrategy = field(default_factory=lambda: DaemonSetUpdateStrategy())


class DaemonSetStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    collisionCount: Int32 | None = None
    conditions: list[DaemonSetCondition] = []
    currentNumberScheduled: Int32 = field(default_factory=zero.zero)
    desiredNumberScheduled: Int32 = field(default_factory=zero.zero)
    numberAvailable: ZeroInt32 | None = None
    numberMisscheduled: Int32 = field(default_factory=zero.zero)
    numberReady: Int32 = field(default_factory=zero.zero)
    numberUnavailable: ZeroInt32 | None = None
    observedGeneration: ZeroInt64 | None = None
    updatedNumberScheduled: ZeroInt32 | None = None


class DaemonSetUpdateStrategy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    rollingUpdate: RollingUpdateDaemonSet | None = None
    type: ZeroStr | None = None


class Deployment(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "Deployment")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: DeploymentSpec = field(default_factory=lambda: DeploymentSpec())
    status: DeploymentStatus = field(default_factory=lambda: DeploymentStatus())


class DeploymentCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    lastUpdateTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class DeploymentList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "DeploymentList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Deployment] = field(default_factory=zero.array)


class DeploymentSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    minReadySeconds: ZeroInt32 | None = None
    paused: ZeroBool | None = None
    progressDeadlineSeconds: Int32 | None = None
    replicas: Int32 | None = None
    revisionHistoryLimit: Int32 | None = None
    selector: meta_v1.LabelSelector | None = field(default_factory=zero.null)
    strategy: DeploymentStrategy = field(default_factory=lambda: DeploymentStrategy())
    template: core_v1.PodTemplateSpec = field(default_factory=lambda: core_v1.PodTemplateSpec())


class DeploymentStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    availableReplicas: ZeroInt32 | None = None
    collisionCount: Int32 | None = None
    conditions: list[DeploymentCondition] = []
    observedGeneration: ZeroInt64 | None = None
    readyReplicas: ZeroInt32 | None = None
    replicas: ZeroInt32 | None = None
    terminatingReplicas: Int32 | None = None
    unavailableReplicas: ZeroInt32 | None = None
    updatedReplicas: ZeroInt32 | None = None


class DeploymentStrategy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    rollingUpdate: RollingUpdateDeployment | None = None
    type: ZeroStr | None = None


class ReplicaSet(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "ReplicaSet")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ReplicaSetSpec = field(default_factory=lambda: ReplicaSetSpec())
    status: ReplicaSetStatus = field(default_factory=lambda: ReplicaSetStatus())


class ReplicaSetCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class ReplicaSetList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "ReplicaSetList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ReplicaSet] = field(default_factory=zero.array)


class ReplicaSetSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    minReadySeconds: ZeroInt32 | None = None
    replicas: Int32 | None = None
    selector: meta_v1.LabelSelector | None = field(default_factory=zero.null)
    template: core_v1.PodTemplateSpec = field(default_factory=lambda: core_v1.PodTemplateSpec())


class ReplicaSetStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    availableReplicas: ZeroInt32 | None = None
    conditions: list[ReplicaSetCondition] = []
    fullyLabeledReplicas: ZeroInt32 | None = None
    observedGeneration: ZeroInt64 | None = None
    readyReplicas: ZeroInt32 | None = None
    replicas: Int32 = field(default_factory=zero.zero)
    terminatingReplicas: Int32 | None = None


class RollingUpdateDaemonSet(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    maxSurge: IntOrString | None = None
    maxUnavailable: IntOrString | None = None


class RollingUpdateDeployment(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    maxSurge: IntOrString | None = None
    maxUnavailable: IntOrString | None = None


class RollingUpdateStatefulSetStrategy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    maxUnavailable: IntOrString | None = None
    partition: Int32 | None = None


class StatefulSet(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "StatefulSet")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: StatefulSetSpec = field(default_factory=lambda: StatefulSetSpec())
    status: StatefulSetStatus = field(default_factory=lambda: StatefulSetStatus())


class StatefulSetCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class StatefulSetList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "apps/v1")
    kind: str = field(default_factory=lambda: "StatefulSetList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[StatefulSet] = field(default_factory=zero.array)


class StatefulSetOrdinals(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    start: Int32 = field(default_factory=zero.zero)


class StatefulSetPersistentVolumeClaimRetentionPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    whenDeleted: ZeroStr | None = None
    whenScaled: ZeroStr | None = None


class StatefulSetSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    minReadySeconds: ZeroInt32 | None = None
    ordinals: StatefulSetOrdinals | None = None
    persistentVolumeClaimRetentionPolicy: StatefulSetPersistentVolumeClaimRetentionPolicy | None = None
    podManagementPolicy: ZeroStr | None = None
    replicas: Int32 | None = None
    revisionHistoryLimit: Int32 | None = None
    selector: meta_v1.LabelSelector | None = field(default_factory=zero.null)
    serviceName: str = field(default_factory=zero.string)
    template: core_v1.PodTemplateSpec = field(default_factory=lambda: core_v1.PodTemplateSpec())
    updateStrategy: StatefulSetUpdateStrategy = field(default_factory=lambda: StatefulSetUpdateStrategy())
    volumeClaimTemplates: list[core_v1.PersistentVolumeClaim] = []


class StatefulSetStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    availableReplicas: Int32 = field(default_factory=zero.zero)
    collisionCount: Int32 | None = None
    conditions: list[StatefulSetCondition] = []
    currentReplicas: ZeroInt32 | None = None
    currentRevision: ZeroStr | None = None
    observedGeneration: ZeroInt64 | None = None
    readyReplicas: ZeroInt32 | None = None
    replicas: Int32 = field(default_factory=zero.zero)
    updateRevision: ZeroStr | None = None
    updatedReplicas: ZeroInt32 | None = None


class StatefulSetUpdateStrategy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    rollingUpdate: RollingUpdateStatefulSetStrategy | None = None
    type: ZeroStr | None = None
