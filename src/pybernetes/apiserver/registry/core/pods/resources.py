"""Validation of resource requirements.

Source: pkg/apis/core/validation/validation.go (validateResourceRequirements), pkg/apis/core/helper/helpers.go.
"""

from __future__ import annotations

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.field_errors import FieldError, Path

_CONTAINER = frozenset({"cpu", "memory", "ephemeral-storage"})
_STANDARD = frozenset({
    "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage",
    "limits.cpu", "limits.memory", "limits.ephemeral-storage", "pods", "resourcequotas", "services",
    "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims", "storage", "requests.storage",
    "services.nodeports", "services.loadbalancers",
})  # fmt: skip


def is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def is_hugepages(name: str) -> bool:
    return name.startswith("hugepages-")


def allows_overcommit(name: str) -> bool:
    return is_native(name) and not is_hugepages(name)


def validate_container_resource_name(name: str, path: Path) -> list[FieldError]:
    if name in _CONTAINER:
        return []
    wrong = names.qualified_name(name)
    if wrong:
        return [FieldError.invalid(path, name, message) for message in wrong]
    if "/" not in name:
        if is_hugepages(name):
            return []
        found = []
        if name not in _STANDARD and not name.startswith("requests.hugepages-"):
            found.append(FieldError.invalid(path, name, "must be a standard resource type or fully qualified"))
        return [*found, FieldError.invalid(path, name, "must be a standard resource for containers")]
    if not is_native(name) and (name.startswith("requests.") or names.qualified_name(f"requests.{name}")):
        return [FieldError.invalid(path, name, "doesn't follow extended resource name standard")]
    return []


def validate_quantity(name: str, value: str, path: Path) -> list[FieldError]:
    """Not negative, and whole for what comes in pieces."""
    amount = quantity.nano(value)
    if amount < 0:
        return [FieldError.invalid(path, value, "must be greater than or equal to 0")]
    if amount % quantity.NANO and (not is_native(name) or name == "pods" or name in _WHOLE):
        return [FieldError.invalid(path, value, "must be an integer")]
    return []


_WHOLE = frozenset({
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
    "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
})  # fmt: skip


def validate_requirements(requirements: core.ResourceRequirements, claims: set[str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    limits, requests = requirements.limits, requirements.requests
    huge = compute = False
    for name, value in limits.items():
        at = path.child("limits").key(name)
        found += validate_container_resource_name(name, at)
        found += validate_quantity(name, value, at)
        if is_hugepages(name):
            huge = True
            found += _validate_hugepages(name, value, at)
        compute = compute or name in ("cpu", "memory")
    for name, value in requests.items():
        at = path.child("requests").key(name)
        found += validate_container_resource_name(name, at)
        found += validate_quantity(name, value, at)
        limit = limits.get(name)
        overcommit = allows_overcommit(name)
        if limit is not None:
            order = quantity.compare(value, limit)
            if order and not overcommit:
                why = f"must be equal to {name} limit of {limit}"
                found.append(FieldError.invalid(path.child("requests"), value, why))
            elif order > 0:
                why = f"must be less than or equal to {name} limit of {limit}"
                found.append(FieldError.invalid(path.child("requests"), value, why))
        elif not overcommit:
            why = "Limit must be set for non overcommitable resources"
            found.append(FieldError.required(path.child("limits"), why))
        if is_hugepages(name):
            huge = True
            found += _validate_hugepages(name, value, at)
        compute = compute or name in ("cpu", "memory")
    if huge and not compute:
        found.append(FieldError.forbidden(path, "HugePages require cpu or memory"))
    return found + _validate_claims(requirements, claims, path.child("claims"))


def _validate_hugepages(name: str, value: str, path: Path) -> list[FieldError]:
    try:
        size = quantity.value(name.removeprefix("hugepages-"))
    except quantity.QuantityError as error:
        return [FieldError.invalid(path, value, str(error))]
    if size and quantity.value(value) % size:
        return [FieldError.invalid(path, value, f"quantity {value} is not positive integer multiple of {name}")]
    return []


def _validate_claims(requirements: core.ResourceRequirements, claims: set[str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, claim in enumerate(requirements.claims):
        at = path.index(index)
        key = claim.name + (f"/{claim.request}" if claim.request else "")
        if not claim.name:
            found.append(FieldError.required(at))
        elif key in seen:
            found.append(FieldError.duplicate(at, key))
        elif claim.name not in claims:
            found.append(FieldError.not_found(at.child("name"), claim.name))
        seen.add(key)
    return found
