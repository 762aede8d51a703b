"""Structs of the group-version certificates/v1alpha1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class ClusterTrustBundle(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "certificates.k8s.io/v1alpha1")
    kind: str = field(default_factory=lambda: "ClusterTrustBundle")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ClusterTrustBundleSpec = field(default_factory=lambda: ClusterTrustBundleSpec())


class ClusterTrustBundleList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "certificates.k8s.io/v1alpha1")
    kind: str = field(default_factory=lambda: "ClusterTrustBundleList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ClusterTrustBundle] = field(default_factory=zero.array)


class ClusterTrustBundleSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    signerName: ZeroStr | None = None
    trustBundle: str = field(default_factory=zero.string)
