"""StorageObjectInUseProtection: claims and volumes get the finalizer that keeps them while they are used.

Source: plugin/pkg/admission/storage/storageobjectinuseprotection/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin

FINALIZERS = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
}


class StorageObjectInUseProtection(Plugin):
    name = "StorageObjectInUseProtection"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", plural, "") for plural in FINALIZERS})
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        finalizer = FINALIZERS[attributes.resource.plural]
        meta = attributes.object.metadata
        if finalizer not in meta.finalizers:
            meta.finalizers = [*meta.finalizers, finalizer]
