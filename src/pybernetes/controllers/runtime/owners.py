"""Controller references: who controls an object, adoption of orphans, release of what no longer matches.

Source: pkg/controller/controller_ref_manager.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol

from pybernetes.api.meta.v1 import ObjectMeta, OwnerReference
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.client.client import Client
from pybernetes.client.objects import KubernetesObject, T


class HasMetadata(Protocol):
    metadata: ObjectMeta


def controller_of(obj: HasMetadata) -> OwnerReference | None:
    """The owner reference with controller: true."""
    for ref in obj.metadata.ownerReferences:
        if ref.controller:
            return ref
    return None


def controller_reference(owner: KubernetesObject) -> OwnerReference:
    return OwnerReference(
        apiVersion=owner.apiVersion,
        kind=owner.kind,
        name=owner.metadata.name or "",
        uid=owner.metadata.uid or "",
        controller=True,
        blockOwnerDeletion=True,
    )


def is_controlled_by(obj: HasMetadata, owner: KubernetesObject) -> bool:
    ref = controller_of(obj)
    return ref is not None and ref.uid == owner.metadata.uid


def controller_index(obj: HasMetadata) -> list[str]:
    """Index function: the uid of the controller, or `orphan/NAMESPACE`."""
    ref = controller_of(obj)
    return [ref.uid if ref is not None else orphans_in(obj.metadata.namespace or "")]


def orphans_in(namespace: str) -> str:
    """The value of `controller_index` under which a namespace's orphans are."""
    return f"orphan/{namespace}"


class Claims(Generic[T]):
    """One pass of adoption and release for one controlling object."""

    def __init__(
        self,
        client: Client,
        cls: type[T],
        owner: KubernetesObject,
        selector: LabelSelector,
        fresh_owner: Callable[[], Awaitable[KubernetesObject]],
        finalizers: tuple[str, ...] = (),
    ) -> None:
        """`fresh_owner` reads the owner live; asked once, before the first adoption."""
        self._client = client
        self._cls = cls
        self._owner = owner
        self._selector = selector
        self._fresh_owner = fresh_owner
        self._finalizers = finalizers
        self._checked = False

    async def claim(self, objects: list[T]) -> list[T]:
        """Those of `objects` that the owner controls now. Raises the first error after trying all."""
        claimed: list[T] = []
        failure: Exception | None = None
        for obj in objects:
            matches, ref = self._selector.matches(obj.metadata.labels), controller_of(obj)
            try:
                if ref is None:
                    if matches and await self._adopted(obj):
                        claimed.append(obj)
                elif ref.uid == self._owner.metadata.uid:
                    if matches:
                        claimed.append(obj)
                    elif not self._owner.metadata.deletionTimestamp:
                        await self._release(obj)
            except (errors.StatusError, OSError) as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return claimed

    async def _adopted(self, obj: T) -> bool:
        meta, owner = obj.metadata, self._owner.metadata
        if owner.deletionTimestamp or meta.deletionTimestamp or owner.namespace != meta.namespace:
            return False
        try:
            await self._adopt(obj)
        except errors.NotFound:
            return False
        return True

    async def _adopt(self, obj: T) -> None:
        if not self._checked:
            fresh = await self._fresh_owner()
            meta = fresh.metadata
            if meta.uid != self._owner.metadata.uid:
                raise errors.NotFound(f"original {fresh.kind} {meta.namespace}/{meta.name} is gone")
            if meta.deletionTimestamp:
                raise errors.Conflict(f"{meta.namespace}/{meta.name} has just been deleted")
            self._checked = True
        body = {
            "metadata": {
                "uid": obj.metadata.uid,
                "ownerReferences": [controller_reference(self._owner)],
                **({"finalizers": list(self._finalizers)} if self._finalizers else {}),
            }
        }
        await self._patch(obj, body)

    async def _release(self, obj: T) -> None:
        body = {
            "metadata": {
                "uid": obj.metadata.uid,
                "ownerReferences": [{"$patch": "delete", "uid": self._owner.metadata.uid}],
                **({"$deleteFromPrimitiveList/finalizers": list(self._finalizers)} if self._finalizers else {}),
            }
        }
        try:
            await self._patch(obj, body)
        except (errors.NotFound, errors.Invalid):
            return

    async def _patch(self, obj: T, body: object) -> None:
        meta = obj.metadata
        await self._client.patch(self._cls, meta.name or "", meta.namespace or "", body, patch_type="strategic")
