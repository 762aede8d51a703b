"""Structs of the group-version policy/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, IntOrString, Time, ZeroInt64
from pybernetes.api.meta import v1 as meta_v1

class Eviction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "policy/v1")
    kind: str = field(default_factory=lambda: "Eviction")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    deleteOptions: meta_v1.DeleteOptions | None = None


class PodDisruptionBudget(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "policy/v1")
    kind: str = field(default_factory=lambda: "PodDisruptionBudget")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PodDisruptionBudgetSpec = field(default_factory=lambda: PodDisruptionBudgetSpec())
    status: PodDisruptionBudgetStatus = field(default_factory=lambda: PodDisruptionBudgetStatus())


class PodDisruptionBudgetList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "policy/v1")
    kind: str = field(default_factory=lambda: "PodDisruptionBudgetList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[PodDisruptionBudget] = field(default_factory=zero.array)


class PodDisruptionBudgetSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    maxUnavailable: IntOrString | None = None
    minAvailable: IntOrString | None = None
    selector: meta_v1.LabelSelector | None = None
    unhealthyPodEvictionPolicy: str | None = None


class PodDisruptionBudgetStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []
    currentHealthy: Int32 = field(default_factory=zero.zero)
    desiredHealthy: Int32 = field(default_factory=zero.zero)
    disruptedPods: dict[str, Time] = {}
    disruptionsAllowed: Int32 = field(default_factory=zero.zero)
    expectedPods: Int32 = field(default_factory=zero.zero)
    observedGeneration: ZeroInt64 | None = None
