"""Approves client certificates of kubelets for whoever may have them without being looked at."""

from __future__ import annotations

from pybernetes.api.authorization.v1 import SubjectAccessReview
from pybernetes.api.certificates.v1 import CertificateSigningRequest
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.times import format_time
from pybernetes.controllers.certificate_approving import plan
from pybernetes.controllers.certificate_signing import requests
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller, TryAgain


class CertificateApprovingController(Controller):
    name = "certificatesigningrequest-approving-controller"
    queue_name = "certificate"
    base_delay_s = 0.2

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        wanted = self.informer(CertificateSigningRequest)
        self._requests = wanted.lister
        wanted.add_handler(on_add=self._changed, on_update=lambda old, new: self._changed(new))

    def _changed(self, request: CertificateSigningRequest) -> None:
        if plan.is_open(request):
            self.enqueue(request)

    async def reconcile(self, key: str) -> None:
        request = self._requests.by_key(key)
        if request is None or not plan.is_open(request):
            return
        parsed = requests.parse(request.spec.request)
        tried = list(plan.ways(request, requests.names_of(parsed)))
        for way in tried:
            if await self._allowed(plan.review(request, way)):
                changed = fresh(request)
                changed.status.conditions.append(plan.approved(way, format_time(self.clock.now())))
                await self.client.update_subresource(CertificateSigningRequest, key, "", "approval", changed)
                return
        if tried:
            raise TryAgain(f"{[way.subresource for way in tried]} not allowed for {request.spec.username}")

    async def _allowed(self, review: SubjectAccessReview) -> bool:
        return (await self.client.create(review)).status.allowed
