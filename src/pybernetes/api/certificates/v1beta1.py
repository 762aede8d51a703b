"""Structs of the group-version certificates/v1beta1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Bytes, Int32, Time, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class ClusterTrustBundle(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "certificates.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "ClusterTrustBundle")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ClusterTrustBundleSpec = field(default_factory=lambda: ClusterTrustBundleSpec())


class ClusterTrustBundleList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "certificates.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "ClusterTrustBundleList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ClusterTrustBundle] = field(default_factory=zero.array)


class ClusterTrustBundleSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    signerName: ZeroStr | None = None
    trustBundle: str = field(default_factory=zero.string)


class PodCertificateRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "certificates.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "PodCertificateRequest")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PodCertificateRequestSpec = field(default_factory=lambda: PodCertificateRequestSpec())
    status: PodCertificateRequestStatus = field(default_factory=lambda: PodCertificateRequestStatus())


class PodCertificateRequestList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "certificates.k8s.io/v1beta1")
    kind: str = field(default_factory=lambda: "PodCertificateRequestList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[PodCertificateRequest] = field(default_factory=zero.array)


class PodCertificateRequestSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    maxExpirationSeconds: Int32 | None = None
    nodeName: str = field(default_factory=zero.string)
    nodeUID: str = field(default_factory=zero.string)
    pkixPublicKey: Bytes = field(default_factory=zero.string)
    podName: str = field(default_factory=zero.string)
    podUID: str = field(default_factory=zero.string)
    proofOfPossession: Bytes = field(default_factory=zero.string)
    serviceAccountName: str = field(default_factory=zero.string)
    serviceAccountUID: str = field(default_factory=zero.string)
    signerName: str = field(default_factory=zero.string)
    stubPKCS10Request: Bytes = field(default_factory=zero.string)
    unverifiedUserAnnotations: dict[str, str] = {}


class PodCertificateRequestStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    beginRefreshAt: Time | None = None
    certificateChain: ZeroStr | None = None
    conditions: list[meta_v1.Condition] = []
    notAfter: Time | None = None
    notBefore: Time | None = None
