"""ResourceQuotas. Source: pkg/registry/core/resourcequota/strategy.go, printers printResourceQuota."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods.resources import validate_quantity
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns

_EXISTS_ONLY = frozenset({
    "Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "CrossNamespacePodAffinity",
})  # fmt: skip
_SCOPES = _EXISTS_ONLY | {"PriorityClass", "VolumeAttributesClass"}
_MUST_EXIST = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_POD_RESOURCES = frozenset({
    "pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory",
})  # fmt: skip
_CLAIM_RESOURCES = frozenset({"persistentvolumeclaims", "requests.storage"})
_STANDARD = _POD_RESOURCES | _CLAIM_RESOURCES | {
    "ephemeral-storage", "requests.ephemeral-storage", "limits.ephemeral-storage", "resourcequotas", "services",
    "replicationcontrollers", "secrets", "configmaps", "services.nodeports", "services.loadbalancers",
}  # fmt: skip


class ResourceQuotaStrategy(Strategy):
    returns_deleted_object = True
    columns = columns("Name", "Request", "Limit", "Age")

    def validate(self, obj: core.ResourceQuota) -> list[FieldError]:
        found = _validate_amounts(obj.spec.hard, Path("spec", "hard"))
        found += _validate_scopes(obj.spec, Path("spec", "scopes"))
        return found + _validate_scope_selector(obj.spec, Path("spec", "scopeSelector", "matchExpressions"))

    def validate_update(self, obj: core.ResourceQuota, old: core.ResourceQuota) -> list[FieldError]:
        found = self.validate(obj)
        if set(obj.spec.scopes) != set(old.spec.scopes):
            found.append(FieldError.invalid(Path("spec", "scopes"), obj.spec.scopes or None, IMMUTABLE))
        return found

    def validate_status_update(self, obj: core.ResourceQuota, old: core.ResourceQuota) -> list[FieldError]:
        found = _validate_amounts(obj.status.hard, Path("status", "hard"))
        return found + _validate_amounts(obj.status.used, Path("status", "used"))

    def row(self, obj: core.ResourceQuota, now: float) -> list[Any]:
        requests: list[str] = []
        limits: list[str] = []
        for name in sorted(obj.status.hard):
            text = f"{name}: {obj.status.used.get(name, '0')}/{obj.status.hard[name]}"
            (limits if name.startswith("limits.") else requests).append(text)
        created = age(obj.metadata.creationTimestamp, now)
        return [obj.metadata.name, ", ".join(requests), ", ".join(limits), created]


def _validate_amounts(amounts: dict[str, str], path: Path) -> list[FieldError]:
    return [error for name, value in amounts.items() for error in validate_quantity(name, value, path.key(name))]


def _fits(scope: str, resource: str) -> bool:
    """Whether a quota with the scope may count the resource; unknown resources are left to others."""
    if resource not in _STANDARD:
        return True
    if scope == "BestEffort":
        return resource == "pods"
    if scope in _SCOPES and scope != "VolumeAttributesClass":
        return resource in _POD_RESOURCES
    return scope != "VolumeAttributesClass" or resource in _CLAIM_RESOURCES


def _validate_scopes(spec: core.ResourceQuotaSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for scope in spec.scopes:
        if scope not in _SCOPES:
            found.append(FieldError.invalid(path, spec.scopes, "unsupported scope"))
        if not all(_fits(scope, resource) for resource in spec.hard):
            found.append(FieldError.invalid(path, spec.scopes, "unsupported scope applied to resource"))
    return found + _conflicts(set(spec.scopes), spec, path)


def _validate_scope_selector(spec: core.ResourceQuotaSpec, path: Path) -> list[FieldError]:
    if spec.scopeSelector is None:
        return []
    found: list[FieldError] = []
    for requirement in spec.scopeSelector.matchExpressions:
        scope, operator = requirement.scopeName, requirement.operator
        if scope not in _SCOPES:
            found.append(FieldError.invalid(path.child("scopeName"), scope, "unsupported scope"))
        if not all(_fits(scope, resource) for resource in spec.hard):
            found.append(FieldError.invalid(path, spec.scopeSelector, "unsupported scope applied to resource"))
        if scope in _EXISTS_ONLY and operator != "Exists":
            found.append(FieldError.invalid(path.child("operator"), operator, _MUST_EXIST))
        at = path.child("values")
        if operator in ("In", "NotIn"):
            if not requirement.values:
                why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                found.append(FieldError.required(at, why))
        elif operator in ("Exists", "DoesNotExist"):
            if requirement.values:
                why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                found.append(FieldError.invalid(at, requirement.values, why))
        else:
            found.append(FieldError.invalid(path.child("operator"), operator, "not a valid selector operator"))
    return found + _conflicts({r.scopeName for r in spec.scopeSelector.matchExpressions}, spec, path)


def _conflicts(scopes: set[str], spec: core.ResourceQuotaSpec, path: Path) -> list[FieldError]:
    pairs = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
    return [FieldError.invalid(path, spec.scopes, "conflicting scopes") for pair in pairs if pair <= scopes]
