"""Who decides on a certificate request, signs it, or tells in whom a signer trusts, needs the right for that signer.

Source: plugin/pkg/admission/certificates/{approval,signing,ctbattest}/admission.go, pkg/registry/certificates
authorization.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin, Reader
from pybernetes.apiserver.authorizers.attributes import Attributes as Question
from pybernetes.apiserver.authorizers.attributes import Authorizer
from pybernetes.apiserver.authorizers.escalation import only_collection_fields

_GROUP = "certificates.k8s.io"
_REQUESTS = "certificatesigningrequests"
_REQUESTS_WITH = "requests with"


class _SignerPlugin(Plugin):
    operations: ClassVar[frozenset[Operation]] = frozenset({"UPDATE"})
    validates = True
    verb: ClassVar[str] = ""

    def __init__(self, reader: Reader, authorizer: Authorizer) -> None:
        super().__init__(reader)
        self.authorizer = authorizer

    async def check(self, attributes: Attributes, signer: str, what: str) -> None:
        """The right for the signer itself, or for all signers of its domain."""
        for name in (signer, f"{signer.partition('/')[0]}/*"):
            question = Question(attributes.user, self.verb, group=_GROUP, version="*", resource="signers", name=name)
            if (await self.authorizer.authorize(question)).allowed:
                return
        raise attributes.forbidden(f'user not permitted to {self.verb} {what} signerName "{signer}"')


class CertificateApproval(_SignerPlugin):
    name = "CertificateApproval"
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({(_GROUP, _REQUESTS, "approval")})
    verb = "approve"

    async def validate(self, attributes: Attributes) -> None:
        await self.check(attributes, attributes.old_object.spec.signerName, _REQUESTS_WITH)


class CertificateSigning(_SignerPlugin):
    name = "CertificateSigning"
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({(_GROUP, _REQUESTS, "status")})
    verb = "sign"

    async def validate(self, attributes: Attributes) -> None:
        new, old = attributes.object.status, attributes.old_object.status
        if new.certificate != old.certificate or new.conditions != old.conditions:
            await self.check(attributes, attributes.old_object.spec.signerName, _REQUESTS_WITH)


class ClusterTrustBundleAttest(_SignerPlugin):
    name = "ClusterTrustBundleAttest"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE", "UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({(_GROUP, "clustertrustbundles", "")})
    verb = "attest"

    async def validate(self, attributes: Attributes) -> None:
        signer = attributes.object.spec.signerName
        if signer and not only_collection_fields(attributes):
            await self.check(attributes, signer, "for")
