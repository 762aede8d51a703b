"""Lets claims and volumes that are being deleted go once nothing uses them.

Admission gives each its finalizer; here it is taken away. Source: pkg/controller/volume/{pvcprotection,pvprotection}.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import VolumeAttributesClass
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.controllers.runtime.claim_users import BY_CLAIM, claim_keys, index_by_claim
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.volume_protection import plan


class ClaimProtection(Controller):
    name = "persistentvolumeclaim-protection-controller"
    queue_name = "pvcprotection"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        claims, pods = self.informer(PersistentVolumeClaim), self.informer(Pod)
        self._claims, self._pods = claims.lister, pods.lister
        index_by_claim(pods)
        claims.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new))
        pods.add_handler(on_add=self._pod_changed, on_update=self._pod_updated, on_delete=self._pod_changed)

    async def reconcile(self, key: str) -> None:
        claim = self._claims.by_key(key)
        if claim is None:
            return
        used = claim.metadata.deletionTimestamp is not None and await self._is_used(key, claim)
        finalizers = plan.wanted_finalizers(claim, plan.CLAIM_FINALIZER, used)
        if finalizers is not None:
            changed = fresh(claim)
            changed.metadata.finalizers = finalizers
            try:
                await self.client.update(changed)
            except errors.NotFound:
                return

    async def _is_used(self, key: str, claim: PersistentVolumeClaim) -> bool:
        """The informer may not know the newest Pod: only a live look can say no."""
        if any(plan.uses(pod, claim) for pod in self._pods.by_index(BY_CLAIM, key)):
            return True
        live = await self.client.list(Pod, claim.metadata.namespace or "")
        return any(plan.uses(pod, claim) for pod in live.items)

    def _pod_changed(self, pod: Pod) -> None:
        for key in claim_keys(pod):
            claim = self._claims.by_key(key)
            if claim is not None and claim.metadata.deletionTimestamp is not None:
                self.queue.add(key)

    def _pod_updated(self, old: Pod, new: Pod) -> None:
        if new.metadata.deletionTimestamp is not None:
            self._pod_changed(new)


class VolumeProtection(Controller):
    name = "persistentvolume-protection-controller"
    queue_name = "pvprotection"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        volumes = self.informer(PersistentVolume)
        self._volumes = volumes.lister
        volumes.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new))

    async def reconcile(self, key: str) -> None:
        volume = self._volumes.by_key(key)
        if volume is None:
            return
        finalizers = plan.wanted_finalizers(volume, plan.VOLUME_FINALIZER, volume.status.phase == "Bound")
        if finalizers is not None:
            changed = fresh(volume)
            changed.metadata.finalizers = finalizers
            try:
                await self.client.update(changed)
            except errors.NotFound:
                return


class AttributesClassProtection(Controller):
    """Source: pkg/controller/volume/vacprotection."""

    name = "volumeattributesclass-protection-controller"
    queue_name = "vacprotection"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        classes = self.informer(VolumeAttributesClass)
        claims, volumes = self.informer(PersistentVolumeClaim), self.informer(PersistentVolume)
        self._classes, self._claims, self._volumes = classes.lister, claims.lister, volumes.lister
        claims.add_index("attributes class", plan.classes_of_claim)
        volumes.add_index("attributes class", plan.classes_of_volume)
        classes.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new))
        claims.add_handler(
            on_update=lambda old, new: self._let_go(plan.classes_of_claim(old), plan.classes_of_claim(new)),
            on_delete=lambda old: self._let_go(plan.classes_of_claim(old), []),
        )
        volumes.add_handler(
            on_update=lambda old, new: self._let_go(plan.classes_of_volume(old), plan.classes_of_volume(new)),
            on_delete=lambda old: self._let_go(plan.classes_of_volume(old), []),
        )

    def _let_go(self, before: list[str], now: list[str]) -> None:
        for name in before:
            if name not in now:
                self.queue.add(name)

    async def reconcile(self, key: str) -> None:
        found = self._classes.by_key(key)
        if found is None:
            return
        used = bool(self._claims.by_index("attributes class", key) or self._volumes.by_index("attributes class", key))
        if found.metadata.deletionTimestamp is not None and not used:
            used = await self._is_used(key)
        finalizers = plan.wanted_finalizers(found, plan.ATTRIBUTES_CLASS_FINALIZER, used)
        if finalizers is not None:
            changed = fresh(found)
            changed.metadata.finalizers = finalizers
            try:
                await self.client.update(changed)
            except errors.NotFound:
                return

    async def _is_used(self, name: str) -> bool:
        """The informers may not know the newest user: only a live look can say no."""
        claims = await self.client.list(PersistentVolumeClaim)
        volumes = await self.client.list(PersistentVolume)
        return any(name in plan.classes_of_claim(each) for each in claims.items) or any(
            name in plan.classes_of_volume(each) for each in volumes.items
        )
