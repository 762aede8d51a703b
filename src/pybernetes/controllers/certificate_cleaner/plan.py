"""When a CertificateSigningRequest has had its time. Pure. Source: pkg/controller/certificates/cleaner/cleaner.go."""

from __future__ import annotations

import base64

from pybernetes.api.certificates.v1 import CertificateSigningRequest
from pybernetes.apimachinery.times import parse_time

_DECIDED_S = 3600
_PENDING_S = 24 * 3600


def time_left_s(request: CertificateSigningRequest, now: float) -> float | None:
    """Seconds until it is to be deleted, <= 0: now; None when there is nothing to wait for.

    Differs: upstream looks every hour, so keeps each up to an hour longer.
    """
    status = request.status
    ends: list[float] = []
    if not status.conditions and request.metadata.creationTimestamp:
        ends.append(parse_time(request.metadata.creationTimestamp) + _PENDING_S)
    for condition in status.conditions:
        at = parse_time(condition.lastUpdateTime) if condition.lastUpdateTime else None
        if condition.type in ("Denied", "Failed") and at is not None:
            ends.append(at + _DECIDED_S)
        if condition.type == "Approved":
            if at is not None:
                ends.append(at + (_DECIDED_S if status.certificate else _PENDING_S))
            if status.certificate and (expires := _expires(status.certificate)) is not None:
                ends.append(expires)
    return min(ends) - now if ends else None


def _expires(certificate: str) -> float | None:
    """When a certificate stops being valid; None when it cannot be read."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(base64.b64decode(certificate))
    except ValueError:
        return None
    return found.not_valid_after_utc.timestamp()
