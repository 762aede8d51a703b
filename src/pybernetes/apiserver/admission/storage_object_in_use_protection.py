"""StorageObjectInUseProtection: claims, volumes and attribute classes get the finalizer
that keeps them while they are used.

Source: plugin/pkg/admission/storage/storageobjectinuseprotection/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin

FINALIZERS = {
    ("", "persistentvolumeclaims"): "kubernetes.io/pvc-protection",
    ("", "persistentvolumes"): "kubernetes.io/pv-protection",
    ("storage.k8s.io", "volumeattributesclasses"): "kubernetes.io/vac-protection",
}


class StorageObjectInUseProtection(Plugin):
    name = "StorageObjectInUseProtection"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset(
        {(group, plural, "") for group, plural in FINALIZERS}
    )
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        finalizer = FINALIZERS[attributes.resource.group, attributes.resource.plural]
        meta = attributes.object.metadata
        if finalizer not in meta.finalizers:
            meta.finalizers = [*meta.finalizers, finalizer]
