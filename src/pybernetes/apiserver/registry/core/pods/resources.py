"""Validation of resource requirements.

Source: pkg/apis/core/validation/validation.go (validateResourceRequirements), pkg/apis/core/helper/helpers.go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.extended_resources import is_extended, is_native
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.pod_resources import Kind, sum_of_containers

_CONTAINER = frozenset({"cpu", "memory", "ephemeral-storage"})
_STANDARD = frozenset({
    "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage",
    "limits.cpu", "limits.memory", "limits.ephemeral-storage", "pods", "resourcequotas", "services",
    "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims", "storage", "requests.storage",
    "services.nodeports", "services.loadbalancers",
})  # fmt: skip


def is_hugepages(name: str) -> bool:
    return name.startswith("hugepages-")


def allows_overcommit(name: str) -> bool:
    return is_native(name) and not is_hugepages(name)


def _validate_name(name: str, path: Path) -> list[FieldError]:
    wrong = names.qualified_name(name)
    if wrong:
        return [FieldError.invalid(path, name, message) for message in wrong]
    if "/" in name or name in _STANDARD or is_hugepages(name) or name.startswith("requests.hugepages-"):
        return []
    return [FieldError.invalid(path, name, "must be a standard resource type or fully qualified")]


def validate_container_resource_name(name: str, path: Path) -> list[FieldError]:
    if name in _CONTAINER:
        return []
    found = _validate_name(name, path)
    if "/" not in name:
        if not is_hugepages(name):
            found.append(FieldError.invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        found.append(FieldError.invalid(path, name, "doesn't follow extended resource name standard"))
    return found


def validate_pod_resource_name(name: str, path: Path) -> list[FieldError]:
    """What a Pod as a whole may ask for."""
    wrong = _validate_name(name, path)
    if wrong or name in ("cpu", "memory") or is_hugepages(name):
        return wrong
    return [FieldError.not_supported(path, name, ("cpu", "hugepages-", "memory"))]


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


_CheckName = Callable[[str, Path], list[FieldError]]


def validate_requirements(
    requirements: core.ResourceRequirements,
    claims: set[str],
    path: Path,
    check_name: _CheckName = validate_container_resource_name,
) -> list[FieldError]:
    found: list[FieldError] = []
    limits, requests = requirements.limits, requirements.requests
    huge = compute = False
    for name, value in limits.items():
        at = path.child("limits").key(name)
        found += check_name(name, at)
        found += validate_quantity(name, value, at)
        if is_hugepages(name):
            huge = True
            found += _validate_hugepages(name, value, at)
        compute = compute or name in ("cpu", "memory")
    for name, value in requests.items():
        at = path.child("requests").key(name)
        found += check_name(name, at)
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
        return [FieldError.invalid(path, value, f"{value} is not positive integer multiple of {name}")]
    return []


def _validate_claims(requirements: core.ResourceRequirements, claims: set[str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, claim in enumerate(requirements.claims):
        at, name = path.index(index), claim.name
        if not name:
            found.append(FieldError.required(at))
            continue
        if name in seen:
            found.append(FieldError.duplicate(at, name))
        else:
            key = name
            if claim.request:
                problems = names.dns1123_label(claim.request)
                found += [FieldError.invalid(at.child("request"), claim.request, message) for message in problems]
                key = f"{name}/{claim.request}"
            if key in seen:
                found.append(FieldError.duplicate(at, key))
            elif not claim.request:
                found += [FieldError.duplicate(at, name) for other in seen if other.startswith(f"{name}/")]
            seen.add(key)
        if name not in claims:
            known = f": {', '.join(sorted(claims))}" if claims else " which is empty"
            why = f"must be one of the names in pod.spec.resourceClaims{known}"
            found.append(dataclasses.replace(FieldError.not_found(at, name), detail=why))
    return found


def validate_pod_resources(spec: core.PodSpec, path: Path) -> list[FieldError]:
    """spec.resources, and that the containers fit into it.

    Source: validatePodResources, validatePodResourceConsistency.
    """
    whole, at = spec.resources, path.child("resources")
    if whole is None:
        return []
    if spec.os is not None and spec.os.name == "windows":
        return [FieldError.forbidden(at, "may not be set for a windows pod")]
    found: list[FieldError] = []
    if whole.claims:
        found.append(FieldError.forbidden(at.child("claims"), "claims may not be set for Resources at pod-level"))
    claims = {c.name for c in spec.resourceClaims if c.name}
    found += validate_requirements(whole, claims, at, validate_pod_resource_name)
    kinds: tuple[Kind, ...] = ("requests", "limits")
    for kind in kinds:
        mine = getattr(whole, kind)
        for name, amount in sum_of_containers(spec, kind).items():
            if kind == "limits" and not is_hugepages(name):
                continue
            if name in mine and quantity.compare(amount, mine[name]) > 0:
                why = f"must be greater than or equal to aggregate container {kind} of {amount}"
                found.append(FieldError.invalid(at.child(kind).key(name), mine[name], why))
    for index, container in enumerate(spec.containers):
        for name, amount in (container.resources.limits if container.resources is not None else {}).items():
            if name in whole.limits and quantity.compare(amount, whole.limits[name]) > 0:
                where = at.child("containers").index(index).key(name).child("limits")
                why = f"must be less than or equal to pod limits of {whole.limits[name]}"
                found.append(FieldError.invalid(where, amount, why))
    return found
