"""Structs of the group-version authorization/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import ZeroBool, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class FieldSelectorAttributes(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    rawSelector: ZeroStr | None = None
    requirements: list[meta_v1.FieldSelectorRequirement] = []


class LabelSelectorAttributes(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    rawSelector: ZeroStr | None = None
    requirements: list[meta_v1.LabelSelectorRequirement] = []


class LocalSubjectAccessReview(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "LocalSubjectAccessReview")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: SubjectAccessReviewSpec = field(default_factory=lambda: SubjectAccessReviewSpec())
    status: SubjectAccessReviewStatus = field(default_factory=lambda: SubjectAccessReviewStatus())


class NonResourceAttributes(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    path: ZeroStr | None = None
    verb: ZeroStr | None = None


class NonResourceRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    nonResourceURLs: list[str] = []
    verbs: list[str] = field(default_factory=zero.array)


class ResourceAttributes(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fieldSelector: FieldSelectorAttributes | None = None
    group: ZeroStr | None = None
    labelSelector: LabelSelectorAttributes | None = None
    name: ZeroStr | None = None
    namespace: ZeroStr | None = None
    resource: ZeroStr | None = None
    subresource: ZeroStr | None = None
    verb: ZeroStr | None = None
    version: ZeroStr | None = None


class ResourceRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroups: list[str] = []
    resourceNames: list[str] = []
    resources: list[str] = []
    verbs: list[str] = field(default_factory=zero.array)


class SelfSubjectAccessReview(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "SelfSubjectAccessReview")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: SelfSubjectAccessReviewSpec = field(default_factory=lambda: SelfSubjectAccessReviewSpec())
    status: SubjectAccessReviewStatus = field(default_factory=lambda: SubjectAccessReviewStatus())


class SelfSubjectAccessReviewSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    nonResourceAttributes: NonResourceAttributes | None = None
    resourceAttributes: ResourceAttributes | None = None


class SelfSubjectRulesReview(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "SelfSubjectRulesReview")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: SelfSubjectRulesReviewSpec = field(default_factory=lambda: SelfSubjectRulesReviewSpec())
    status: SubjectRulesReviewStatus = field(default_factory=lambda: SubjectRulesReviewStatus())


class SelfSubjectRulesReviewSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    namespace: ZeroStr | None = None


class SubjectAccessReview(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "SubjectAccessReview")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: SubjectAccessReviewSpec = field(default_factory=lambda: SubjectAccessReviewSpec())
    status: SubjectAccessReviewStatus = field(default_factory=lambda: SubjectAccessReviewStatus())


class SubjectAccessReviewSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    extra: dict[str, list[str]] = {}
    groups: list[str] = []
    nonResourceAttributes: NonResourceAttributes | None = None
    resourceAttributes: ResourceAttributes | None = None
    uid: ZeroStr | None = None
    user: ZeroStr | None = None


class SubjectAccessReviewStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allowed: bool = field(default_factory=zero.false)
    denied: ZeroBool | None = None
    evaluationError: ZeroStr | None = None
    reason: ZeroStr | None = None


class SubjectRulesReviewStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    evaluationError: ZeroStr | None = None
    incomplete: bool = field(default_factory=zero.false)
    nonResourceRules: list[NonResourceRule] = field(default_factory=zero.array)
    resourceRules: list[ResourceRule] = field(default_factory=zero.array)
