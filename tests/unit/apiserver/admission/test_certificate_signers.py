"""Deciding on certificate requests and signing them needs a right for the signer."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.api.certificates.v1 import (
    CertificateSigningRequest,
    CertificateSigningRequestSpec,
    CertificateSigningRequestStatus,
)
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import find
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.admission.certificate_signers import CertificateApproval, CertificateSigning
from pybernetes.apiserver.admission.interface import Attributes
from pybernetes.apiserver.authorizers.attributes import Attributes as Question
from pybernetes.apiserver.authorizers.attributes import Decision
from pybernetes.apiserver.registry.generic.interface import RequestContext


class Allows:
    """Allows the one (verb, signer) it is made with."""

    def __init__(self, verb: str, signer: str) -> None:
        self.allowed = (verb, signer)

    async def authorize(self, question: Question) -> Decision:
        assert (question.group, question.resource) == ("certificates.k8s.io", "signers")
        return Decision((question.verb, question.name) == self.allowed)


def request(certificate: str | None = None) -> CertificateSigningRequest:
    return CertificateSigningRequest(
        spec=CertificateSigningRequestSpec(signerName="a.b/c"),
        status=CertificateSigningRequestStatus(certificate=certificate),
    )


@pytest.mark.parametrize(
    ("plugin", "verb", "signer", "certificate", "fine"),
    [
        (CertificateApproval, "approve", "a.b/c", None, True),
        (CertificateApproval, "approve", "a.b/*", None, True),
        (CertificateApproval, "sign", "a.b/c", None, False),
        (CertificateSigning, "sign", "a.b/c", "QQ==", True),
        (CertificateSigning, "sign", "b.b/*", "QQ==", False),
        (CertificateSigning, "", "", None, True),
    ],
)
def test_who_may(plugin, verb, signer, certificate, fine):
    resource = find("certificates.k8s.io", "v1", "certificatesigningrequests")
    assert resource is not None
    ctx = RequestContext(user=UserInfo("u"), resource=resource, verb="update", name="r")
    asked = plugin(None, Allows(verb, signer)).validate(Attributes(ctx, "UPDATE", request(certificate), request()))
    if fine:
        asyncio.run(asked)
    else:
        with pytest.raises(errors.Forbidden, match=r'requests with signerName "a.b/c"'):
            asyncio.run(asked)
