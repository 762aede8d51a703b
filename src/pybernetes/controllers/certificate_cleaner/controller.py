"""Deletes requests that were decided an hour ago, or that nobody decided on or signed for a day."""

from __future__ import annotations

from pybernetes.api.certificates.v1 import CertificateSigningRequest
from pybernetes.apimachinery import errors
from pybernetes.controllers.certificate_cleaner import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller


class CertificateCleanerController(Controller):
    name = "certificatesigningrequest-cleaner-controller"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        wanted = self.informer(CertificateSigningRequest)
        self._requests = wanted.lister
        wanted.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new))

    async def reconcile(self, key: str) -> None:
        request = self._requests.by_key(key)
        left_s = plan.time_left_s(request, self.clock.now()) if request is not None else None
        if request is None or left_s is None:
            return
        if left_s > 0:
            self.queue.add_after(key, left_s)
            return
        try:
            await self.client.delete(CertificateSigningRequest, key, uid=request.metadata.uid or "")
        except (errors.NotFound, errors.Conflict):
            return
