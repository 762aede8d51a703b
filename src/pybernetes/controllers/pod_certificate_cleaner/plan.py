"""When a PodCertificateRequest has had its time. Pure. Source: pkg/controller/certificates/cleaner/pcrcleaner.go."""

from __future__ import annotations

from pybernetes.api.certificates.v1beta1 import PodCertificateRequest
from pybernetes.apimachinery.times import parse_time

_LIFE_S = 15 * 60
"""Whatever became of it: the kubelet that asked has its answer by then, or asks anew."""


def time_left_s(request: PodCertificateRequest, now: float) -> float:
    """Seconds until it is to be deleted, <= 0: now. Differs: upstream looks every five minutes."""
    created = request.metadata.creationTimestamp
    return (parse_time(created) if created else now) + _LIFE_S - now
