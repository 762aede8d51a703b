"""The shell of the binder: one worker, so that no two claims are promised one volume.

Keys are `claim:NAMESPACE/NAME` and `volume:NAME`. Source: pkg/controller/volume/persistentvolume/pv_controller*.go.
Differs: what waits is looked at when something changed that it may wait for, not every fifteen seconds.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery import errors, volume_claims
from pybernetes.apimachinery.default_class import STORAGE_MARKS, default_class
from pybernetes.apimachinery.fresh import fresh
from pybernetes.client.newest import Newest
from pybernetes.client.objects import key_of, split_key
from pybernetes.controllers.runtime.claim_users import BY_CLAIM, claim_keys, index_by_claim
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.volume_binder import plan, writes

_CLAIM, _VOLUME = "claim:", "volume:"


class VolumeBinder(Controller):
    name = "persistentvolume-binder-controller"
    queue_name = "claims"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("persistentvolume-controller")
        claims, volumes = self.informer(PersistentVolumeClaim), self.informer(PersistentVolume)
        classes, pods = self.informer(StorageClass), self.informer(Pod)
        self._claims, self._volumes = Newest(claims), Newest(volumes)
        self._classes, self._pods = classes.lister, pods.lister
        claims.add_index("unbound", _unbound)
        claims.add_index("volume", _volume_of)
        volumes.add_index("claim", _claim_of)
        index_by_claim(pods)
        claims.add_handler(self._look_at, lambda old, new: self._look_at(new), self._claim_gone)
        volumes.add_handler(self._volume_changed, lambda old, new: self._volume_changed(new), self._volume_gone)
        classes.add_handler(self._class_changed, lambda old, new: self._class_changed(new))
        pods.add_handler(on_update=self._pod_updated)

    # What is told

    def _look_at(self, claim: PersistentVolumeClaim) -> None:
        self.queue.add(_CLAIM + key_of(claim))

    def _claim_gone(self, claim: PersistentVolumeClaim) -> None:
        names = {v.metadata.name or "" for v in self._volumes.by_index("claim", key_of(claim))}
        for name in sorted(names | {claim.spec.volumeName or ""}):
            if name:
                self.queue.add(_VOLUME + name)

    def _volume_changed(self, volume: PersistentVolume) -> None:
        """Its own state; and the claims that may have waited for it."""
        self.queue.add(_VOLUME + (volume.metadata.name or ""))
        self._tell_claims(volume)
        if volume.status.phase == "Available":
            for claim in self._claims.by_index("unbound", volume_claims.class_of_volume(volume)):
                self._look_at(claim)

    def _volume_gone(self, volume: PersistentVolume) -> None:
        self._tell_claims(volume)

    def _tell_claims(self, volume: PersistentVolume) -> None:
        keys = {key_of(c) for c in self._claims.by_index("volume", volume.metadata.name or "")}
        for key in sorted({*keys, *_claim_of(volume)}):
            self.queue.add(_CLAIM + key)

    def _class_changed(self, class_: StorageClass) -> None:
        for claim in self._claims.by_index("unbound", class_.metadata.name or ""):
            self._look_at(claim)
        for claim in self._claims.by_index("unbound", ""):
            if not volume_claims.has_class(claim):
                self._look_at(claim)

    def _pod_updated(self, old: Pod, new: Pod) -> None:
        """A Pod that could not be placed is what its claims wait for."""
        if not new.spec.nodeName and old.status.conditions != new.status.conditions:
            for key in claim_keys(new):
                claim = self._claims.get(key)
                if claim is not None and not volume_claims.is_bound(claim):
                    self._look_at(claim)

    # What is done

    async def reconcile(self, key: str) -> None:
        if key.startswith(_CLAIM):
            claim = self._claims.get(key.removeprefix(_CLAIM))
            if claim is not None:
                await self._reconcile_claim(claim)
            return
        volume = self._volumes.get(key.removeprefix(_VOLUME))
        if volume is not None:
            await self._reconcile_volume(volume)

    async def _reconcile_claim(self, claim: PersistentVolumeClaim) -> None:
        key, name = key_of(claim), volume_claims.class_of_claim(claim)
        named = self._volumes.get(claim.spec.volumeName) if claim.spec.volumeName else None
        wants = not claim.spec.volumeName and volume_claims.BIND_COMPLETED not in claim.metadata.annotations
        step = plan.claim_step(
            claim,
            self._volumes.all() if wants else (),
            named,
            self._classes.get("", name) if name else None,
            default_class(self._classes.list(), STORAGE_MARKS) if wants else None,
            self._pods.by_index(BY_CLAIM, key),
        )
        match step:
            case plan.Bind(volume):
                await self._bind(claim, volume)
            case plan.TakeDefaultClass(class_name):
                changed = fresh(claim)
                changed.spec.storageClassName = class_name
                self._claims.put(await self.client.update(changed))
                self.queue.add(_CLAIM + key)
            case plan.Provision(provisioner):
                await self._hand_over(claim, provisioner)
            case plan.Lose(told):
                lost = writes.claim_status(claim, "Lost", None)
                if claim.status.phase != "Lost" and lost is not None:
                    claim = await self._write_claim_status(lost)
                    self.recorder.event(claim, told.type, told.reason, told.message)
            case plan.Wait(told, pending):
                if told is not None:
                    self.recorder.event(claim, told.type, told.reason, told.message)
                waiting = writes.claim_status(claim, "Pending", None) if pending else None
                if waiting is not None:
                    await self._write_claim_status(waiting)

    async def _bind(self, claim: PersistentVolumeClaim, volume: PersistentVolume) -> None:
        """Both sides, each with its status. What fails is finished by the next look."""
        if (bound := writes.volume_bound(volume, claim)) is not None:
            volume = await self._write_volume(bound)
        if (reached := writes.volume_phase(volume, "Bound")) is not None:
            volume = await self._write_volume_status(reached)
        if (taken := writes.claim_bound(claim, volume)) is not None:
            claim = await self.client.update(taken)
            self._claims.put(claim)
        if (told := writes.claim_status(claim, "Bound", volume)) is not None:
            await self._write_claim_status(told)

    async def _hand_over(self, claim: PersistentVolumeClaim, provisioner: str) -> None:
        changed = writes.claim_provisioner(claim, provisioner)
        if changed is not None:
            try:
                claim = await self.client.update(changed)
            except errors.StatusError as error:
                if not isinstance(error, errors.Conflict):
                    text = f"Error saving claim: {error}"
                    self.recorder.event(claim, "Warning", plan.PROVISIONING_FAILED, text)
                raise
            self._claims.put(claim)
        text = (
            f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
            "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
            "correctly registered."
        )
        self.recorder.event(claim, "Normal", plan.EXTERNAL_PROVISIONING, text)

    async def _reconcile_volume(self, volume: PersistentVolume) -> None:
        claim = await self._claim_meant(volume)
        match plan.volume_step(volume, claim):
            case plan.SetPhase(phase):
                await self._set_phase(volume, phase)
            case plan.LookAtClaim():
                assert claim is not None
                self._look_at(claim)
            case plan.TellMismatch(about_volume, about_claim):
                assert claim is not None
                self.recorder.event(volume, about_volume.type, about_volume.reason, about_volume.message)
                self.recorder.event(claim, about_claim.type, about_claim.reason, about_claim.message)
            case plan.Unbind():
                await self._set_phase(await self._write_volume(writes.volume_unbound(volume)), "Available")
            case plan.Reclaim():
                await self._reclaim(volume)

    async def _claim_meant(self, volume: PersistentVolume) -> PersistentVolumeClaim | None:
        """The claim of the volume's claimRef. That it is gone is believed after a live look alone."""
        ref = volume.spec.claimRef
        if ref is None or not ref.uid:
            return None
        key = f"{ref.namespace}/{ref.name}"
        claim = self._claims.get(key)
        released = volume.status.phase in ("Released", "Failed")
        if (claim is None and not released) or (claim is not None and claim.metadata.uid != ref.uid):
            namespace, name = split_key(key)
            try:
                claim = await self.client.get(PersistentVolumeClaim, name, namespace)
            except errors.NotFound:
                return None
        return claim if claim is not None and claim.metadata.uid == ref.uid else None

    async def _reclaim(self, volume: PersistentVolume) -> None:
        if volume.status.phase not in ("Released", "Failed"):
            volume = await self._set_phase(volume, "Released")
        failure = plan.reclaim_failure(volume)
        if failure is not None and volume.status.phase != "Failed":
            volume = await self._set_phase(volume, "Failed", failure.message)
            self.recorder.event(volume, failure.type, failure.reason, failure.message)

    async def _set_phase(self, volume: PersistentVolume, phase: str, message: str = "") -> PersistentVolume:
        changed = writes.volume_phase(volume, phase, message)
        return volume if changed is None else await self._write_volume_status(changed)

    async def _write_volume(self, volume: PersistentVolume) -> PersistentVolume:
        written = await self.client.update(volume)
        self._volumes.put(written)
        return written

    async def _write_volume_status(self, volume: PersistentVolume) -> PersistentVolume:
        written = await self.client.update_status(volume)
        self._volumes.put(written)
        return written

    async def _write_claim_status(self, claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
        written = await self.client.update_status(claim)
        self._claims.put(written)
        return written


def _unbound(claim: PersistentVolumeClaim) -> list[str]:
    return [] if claim.spec.volumeName else [volume_claims.class_of_claim(claim)]


def _volume_of(claim: PersistentVolumeClaim) -> list[str]:
    return [claim.spec.volumeName] if claim.spec.volumeName else []


def _claim_of(volume: PersistentVolume) -> list[str]:
    ref = volume.spec.claimRef
    return [f"{ref.namespace}/{ref.name}"] if ref is not None else []
