"""The default roles and bindings as objects, and what an existing one lacks. Pure.

Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy, pkg/registry/rbac/reconciliation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from pybernetes.api.meta.v1 import LabelSelector, ObjectMeta
from pybernetes.api.rbac.v1 import (
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.nodes import LEASE_NAMESPACE
from pybernetes.apiserver.authorizers.rules import uncovered
from pybernetes.apiserver.bootstrap import cluster_roles, controller_roles
from pybernetes.apiserver.bootstrap.cluster_roles import RuleText

GROUP = "rbac.authorization.k8s.io"
AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
_LABEL = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_BY_USERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cluster-admin", ("group:system:masters",)),
    ("system:basic-user", ("group:system:authenticated",)),
    ("system:coredns", ("account:kube-system/coredns",)),
    ("system:discovery", ("group:system:authenticated",)),
    ("system:kube-controller-manager", ("user:system:kube-controller-manager",)),
    ("system:kube-dns", ("account:kube-system/kube-dns",)),
    ("system:kube-scheduler", ("user:system:kube-scheduler",)),
    ("system:monitoring", ("group:system:monitoring",)),
    ("system:node", ()),
    ("system:node-proxier", ("user:system:kube-proxy",)),
    ("system:persistent-volume-provisioner", ("user:system:local-path-provisioner",)),
    ("system:pybernetes-history", ("group:system:authenticated",)),
    ("system:pybernetes-ingress", ("user:system:pybernetes-ingress",)),
    ("system:pybernetes-network", ("user:system:kube-proxy",)),
    ("system:pybernetes-simulated-nodes", ("user:system:pybernetes-simulated-nodes",)),
    ("system:public-info-viewer", ("group:system:authenticated", "group:system:unauthenticated")),
    ("system:service-account-issuer-discovery", ("group:system:serviceaccounts",)),
    ("system:volume-scheduler", ("user:system:kube-scheduler",)),
)
_READER = "extension-apiserver-authentication-reader"
_LEADER = "system::leader-locking-kube-"
_BY_NAMESPACE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (LEASE_NAMESPACE, "system:pybernetes-network", "", ("user:system:kube-proxy",)),
    ("kube-public", "system:controller:bootstrap-signer", "", ("account:kube-system/bootstrap-signer",)),
    (
        "kube-system",
        f"system::{_READER}",
        _READER,
        ("user:system:kube-controller-manager", "user:system:kube-scheduler"),
    ),
    (
        "kube-system",
        _LEADER + "controller-manager",
        "",
        (
            "user:system:kube-controller-manager",
            "account:kube-system/kube-controller-manager",
            "account:kube-system/leader-election-controller",
        ),
    ),
    ("kube-system", "system:coredns", "", ("account:kube-system/coredns",)),
    ("kube-system", _LEADER + "scheduler", "", ("user:system:kube-scheduler", "account:kube-system/kube-scheduler")),
    ("kube-system", "system:controller:bootstrap-signer", "", ("account:kube-system/bootstrap-signer",)),
    ("kube-system", "system:controller:cloud-provider", "", ("account:kube-system/cloud-provider",)),
    ("kube-system", "system:controller:token-cleaner", "", ("account:kube-system/token-cleaner",)),
)
_OWN_ROLES: dict[str, tuple[RuleText, ...]] = {
    "system:coredns": (
        ("list watch", "core", "endpoints services pods namespaces"),
        ("list watch", "discovery.k8s.io", "endpointslices"),
    ),
    "system:pybernetes-ingress": (
        ("list watch", "core", "services secrets namespaces"),
        ("list watch", "discovery.k8s.io", "endpointslices"),
        ("list watch", "apiextensions.k8s.io", "customresourcedefinitions"),
        ("list watch", "networking.k8s.io", "ingresses ingressclasses"),
        ("list watch", "gateway.networking.k8s.io", "gatewayclasses gateways httproutes grpcroutes referencegrants"),
        ("create", "gateway.networking.k8s.io", "gatewayclasses"),
        (
            "patch",
            "gateway.networking.k8s.io",
            "gatewayclasses/status gateways/status httproutes/status grpcroutes/status",
        ),
        ("create patch delete", "core", "services"),
        ("create patch", "discovery.k8s.io", "endpointslices"),
        ("create", "networking.k8s.io", "ingressclasses"),
        ("patch", "networking.k8s.io", "ingresses/status"),
        ("create patch", "core", "events"),
    ),
    "system:pybernetes-history": (("get", "urls", "/pybernetes/v1/history"),),
    "system:pybernetes-simulated-nodes": (
        ("list watch", "core", "nodes pods services configmaps secrets"),
        ("list watch", "certificates.k8s.io", "clustertrustbundles"),
        ("impersonate", "core", "users"),
        ("impersonate", "core", "groups", "system:nodes"),
    ),
}
"""Roles that no kube-apiserver makes but every cluster's add-ons bring."""
_OWN_NAMESPACE_ROLES: dict[tuple[str, str], tuple[RuleText, ...]] = {
    (LEASE_NAMESPACE, "system:pybernetes-network"): (("list watch", "coordination.k8s.io", "leases"),),
    ("kube-system", "system:coredns"): (
        ("create", "core", "services"),
        ("create get delete", "discovery.k8s.io", "endpointslices"),
    ),
}
"""Whoever announces addresses has to know which nodes are alive; the DNS server makes its own Service."""

AnyRole = ClusterRole | Role
AnyBinding = ClusterRoleBinding | RoleBinding


def rules(texts: Iterable[RuleText]) -> list[PolicyRule]:
    """PolicyRules of their short form."""
    made = []
    for verbs, groups, what, *names in texts:
        if groups == "urls":
            made.append(PolicyRule(verbs=verbs.split(), nonResourceURLs=what.split()))
        else:
            made.append(
                PolicyRule(
                    verbs=verbs.split(),
                    apiGroups=["" if group == "core" else group for group in groups.split()],
                    resources=what.split(),
                    resourceNames=names[0].split() if names else [],
                )
            )
    return made


def node_rules(features: FeatureGates) -> list[PolicyRule]:
    """What every node may do besides what the Node authorizer decides one by one."""
    return rules(_role_texts(features)["system:node"])


def _role_texts(features: FeatureGates) -> dict[str, tuple[RuleText, ...]]:
    texts = {**cluster_roles.CLUSTER_ROLES, **_OWN_ROLES, **_controller_roles(features)}
    for name, (gate, more) in cluster_roles.GATED_RULES.items():
        if features.enabled(gate):
            texts[name] = (*texts.get(name, ()), *more)
    return texts


def default_cluster_roles(features: FeatureGates) -> Iterator[ClusterRole]:
    texts = _role_texts(features)
    for name, text in texts.items():
        labels = dict(_LABEL)
        if name in cluster_roles.LABELS:
            labels[cluster_roles.LABELS[name]] = "true"
        aggregation = None
        selected = cluster_roles.AGGREGATED.get(name)
        if selected is not None:
            aggregation = AggregationRule(clusterRoleSelectors=[LabelSelector(matchLabels={selected: "true"})])
        made = rules(text) if selected is None else rules(_aggregated(selected, texts))
        yield ClusterRole(metadata=_metadata(name, labels), rules=made, aggregationRule=aggregation)


def default_cluster_role_bindings(features: FeatureGates) -> Iterator[ClusterRoleBinding]:
    for name, subjects in _BY_USERS:
        yield _cluster_binding(name, subjects)
    if features.enabled("ClusterTrustBundle"):
        yield _cluster_binding("system:cluster-trust-bundle-discovery", ("group:system:serviceaccounts",))
    for name in _controller_roles(features):
        yield _cluster_binding(name, (f"account:kube-system/{name.removeprefix('system:controller:')}",))


def _controller_roles(features: FeatureGates) -> dict[str, tuple[RuleText, ...]]:
    gated = controller_roles.GATED_CONTROLLER_ROLES.items()
    return controller_roles.CONTROLLER_ROLES | {name: text for name, (gate, text) in gated if features.enabled(gate)}


def default_roles() -> Iterator[Role]:
    for (namespace, name), text in (controller_roles.NAMESPACE_ROLES | _OWN_NAMESPACE_ROLES).items():
        yield Role(metadata=_metadata(name, dict(_LABEL), namespace), rules=rules(text))


def default_role_bindings() -> Iterator[RoleBinding]:
    for namespace, name, role, subjects in _BY_NAMESPACE:
        yield RoleBinding(
            metadata=_metadata(name, dict(_LABEL), namespace),
            roleRef=RoleRef(apiGroup=GROUP, kind="Role", name=role or name),
            subjects=[_subject(text) for text in subjects],
        )


def reconciled_role(existing: AnyRole, default: AnyRole) -> bool:
    """Adds to `existing` what it lacks of `default`; whether anything was added."""
    if _opted_out(existing.metadata):
        return False
    changed = _labelled(existing.metadata, default.metadata)
    aggregates = isinstance(default, ClusterRole) and default.aggregationRule is not None
    if not aggregates and (missing := uncovered(existing.rules or [], default.rules or [])):
        existing.rules = [*(existing.rules or []), *missing]
        changed = True
    if aggregates and isinstance(existing, ClusterRole) and existing.aggregationRule is None:
        assert isinstance(default, ClusterRole)
        existing.aggregationRule = default.aggregationRule
        changed = True
    return changed


def reconciled_binding(existing: AnyBinding, default: AnyBinding) -> bool:
    """Adds missing subjects; a binding that refers to another role is left alone."""
    if _opted_out(existing.metadata) or existing.roleRef != default.roleRef:
        return False
    changed = _labelled(existing.metadata, default.metadata)
    held = {(s.kind, s.namespace or "", s.name) for s in existing.subjects}
    missing = [s for s in default.subjects if (s.kind, s.namespace or "", s.name) not in held]
    if missing:
        existing.subjects = [*existing.subjects, *missing]
        changed = True
    return changed


def _aggregated(label: str, texts: Mapping[str, tuple[RuleText, ...]]) -> list[RuleText]:
    """The rules that an aggregated role starts with, so that it serves before any controller runs."""
    found: list[RuleText] = []
    for name, own in cluster_roles.LABELS.items():
        if own != label:
            continue
        selected = cluster_roles.AGGREGATED.get(name)
        found += _aggregated(selected, texts) if selected else texts[name]
    return found


def _metadata(name: str, labels: dict[str, str], namespace: str | None = None) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace, labels=labels, annotations={AUTOUPDATE: "true"})


def _cluster_binding(name: str, subjects: Iterable[str]) -> ClusterRoleBinding:
    return ClusterRoleBinding(
        metadata=_metadata(name, dict(_LABEL)),
        roleRef=RoleRef(apiGroup=GROUP, kind="ClusterRole", name=name),
        subjects=[_subject(text) for text in subjects],
    )


def _subject(text: str) -> Subject:
    kind, _, name = text.partition(":")
    if kind == "account":
        namespace, _, name = name.partition("/")
        return Subject(kind="ServiceAccount", namespace=namespace, name=name)
    return Subject(kind=kind.capitalize(), apiGroup=GROUP, name=name)


def _opted_out(metadata: ObjectMeta) -> bool:
    return metadata.annotations.get(AUTOUPDATE) == "false"


def _labelled(existing: ObjectMeta, default: ObjectMeta) -> bool:
    before = msgspec.structs.replace(existing)
    existing.labels = {**default.labels, **existing.labels}
    existing.annotations = {**default.annotations, **existing.annotations}
    return (before.labels, before.annotations) != (existing.labels, existing.annotations)
