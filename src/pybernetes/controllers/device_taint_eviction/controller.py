"""Deletes Pods that use a device with a NoExecute taint, once they have tolerated it long enough."""

from __future__ import annotations

from pybernetes.api.core.v1 import ObjectReference, Pod
from pybernetes.api.resource.v1 import ResourceClaim, ResourceSlice
from pybernetes.controllers.device_taint_eviction import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.evictions import evict

_POOL = "pool"
_WHY = "Device Taint manager: deleting due to NoExecute taint"


class DeviceTaintEvictionController(Controller):
    name = "device-taint-eviction-controller"
    workers = 8

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("device-taint-eviction")
        pods, claims, slices = self.informer(Pod), self.informer(ResourceClaim), self.informer(ResourceSlice)
        self._pods, self._claims, self._slices = pods.lister, claims.lister, slices.lister
        self._doomed: dict[str, str] = {}
        """uids of Pods that a timer runs for, by key."""
        claims.add_index(_POOL, plan.pools_of)
        slices.add_index(_POOL, plan.pool_of)
        pods.add_handler(self._pod_seen, self._pod_updated, self.enqueue)
        claims.add_handler(self._claim_changed, self._claim_updated, self._claim_changed)
        slices.add_handler(self._slice_changed, lambda old, new: self._slice_changed(new), self._slice_changed)

    async def reconcile(self, key: str) -> None:
        pod = self._pods.by_key(key)
        if pod is None or self._doomed.get(key) not in (None, pod.metadata.uid):
            self._doomed.pop(key, None)
        if pod is None or pod.metadata.deletionTimestamp is not None:
            return
        namespace, now = pod.metadata.namespace or "", self.clock.now()
        end = plan.pod_ends(pod, lambda name: self._claims.get(namespace, name), self._claim_ends)
        if end is None:
            if self._doomed.pop(key, None) is not None:
                self._say(pod, "Cancelling deletion")
        elif end > now:
            self._doomed[key] = pod.metadata.uid or ""
            self.queue.add_after(key, end - now)
        else:
            self._doomed.pop(key, None)
            self._say(pod, "Marking for deletion")
            await evict(self.client, pod, "DeletionByDeviceTaintManager", _WHY, now)

    def _claim_ends(self, claim: ResourceClaim) -> float | None:
        return plan.claim_ends(claim, lambda pool: self._slices.by_index(_POOL, pool))

    def _say(self, pod: Pod, message: str) -> None:
        meta = pod.metadata
        about = ObjectReference(apiVersion="v1", kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid)
        self.recorder.event(about, "Normal", "DeviceTaintManagerEviction", message)

    def _pod_seen(self, pod: Pod) -> None:
        if pod.spec.resourceClaims:
            self.enqueue(pod)

    def _pod_updated(self, old: Pod, new: Pod) -> None:
        told = new.status.resourceClaimStatuses
        if old.spec.nodeName != new.spec.nodeName or old.status.resourceClaimStatuses != told:
            self._pod_seen(new)

    def _claim_changed(self, claim: ResourceClaim) -> None:
        for user in claim.status.reservedFor:
            if user.resource == "pods":
                self.queue.add(f"{claim.metadata.namespace}/{user.name}")

    def _claim_updated(self, old: ResourceClaim, new: ResourceClaim) -> None:
        self._claim_changed(old)
        self._claim_changed(new)

    def _slice_changed(self, each: ResourceSlice) -> None:
        for pool in plan.pool_of(each):
            for claim in self._claims.by_index(_POOL, pool):
                self._claim_changed(claim)
