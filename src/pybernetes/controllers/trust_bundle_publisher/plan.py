"""The one ClusterTrustBundle of a signer, and which others of it are of the past. Pure.

Source: pkg/controller/certificates/clustertrustbundlepublisher/publisher.go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from pybernetes.api.certificates.v1beta1 import ClusterTrustBundle, ClusterTrustBundleSpec
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.fresh import fresh

SIGNER = "kubernetes.io/kube-apiserver-serving"


@dataclass(slots=True)
class Plan:
    create: ClusterTrustBundle | None = None
    update: ClusterTrustBundle | None = None
    delete: list[str] = field(default_factory=list)
    """Names."""


def name_of(ca_pem: str) -> str:
    """Of the signer and of the content: a new CA has a bundle of its own, so that none is ever without."""
    return f"{SIGNER.replace('/', ':')}:{hashlib.sha256(ca_pem.encode()).hexdigest()[:24]}"


def plan(bundles: Iterable[ClusterTrustBundle], ca_pem: str) -> Plan:
    """`bundles`: all that have this signer's name."""
    result, name = Plan(), name_of(ca_pem)
    wanted = ClusterTrustBundle(
        metadata=ObjectMeta(name=name), spec=ClusterTrustBundleSpec(signerName=SIGNER, trustBundle=ca_pem)
    )
    found = {each.metadata.name or "": each for each in bundles}
    result.delete = sorted(found.keys() - {name})
    existing = found.get(name)
    if existing is None:
        result.create = wanted
    elif existing.spec.trustBundle != ca_pem:
        result.update = fresh(existing)
        result.update.spec.trustBundle = ca_pem
    return result
