"""Validation of what a Pod's status says of its claims to devices.

Source: pkg/apis/core/validation/validation.go (validatePodResourceClaimStatuses,
validatePodExtendedResourceClaimStatus).
"""

from __future__ import annotations

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.pod_resources import amounts_of

_NO_RESOURCE = (
    "must match the extended resource name of an entry in spec.initContainers.resources.requests or "
    "spec.containers.resources.requests"
)
_NO_CONTAINER = "must match the name of an entry in spec.initContainers.name or spec.containers.name"
_NO_CLAIM = "must match the name of an entry in `spec.resourceClaims`"


def validate_claim_statuses(pod: core.Pod, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    known = {claim.name for claim in pod.spec.resourceClaims}
    seen: set[str] = set()
    for index, each in enumerate(pod.status.resourceClaimStatuses):
        at = path.child("resourceClaimStatuses").index(index)
        if each.name not in known:
            found.append(FieldError.invalid(at.child("name"), each.name, _NO_CLAIM))
        if each.name in seen:
            found.append(FieldError.duplicate(at.child("name"), each.name))
        seen.add(each.name)
        if each.resourceClaimName is not None:
            found += _claim_name(each.resourceClaimName, at.child("resourceClaimName"))
    extended = pod.status.extendedResourceClaimStatus
    return (
        found if extended is None else found + _extended(extended, pod.spec, path.child("extendedResourceClaimStatus"))
    )


def _extended(status: core.PodExtendedResourceClaimStatus, spec: core.PodSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    containers = {container.name: container for container in (*spec.initContainers, *spec.containers)}
    mappings = path.child("requestMappings")
    if not status.requestMappings:
        found.append(FieldError.required(mappings, "at least one request mapping is required"))
    seen: set[tuple[str, str, str]] = set()
    for index, mapping in enumerate(status.requestMappings):
        at = mappings.index(index)
        container = containers.get(mapping.containerName)
        if container is None:
            found.append(FieldError.invalid(at.child("containerName"), mapping.containerName, _NO_CONTAINER))
        elif mapping.resourceName not in amounts_of(container, "requests"):
            found.append(FieldError.invalid(at.child("resourceName"), mapping.resourceName, _NO_RESOURCE))
        wrong = names.dns1123_label(mapping.requestName)
        found += [FieldError.invalid(path.child("requestName"), mapping.requestName, message) for message in wrong]
        key = mapping.containerName, mapping.resourceName, mapping.requestName
        if key in seen:
            found += [
                FieldError.duplicate(at.child(field), value)
                for field, value in zip(("containerName", "resourceName", "requestName"), key, strict=True)
            ]
        seen.add(key)
    at = path.child("resourceClaimName")
    return found + (
        _claim_name(status.resourceClaimName, at) if status.resourceClaimName else [FieldError.required(at)]
    )


def _claim_name(name: str, path: Path) -> list[FieldError]:
    return [FieldError.invalid(path, name, message) for message in names.dns1123_subdomain(name)]
