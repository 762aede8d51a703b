"""What a CertificateSigningRequest may say, what its signer and its approvers may write, and when.

What an old object already has wrong is let pass, so that it can be mended bit by bit.
Source: pkg/apis/certificates/validation/validation.go, pkg/apis/core/validation/names.go (ValidateSignerName).
"""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

from pybernetes.api.certificates import v1 as certificates
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import dns1123_label, dns1123_subdomain
from pybernetes.apimachinery.pem import blocks

SPEC = Path("spec")
CONDITIONS = Path("status", "conditions")
CERTIFICATE = Path("status", "certificate")
DECISIONS = ("Approved", "Denied")
_KEPT = (*DECISIONS, "Failed")
_STATES = ("False", "True", "Unknown")
_SHORTEST_S = 600
_USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_LEGACY_SIGNER = "kubernetes.io/legacy-unknown"
_LONGEST_DOMAIN = 253
_LONGEST_SIGNER = 253 + 1 + 63 + 1 + 253


def validate_request(obj: certificates.CertificateSigningRequest) -> list[FieldError]:
    spec, found = obj.spec, list[FieldError]()
    problem = _request_problem(spec.request)
    if problem:
        found.append(FieldError.invalid(SPEC.child("request"), spec.request or None, problem))
    found += _usage_errors(spec.usages)
    if spec.signerName == _LEGACY_SIGNER:
        why = "the legacy signerName is not allowed via this API version"
        found.append(FieldError.invalid(SPEC.child("signerName"), spec.signerName, why))
    else:
        found += signer_errors(spec.signerName, SPEC.child("signerName"))
    seconds = spec.expirationSeconds
    if seconds is not None and seconds < _SHORTEST_S:
        why = "may not specify a duration less than 600 seconds (10 minutes)"
        found.append(FieldError.invalid(SPEC.child("expirationSeconds"), seconds, why))
    return found


def validate_status(
    obj: certificates.CertificateSigningRequest, old: certificates.CertificateSigningRequest, *, approval: bool
) -> list[FieldError]:
    """`approval`: it is the approval that is written, which may decide but not issue."""
    found = _condition_errors(obj.status.conditions, old.status.conditions)
    now, before = obj.status.certificate or "", old.status.certificate or ""
    if now != before and not _certificate_problem(before):
        problem = _certificate_problem(now)
        if problem:
            found.append(FieldError.invalid(CERTIFICATE, "<certificate data>", problem))
    found += _changes(obj.status.conditions, old.status.conditions, approval)
    if now != before:
        if approval:
            found.append(FieldError.forbidden(CERTIFICATE, "updates may not set certificate content"))
        elif before:
            found.append(FieldError.forbidden(CERTIFICATE, "updates may not modify existing certificate content"))
    return found


def _request_problem(text: str | None) -> str:
    """ "" of a PKCS#10 request that its own key has signed."""
    try:
        data = base64.b64decode(text or "")
    except ValueError:
        data = b""
    first = next(iter(blocks(data)), None)
    if first is None or first.kind != "CERTIFICATE REQUEST":
        return "PEM block type must be CERTIFICATE REQUEST"
    from cryptography import exceptions, x509

    try:
        request = x509.load_pem_x509_csr(first.text)
    except ValueError:
        return "asn1: structure error: malformed certificate request"
    try:
        return "" if request.is_signature_valid else "x509: signature does not verify"
    except exceptions.UnsupportedAlgorithm:
        return "x509: cannot verify signature: algorithm unimplemented"


def _certificate_problem(text: str) -> str:
    data = base64.b64decode(text)
    if not data:
        return ""
    found = blocks(data)
    for block in found:
        if block.kind != "CERTIFICATE":
            return f'only CERTIFICATE PEM blocks are allowed, found "{block.kind}"'
        if b":" in block.text:
            return "no PEM block headers are permitted"
        from cryptography import x509

        try:
            x509.load_pem_x509_certificate(block.text)
        except ValueError:
            return "x509: malformed certificate"
    return "" if found else "must contain at least one CERTIFICATE PEM block"


def _usage_errors(usages: list[str]) -> list[FieldError]:
    path = SPEC.child("usages")
    if not usages:
        return [FieldError.required(path)]
    found = [
        FieldError.not_supported(path.index(index), usage, _USAGES)
        for index, usage in enumerate(usages)
        if usage not in _USAGES
    ]
    seen: set[str] = set()
    for index, usage in enumerate(usages):
        if usage in seen:
            found.append(FieldError.duplicate(path.index(index), usage))
        seen.add(usage)
    return found


def signer_errors(signer: str, path: Path) -> list[FieldError]:
    if not signer:
        return [FieldError.required(path)]
    domain, slash, name = signer.partition("/")
    if not slash or "/" in name:
        why = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [FieldError.invalid(path, signer, why)]
    found = [FieldError.too_long(path, _LONGEST_DOMAIN)] if len(domain) > _LONGEST_DOMAIN else []
    for whole, check in ((domain, dns1123_label), (name, dns1123_subdomain)):
        # Only the first part that is wrong is told: the others would say the same.
        wrong = next((part for part in whole.split(".") if check(part)), None)
        if wrong is not None:
            found += [FieldError.invalid(path, whole, f'validating label "{wrong}": {why}') for why in check(wrong)]
        if whole is domain and "." not in domain:
            why = "should be a domain with at least two segments separated by dots"
            found.append(FieldError.invalid(path, domain, why))
    if len(signer) > _LONGEST_SIGNER:
        found.append(FieldError.too_long(path, _LONGEST_SIGNER))
    return found


def _condition_errors(conditions: list[Any], before: list[Any]) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    had = Counter(c.type for c in before)
    twice, unnamed, both = max(had.values(), default=0) > 1, "" in had, all(had[d] for d in DECISIONS)
    for index, condition in enumerate(conditions):
        at = CONDITIONS.index(index)
        if not condition.type and not unnamed:
            found.append(FieldError.required(at.child("type")))
        allowed = ("True",) if condition.type in _KEPT else _STATES
        if not condition.status:
            found.append(FieldError.required(at.child("status")))
        elif condition.status not in allowed:
            found.append(FieldError.not_supported(at.child("status"), condition.status, allowed))
        if condition.type in DECISIONS and not both and seen & (set(DECISIONS) - {condition.type}):
            why = "Approved and Denied conditions are mutually exclusive"
            found.append(FieldError.invalid(CONDITIONS, condition.type, why))
        if condition.type in seen and not twice:
            found.append(FieldError.duplicate(at.child("type"), condition.type))
        seen.add(condition.type)
    return found


def _changes(conditions: list[Any], before: list[Any], approval: bool) -> list[FieldError]:
    """Decisions and failures stay; who does not approve does not touch decisions at all."""
    found: list[FieldError] = []

    def those(held: list[Any], kind: str) -> list[Any]:
        return [c for c in held if c.type == kind]

    for kind in _KEPT:
        if len(those(conditions, kind)) < len(those(before, kind)):
            found.append(FieldError.forbidden(CONDITIONS, f'updates may not remove a condition of type "{kind}"'))
    for kind in () if approval else DECISIONS:
        now, then = those(conditions, kind), those(before, kind)
        if len(now) > len(then):
            found.append(FieldError.forbidden(CONDITIONS, f'updates may not add a condition of type "{kind}"'))
    return found
