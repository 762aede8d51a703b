"""metadata: what the server fills in, what a client may not change, and what must hold for every kind.

Source: apimachinery/pkg/api/validation/objectmeta.go, apis/meta/v1/validation/validation.go,
apiserver/pkg/registry/rest/{create,update,meta}.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pybernetes.api.meta.v1 import ManagedFieldsEntry, ObjectMeta, OwnerReference
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import (
    dns1123_label,
    label_value,
    path_segment_name,
    qualified_name,
)
from pybernetes.apiserver.registry.generic.deletion import FOREGROUND, ORPHAN

MAX_GENERATED_NAME = 58
"""Characters of generateName that are kept; five random ones follow."""
ANNOTATIONS_LIMIT_BYTES = 256 * 1024
FIELD_MANAGER_LIMIT = 128
IMMUTABLE = "field is immutable"

METADATA = Path("metadata")
_BANNED_OWNERS = frozenset({("v1", "Event")})
_known_labels: set[tuple[str, str]] = set()
"""Labels that were valid; most objects carry labels already seen. Bounded in `validate_labels`."""


def match_namespace(meta: ObjectMeta, expected: str) -> None:
    """Puts the request's namespace on the object. Raises BadRequest when it names another one."""
    if (meta.namespace or "") == expected:
        return
    if not meta.namespace:
        meta.namespace = expected
    elif not expected:
        meta.namespace = None
    else:
        raise errors.BadRequest("the namespace of the provided object does not match the namespace sent on the request")


def match_name(meta: ObjectMeta, expected: str) -> None:
    """Raises BadRequest when the object of an update names another than the URL."""
    if not meta.name:
        raise errors.BadRequest(
            f"the name of the object ({expected} based on URL) was undeterminable: name must be provided"
        )
    if meta.name != expected:
        raise errors.BadRequest(f"the name of the object ({meta.name}) does not match the name on the URL ({expected})")


def wipe_system_fields(meta: ObjectMeta) -> None:
    """Forgets what a creator may not set."""
    meta.creationTimestamp = None
    meta.uid = None
    meta.deletionTimestamp = None
    meta.deletionGracePeriodSeconds = None
    meta.selfLink = None


def carry_over(meta: ObjectMeta, old: ObjectMeta) -> None:
    """What an update leaves as it is, whatever the client sends."""
    if not meta.uid:
        meta.uid = old.uid
    if old.creationTimestamp:
        meta.creationTimestamp = old.creationTimestamp
    if old.deletionTimestamp:
        meta.deletionTimestamp = old.deletionTimestamp
    if old.deletionGracePeriodSeconds is not None and meta.deletionGracePeriodSeconds is None:
        meta.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds
    meta.selfLink = None


def dedup_owner_references(meta: ObjectMeta) -> str:
    """Drops repeated ownerReferences; returns the warning, "" without one."""
    references = meta.ownerReferences
    if len(references) < 2:
        return ""
    seen: dict[tuple[Any, ...], OwnerReference] = {}
    repeated: set[str] = set()
    for reference in references:
        if seen.setdefault(msgspec.structs.astuple(reference), reference) is not reference:
            repeated.add(reference.uid)
    if not repeated:
        return ""
    meta.ownerReferences = list(seen.values())
    return (
        f".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, "
        f"and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: "
        f"{', '.join(sorted(repeated))}"
    )


def path_segment_prefix(value: str) -> list[str]:
    """A generateName as far as a URL path goes: "." may begin a name."""
    return [f"may not contain '{c}'" for c in ("/", "%") if c in value]


# -- validation ----------------------------------------------------------------------------------


def validate_object_meta(meta: ObjectMeta, namespaced: bool, path: Path = METADATA) -> list[FieldError]:
    """What every object's metadata must fulfil, beside its kind's own rule for names."""
    found: list[FieldError] = []
    if meta.generateName:
        for message in path_segment_prefix(meta.generateName):
            found.append(FieldError.invalid(path.child("generateName"), meta.generateName, message))
    if not meta.name:
        found.append(FieldError.required(path.child("name"), "name or generateName is required"))
    else:
        for message in path_segment_name(meta.name):
            found.append(FieldError.invalid(path.child("name"), meta.name, message))
    if namespaced:
        if not meta.namespace:
            found.append(FieldError.required(path.child("namespace"), ""))
        else:
            for message in dns1123_label(meta.namespace):
                found.append(FieldError.invalid(path.child("namespace"), meta.namespace, message))
    elif meta.namespace:
        found.append(FieldError.forbidden(path.child("namespace"), "not allowed on this type"))
    if meta.generation is not None and meta.generation < 0:
        found.append(
            FieldError.invalid(path.child("generation"), meta.generation, "must be greater than or equal to 0")
        )
    found += validate_shared(meta, path)
    if meta.finalizers:
        found += validate_finalizers(meta.finalizers, path.child("finalizers"))
    return found


def validate_object_meta_update(meta: ObjectMeta, old: ObjectMeta, path: Path = METADATA) -> list[FieldError]:
    """What an update may not change."""
    found: list[FieldError] = []
    if old.deletionTimestamp:
        extra = sorted(set(meta.finalizers) - set(old.finalizers))
        if extra:
            shown = "[]string{" + ", ".join(f'"{f}"' for f in extra) + "}"
            why = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
            found.append(FieldError.forbidden(path.child("finalizers"), why))
    if not meta.resourceVersion:
        found.append(FieldError.invalid(path.child("resourceVersion"), "", "must be specified for an update"))
    if (meta.generation or 0) < (old.generation or 0):
        found.append(FieldError.invalid(path.child("generation"), meta.generation or 0, "must not be decremented"))
    for name in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        value = getattr(meta, name)
        if value != getattr(old, name):
            found.append(FieldError.invalid(path.child(name), value, IMMUTABLE))
    return found


def validate_shared(meta: ObjectMeta, path: Path = METADATA) -> list[FieldError]:
    """What creates and updates look at alike."""
    found: list[FieldError] = []
    if meta.labels:
        found += validate_labels(meta.labels, path.child("labels"))
    if meta.annotations:
        found += validate_annotations(meta.annotations, path.child("annotations"))
    if meta.ownerReferences:
        found += validate_owner_references(meta.ownerReferences, path.child("ownerReferences"))
    if meta.managedFields:
        found += validate_managed_fields(meta.managedFields, path.child("managedFields"))
    return found


def validate_labels(labels: Mapping[str, str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for item in labels.items():
        if item in _known_labels:
            continue
        key, value = item
        wrong = [FieldError.invalid(path, key, message) for message in qualified_name(key)]
        wrong += [FieldError.invalid(path, value, message) for message in label_value(value)]
        if wrong:
            found += wrong
        else:
            if len(_known_labels) > 10_000:
                _known_labels.clear()
            _known_labels.add(item)
    return found


def validate_annotations(annotations: Mapping[str, str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        # Annotation keys may hold capitals in their prefix.
        found += [FieldError.invalid(path, key, message) for message in qualified_name(key.lower())]
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_LIMIT_BYTES:
        found.append(FieldError.too_long(path, ANNOTATIONS_LIMIT_BYTES))
    return found


def validate_owner_references(references: Sequence[OwnerReference], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    controller = ""
    for reference in references:
        if not reference.apiVersion.rpartition("/")[2]:
            found.append(
                FieldError.invalid(path.child("apiVersion"), reference.apiVersion, "version must not be empty")
            )
        for name in ("kind", "name", "uid"):
            if not getattr(reference, name):
                found.append(FieldError.invalid(path.child(name), "", "must not be empty"))
        if (reference.apiVersion, reference.kind) in _BANNED_OWNERS:
            why = f"/{reference.apiVersion}, Kind={reference.kind} is disallowed from being an owner"
            found.append(FieldError.invalid(path, reference, why))
        if reference.controller:
            current = f"{reference.kind}/{reference.name}"
            if controller:
                why = (
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {current}'
                )
                found.append(FieldError.invalid(path, list(references), why))
            else:
                controller = current
    return found


def validate_finalizers(finalizers: Sequence[str], path: Path) -> list[FieldError]:
    found = [FieldError.invalid(path, f, message) for f in finalizers for message in qualified_name(f)]
    if ORPHAN in finalizers and FOREGROUND in finalizers:
        why = f"finalizer {ORPHAN} and {FOREGROUND} cannot be both set"
        found.append(FieldError.invalid(path, list(finalizers), why))
    return found


def validate_managed_fields(entries: Sequence[ManagedFieldsEntry], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for index, entry in enumerate(entries):
        if entry.operation not in ("Apply", "Update"):
            at = path.index(index).child("operation")
            found.append(FieldError.invalid(at, entry.operation or "", "must be `Apply` or `Update`"))
        if entry.fieldsType and entry.fieldsType != "FieldsV1":
            found.append(
                FieldError.invalid(path.index(index).child("fieldsType"), entry.fieldsType, "must be `FieldsV1`")
            )
        if entry.manager and len(entry.manager) > FIELD_MANAGER_LIMIT:
            found.append(FieldError.too_long(path.index(index).child("manager"), FIELD_MANAGER_LIMIT))
    return found
