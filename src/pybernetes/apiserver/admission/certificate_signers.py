"""CertificateApproval and CertificateSigning: who decides on a request, or signs it, needs the right for its signer.

Source: plugin/pkg/admission/certificates/{approval,signing}/admission.go, pkg/registry/certificates authorization.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin, Reader
from pybernetes.apiserver.authorizers.attributes import Attributes as Question
from pybernetes.apiserver.authorizers.attributes import Authorizer

_GROUP = "certificates.k8s.io"
_REQUESTS = "certificatesigningrequests"


class _SignerPlugin(Plugin):
    operations: ClassVar[frozenset[Operation]] = frozenset({"UPDATE"})
    validates = True
    verb: ClassVar[str] = ""

    def __init__(self, reader: Reader, authorizer: Authorizer) -> None:
        super().__init__(reader)
        self.authorizer = authorizer

    async def check(self, attributes: Attributes) -> None:
        """The right for the signer itself, or for all signers of its domain."""
        signer: str = attributes.old_object.spec.signerName
        for name in (signer, f"{signer.partition('/')[0]}/*"):
            question = Question(attributes.user, self.verb, group=_GROUP, version="*", resource="signers", name=name)
            if (await self.authorizer.authorize(question)).allowed:
                return
        raise attributes.forbidden(f'user not permitted to {self.verb} requests with signerName "{signer}"')


class CertificateApproval(_SignerPlugin):
    name = "CertificateApproval"
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({(_GROUP, _REQUESTS, "approval")})
    verb = "approve"

    async def validate(self, attributes: Attributes) -> None:
        await self.check(attributes)


class CertificateSigning(_SignerPlugin):
    name = "CertificateSigning"
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({(_GROUP, _REQUESTS, "status")})
    verb = "sign"

    async def validate(self, attributes: Attributes) -> None:
        new, old = attributes.object.status, attributes.old_object.status
        if new.certificate != old.certificate or new.conditions != old.conditions:
            await self.check(attributes)
