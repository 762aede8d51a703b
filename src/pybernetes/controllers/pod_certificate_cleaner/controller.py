"""Deletes PodCertificateRequests a quarter of an hour after they were made."""

from __future__ import annotations

from pybernetes.api.certificates.v1beta1 import PodCertificateRequest
from pybernetes.apimachinery import errors
from pybernetes.client.objects import split_key
from pybernetes.controllers.pod_certificate_cleaner import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller


class PodCertificateCleanerController(Controller):
    name = "podcertificaterequest-cleaner-controller"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        wanted = self.informer(PodCertificateRequest)
        self._requests = wanted.lister
        wanted.add_handler(on_add=self.enqueue)

    async def reconcile(self, key: str) -> None:
        request = self._requests.by_key(key)
        if request is None:
            return
        left_s = plan.time_left_s(request, self.clock.now())
        if left_s > 0:
            self.queue.add_after(key, left_s)
            return
        namespace, name = split_key(key)
        try:
            await self.client.delete(PodCertificateRequest, name, namespace, uid=request.metadata.uid or "")
        except (errors.NotFound, errors.Conflict):
            return
