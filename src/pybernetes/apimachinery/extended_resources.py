"""Extended resources: what vendors name, and which of them stand for devices of a class. Pure.

A DeviceClass may give an extended resource its name, and has one of its own besides. Pods that ask for these get
devices on nodes that offer none of the resource themselves.
Source: pkg/apis/core/v1/helper/helpers.go, dynamic-resource-allocation/deviceclass/extendedresourcecache.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pybernetes.apimachinery import names

if TYPE_CHECKING:
    from pybernetes.api.meta.v1 import OwnerReference
    from pybernetes.api.resource.v1 import DeviceClass, ResourceClaim

OF_CLASS = "deviceclass.resource.kubernetes.io/"
"""Before the name of a class: its own extended resource."""
CLAIM_ANNOTATION = "resource.kubernetes.io/extended-resource-claim"
"""On the claims that the scheduler makes for Pods which ask for extended resources."""


def is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    return not is_native(name) and not name.startswith("requests.") and not names.qualified_name(f"requests.{name}")


def owner_of_extended_claim(claim: ResourceClaim) -> OwnerReference | None:
    """The Pod whose extended resources it says to be for; None: it is no such claim."""
    if claim.metadata.annotations.get(CLAIM_ANNOTATION) != "true":
        return None
    owner = next((reference for reference in claim.metadata.ownerReferences if reference.controller), None)
    return owner if owner is not None and (owner.apiVersion, owner.kind) == ("v1", "Pod") else None


class ClassesByResource:
    """Of some classes: which of them stands behind an extended resource.

    Of several that give the same name, the youngest, then the first by name. Differs: upstream's answer also depends on
    the order in which it saw them change.
    """

    def __init__(self, classes: Iterable[DeviceClass] = ()) -> None:
        self._classes: dict[str, DeviceClass] = {}
        self._resources: dict[str, str] = {}
        by_name = sorted(classes, key=lambda each: each.metadata.name or "", reverse=True)
        for each in sorted(by_name, key=lambda each: each.metadata.creationTimestamp or ""):
            name = each.metadata.name or ""
            self._classes[OF_CLASS + name] = each
            if each.spec.extendedResourceName:
                self._classes[each.spec.extendedResourceName] = each
                self._resources[name] = each.spec.extendedResourceName

    def get(self, resource: str) -> DeviceClass | None:
        return self._classes.get(resource)

    def resource(self, name: str) -> str:
        """The resource that the class of this name gives its name to; "": none."""
        return self._resources.get(name, "")
