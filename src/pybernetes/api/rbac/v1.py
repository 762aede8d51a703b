"""Structs of the group-version rbac/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class AggregationRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    clusterRoleSelectors: list[meta_v1.LabelSelector] = []


class ClusterRole(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ClusterRole")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    aggregationRule: AggregationRule | None = None
    rules: list[PolicyRule] | None = field(default_factory=zero.null)


class ClusterRoleBinding(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ClusterRoleBinding")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    roleRef: RoleRef = field(default_factory=lambda: RoleRef())
    subjects: list[Subject] = []


class ClusterRoleBindingList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ClusterRoleBindingList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ClusterRoleBinding] = field(default_factory=zero.array)


class ClusterRoleList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "ClusterRoleList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ClusterRole] = field(default_factory=zero.array)


class PolicyRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroups: list[str] = []
    nonResourceURLs: list[str] = []
    resourceNames: list[str] = []
    resources: list[str] = []
    verbs: list[str] = field(default_factory=zero.array)


class Role(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "Role")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    rules: list[PolicyRule] | None = field(default_factory=zero.null)


class RoleBinding(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "RoleBinding")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    roleRef: RoleRef = field(default_factory=lambda: RoleRef())
    subjects: list[Subject] = []


class RoleBindingList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "RoleBindingList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[RoleBinding] = field(default_factory=zero.array)


class RoleList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    kind: str = field(default_factory=lambda: "RoleList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Role] = field(default_factory=zero.array)


class RoleRef(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroup: str = field(default_factory=zero.string)
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class Subject(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroup: ZeroStr | None = None
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    namespace: ZeroStr | None = None
