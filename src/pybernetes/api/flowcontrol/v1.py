"""Structs of the group-version flowcontrol/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, Time, ZeroBool, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class ExemptPriorityLevelConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lendablePercent: Int32 | None = None
    nominalConcurrencyShares: Int32 | None = None


class FlowDistinguisherMethod(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    type: str = field(default_factory=zero.string)


class FlowSchema(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "flowcontrol.apiserver.k8s.io/v1")
    kind: str = field(default_factory=lambda: "FlowSchema")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: FlowSchemaSpec = field(default_factory=lambda: FlowSchemaSpec())
    status: FlowSchemaStatus = field(default_factory=lambda: FlowSchemaStatus())


class FlowSchemaCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: ZeroStr | None = None
    type: ZeroStr | None = None


class FlowSchemaList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "flowcontrol.apiserver.k8s.io/v1")
    kind: str = field(default_factory=lambda: "FlowSchemaList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[FlowSchema] = field(default_factory=zero.array)


class FlowSchemaSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    distinguisherMethod: FlowDistinguisherMethod | None = None
    matchingPrecedence: Int32 = field(default_factory=zero.zero)
    priorityLevelConfiguration: PriorityLevelConfigurationReference = field(default_factory=lambda: PriorityLevelConfigurationReference())
    rules: list[PolicyRulesWithSubjects] = []


class FlowSchemaStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[FlowSchemaCondition] = []


class GroupSubject(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)


class LimitResponse(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    queuing: QueuingConfiguration | None = None
    type: str = field(default_factory=zero.string)


class LimitedPriorityLevelConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    borrowingLimitPercent: Int32 | None = None
    lendablePercent: Int32 | None = None
    limitResponse: LimitResponse = field(default_factory=lambda: LimitResponse())
    nominalConcurrencyShares: Int32 | None = field(default_factory=zero.null)


class NonResourcePolicyRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    nonResourceURLs: list[str] = field(default_factory=zero.array)
    verbs: list[str] = field(default_factory=zero.array)


class PolicyRulesWithSubjects(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    nonResourceRules: list[NonResourcePolicyRule] = []
    resourceRules: list[ResourcePolicyRule] = []
    subjects: list[Subject] = field(default_factory=zero.array)


class PriorityLevelConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "flowcontrol.apiserver.k8s.io/v1")
    kind: str = field(default_factory=lambda: "PriorityLevelConfiguration")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PriorityLevelConfigurationSpec = field(default_factory=lambda: PriorityLevelConfigurationSpec())
    status: PriorityLevelConfigurationStatus = field(default_factory=lambda: PriorityLevelConfigurationStatus())


class PriorityLevelConfigurationCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: ZeroStr | None = None
    type: ZeroStr | None = None


class PriorityLevelConfigurationList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "flowcontrol.apiserver.k8s.io/v1")
    kind: str = field(default_factory=lambda: "PriorityLevelConfigurationList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[PriorityLevelConfiguration] = field(default_factory=zero.array)


class PriorityLevelConfigurationReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)


class PriorityLevelConfigurationSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    exempt: ExemptPriorityLevelConfiguration | None = None
    limited: LimitedPriorityLevelConfiguration | None = None
    type: str = field(default_factory=zero.string)


class PriorityLevelConfigurationStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[PriorityLevelConfigurationCondition] = []


class QueuingConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    handSize: Int32 = field(default_factory=zero.zero)
    queueLengthLimit: Int32 = field(default_factory=zero.zero)
    queues: Int32 = field(default_factory=zero.zero)


class ResourcePolicyRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroups: list[str] = field(default_factory=zero.array)
    clusterScope: ZeroBool | None = None
    namespaces: list[str] = []
    resources: list[str] = field(default_factory=zero.array)
    verbs: list[str] = field(default_factory=zero.array)


class ServiceAccountSubject(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    namespace: str = field(default_factory=zero.string)


class Subject(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    group: GroupSubject | None = None
    kind: str = field(default_factory=zero.string)
    serviceAccount: ServiceAccountSubject | None = None
    user: UserSubject | None = None


class UserSubject(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
