"""Validation of PersistentVolumes. Source: pkg/apis/core/validation/validation.go (ValidatePersistentVolume, …)."""

from __future__ import annotations

import posixpath

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.changes import difference
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods.placement import validate_node_selector
from pybernetes.apiserver.registry.core.volumes.sources import MAX_INITIATOR_NAME, one_too_many, validate_source

SPEC = Path("spec")
MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_POLICIES = ("Delete", "Recycle", "Retain")
MOUNT_OPTIONS = "volume.beta.kubernetes.io/mount-options"
_MOUNTED = (
    "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "cinder", "cephfs",
    "azureFile", "vsphereVolume", "azureDisk", "photonPersistentDisk", "storageos",
)  # fmt: skip
SOURCES = (
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte", "cephfs",
    "iscsi", "cinder", "fc", "flexVolume", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume",
    "azureDisk", "scaleIO", "local", "storageos", "csi",
)  # fmt: skip
"""In upstream's order: of several, the first is validated and the others are one too many."""


def validate_volume(obj: core.PersistentVolume) -> list[FieldError]:
    spec = obj.spec
    at = SPEC.child("accessModes")
    found = [] if spec.accessModes else [FieldError.required(at)]
    found += [FieldError.not_supported(at, mode, MODES) for mode in spec.accessModes if mode not in MODES]
    if "ReadWriteOncePod" in spec.accessModes and set(spec.accessModes) & set(MODES[:3]):
        found.append(FieldError.forbidden(at, "may not use ReadWriteOncePod with other access modes"))
    found += _validate_capacity(spec.capacity)
    policy, at = spec.persistentVolumeReclaimPolicy, SPEC.child("persistentVolumeReclaimPolicy")
    if policy not in _POLICIES:
        found.append(FieldError.not_supported(at, policy, _POLICIES))
    if spec.nodeAffinity is not None:
        required = SPEC.child("nodeAffinity", "required")
        if spec.nodeAffinity.required is None:
            found.append(FieldError.required(required, "must specify required node constraints"))
        else:
            found += validate_node_selector(spec.nodeAffinity.required, required)
    found += _validate_source(obj)
    if policy == "Recycle" and spec.hostPath is not None and posixpath.normpath(spec.hostPath.path) in ("/", "//"):
        found.append(FieldError.forbidden(at, "may not be 'recycle' for a hostPath mount of '/'"))
    if spec.storageClassName:
        problems = names.dns1123_subdomain(spec.storageClassName)
        found += [FieldError.invalid(SPEC.child("storageClassName"), spec.storageClassName, m) for m in problems]
    if spec.volumeMode is not None and spec.volumeMode not in ("Block", "Filesystem"):
        found.append(FieldError.not_supported(SPEC.child("volumeMode"), spec.volumeMode, ("Block", "Filesystem")))
    found += _validate_attributes_class(spec)
    return found


def validate_mount_options(obj: core.PersistentVolume) -> list[FieldError]:
    if MOUNT_OPTIONS in obj.metadata.annotations and not any(getattr(obj.spec, name) for name in _MOUNTED):
        at = Path("metadata", "annotations", MOUNT_OPTIONS)
        return [FieldError.forbidden(at, "may not specify mount options for this volume type")]
    return []


def _validate_attributes_class(spec: core.PersistentVolumeSpec) -> list[FieldError]:
    name, at = spec.volumeAttributesClassName, SPEC.child("volumeAttributesClassName")
    if name is None:
        return []
    if name:
        found = [FieldError.invalid(at, name, message) for message in names.dns1123_subdomain(name)]
    else:
        found = [FieldError.required(at, "an empty string is disallowed")]
    if spec.csi is None:
        why = "has to be specified when using volumeAttributesClassName"
        found.append(FieldError.required(SPEC.child("csi"), why))
    return found


def _validate_capacity(capacity: dict[str, str]) -> list[FieldError]:
    at = SPEC.child("capacity")
    found: list[FieldError] = []
    if not capacity:
        found.append(FieldError.required(at))
    if set(capacity) != {"storage"}:
        found.append(FieldError.not_supported(at, capacity or None, ("storage",)))
    for name, value in capacity.items():
        whole = quantity.value(value)
        if whole < 0:
            found.append(FieldError.invalid(at.key(name), whole, "must be a valid resource quantity"))
        if quantity.nano(value) <= 0:
            found.append(FieldError.invalid(at.key(name), value, "must be greater than zero"))
    return found


def _validate_source(obj: core.PersistentVolume) -> list[FieldError]:
    spec = obj.spec
    given = [name for name in SOURCES if getattr(spec, name) is not None]
    if not given:
        return [FieldError.required(SPEC, "must specify a volume type")]
    found: list[FieldError] = []
    iscsi = spec.iscsi
    if iscsi is not None and given[0] == "iscsi" and iscsi.initiatorName is not None:
        portal = iscsi.targetPortal
        if len(f"{obj.metadata.name}:{portal}") > 64:
            found.append(FieldError.invalid(SPEC.child("iscsi", "targetportal"), portal, MAX_INITIATOR_NAME))
    found += validate_source(given[0], getattr(spec, given[0]), SPEC)
    if given[0] == "local" and spec.nodeAffinity is None:
        found.append(FieldError.required(SPEC.child("nodeAffinity"), "Local volume requires node affinity"))
    return found + [one_too_many(name, SPEC) for name in given[1:]]


_STABLE_LABELS = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}


def validate_volume_update(obj: core.PersistentVolume, old: core.PersistentVolume) -> list[FieldError]:
    """Where a volume's data is never changes."""
    # Validated as a volume and as a changed volume: clients see what is wrong in it twice.
    found = validate_volume(obj) + validate_mount_options(obj) + validate_volume(obj)
    csi, before = obj.spec.csi, old.spec.csi
    if csi is not None and before is not None and before.controllerExpandSecretRef is None:
        # A driver may learn of its secret for expansion later.
        csi = msgspec.structs.replace(csi, controllerExpandSecretRef=None)
    if csi != before or any(getattr(obj.spec, n) != getattr(old.spec, n) for n in SOURCES if n != "csi"):
        at = SPEC.child("persistentvolumesource")
        changes = difference(_sources(old.spec), _sources(obj.spec))
        why = f"spec.persistentvolumesource is immutable after creation\n{changes}"
        found.append(FieldError.forbidden(at, why))
    if obj.spec.volumeMode != old.spec.volumeMode:
        found.append(FieldError.invalid(Path("volumeMode"), obj.spec.volumeMode, "field is immutable"))
    if old.spec.nodeAffinity is not None and not _same_nodes(obj.spec.nodeAffinity, old.spec.nodeAffinity):
        why = "field is immutable, except for updating from beta label to GA"
        found.append(FieldError.invalid(Path("nodeAffinity"), obj.spec.nodeAffinity, why))
    if old.spec.volumeAttributesClassName is not None and obj.spec.volumeAttributesClassName is None:
        at = SPEC.child("volumeAttributesClassName")
        found.append(FieldError.forbidden(at, "update from non-nil value to nil is forbidden"))
    return found


def _sources(spec: core.PersistentVolumeSpec) -> dict[str, object]:
    return {name: value for name in SOURCES if (value := getattr(spec, name)) is not None}


def _same_nodes(new: core.VolumeNodeAffinity | None, old: core.VolumeNodeAffinity) -> bool:
    """Whether they are equal, but for labels that have their stable names now."""
    if new is None or new.required is None or old.required is None:
        return new == old
    a, b = new.required.nodeSelectorTerms, old.required.nodeSelectorTerms
    return len(a) == len(b) and all(
        _same_requirements(x.matchExpressions, y.matchExpressions) and _same_requirements(x.matchFields, y.matchFields)
        for x, y in zip(a, b, strict=True)
    )


def _same_requirements(new: list[core.NodeSelectorRequirement], old: list[core.NodeSelectorRequirement]) -> bool:
    return len(new) == len(old) and all(
        (a.key == b.key or _STABLE_LABELS.get(b.key, "") == a.key) and (a.operator, a.values) == (b.operator, b.values)
        for a, b in zip(new, old, strict=True)
    )
