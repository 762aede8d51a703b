"""When a CertificateSigningRequest has had its time. Source: pkg/controller/certificates/cleaner/cleaner_test.go."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from pybernetes.api.certificates.v1 import CertificateSigningRequest
from pybernetes.apimachinery.times import format_time
from pybernetes.controllers.certificate_cleaner.plan import time_left_s
from tests.unit.controllers.builders import NOW, make
from tests.unit.http.certificates import Authority

HOUR, DAY = 3600.0, 86400.0


def request(created: float = 0.0, certificate: bytes = b"", **conditions: float) -> CertificateSigningRequest:
    """`conditions`: type and how long ago it was last updated."""
    status: dict[str, Any] = {
        "conditions": [
            {"type": kind, "status": "True", "lastUpdateTime": format_time(NOW - ago)}
            for kind, ago in conditions.items()
        ]
    }
    if certificate:
        status["certificate"] = base64.b64encode(certificate).decode()
    return make(
        CertificateSigningRequest,
        {"metadata": {"name": "r", "creationTimestamp": format_time(NOW - created)}, "spec": {}, "status": status},
    )


@pytest.mark.parametrize(
    ("found", "left_s"),
    [
        (request(), DAY),
        (request(created=DAY + 1), -1.0),
        (request(created=9 * DAY, Approved=HOUR), DAY - HOUR),
        (request(created=9 * DAY, Approved=DAY), 0.0),
        (request(certificate=b"unreadable", Approved=60), HOUR - 60),
        (request(Denied=HOUR), 0.0),
        (request(Approved=60, Failed=120), HOUR - 120),
        (request(created=9 * DAY, Other=60), None),
    ],
    ids=[
        "new",
        "pending",
        "approved",
        "approved and forgotten",
        "signed",
        "denied",
        "failed",
        "of another's condition",
    ],
)
def test_how_long_a_request_stays(found: CertificateSigningRequest, left_s: float | None) -> None:
    assert time_left_s(found, NOW) == left_s


def test_a_certificate_that_has_expired_is_of_no_use(tmp_path: Path) -> None:
    pem = Path(Authority.create(tmp_path, "ca").issue("client")[0]).read_bytes()
    ends = x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
    assert time_left_s(request(certificate=pem, Approved=NOW - ends), ends - 60) == 60
    assert time_left_s(request(certificate=pem, Approved=NOW - ends), ends) == 0
