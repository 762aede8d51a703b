"""Resources of storage.k8s.io: defaults and columns.

Source: pkg/registry/storage, printers, apis/storage/v1/defaults.go.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.storage import v1 as storage
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import UNSET, age, columns

DEFAULT_CLASS_ANNOTATION = "storageclass.kubernetes.io/is-default-class"


class StorageClassStrategy(Strategy):
    returns_deleted_object = True
    columns = columns("Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age")

    def default(self, obj: storage.StorageClass) -> None:
        obj.reclaimPolicy = obj.reclaimPolicy or "Delete"
        obj.volumeBindingMode = obj.volumeBindingMode or "Immediate"

    def validate(self, obj: storage.StorageClass) -> list[FieldError]:
        found: list[FieldError] = []
        if not obj.provisioner:
            found.append(FieldError.required(Path("provisioner"), obj.provisioner))
        for name, supported in (
            ("reclaimPolicy", ("Delete", "Retain")),
            ("volumeBindingMode", ("Immediate", "WaitForFirstConsumer")),
        ):
            if getattr(obj, name) not in supported:
                found.append(FieldError.not_supported(Path(name), getattr(obj, name), supported))
        return found

    def validate_update(self, obj: storage.StorageClass, old: storage.StorageClass) -> list[FieldError]:
        found = self.validate(obj)
        why = "updates to {} are forbidden."
        for name in ("parameters", "provisioner", "reclaimPolicy"):
            if getattr(obj, name) != getattr(old, name):
                found.append(FieldError.forbidden(Path(name), why.format(name)))
        if obj.volumeBindingMode != old.volumeBindingMode:
            found.append(FieldError.invalid(Path("volumeBindingMode"), obj.volumeBindingMode, "field is immutable"))
        return found

    def row(self, obj: storage.StorageClass, now: float) -> list[Any]:
        name = obj.metadata.name or ""
        if obj.metadata.annotations.get(DEFAULT_CLASS_ANNOTATION) == "true":
            name += " (default)"
        created = age(obj.metadata.creationTimestamp, now)
        expands = bool(obj.allowVolumeExpansion) if obj.allowVolumeExpansion is not None else False
        return [name, obj.provisioner, obj.reclaimPolicy or "", obj.volumeBindingMode or UNSET, expands, created]


class CSINodeStrategy(Strategy):
    allow_unconditional_update = False
    returns_deleted_object = True
    columns = columns("Name", "Drivers:integer", "Age")

    def row(self, obj: storage.CSINode, now: float) -> list[Any]:
        return [obj.metadata.name, len(obj.spec.drivers), age(obj.metadata.creationTimestamp, now)]


class CSIDriverStrategy(Strategy):
    allow_unconditional_update = False
    returns_deleted_object = True
    columns = columns(
        "Name", "AttachRequired:boolean", "PodInfoOnMount:boolean", "StorageCapacity:boolean", "TokenRequests",
        "RequiresRepublish:boolean", "Modes", "Age",
    )  # fmt: skip

    def default(self, obj: storage.CSIDriver) -> None:
        spec = obj.spec
        if spec.attachRequired is None:
            spec.attachRequired = True
        for name in ("podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"):
            if getattr(spec, name) is None:
                setattr(spec, name, False)
        spec.fsGroupPolicy = spec.fsGroupPolicy or "ReadWriteOnceWithFSType"
        spec.volumeLifecycleModes = spec.volumeLifecycleModes or ["Persistent"]

    def row(self, obj: storage.CSIDriver, now: float) -> list[Any]:
        spec = obj.spec
        return [
            obj.metadata.name,
            spec.attachRequired is not False,
            bool(spec.podInfoOnMount),
            bool(spec.storageCapacity),
            ",".join(request.audience for request in spec.tokenRequests) or UNSET,
            bool(spec.requiresRepublish),
            ",".join(spec.volumeLifecycleModes) or "<none>",
            age(obj.metadata.creationTimestamp, now),
        ]


class VolumeAttachmentStrategy(Strategy):
    allow_unconditional_update = False
    returns_deleted_object = True
    columns = columns("Name", "Attacher", "PV", "Node", "Attached:boolean", "Age")

    def row(self, obj: storage.VolumeAttachment, now: float) -> list[Any]:
        spec = obj.spec
        return [
            obj.metadata.name,
            spec.attacher,
            spec.source.persistentVolumeName or "",
            spec.nodeName,
            bool(obj.status.attached),
            age(obj.metadata.creationTimestamp, now),
        ]
