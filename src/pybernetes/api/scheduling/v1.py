"""Structs of the group-version scheduling/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, ZeroBool, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class PriorityClass(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "scheduling.k8s.io/v1")
    kind: str = field(default_factory=lambda: "PriorityClass")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    description: ZeroStr | None = None
    globalDefault: ZeroBool | None = None
    preemptionPolicy: str | None = None
    value: Int32 = field(default_factory=zero.zero)


class PriorityClassList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "scheduling.k8s.io/v1")
    kind: str = field(default_factory=lambda: "PriorityClassList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[PriorityClass] = field(default_factory=zero.array)
