"""DefaultStorageClass and DefaultIngressClass: what names no class gets the newest one that is marked as default.

Source: plugin/pkg/admission/storage/storageclass/setdefault, plugin/pkg/admission/network/defaultingressclass.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pybernetes.api.networking.v1 import IngressClass
from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery.times import parse_time
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin

_STORAGE = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_INGRESS = ("ingressclass.kubernetes.io/is-default-class",)
_STORAGE_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_INGRESS_ANNOTATION = "kubernetes.io/ingress.class"


def default_class(classes: Iterable[Any], marks: tuple[str, ...]) -> str | None:
    """The name of the newest class with a mark, of the first by name among those of one second."""
    marked = [c for c in classes if any(c.metadata.annotations.get(mark) == "true" for mark in marks)]
    newest = min(
        marked, key=lambda c: (-parse_time(c.metadata.creationTimestamp or ""), c.metadata.name or ""), default=None
    )
    return newest.metadata.name if newest is not None else None


class DefaultStorageClass(Plugin):
    name = "DefaultStorageClass"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", "persistentvolumeclaims", "")})
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        claim = attributes.object
        if claim.spec.storageClassName is None and _STORAGE_ANNOTATION not in claim.metadata.annotations:
            claim.spec.storageClassName = default_class(await self.reader.read_all(StorageClass), _STORAGE)


class DefaultIngressClass(Plugin):
    name = "DefaultIngressClass"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("networking.k8s.io", "ingresses", "")})
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        ingress = attributes.object
        if ingress.spec.ingressClassName is None and _INGRESS_ANNOTATION not in ingress.metadata.annotations:
            ingress.spec.ingressClassName = default_class(await self.reader.read_all(IngressClass), _INGRESS)
