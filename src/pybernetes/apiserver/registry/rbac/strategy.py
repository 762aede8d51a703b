"""Roles and bindings. Source: pkg/registry/rbac, pkg/apis/rbac/{v1/defaults.go,validation}, printers."""

from __future__ import annotations

from typing import Any

from pybernetes.api.rbac import v1 as rbac
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns

GROUP = "rbac.authorization.k8s.io"


class _RbacStrategy(Strategy):
    metadata_again = "whole"
    allow_create_on_update = True

    def validate_name(self, name: str) -> list[str]:
        return names.path_segment_name(name)


class RoleStrategy(_RbacStrategy):
    def validate(self, obj: rbac.Role) -> list[FieldError]:
        return _validate_rules(obj.rules or [], namespaced=True)


class ClusterRoleStrategy(_RbacStrategy):
    def validate(self, obj: rbac.ClusterRole) -> list[FieldError]:
        found = _validate_rules(obj.rules or [], namespaced=False)
        rule = obj.aggregationRule
        if rule is not None:
            at = Path("aggregationRule", "clusterRoleSelectors")
            if not rule.clusterRoleSelectors:
                found.append(
                    FieldError.required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil")
                )
            for index, selector in enumerate(rule.clusterRoleSelectors):
                wrong = validate_label_selector(selector, at.index(index))
                if wrong:
                    wrong.append(FieldError.invalid(at.index(index), None, "invalid label selector."))
                found += wrong
        return found


def _validate_rules(rules: list[rbac.PolicyRule], *, namespaced: bool) -> list[FieldError]:
    found: list[FieldError] = []
    for index, rule in enumerate(rules):
        at = Path("rules").index(index)
        if not rule.verbs:
            found.append(FieldError.required(at.child("verbs"), "verbs must contain at least one value"))
        if rule.nonResourceURLs:
            where = at.child("nonResourceURLs")
            if namespaced:
                why = "namespaced rules cannot apply to non-resource URLs"
                found.append(FieldError.invalid(where, rule.nonResourceURLs, why))
            if rule.apiGroups or rule.resources or rule.resourceNames:
                why = "rules cannot apply to both regular resources and non-resource URLs"
                found.append(FieldError.invalid(where, rule.nonResourceURLs, why))
            continue
        if not rule.apiGroups:
            found.append(
                FieldError.required(at.child("apiGroups"), "resource rules must supply at least one api group")
            )
        if not rule.resources:
            found.append(FieldError.required(at.child("resources"), "resource rules must supply at least one resource"))
    return found


class _BindingStrategy(_RbacStrategy):
    columns = columns("Name", "Role", "Age", "Users*", "Groups*", "ServiceAccounts*")
    cluster = False

    def default(self, obj: rbac.RoleBinding | rbac.ClusterRoleBinding) -> None:
        if obj.roleRef is not None and not obj.roleRef.apiGroup:
            obj.roleRef.apiGroup = GROUP
        for subject in obj.subjects:
            if subject.apiGroup is None:
                subject.apiGroup = {"User": GROUP, "Group": GROUP}.get(subject.kind)

    def validate(self, obj: rbac.RoleBinding | rbac.ClusterRoleBinding) -> list[FieldError]:
        found: list[FieldError] = []
        ref, at = obj.roleRef, Path("roleRef")
        if ref.apiGroup != GROUP:
            found.append(FieldError.not_supported(at.child("apiGroup"), ref.apiGroup, (GROUP,)))
        kinds = ("ClusterRole",) if self.cluster else ("Role", "ClusterRole")
        if ref.kind not in kinds:
            found.append(FieldError.not_supported(at.child("kind"), ref.kind, kinds))
        if not ref.name:
            found.append(FieldError.required(at.child("name")))
        else:
            found += [FieldError.invalid(at.child("name"), ref.name, m) for m in names.path_segment_name(ref.name)]
        for index, subject in enumerate(obj.subjects):
            found += self._validate_subject(subject, Path("subjects").index(index))
        return found

    def _validate_subject(self, subject: rbac.Subject, path: Path) -> list[FieldError]:
        found: list[FieldError] = []
        if not subject.name:
            found.append(FieldError.required(path.child("name")))
        if subject.kind == "ServiceAccount":
            if subject.name:
                at = path.child("name")
                found += [FieldError.invalid(at, subject.name, m) for m in names.dns1123_subdomain(subject.name)]
            if subject.apiGroup:
                found.append(FieldError.not_supported(path.child("apiGroup"), subject.apiGroup, ("",)))
            if self.cluster and not subject.namespace:
                found.append(FieldError.required(path.child("namespace")))
        elif subject.kind in ("User", "Group"):
            if subject.apiGroup != GROUP:
                found.append(FieldError.not_supported(path.child("apiGroup"), subject.apiGroup, (GROUP,)))
        else:
            supported = ("ServiceAccount", "User", "Group")
            found.append(FieldError.not_supported(path.child("kind"), subject.kind, supported))
        return found

    def validate_update(self, obj: Any, old: Any) -> list[FieldError]:
        found = self.validate(obj)
        if obj.roleRef != old.roleRef:
            found.append(FieldError.invalid(Path("roleRef"), obj.roleRef, "cannot change roleRef"))
        return found

    def row(self, obj: Any, now: float) -> list[Any]:
        by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
        for subject in obj.subjects:
            name = subject.name
            if subject.kind == "ServiceAccount":
                name = f"{subject.namespace}/{name}" if subject.namespace else name
            by_kind.setdefault(subject.kind, []).append(name)
        return [
            obj.metadata.name,
            f"{obj.roleRef.kind}/{obj.roleRef.name}",
            age(obj.metadata.creationTimestamp, now),
            ", ".join(by_kind["User"]),
            ", ".join(by_kind["Group"]),
            ", ".join(by_kind["ServiceAccount"]),
        ]


class RoleBindingStrategy(_BindingStrategy):
    pass


class ClusterRoleBindingStrategy(_BindingStrategy):
    cluster = True
