"""Validation of a claim's spec: in a PersistentVolumeClaim, a StatefulSet's template, a Pod's ephemeral volume.

Source: pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaimSpec, …Update).
"""

from __future__ import annotations

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.persistentvolumes.strategy import ACCESS_MODES, STORAGE_CLASS_ANNOTATION
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE, validate_annotations, validate_labels

SPEC = Path("spec")
_MODES = ("Block", "Filesystem")
_IMMUTABLE_SPEC = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def validate_claim_spec(spec: core.PersistentVolumeClaimSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    modes = path.child("accessModes")
    if not spec.accessModes:
        found.append(FieldError.required(modes, "at least 1 access mode is required"))
    found += validate_label_selector(spec.selector, path.child("selector"))
    found += [
        FieldError.not_supported(modes, m, sorted(ACCESS_MODES)) for m in spec.accessModes if m not in ACCESS_MODES
    ]
    if "ReadWriteOncePod" in spec.accessModes and any(
        mode in ACCESS_MODES and mode != "ReadWriteOncePod" for mode in spec.accessModes
    ):
        found.append(FieldError.forbidden(modes, "may not use ReadWriteOncePod with other access modes"))
    at = path.child("resources").key("storage")
    requested = spec.resources.requests.get("storage")
    if requested is None:
        found.append(FieldError.required(at))
    elif quantity.nano(requested) <= 0:
        found.append(FieldError.invalid(at, requested, "must be greater than zero"))
    for name in ("storageClassName", "volumeAttributesClassName"):
        value = getattr(spec, name)
        if value:
            found += [
                FieldError.invalid(path.child(name), value, message) for message in names.dns1123_subdomain(value)
            ]
    if spec.volumeMode is not None and spec.volumeMode not in _MODES:
        found.append(FieldError.not_supported(path.child("volumeMode"), spec.volumeMode, _MODES))
    return found + _validate_sources(spec, path)


def _validate_sources(spec: core.PersistentVolumeClaimSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    source, reference = spec.dataSource, spec.dataSourceRef
    for name, given in (("dataSource", source), ("dataSourceRef", reference)):
        if given is None:
            continue
        at = path.child(name)
        if not given.name:
            found.append(FieldError.required(at.child("name")))
        if not given.kind:
            found.append(FieldError.required(at.child("kind")))
        if not given.apiGroup and given.kind != "PersistentVolumeClaim":
            why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
            found.append(FieldError.invalid(at, given.kind, why))
        if given.apiGroup:
            problems = names.dns1123_subdomain(given.apiGroup)
            found += [FieldError.invalid(at.child("apiGroup"), given.apiGroup, message) for message in problems]
    if source is not None and reference is not None:
        if reference.namespace:
            why = "may not be specified when dataSourceRef.namespace is specified"
            found.append(FieldError.invalid(path, str(path.child("dataSource")), why))
        elif (source.apiGroup, source.kind, source.name) != (reference.apiGroup, reference.kind, reference.name):
            found.append(FieldError.invalid(path, str(path.child("dataSource")), "must match dataSourceRef"))
    return found


def validate_claim_template(template: core.PersistentVolumeClaimTemplate, path: Path) -> list[FieldError]:
    """The claim of an ephemeral volume: of its metadata only labels and annotations may be set."""
    meta, at = template.metadata, path.child("metadata")
    found: list[FieldError] = []
    if meta is not None:
        found += validate_annotations(meta.annotations, at.child("annotations"))
        found += validate_labels(meta.labels, at.child("labels"))
        for name in meta.__struct_fields__:
            if name not in ("annotations", "labels", "managedFields") and getattr(meta, name):
                found.append(FieldError.forbidden(at.child(name), "cannot be set"))
    return found + validate_claim_spec(template.spec, path.child("spec"))


def validate_claim_update(obj: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim) -> list[FieldError]:
    """A claim's spec never changes, but for its volume's name once, its size and class when it is bound."""
    found = validate_claim_spec(obj.spec, SPEC)
    kept: dict[str, object] = {}
    if not old.spec.volumeName:
        kept["volumeName"] = old.spec.volumeName
    if old.spec.storageClassName is None and STORAGE_CLASS_ANNOTATION not in old.metadata.annotations:
        # A class is given to claims that had none when a default class appears.
        kept["storageClassName"] = old.spec.storageClassName
    elif obj.metadata.annotations.get(STORAGE_CLASS_ANNOTATION) != old.metadata.annotations.get(
        STORAGE_CLASS_ANNOTATION
    ):
        at = Path("metadata", "annotations").key(STORAGE_CLASS_ANNOTATION)
        found.append(FieldError.invalid(at, obj.metadata.annotations.get(STORAGE_CLASS_ANNOTATION, ""), IMMUTABLE))
    if obj.status.phase == "Bound":
        kept["volumeAttributesClassName"] = old.spec.volumeAttributesClassName
        old_size = old.spec.resources.requests.get("storage")
        requests = {k: v for k, v in obj.spec.resources.requests.items() if k != "storage"}
        if old_size is not None:
            requests["storage"] = old_size
        kept["resources"] = msgspec.structs.replace(obj.spec.resources, requests=requests)
    if msgspec.structs.replace(obj.spec, **kept) != old.spec:
        found.append(FieldError.forbidden(SPEC, _IMMUTABLE_SPEC))
    if _shrinks(obj, old):
        why = "field can not be less than status.capacity"
        found.append(FieldError.forbidden(SPEC.child("resources", "requests", "storage"), why))
    if obj.spec.volumeMode != old.spec.volumeMode:
        found.append(FieldError.invalid(Path("volumeMode"), obj.spec.volumeMode, IMMUTABLE))
    if old.status.phase == "Bound" and old.spec.volumeAttributesClassName and not obj.spec.volumeAttributesClassName:
        why = "update from non-nil value to nil is forbidden"
        found.append(FieldError.forbidden(SPEC.child("volumeAttributesClassName"), why))
    return found


def _shrinks(obj: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim) -> bool:
    """Whether it asks for less than before and less than there is: a failed expansion may be taken back."""
    now, before = obj.spec.resources.requests.get("storage"), old.spec.resources.requests.get("storage")
    if now is None or before is None or quantity.compare(now, before) >= 0:
        return False
    held = old.status.capacity.get("storage", "0")
    return quantity.compare(now, held) <= 0


def claim_warnings(spec: core.PersistentVolumeClaimSpec, path: Path) -> list[str]:
    """Sizes that are no whole number of bytes. Source: GetWarningsForPersistentVolumeClaimSpec."""
    found = []
    for name, amounts in (("requests", spec.resources.requests), ("limits", spec.resources.limits)):
        value = amounts.get("storage")
        if value is not None and quantity.nano(value) % quantity.NANO:
            at = path.child("resources").child(name).key("storage")
            found.append(f'{at}: fractional byte value "{value}" is invalid, must be an integer')
    return found
