"""Structs of the group-version admissionregistration/v1beta1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class ApplyConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expression: ZeroStr | None = None


class JSONPatch(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expression: ZeroStr | None = None


class MatchCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expression: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class MatchResources(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    excludeResourceRules: list[NamedRuleWithOperations] = []
    matchPolicy: str | None = None
    namespaceSelector: meta_v1.LabelSelector | None = None
    objectSelector: meta_v1.LabelSelector | None = None
    resourceRules: list[NamedRuleWithOperations] = []


class MutatingAdmissionPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "MutatingAdmissionPolicy")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: MutatingAdmissionPolicySpec = field(default_factory=lambda: MutatingAdmissionPolicySpec())


class MutatingAdmissionPolicyBinding(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "MutatingAdmissionPolicyBinding")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: MutatingAdmissionPolicyBindingSpec = field(default_factory=lambda: MutatingAdmissionPolicyBindingSpec())


class MutatingAdmissionPolicyBindingList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "MutatingAdmissionPolicyBindingList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[MutatingAdmissionPolicyBinding] = field(default_factory=zero.array)


class MutatingAdmissionPolicyBindingSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    matchResources: MatchResources | None = None
    paramRef: ParamRef | None = None
    policyName: ZeroStr | None = None


class MutatingAdmissionPolicyList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "MutatingAdmissionPolicyList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[MutatingAdmissionPolicy] = field(default_factory=zero.array)


class MutatingAdmissionPolicySpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    failurePolicy: str | None = None
    matchConditions: list[MatchCondition] = []
    matchConstraints: MatchResources | None = None
    mutations: list[Mutation] = []
    paramKind: ParamKind | None = None
    reinvocationPolicy: str | None = None
    variables: list[Variable] = []


class Mutation(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    applyConfiguration: ApplyConfiguration | None = None
    jsonPatch: JSONPatch | None = None
    patchType: str = field(default_factory=zero.string)


class NamedRuleWithOperations(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroups: list[str] = []
    apiVersions: list[str] = []
    operations: list[str] = []
    resourceNames: list[str] = []
    resources: list[str] = []
    scope: str | None = None


class ParamKind(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: ZeroStr | None = None
    kind: ZeroStr | None = None


class ParamRef(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: ZeroStr | None = None
    namespace: ZeroStr | None = None
    parameterNotFoundAction: str | None = None
    selector: meta_v1.LabelSelector | None = None


class Variable(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expression: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
