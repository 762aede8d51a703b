"""DefaultStorageClass and DefaultIngressClass: what names no class gets the newest one that is marked as default.

Source: plugin/pkg/admission/storage/storageclass/setdefault, plugin/pkg/admission/network/defaultingressclass.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.networking.v1 import IngressClass
from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery.default_class import INGRESS_CLASS, INGRESS_MARKS, STORAGE_MARKS, default_class
from pybernetes.apimachinery.volume_claims import has_class
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin


class DefaultStorageClass(Plugin):
    name = "DefaultStorageClass"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", "persistentvolumeclaims", "")})
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        claim = attributes.object
        if not has_class(claim):
            claim.spec.storageClassName = default_class(await self.reader.read_all(StorageClass), STORAGE_MARKS)


class DefaultIngressClass(Plugin):
    name = "DefaultIngressClass"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("networking.k8s.io", "ingresses", "")})
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        ingress = attributes.object
        if ingress.spec.ingressClassName is None and INGRESS_CLASS not in ingress.metadata.annotations:
            ingress.spec.ingressClassName = default_class(await self.reader.read_all(IngressClass), INGRESS_MARKS)
