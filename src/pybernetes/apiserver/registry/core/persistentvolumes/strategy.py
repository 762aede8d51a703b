"""PersistentVolumes. Source: pkg/registry/core/persistentvolume/strategy.go, printers printPersistentVolume."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.registry.core.persistentvolumes.validation import validate_volume, validate_volume_update
from pybernetes.apiserver.registry.core.pods import defaults
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import UNSET, age, columns

SPEC = Path("spec")
ACCESS_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
STORAGE_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_OLD_SOURCES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
}


def modes_cell(modes: list[str]) -> str:
    """RWO,ROX,… in upstream's order."""
    return ",".join(short for mode, short in ACCESS_MODES.items() if mode in modes)


class PersistentVolumeStrategy(Strategy):
    returns_deleted_object = True
    columns = columns(
        "Name", "Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass",
        "VolumeAttributesClass", "Reason", "Age", "VolumeMode*",
    )  # fmt: skip

    def default(self, obj: core.PersistentVolume) -> None:
        obj.status.phase = obj.status.phase or "Pending"
        obj.spec.persistentVolumeReclaimPolicy = obj.spec.persistentVolumeReclaimPolicy or "Retain"
        if obj.spec.volumeMode is None:
            obj.spec.volumeMode = "Filesystem"
        defaults.default_persistent_source(obj.spec)

    def prepare_for_create(self, ctx: RequestContext, obj: core.PersistentVolume) -> None:
        obj.status = core.PersistentVolumeStatus(
            phase="Pending", lastPhaseTransitionTime=format_time(self.registry.clock.now())
        )

    def prepare_for_status_update(
        self, ctx: RequestContext, obj: core.PersistentVolume, old: core.PersistentVolume
    ) -> None:
        super().prepare_for_status_update(ctx, obj, old)
        if obj.status.phase != old.status.phase and (
            obj.status.lastPhaseTransitionTime in (None, old.status.lastPhaseTransitionTime)
        ):
            obj.status.lastPhaseTransitionTime = format_time(self.registry.clock.now())

    def validate(self, obj: core.PersistentVolume) -> list[FieldError]:
        return validate_volume(obj)

    def validate_update(self, obj: core.PersistentVolume, old: core.PersistentVolume) -> list[FieldError]:
        return validate_volume_update(obj, old)

    def warnings(self, obj: core.PersistentVolume, old: core.PersistentVolume | None) -> list[str]:
        found = []
        if STORAGE_CLASS_ANNOTATION in obj.metadata.annotations:
            at = f"metadata.annotations[{STORAGE_CLASS_ANNOTATION}]"
            found.append(f'{at}: deprecated since v1.8; use "storageClassName" attribute instead')
        if obj.spec.persistentVolumeReclaimPolicy == "Recycle":
            found.append(
                "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
                "recommended approach is to use dynamic provisioning."
            )
        found += [f"spec.{name}: {why}" for name, why in _OLD_SOURCES.items() if getattr(obj.spec, name) is not None]
        return found

    def row(self, obj: core.PersistentVolume, now: float) -> list[Any]:
        spec, claim = obj.spec, obj.spec.claimRef
        phase = obj.status.phase or ""
        if obj.metadata.deletionTimestamp is not None:
            phase = "Terminating"
        return [
            obj.metadata.name,
            spec.capacity.get("storage", "0"),
            modes_cell(spec.accessModes),
            spec.persistentVolumeReclaimPolicy or "",
            phase,
            f"{claim.namespace}/{claim.name}" if claim is not None else "",
            obj.metadata.annotations.get(STORAGE_CLASS_ANNOTATION) or spec.storageClassName or "",
            spec.volumeAttributesClassName or UNSET,
            obj.status.reason or "",
            age(obj.metadata.creationTimestamp, now),
            spec.volumeMode or UNSET,
        ]
