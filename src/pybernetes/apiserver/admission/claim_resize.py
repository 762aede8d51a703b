"""PersistentVolumeClaimResize: only bound claims grow, and only where their class lets volumes grow.

Source: plugin/pkg/admission/storage/persistentvolume/resize/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery import quantity
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin

_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"


class PersistentVolumeClaimResize(Plugin):
    name = "PersistentVolumeClaimResize"
    operations: ClassVar[frozenset[Operation]] = frozenset({"UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", "persistentvolumeclaims", "")})
    validates = True

    async def validate(self, attributes: Attributes) -> None:
        claim, old = attributes.object, attributes.old_object
        size = claim.spec.resources.requests.get("storage", "0")
        if quantity.compare(size, old.spec.resources.requests.get("storage", "0")) <= 0:
            return
        if old.status.phase != "Bound":
            raise attributes.forbidden("Only bound persistent volume claims can be expanded")
        name = _class_of(claim)
        found = await self.reader.read(StorageClass, name) if name and name == _class_of(old) else None
        if found is None or not found.allowVolumeExpansion:
            raise attributes.forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc "
                "must support resize"
            )


def _class_of(claim: core.PersistentVolumeClaim) -> str:
    return claim.metadata.annotations.get(_CLASS_ANNOTATION) or claim.spec.storageClassName or ""
