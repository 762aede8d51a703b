"""Structs of the group-version certificates/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Bytes, Int32, Time, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class CertificateSigningRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "certificates.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CertificateSigningRequest")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: CertificateSigningRequestSpec = field(default_factory=lambda: CertificateSigningRequestSpec())
    status: CertificateSigningRequestStatus = field(default_factory=lambda: CertificateSigningRequestStatus())


class CertificateSigningRequestCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    lastUpdateTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class CertificateSigningRequestList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "certificates.k8s.io/v1")
    kind: str = field(default_factory=lambda: "CertificateSigningRequestList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[CertificateSigningRequest] = field(default_factory=zero.array)


class CertificateSigningRequestSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expirationSeconds: Int32 | None = None
    extra: dict[str, list[str]] = {}
    groups: list[str] = []
    request: Bytes = field(default_factory=zero.string)
    signerName: str = field(default_factory=zero.string)
    uid: ZeroStr | None = None
    usages: list[str] = []
    username: ZeroStr | None = None


class CertificateSigningRequestStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    certificate: Bytes | None = None
    conditions: list[CertificateSigningRequestCondition] = []
