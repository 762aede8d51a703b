"""Structs of the group-version admissionregistration/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Bytes, Int32, ZeroInt64, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class ApplyConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expression: ZeroStr | None = None


class AuditAnnotation(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    valueExpression: str = field(default_factory=zero.string)


class ExpressionWarning(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fieldRef: str = field(default_factory=zero.string)
    warning: str = field(default_factory=zero.string)


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
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "MutatingAdmissionPolicy")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: MutatingAdmissionPolicySpec = field(default_factory=lambda: MutatingAdmissionPolicySpec())


class MutatingAdmissionPolicyBinding(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "MutatingAdmissionPolicyBinding")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: MutatingAdmissionPolicyBindingSpec = field(default_factory=lambda: MutatingAdmissionPolicyBindingSpec())


class MutatingAdmissionPolicyBindingList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "MutatingAdmissionPolicyBindingList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[MutatingAdmissionPolicyBinding] = field(default_factory=zero.array)


class MutatingAdmissionPolicyBindingSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    matchResources: MatchResources | None = None
    paramRef: ParamRef | None = None
    policyName: ZeroStr | None = None


class MutatingAdmissionPolicyList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "MutatingAdmissionPolicyList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[MutatingAdmissionPolicy] = field(default_factory=zero.array)


class MutatingAdmissionPolicySpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    failurePolicy: str | None = None
    matchConditions: list[MatchCondition] = []
    matchConstraints: MatchResources | None = None
    mutations: list[Mutation] = []
    paramKind: ParamKind | None = None
    reinvocationPolicy: ZeroStr | None = None
    variables: list[Variable] = []


class MutatingWebhook(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    admissionReviewVersions: list[str] = field(default_factory=zero.array)
    clientConfig: WebhookClientConfig = field(default_factory=lambda: WebhookClientConfig())
    failurePolicy: str | None = None
    matchConditions: list[MatchCondition] = []
    matchPolicy: str | None = None
    name: str = field(default_factory=zero.string)
    namespaceSelector: meta_v1.LabelSelector | None = None
    objectSelector: meta_v1.LabelSelector | None = None
    reinvocationPolicy: str | None = None
    rules: list[RuleWithOperations] = []
    sideEffects: str | None = field(default_factory=zero.null)
    timeoutSeconds: Int32 | None = None


class MutatingWebhookConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "MutatingWebhookConfiguration")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    webhooks: list[MutatingWebhook] = []


class MutatingWebhookConfigurationList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "MutatingWebhookConfigurationList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[MutatingWebhookConfiguration] = field(default_factory=zero.array)


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


class RuleWithOperations(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroups: list[str] = []
    apiVersions: list[str] = []
    operations: list[str] = []
    resources: list[str] = []
    scope: str | None = None


class ServiceReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    namespace: str = field(default_factory=zero.string)
    path: str | None = None
    port: Int32 | None = None


class TypeChecking(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expressionWarnings: list[ExpressionWarning] = []


class ValidatingAdmissionPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ValidatingAdmissionPolicy")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ValidatingAdmissionPolicySpec = field(default_factory=lambda: ValidatingAdmissionPolicySpec())
    status: ValidatingAdmissionPolicyStatus = field(default_factory=lambda: ValidatingAdmissionPolicyStatus())


class ValidatingAdmissionPolicyBinding(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ValidatingAdmissionPolicyBinding")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ValidatingAdmissionPolicyBindingSpec = field(default_factory=lambda: ValidatingAdmissionPolicyBindingSpec())


class ValidatingAdmissionPolicyBindingList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ValidatingAdmissionPolicyBindingList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ValidatingAdmissionPolicyBinding] = field(default_factory=zero.array)


class ValidatingAdmissionPolicyBindingSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    matchResources: MatchResources | None = None
    paramRef: ParamRef | None = None
    policyName: str = ""
    validationActions: list[str] = []


class ValidatingAdmissionPolicyList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ValidatingAdmissionPolicyList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ValidatingAdmissionPolicy] = field(default_factory=zero.array)


class ValidatingAdmissionPolicySpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    auditAnnotations: list[AuditAnnotation] = []
    failurePolicy: str | None = None
    matchConditions: list[MatchCondition] = []
    matchConstraints: MatchResources | None = None
    paramKind: ParamKind | None = None
    validations: list[Validation] = []
    variables: list[Variable] = []


class ValidatingAdmissionPolicyStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []
    observedGeneration: ZeroInt64 | None = None
    typeChecking: TypeChecking | None = None


class ValidatingWebhook(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    admissionReviewVersions: list[str] = field(default_factory=zero.array)
    clientConfig: WebhookClientConfig = field(default_factory=lambda: WebhookClientConfig())
    failurePolicy: str | None = None
    matchConditions: list[MatchCondition] = []
    matchPolicy: str | None = None
    name: str = field(default_factory=zero.string)
    namespaceSelector: meta_v1.LabelSelector | None = None
    objectSelector: meta_v1.LabelSelector | None = None
    rules: list[RuleWithOperations] = []
    sideEffects: str | None = field(default_factory=zero.null)
    timeoutSeconds: Int32 | None = None


class ValidatingWebhookConfiguration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ValidatingWebhookConfiguration")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    webhooks: list[ValidatingWebhook] = []


class ValidatingWebhookConfigurationList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "admissionregistration.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ValidatingWebhookConfigurationList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ValidatingWebhookConfiguration] = field(default_factory=zero.array)


class Validation(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expression: str = field(default_factory=zero.string)
    message: ZeroStr | None = None
    messageExpression: ZeroStr | None = None
    reason: str | None = None


class Variable(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expression: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class WebhookClientConfig(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    caBundle: Bytes | None = None
    service: ServiceReference | None = None
    url: str | None = None
