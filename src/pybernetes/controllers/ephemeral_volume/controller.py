"""The shell: a Pod's missing claims are made; one of the name that belongs to somebody else is told."""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolumeClaim, Pod
from pybernetes.apimachinery import errors, volume_claims
from pybernetes.client.objects import key_of
from pybernetes.controllers.ephemeral_volume import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller


class EphemeralVolumeController(Controller):
    name = "ephemeral-volume-controller"
    queue_name = "ephemeral_volume"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("ephemeral_volume")
        pods, claims = self.informer(Pod), self.informer(PersistentVolumeClaim)
        self._pods, self._claims = pods.lister, claims.lister
        pods.add_handler(on_add=self._pod_seen)
        claims.add_handler(on_delete=self._claim_gone)

    def _pod_seen(self, pod: Pod) -> None:
        if plan.has_own_volumes(pod) and pod.metadata.deletionTimestamp is None:
            self.enqueue(pod)

    def _claim_gone(self, claim: PersistentVolumeClaim) -> None:
        for owner in claim.metadata.ownerReferences:
            if owner.kind == "Pod" and owner.controller:
                self.queue.add(f"{claim.metadata.namespace}/{owner.name}")

    async def reconcile(self, key: str) -> None:
        pod = self._pods.by_key(key)
        if pod is None or pod.metadata.deletionTimestamp is not None:
            return
        for volume in pod.spec.volumes:
            claim = plan.claim_for(pod, volume)
            if claim is None:
                continue
            try:
                found = self._claims.by_key(key_of(claim))
                if found is not None:
                    volume_claims.check_made_for(pod, found)
                else:
                    await self.client.create(claim)
            except (errors.StatusError, volume_claims.NotForPod) as error:
                text = f"ephemeral volume {volume.name}: {error}"
                self.recorder.event(pod, "Warning", "FailedBinding", text)
                raise
