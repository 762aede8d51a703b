"""PersistentVolumeClaimResize: only bound claims grow, and only where their class lets volumes grow.

Source: plugin/pkg/admission/storage/persistentvolume/resize/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.volume_claims import class_of_claim, requested
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin


class PersistentVolumeClaimResize(Plugin):
    name = "PersistentVolumeClaimResize"
    operations: ClassVar[frozenset[Operation]] = frozenset({"UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", "persistentvolumeclaims", "")})
    validates = True

    async def validate(self, attributes: Attributes) -> None:
        claim, old = attributes.object, attributes.old_object
        if quantity.compare(requested(claim), requested(old)) <= 0:
            return
        if old.status.phase != "Bound":
            raise attributes.forbidden("Only bound persistent volume claims can be expanded")
        name = class_of_claim(claim)
        found = await self.reader.read(StorageClass, name) if name and name == class_of_claim(old) else None
        if found is None or not found.allowVolumeExpansion:
            raise attributes.forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc "
                "must support resize"
            )
