"""Signs approved requests of the four built-in signers, each with its own key where one is given."""

from __future__ import annotations

from pybernetes.api.certificates.v1 import CertificateSigningRequest
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.times import format_time
from pybernetes.controllers.certificate_signing import plan, requests
from pybernetes.controllers.certificate_signing.authority import Authority
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller


class CertificateSigningController(Controller):
    name = "certificatesigningrequest-signing-controller"
    queue_name = "certificate"
    base_delay_s = 0.2

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        files = plan.signing_files(self.config.cluster_signing_files, self.config.signer_files)
        made = {pair: Authority(*pair) for pair in dict.fromkeys(files.values())}
        self._authorities = {signer: made[pair] for signer, pair in files.items()}
        if not self._authorities:
            return
        wanted = self.informer(CertificateSigningRequest)
        self._requests = wanted.lister
        wanted.add_handler(on_add=self._changed, on_update=lambda old, new: self._changed(new))

    def _changed(self, request: CertificateSigningRequest) -> None:
        if request.spec.signerName in self._authorities and plan.is_due(request):
            self.enqueue(request)

    async def reconcile(self, key: str) -> None:
        request = self._requests.by_key(key)
        if request is None or not plan.is_due(request):
            return
        authority = self._authorities[request.spec.signerName]
        now = self.clock.now()
        certificate, wrong = _signed(authority, request, self.config.cluster_signing_duration_s, now)
        changed = fresh(request)
        if wrong:
            changed.status.conditions.append(plan.failed(wrong, format_time(now)))
        else:
            changed.status.certificate = certificate
        await self.client.update_status(changed)


def _signed(authority: Authority, request: CertificateSigningRequest, longest_s: float, now: float) -> tuple[str, str]:
    """(certificate, "") or ("", why the signer does not sign). Raises OSError or ValueError when it cannot now."""
    spec = request.spec
    parsed = requests.parse(spec.request)
    if wrong := requests.problem(spec.signerName, requests.names_of(parsed), spec.usages):
        return "", wrong
    return authority.sign(parsed, spec.usages, plan.duration_s(longest_s, spec.expirationSeconds), now), ""
