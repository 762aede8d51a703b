"""Structs of the group-version coordination/v1alpha2. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import MicroTime, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class LeaseCandidate(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "coordination.k8s.io/v1alpha2")
    kind: str = field(default_factory=lambda: "LeaseCandidate")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: LeaseCandidateSpec = field(default_factory=lambda: LeaseCandidateSpec())


class LeaseCandidateList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "coordination.k8s.io/v1alpha2")
    kind: str = field(default_factory=lambda: "LeaseCandidateList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[LeaseCandidate] = field(default_factory=zero.array)


class LeaseCandidateSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    binaryVersion: str = field(default_factory=zero.string)
    emulationVersion: ZeroStr | None = None
    leaseName: str = field(default_factory=zero.string)
    pingTime: MicroTime | None = None
    renewTime: MicroTime | None = None
    strategy: str = field(default_factory=zero.string)
