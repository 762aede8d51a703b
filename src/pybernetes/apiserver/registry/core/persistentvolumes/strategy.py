"""PersistentVolumes. Source: pkg/registry/core/persistentvolume/strategy.go, printers printPersistentVolume."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.times import format_time
from pybernetes.apimachinery.volume_claims import BETA_CLASS, class_of_volume
from pybernetes.apiserver.registry.core.persistentvolumes.validation import (
    MOUNT_OPTIONS,
    validate_mount_options,
    validate_volume,
    validate_volume_update,
)
from pybernetes.apiserver.registry.core.pods import defaults
from pybernetes.apiserver.registry.core.pods.old_labels import node_term_warnings
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import UNSET, age, columns

SPEC = Path("spec")
ACCESS_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_OLD_SOURCES = (
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
)
"""Field, its name in the warning, and why."""


def modes_cell(modes: list[str]) -> str:
    """RWO,ROX,… in upstream's order."""
    return ",".join(short for mode, short in ACCESS_MODES.items() if mode in modes)


class PersistentVolumeStrategy(Strategy):
    metadata_again = "whole"
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
        return validate_volume(obj) + validate_mount_options(obj)

    def validate_update(self, obj: core.PersistentVolume, old: core.PersistentVolume) -> list[FieldError]:
        return validate_volume_update(obj, old)

    def warnings(self, obj: core.PersistentVolume, old: core.PersistentVolume | None) -> list[str]:
        found = []
        for key, attribute in ((BETA_CLASS, "storageClassName"), (MOUNT_OPTIONS, "mountOptions")):
            if key in obj.metadata.annotations:
                since = "v1.8" if key == BETA_CLASS else "v1.31"
                why = f'deprecated since {since}; use "{attribute}" attribute instead'
                found.append(f"metadata.annotations[{key}]: {why}")
        if obj.spec.persistentVolumeReclaimPolicy == "Recycle":
            found.append(
                "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
                "recommended approach is to use dynamic provisioning."
            )
        if obj.spec.nodeAffinity is not None and obj.spec.nodeAffinity.required is not None:
            at = SPEC.child("nodeAffinity", "required", "nodeSelectorTerms")
            for index, term in enumerate(obj.spec.nodeAffinity.required.nodeSelectorTerms):
                found += node_term_warnings(term, at.index(index))
        for name, shown, why in _OLD_SOURCES:
            if getattr(obj.spec, name) is not None:
                found.append(f"spec.{shown}: {why}")
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
            class_of_volume(obj),
            spec.volumeAttributesClassName or UNSET,
            obj.status.reason or "",
            age(obj.metadata.creationTimestamp, now),
            spec.volumeMode or UNSET,
        ]
