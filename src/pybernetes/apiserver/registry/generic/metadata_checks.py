"""Validation of metadata in a create or update: how often, and with which rule for finalizers, differs by kind.

As upstream, the registry and then a kind's own validation look at the same metadata, so clients see what is wrong
in it several times; the message says it once. Most kinds ask for finalizers with a domain, beside the standard ones.

Source: apiserver/pkg/registry/rest/{create,update}.go, pkg/apis/core/validation (ValidateObjectMeta,
ValidateObjectMetaUpdate, validateKubeFinalizerName), each kind's strategy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apiserver.registry.generic import object_meta
from pybernetes.apiserver.registry.generic.deletion import FOREGROUND, ORPHAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pybernetes.api.meta.v1 import ObjectMeta
    from pybernetes.apimachinery.scheme import Resource

_STANDARD_FINALIZERS = frozenset({"kubernetes", ORPHAN, FOREGROUND})
_ANY_FINALIZER = frozenset(
    {"Event", "PodDisruptionBudget", "RuntimeClass", "Lease", "LeaseCandidate", "APIService",
     "CustomResourceDefinition",
     "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy",
     "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"}
)  # fmt: skip
"""Kinds that do not ask for a domain."""
_NOT_AGAIN = frozenset({"Event", "PodDisruptionBudget"})
"""Kinds whose own validation of an update leaves metadata alone."""
_WHOLE_AGAIN = frozenset(
    {"ConfigMap", "Secret", "ServiceAccount", "Endpoints", "PersistentVolumeClaim", "PersistentVolume", "Namespace",
     "Node", "ControllerRevision", "Job", "Ingress", "IngressClass", "IPAddress", "StorageClass", "CSIStorageCapacity",
     "VolumeAttributesClass", "RuntimeClass", "CertificateSigningRequest", "Role", "ClusterRole", "RoleBinding",
     "ClusterRoleBinding", "DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "APIService", "Pod"}
)  # fmt: skip
"""Kinds whose validation of an update looks at the object as at a new one, too."""


def on_create(resource: Resource, meta: ObjectMeta) -> list[FieldError]:
    found = object_meta.validate_object_meta(meta, resource.namespaced)
    return found + _domains(resource, meta.finalizers) if meta.finalizers else found


def on_update(resource: Resource, meta: ObjectMeta, old: ObjectMeta, subresource: str) -> list[FieldError]:
    whole = object_meta.validate_object_meta(meta, resource.namespaced)
    changed = object_meta.validate_object_meta_update(meta, old)
    domains = _domains(resource, meta.finalizers) if meta.finalizers else []
    if not (whole or changed or domains):
        return []
    changed += object_meta.validate_shared(meta)
    found = whole + changed
    if resource.custom:
        return found + changed
    if not _as_old_event(resource, _NOT_AGAIN):
        found += changed + domains
    if not subresource and resource.kind in _WHOLE_AGAIN:
        found += whole + domains
    return found


def _domains(resource: Resource, finalizers: Sequence[str]) -> list[FieldError]:
    if resource.custom or _as_old_event(resource, _ANY_FINALIZER):
        return []
    at = object_meta.METADATA.child("finalizers")
    why = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        FieldError.invalid(at.index(index), finalizer, why)
        for index, finalizer in enumerate(finalizers)
        if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS
    ]


def _as_old_event(resource: Resource, kinds: frozenset[str]) -> bool:
    """Whether the kind is among these; of the two kinds of Events these name the one of the core group."""
    return resource.kind in kinds and not (resource.kind == "Event" and resource.group)
