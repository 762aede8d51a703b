"""Validation of PersistentVolumes. Source: pkg/apis/core/validation/validation.go (ValidatePersistentVolume, …)."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods.placement import validate_node_selector
from pybernetes.apiserver.registry.core.pods.volumes import local_path

SPEC = Path("spec")
MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_POLICIES = ("Delete", "Recycle", "Retain")
_SECRETS = (
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
)
_OTHER_FIELDS = frozenset({
    "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy",
    "storageClassName", "volumeAttributesClassName", "volumeMode",
})  # fmt: skip
SOURCES = tuple(name for name in core.PersistentVolumeSpec.__struct_fields__ if name not in _OTHER_FIELDS)


def validate_volume(obj: core.PersistentVolume) -> list[FieldError]:
    spec = obj.spec
    found: list[FieldError] = []
    if not spec.accessModes:
        found.append(FieldError.required(SPEC.child("accessModes")))
    for mode in spec.accessModes:
        if mode not in MODES:
            found.append(FieldError.not_supported(SPEC.child("accessModes"), mode, MODES))
    if "ReadWriteOncePod" in spec.accessModes and set(spec.accessModes) & set(MODES[:3]):
        why = "may not use ReadWriteOncePod with other access modes"
        found.append(FieldError.forbidden(SPEC.child("accessModes"), why))
    found += _validate_capacity(spec.capacity)
    at = SPEC.child("persistentVolumeReclaimPolicy")
    if spec.persistentVolumeReclaimPolicy not in _POLICIES:
        found.append(FieldError.not_supported(at, spec.persistentVolumeReclaimPolicy, _POLICIES))
    elif spec.persistentVolumeReclaimPolicy == "Recycle" and spec.hostPath is not None and spec.hostPath.path == "/":
        why = "may not be 'recycle' for a hostPath mount of '/'"
        found.append(FieldError.forbidden(at, why))
    for name in ("storageClassName", "volumeAttributesClassName"):
        value = getattr(spec, name)
        if value:
            found += [FieldError.invalid(SPEC.child(name), value, m) for m in names.dns1123_subdomain(value)]
    if spec.volumeMode is not None and spec.volumeMode not in ("Block", "Filesystem"):
        found.append(FieldError.not_supported(SPEC.child("volumeMode"), spec.volumeMode, ("Block", "Filesystem")))
    if spec.nodeAffinity is not None:
        required = SPEC.child("nodeAffinity", "required")
        if spec.nodeAffinity.required is None:
            found.append(FieldError.required(required, "must specify required node constraints"))
        else:
            found += validate_node_selector(spec.nodeAffinity.required, required)
    return found + _validate_source(spec)


def _validate_capacity(capacity: dict[str, str]) -> list[FieldError]:
    at = SPEC.child("capacity")
    found: list[FieldError] = []
    if not capacity:
        found.append(FieldError.required(at))
    if set(capacity) != {"storage"}:
        found.append(FieldError.not_supported(at, capacity, ("storage",)))
    for name, value in capacity.items():
        if quantity.nano(value) <= 0:
            found.append(FieldError.invalid(at.key(name), value, "must be greater than zero"))
    return found


def _validate_source(spec: core.PersistentVolumeSpec) -> list[FieldError]:
    given = [name for name in SOURCES if getattr(spec, name) is not None]
    if not given:
        return [FieldError.required(SPEC, "must specify a volume type")]
    found = [FieldError.forbidden(SPEC.child(n), "may not specify more than 1 volume type") for n in given[1:]]
    if spec.hostPath is not None:
        at = SPEC.child("hostPath", "path")
        if not spec.hostPath.path:
            found.append(FieldError.required(at))
        elif ".." in spec.hostPath.path.split("/"):
            found.append(FieldError.invalid(at, spec.hostPath.path, "must not contain '..'"))
    if spec.local is not None:
        found += _validate_local(spec)
    if spec.nfs is not None:
        at = SPEC.child("nfs")
        if not spec.nfs.server:
            found.append(FieldError.required(at.child("server")))
        if not spec.nfs.path:
            found.append(FieldError.required(at.child("path")))
        if not spec.nfs.path.startswith("/"):
            found.append(FieldError.invalid(at.child("path"), spec.nfs.path, "must be an absolute path"))
    if spec.csi is not None:
        found += _validate_csi(spec.csi, SPEC.child("csi"))
    return found


def _validate_local(spec: core.PersistentVolumeSpec) -> list[FieldError]:
    assert spec.local is not None
    at = SPEC.child("local", "path")
    found = [FieldError.required(at)] if not spec.local.path else []
    if spec.local.path and not spec.local.path.startswith("/"):
        found += local_path(spec.local.path, at)
    if spec.nodeAffinity is None or spec.nodeAffinity.required is None:
        why = "Local volume requires node affinity"
        found.append(FieldError.required(Path("metadata", "annotations"), why))
    return found


def _validate_csi(source: core.CSIPersistentVolumeSource, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    at = path.child("driver")
    if not source.driver:
        found.append(FieldError.required(at))
    else:
        if len(source.driver) > 63:
            found.append(FieldError.too_long(at, 63))
        problems = names.dns1123_subdomain(source.driver.lower())
        found += [FieldError.invalid(at, source.driver, message) for message in problems]
    if not source.volumeHandle:
        found.append(FieldError.required(path.child("volumeHandle")))
    for name in _SECRETS:
        reference: Any = getattr(source, name)
        if reference is None:
            continue
        for key, check in (("name", names.dns1123_subdomain), ("namespace", names.dns1123_label)):
            value, where = getattr(reference, key) or "", path.child(name, key)
            if not value:
                found.append(FieldError.required(where))
            else:
                found += [FieldError.invalid(where, value, message) for message in check(value)]
    return found


def validate_volume_update(obj: core.PersistentVolume, old: core.PersistentVolume) -> list[FieldError]:
    """Where a volume's data is never changes."""
    found = validate_volume(obj)
    if any(getattr(obj.spec, name) != getattr(old.spec, name) for name in SOURCES):
        # Drivers may learn of secrets for expansion later.
        source, before = obj.spec.csi, old.spec.csi
        if source is None or before is None or not _only_expansion(source, before):
            at = SPEC.child("persistentvolumesource")
            why = "spec.persistentvolumesource is immutable after creation"
            found.append(FieldError.forbidden(at, why))
    if obj.spec.volumeMode != old.spec.volumeMode:
        found.append(FieldError.invalid(SPEC.child("volumeMode"), obj.spec.volumeMode, "field is immutable"))
    if old.spec.nodeAffinity is not None and obj.spec.nodeAffinity != old.spec.nodeAffinity:
        why = "field is immutable, except for updating from beta label to GA"
        found.append(FieldError.invalid(Path("nodeAffinity"), obj.spec.nodeAffinity, why))
    return found


_EXPANSION = ("controllerExpandSecretRef", "nodeExpandSecretRef")


def _only_expansion(new: core.CSIPersistentVolumeSource, old: core.CSIPersistentVolumeSource) -> bool:
    """Whether no more changed than that secrets for expansion were added."""
    kept = [name for name in new.__struct_fields__ if name not in _EXPANSION or getattr(old, name) is not None]
    return all(getattr(new, name) == getattr(old, name) for name in kept)
