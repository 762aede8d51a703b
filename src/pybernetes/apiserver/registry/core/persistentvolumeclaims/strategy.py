"""PersistentVolumeClaims. Source: pkg/registry/core/persistentvolumeclaim/strategy.go, printers."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.volume_claims import BETA_CLASS, class_of_claim
from pybernetes.apiserver.registry.core.persistentvolumeclaims.validation import (
    claim_warnings,
    validate_claim_spec,
    validate_claim_status,
    validate_claim_update,
)
from pybernetes.apiserver.registry.core.persistentvolumes.strategy import modes_cell
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import UNSET, age, columns

SPEC = Path("spec")


class PersistentVolumeClaimStrategy(Strategy):
    metadata_again = "whole"
    returns_deleted_object = True
    columns = columns(
        "Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass", "Age",
        "VolumeMode*",
    )  # fmt: skip

    def default(self, obj: core.PersistentVolumeClaim) -> None:
        obj.status.phase = obj.status.phase or "Pending"
        if obj.spec.volumeMode is None:
            obj.spec.volumeMode = "Filesystem"

    def prepare_for_create(self, ctx: RequestContext, obj: core.PersistentVolumeClaim) -> None:
        obj.status = core.PersistentVolumeClaimStatus(phase="Pending")
        drop_old_data_source(obj.spec)
        mirror_data_source(obj.spec)

    def prepare_for_update(
        self, ctx: RequestContext, obj: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim
    ) -> None:
        super().prepare_for_update(ctx, obj, old)
        if old.spec.dataSource is None and old.spec.dataSourceRef is None:
            drop_old_data_source(obj.spec)
        mirror_data_source(obj.spec)

    def validate(self, obj: core.PersistentVolumeClaim) -> list[FieldError]:
        return validate_claim_spec(obj.spec, SPEC)

    def validate_update(self, obj: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim) -> list[FieldError]:
        return validate_claim_update(obj, old)

    def validate_status_update(
        self, obj: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim
    ) -> list[FieldError]:
        return validate_claim_status(obj.status)

    def warnings(self, obj: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim | None) -> list[str]:
        found = []
        if BETA_CLASS in obj.metadata.annotations:
            why = 'deprecated since v1.8; use "storageClassName" attribute instead'
            found.append(f"metadata.annotations[{BETA_CLASS}]: {why}")
        return found + claim_warnings(obj.spec, SPEC)

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
            class_of_claim(obj),
            spec.volumeAttributesClassName or UNSET,
            age(obj.metadata.creationTimestamp, now),
            spec.volumeMode or UNSET,
        ]


def drop_old_data_source(spec: core.PersistentVolumeClaimSpec) -> None:
    """The old field alone takes claims and snapshots; what else it says counts as not said."""
    source = spec.dataSource
    if source is None or spec.dataSourceRef is not None:
        return
    claim = source.kind == "PersistentVolumeClaim" and not source.apiGroup
    if not claim and (source.kind, source.apiGroup) != ("VolumeSnapshot", "snapshot.storage.k8s.io"):
        spec.dataSource = None


def mirror_data_source(spec: core.PersistentVolumeClaimSpec) -> None:
    """dataSource and dataSourceRef say the same, unless the reference crosses namespaces."""
    source, reference = spec.dataSource, spec.dataSourceRef
    if source is not None and reference is None:
        spec.dataSourceRef = core.TypedObjectReference(apiGroup=source.apiGroup, kind=source.kind, name=source.name)
    elif reference is not None and source is None and not reference.namespace:
        spec.dataSource = core.TypedLocalObjectReference(
            apiGroup=reference.apiGroup, kind=reference.kind, name=reference.name
        )
