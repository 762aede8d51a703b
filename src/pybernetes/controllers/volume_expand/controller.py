"""The shell: no kind of volume grows by itself any more, so every growth is some external resizer's."""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim
from pybernetes.apimachinery import errors
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.volume_expand import plan


class VolumeExpandController(Controller):
    name = "persistentvolume-expander-controller"
    queue_name = "volume_expand"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("volume_expand")
        claims = self.informer(PersistentVolumeClaim)
        self._claims = claims.lister
        claims.add_handler(lambda claim: self._changed(None, claim), self._changed)

    def _changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim) -> None:
        if plan.may_have_to_grow(old, new):
            self.enqueue(new)

    async def reconcile(self, key: str) -> None:
        claim = self._claims.by_key(key)
        if claim is None or claim.status.phase != "Bound":
            return
        try:
            volume = await self.client.get(PersistentVolume, claim.spec.volumeName or "")
        except errors.NotFound:
            return
        if plan.is_of(volume, claim) and plan.has_to_grow(claim, volume):
            self.recorder.event(claim, "Normal", "ExternalExpanding", plan.EXTERNAL)
