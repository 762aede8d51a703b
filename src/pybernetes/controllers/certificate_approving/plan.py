"""Which requests of kubelets are approved without anybody looking, and who must be allowed what for that. Pure.

Source: pkg/controller/certificates/approver/sarapprove.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pybernetes.api.authorization.v1 import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from pybernetes.api.certificates.v1 import CertificateSigningRequest, CertificateSigningRequestCondition
from pybernetes.controllers.certificate_signing.requests import KUBELET_CLIENT, Names, is_decided, problem


@dataclass(frozen=True, slots=True)
class Way:
    """A right by which whoever asks gets the certificate."""

    subresource: str
    message: str


_SELF = Way("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview.")
_NODE = Way("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.")


def is_open(request: CertificateSigningRequest) -> bool:
    """Of the signer for kubelets' client certificates, not decided and not signed."""
    return request.spec.signerName == KUBELET_CLIENT and not request.status.certificate and not is_decided(request)


def ways(request: CertificateSigningRequest, names: Names) -> Iterator[Way]:
    """In the order in which they are tried."""
    if problem(KUBELET_CLIENT, names, request.spec.usages):
        return
    if request.spec.username == names.common_name:
        yield _SELF
    yield _NODE


def review(request: CertificateSigningRequest, way: Way) -> SubjectAccessReview:
    spec = request.spec
    return SubjectAccessReview(
        spec=SubjectAccessReviewSpec(
            user=spec.username,
            uid=spec.uid,
            groups=list(spec.groups),
            extra=dict(spec.extra),
            resourceAttributes=ResourceAttributes(
                group="certificates.k8s.io",
                version="*",
                resource="certificatesigningrequests",
                subresource=way.subresource,
                verb="create",
            ),
        )
    )


def approved(way: Way, now: str) -> CertificateSigningRequestCondition:
    return CertificateSigningRequestCondition(
        type="Approved",
        status="True",
        reason="AutoApproved",
        message=way.message,
        lastUpdateTime=now,
        lastTransitionTime=now,
    )
