"""PersistentVolumeClaims. Source: pkg/registry/core/persistentvolumeclaim/strategy.go, printers."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.persistentvolumes.strategy import (
    ACCESS_MODES,
    STORAGE_CLASS_ANNOTATION,
    modes_cell,
)
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import UNSET, age, columns

SPEC = Path("spec")


class PersistentVolumeClaimStrategy(Strategy):
    returns_deleted_object = True
    columns = columns(
        "Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass", "Age",
        "VolumeMode*",
    )  # fmt: skip

    def default(self, obj: core.PersistentVolumeClaim) -> None:
        obj.status.phase = obj.status.phase or "Pending"
        obj.spec.volumeMode = obj.spec.volumeMode or "Filesystem"

    def prepare_for_create(self, ctx: RequestContext, obj: core.PersistentVolumeClaim) -> None:
        obj.status = core.PersistentVolumeClaimStatus(phase="Pending")

    def validate(self, obj: core.PersistentVolumeClaim) -> list[FieldError]:
        spec = obj.spec
        found: list[FieldError] = []
        if not spec.accessModes:
            found.append(FieldError.required(SPEC.child("accessModes"), "at least 1 access mode is required"))
        for mode in spec.accessModes:
            if mode not in ACCESS_MODES:
                found.append(FieldError.not_supported(SPEC.child("accessModes"), mode, sorted(ACCESS_MODES)))
        requested = spec.resources.requests.get("storage") if spec.resources is not None else None
        at = SPEC.child("resources").key("storage")
        if requested is None:
            found.append(FieldError.required(at))
        elif quantity.nano(requested) <= 0:
            found.append(FieldError.invalid(at, requested, "must be greater than zero"))
        if spec.volumeMode not in ("Block", "Filesystem"):
            found.append(FieldError.not_supported(SPEC.child("volumeMode"), spec.volumeMode, ("Block", "Filesystem")))
        return found

    def row(self, obj: core.PersistentVolumeClaim, now: float) -> list[Any]:
        spec, status = obj.spec, obj.status
        phase = "Terminating" if obj.metadata.deletionTimestamp is not None else status.phase or ""
        bound = bool(spec.volumeName)
        return [
            obj.metadata.name,
            phase,
            spec.volumeName or "",
            status.capacity.get("storage", "0") if bound else "",
            modes_cell(status.accessModes) if bound else "",
            obj.metadata.annotations.get(STORAGE_CLASS_ANNOTATION) or spec.storageClassName or "",
            spec.volumeAttributesClassName or UNSET,
            age(obj.metadata.creationTimestamp, now),
            spec.volumeMode or UNSET,
        ]
