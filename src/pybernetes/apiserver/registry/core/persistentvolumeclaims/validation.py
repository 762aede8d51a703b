"""Validation of a claim's spec: in a PersistentVolumeClaim, a StatefulSet's template, a Pod's ephemeral volume.

Source: pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaimSpec, …Update).
"""

from __future__ import annotations

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.changes import difference
from pybernetes.apimachinery.extended_resources import is_native
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.volume_claims import BETA_CLASS
from pybernetes.apiserver.registry.core.persistentvolumes.strategy import ACCESS_MODES
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE, validate_annotations, validate_labels

SPEC = Path("spec")
_MODES = ("Block", "Filesystem")
_RESIZES = ("ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible",
            "NodeResizePending")  # fmt: skip
_UNSEEN: dict[str, str] = {}
"""What upstream shows of a path, which it gives as the value."""
_IMMUTABLE_SPEC = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def validate_claim_spec(
    spec: core.PersistentVolumeClaimSpec, path: Path, *, any_group: bool = False
) -> list[FieldError]:
    """`any_group`: the API group of a data source is not looked at."""
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
    return found + _validate_sources(spec, path, any_group)


def _validate_sources(spec: core.PersistentVolumeClaimSpec, path: Path, any_group: bool) -> list[FieldError]:
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
        if given.apiGroup and not any_group:
            problems = names.dns1123_subdomain(given.apiGroup)
            found += [FieldError.invalid(at.child("apiGroup"), given.apiGroup, message) for message in problems]
    if source is not None and reference is not None:
        if reference.namespace:
            why = "may not be specified when dataSourceRef.namespace is specified"
            found.append(FieldError.invalid(path, _UNSEEN, why))
        elif (source.apiGroup, source.kind, source.name) != (reference.apiGroup, reference.kind, reference.name):
            found.append(FieldError.invalid(path, _UNSEEN, "must match dataSourceRef"))
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
    sources = (old.spec.dataSource, old.spec.dataSourceRef)
    known_group = any(source is not None and source.apiGroup is not None for source in sources)
    found = validate_claim_spec(obj.spec, SPEC, any_group=known_group)
    kept: dict[str, object] = {}
    if not old.spec.volumeName:
        kept["volumeName"] = old.spec.volumeName
    found += _validate_class_update(obj, old, kept)
    if obj.status.phase == "Bound":
        kept["volumeAttributesClassName"] = old.spec.volumeAttributesClassName
        if obj.spec.resources.requests:
            requests = {**obj.spec.resources.requests, "storage": old.spec.resources.requests.get("storage", "0")}
            kept["resources"] = msgspec.structs.replace(obj.spec.resources, requests=requests)
    munged = msgspec.structs.replace(obj.spec, **kept)
    if munged != old.spec:
        found.append(FieldError.forbidden(SPEC, f"{_IMMUTABLE_SPEC}\n{difference(old.spec, munged)}"))
    if _shrinks(obj, old):
        why = "field can not be less than status.capacity"
        found.append(FieldError.forbidden(SPEC.child("resources", "requests", "storage"), why))
    if obj.spec.volumeMode != old.spec.volumeMode:
        found.append(FieldError.invalid(Path("volumeMode"), obj.spec.volumeMode, IMMUTABLE))
    name = obj.spec.volumeAttributesClassName
    if name != old.spec.volumeAttributesClassName and not name and old.status.currentVolumeAttributesClassName:
        what = "nil" if name is None else "empty string"
        why = f"update to {what} is forbidden when status.currentVolumeAttributesClassName is not nil"
        found.append(FieldError.forbidden(SPEC.child("volumeAttributesClassName"), why))
    return found


def _validate_class_update(
    obj: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim, kept: dict[str, object]
) -> list[FieldError]:
    """A claim without a class gets one once: that of its annotation, or any when it has no annotation.

    Puts into `kept` what the comparison of the specs leaves out.
    """
    annotated, before = (o.metadata.annotations.get(BETA_CLASS) for o in (obj, old))
    given = obj.spec.storageClassName
    gets_one = given is not None and old.spec.storageClassName is None and before in (None, given)
    if gets_one:
        kept["storageClassName"] = None
    if (gets_one and before is not None and annotated in (None, before)) or (annotated or "") == (before or ""):
        return []
    at = Path("metadata", "annotations").key(BETA_CLASS)
    return [FieldError.invalid(at, annotated or "", IMMUTABLE)]


def validate_claim_status(status: core.PersistentVolumeClaimStatus) -> list[FieldError]:
    at = Path("status", "capacity")
    found: list[FieldError] = []
    for name, amount in status.capacity.items():
        found += _validate_amount(amount, at.key(name))
    at = Path("status", "allocatedResourceStatuses")
    for name, what in status.allocatedResourceStatuses.items():
        found += _validate_key(name, at)
        if what not in _RESIZES:
            found.append(FieldError.not_supported(at, name, _RESIZES))
    at = Path("status", "allocatedResources")
    for name, amount in status.allocatedResources.items():
        found += _validate_key(name, at) or _validate_amount(amount, at.key(name))
    return found


def _validate_amount(amount: str, path: Path) -> list[FieldError]:
    value = quantity.value(amount)
    return [FieldError.invalid(path, value, "must be a valid resource quantity")] if value < 0 else []


def _validate_key(name: str, path: Path) -> list[FieldError]:
    problems = names.qualified_name(name)
    if not problems and is_native(name) and name != "storage":
        return [FieldError.not_supported(path, name, ("storage",))]
    return [FieldError.invalid(path, name, message) for message in problems]


def _shrinks(obj: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim) -> bool:
    """Whether it asks for less than before and less than there is: a failed expansion may be taken back."""
    now, before = (o.spec.resources.requests.get("storage", "0") for o in (obj, old))
    held = old.status.capacity.get("storage", "0")
    return quantity.compare(now, before) < 0 and quantity.compare(now, held) <= 0


def claim_warnings(spec: core.PersistentVolumeClaimSpec, path: Path) -> list[str]:
    """Sizes that are no whole number of bytes. Source: GetWarningsForPersistentVolumeClaimSpec."""
    found = []
    for name, amounts in (("requests", spec.resources.requests), ("limits", spec.resources.limits)):
        value = amounts.get("storage")
        if value is not None and quantity.nano(value) % quantity.NANO:
            at = path.child("resources").child(name).key("storage")
            found.append(f'{at}: fractional byte value "{value}" is invalid, must be an integer')
    return found
