"""Structs of the group-version scheduling/v1alpha2. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class BasicSchedulingPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class GangSchedulingPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    minCount: Int32 = field(default_factory=zero.zero)


class PodGroup(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "scheduling.k8s.io/v1alpha2")
    kind: str = field(default_factory=lambda: "PodGroup")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PodGroupSpec = field(default_factory=lambda: PodGroupSpec())
    status: PodGroupStatus = field(default_factory=lambda: PodGroupStatus())


class PodGroupList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "scheduling.k8s.io/v1alpha2")
    kind: str = field(default_factory=lambda: "PodGroupList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[PodGroup] = field(default_factory=zero.array)


class PodGroupResourceClaim(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    resourceClaimName: str | None = None
    resourceClaimTemplateName: str | None = None


class PodGroupResourceClaimStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    resourceClaimName: str | None = None


class PodGroupSchedulingConstraints(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    topology: list[TopologyConstraint] = []


class PodGroupSchedulingPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    basic: BasicSchedulingPolicy | None = None
    gang: GangSchedulingPolicy | None = None


class PodGroupSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    disruptionMode: str | None = None
    podGroupTemplateRef: PodGroupTemplateReference | None = field(default_factory=zero.null)
    priority: Int32 | None = None
    priorityClassName: ZeroStr | None = None
    resourceClaims: list[PodGroupResourceClaim] = []
    schedulingConstraints: PodGroupSchedulingConstraints | None = None
    schedulingPolicy: PodGroupSchedulingPolicy = field(default_factory=lambda: PodGroupSchedulingPolicy())


class PodGroupStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []
    resourceClaimStatuses: list[PodGroupResourceClaimStatus] = []


class PodGroupTemplate(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    disruptionMode: str | None = None
    name: str = field(default_factory=zero.string)
    priority: Int32 | None = None
    priorityClassName: ZeroStr | None = None
    resourceClaims: list[PodGroupResourceClaim] = []
    schedulingConstraints: PodGroupSchedulingConstraints | None = field(default_factory=zero.null)
    schedulingPolicy: PodGroupSchedulingPolicy = field(default_factory=lambda: PodGroupSchedulingPolicy())


class PodGroupTemplateReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    workload: WorkloadPodGroupTemplateReference | None = field(default_factory=zero.null)


class TopologyConstraint(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)


class TypedLocalObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroup: ZeroStr | None = None
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class Workload(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "scheduling.k8s.io/v1alpha2")
    kind: str = field(default_factory=lambda: "Workload")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: WorkloadSpec = field(default_factory=lambda: WorkloadSpec())


class WorkloadList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "scheduling.k8s.io/v1alpha2")
    kind: str = field(default_factory=lambda: "WorkloadList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Workload] = field(default_factory=zero.array)


class WorkloadPodGroupTemplateReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    podGroupTemplateName: str = field(default_factory=zero.string)
    workloadName: str = field(default_factory=zero.string)


class WorkloadSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    controllerRef: TypedLocalObjectReference | None = None
    podGroupTemplates: list[PodGroupTemplate] = field(default_factory=zero.array)
