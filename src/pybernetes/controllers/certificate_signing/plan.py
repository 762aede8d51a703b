"""Which requests are to be signed, by which key, for how long. Pure.

Source: pkg/controller/certificates/signer/signer.go, authority/policies.go,
cmd/kube-controller-manager/app/certificates.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.api.certificates.v1 import CertificateSigningRequest, CertificateSigningRequestCondition
from pybernetes.controllers.certificate_signing.requests import (
    CLIENT,
    KUBELET_CLIENT,
    KUBELET_SERVING,
    LEGACY_UNKNOWN,
    has_true,
)

SIGNERS = (KUBELET_SERVING, KUBELET_CLIENT, CLIENT, LEGACY_UNKNOWN)
BACKDATE_S = 300
_SHORT_S = 8 * 3600
_SHORTEST_S = 600

Files = tuple[str, str]
"""Of the certificate and the key."""


def signing_files(common: Files, own: Mapping[str, Files]) -> dict[str, Files]:
    """The files by signer; those without are not run. Raises ValueError for files that cannot be together.

    `own`: --cluster-signing-SIGNER-cert-file and -key-file; as soon as one is given, `common` is for nobody.
    """
    given = {signer: files for signer, files in own.items() if any(files)}
    if all(common) and given:
        raise ValueError("cannot specify default and per controller certs at the same time")
    for signer, files in given.items():
        if not all(files):
            raise ValueError(f"the signer {signer} needs both a certificate file and a key file")
    if given:
        return given
    return dict.fromkeys(SIGNERS, common) if all(common) else {}


def is_due(request: CertificateSigningRequest) -> bool:
    """Approved, not failed, and without a certificate."""
    approved = has_true(request, "Approved")
    denied = any(c.type == "Denied" for c in request.status.conditions)
    return approved and not denied and not has_true(request, "Failed") and not request.status.certificate


def duration_s(longest_s: float, wanted_s: int | None) -> float:
    """How long a certificate is valid: what was asked for, within bounds."""
    return longest_s if wanted_s is None else min(longest_s, max(wanted_s, _SHORTEST_S))


def validity(now: float, ttl_s: float, signer_ends: float) -> tuple[float, float]:
    """(not before, not after), never beyond the signer's own. Raises ValueError when that has expired."""
    start = now - BACKDATE_S
    end = min(now + ttl_s if ttl_s < _SHORT_S else start + ttl_s, signer_ends)
    if now >= signer_ends:
        raise ValueError("the signer has expired")
    return start, end


def failed(message: str, now: str) -> CertificateSigningRequestCondition:
    """The condition of a request that its signer does not sign."""
    return CertificateSigningRequestCondition(
        type="Failed",
        status="True",
        reason="SignerValidationFailure",
        message=message,
        lastUpdateTime=now,
        lastTransitionTime=now,
    )
