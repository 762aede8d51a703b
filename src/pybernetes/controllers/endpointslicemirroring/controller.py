"""Mirrors Endpoints that are written by hand into EndpointSlices, which is all that proxies and DNS look at.

Source: pkg/controller/endpointslicemirroring.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import Endpoints, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery import errors
from pybernetes.client.indexes import SERVICE_NAME
from pybernetes.client.objects import key_of
from pybernetes.controllers.endpointslice.plan import MANAGED_BY, Plan
from pybernetes.controllers.endpointslicemirroring import plan as planning
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.pod_control import is_namespace_terminating

_UNSEEN_S = 60.0


class EndpointSliceMirroringController(Controller):
    name = "endpointslice-mirroring-controller"
    queue_name = "endpoint_slice_mirroring"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        endpoints, services, slices = self.informer(Endpoints), self.informer(Service), self.informer(EndpointSlice)
        self._endpoints, self._services, self._slices = endpoints.lister, services.lister, slices.lister
        self._unseen: dict[str, dict[str, tuple[int, float]]] = {}
        """Own writes that the informer has not shown yet: key → slice → (revision, 0 for a deletion; since)."""
        slices.add_index("mirrored", _mirrored_key)
        self.enqueue_all(endpoints)
        services.add_handler(on_add=self.enqueue, on_update=self._service_updated, on_delete=self.enqueue)
        slices.add_handler(
            on_add=self._slice_seen, on_update=lambda old, new: self._slice_seen(new), on_delete=self._slice_gone
        )

    async def reconcile(self, key: str) -> None:
        endpoints, service = self._endpoints.by_key(key), self._services.by_key(key)
        slices = self._slices.by_index("mirrored", key)
        if self._waits(key):
            self.queue.add_after(key, _UNSEEN_S)
            return
        if endpoints is None or not planning.is_mirrored(endpoints, service):
            await self._apply(key, Plan(delete=slices))
            return
        result, invalid, left_out = planning.plan(endpoints, slices)
        if result.create or result.update:
            self._tell(endpoints, invalid, left_out)
        if endpoints.metadata.deletionTimestamp:
            result.create.clear()
        try:
            await self._apply(key, result)
        except errors.StatusError as error:
            if not is_namespace_terminating(error):
                raise

    async def _apply(self, key: str, result: Plan) -> None:
        for each in result.create:
            self._wrote(key, await self.client.create(each))
        for each in result.update:
            self._wrote(key, await self.client.update(each))
        for each in result.delete:
            name, namespace = each.metadata.name or "", each.metadata.namespace or ""
            try:
                self._unseen.setdefault(key, {})[name] = (0, self.clock.now())
                await self.client.delete(EndpointSlice, name, namespace)
            except errors.NotFound:
                self._seen(key, name, 0)

    def _tell(self, endpoints: Endpoints, invalid: int, left_out: int) -> None:
        if invalid:
            why = f"Skipped {invalid} invalid IP addresses when mirroring to EndpointSlices"
            self.recorder.event(endpoints, "Warning", "InvalidIPAddress", why)
        if left_out:
            why = (
                f"A max of {planning.MAX_ENDPOINTS} addresses can be mirrored to EndpointSlices per Endpoints "
                f"subset. {left_out} addresses were skipped"
            )
            self.recorder.event(endpoints, "Warning", "TooManyAddressesToMirror", why)

    # Own writes.

    def _wrote(self, key: str, written: EndpointSlice) -> None:
        revision = int(written.metadata.resourceVersion or 0)
        known = self._slices.by_key(key_of(written))
        if known is None or int(known.metadata.resourceVersion or 0) < revision:
            self._unseen.setdefault(key, {})[written.metadata.name or ""] = (revision, self.clock.now())

    def _waits(self, key: str) -> bool:
        """Own writes are on their way through the informer, which will queue the key again."""
        oldest_s = self.clock.now() - _UNSEEN_S
        waiting = {name: own for name, own in self._unseen.pop(key, {}).items() if own[1] > oldest_s}
        if waiting:
            self._unseen[key] = waiting
        return bool(waiting)

    def _seen(self, key: str, name: str, revision: int) -> None:
        unseen = self._unseen.get(key, {})
        own = unseen.get(name)
        if own is not None and revision >= own[0] and (own[0] or not revision):
            del unseen[name]
            if not unseen:
                del self._unseen[key]

    def _slice_seen(self, each: EndpointSlice) -> None:
        for key in _mirrored_key(each):
            self._seen(key, each.metadata.name or "", int(each.metadata.resourceVersion or 0))
            self.queue.add(key)

    def _slice_gone(self, each: EndpointSlice) -> None:
        for key in _mirrored_key(each):
            self._unseen.get(key, {}).pop(each.metadata.name or "", None)
            self.queue.add(key)

    def _service_updated(self, old: Service, new: Service) -> None:
        if bool(old.spec.selector) != bool(new.spec.selector):
            self.enqueue(new)


def _mirrored_key(each: EndpointSlice) -> list[str]:
    labels = each.metadata.labels
    if labels.get(MANAGED_BY) != planning.CONTROLLER or not labels.get(SERVICE_NAME):
        return []
    return [f"{each.metadata.namespace}/{labels[SERVICE_NAME]}"]
