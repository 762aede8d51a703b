"""Structs of the group-version autoscaling/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, Int64, Time, ZeroInt32, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class CrossVersionObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: ZeroStr | None = None
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class HorizontalPodAutoscaler(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "autoscaling/v1")
    kind: str = field(default_factory=lambda: "HorizontalPodAutoscaler")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: HorizontalPodAutoscalerSpec = field(default_factory=lambda: HorizontalPodAutoscalerSpec())
    status: HorizontalPodAutoscalerStatus = field(default_factory=lambda: HorizontalPodAutoscalerStatus())


class HorizontalPodAutoscalerList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "autoscaling/v1")
    kind: str = field(default_factory=lambda: "HorizontalPodAutoscalerList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[HorizontalPodAutoscaler] = field(default_factory=zero.array)


class HorizontalPodAutoscalerSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    maxReplicas: Int32 = field(default_factory=zero.zero)
    minReplicas: Int32 | None = None
    scaleTargetRef: CrossVersionObjectReference = field(default_factory=lambda: CrossVersionObjectReference())
    targetCPUUtilizationPercentage: Int32 | None = None


class HorizontalPodAutoscalerStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    currentCPUUtilizationPercentage: Int32 | None = None
    currentReplicas: Int32 = field(default_factory=zero.zero)
    desiredReplicas: Int32 = field(default_factory=zero.zero)
    lastScaleTime: Time | None = None
    observedGeneration: Int64 | None = None


class Scale(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "autoscaling/v1")
    kind: str = field(default_factory=lambda: "Scale")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ScaleSpec = field(default_factory=lambda: ScaleSpec())
    status: ScaleStatus = field(default_factory=lambda: ScaleStatus())


class ScaleSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    replicas: ZeroInt32 | None = None


class ScaleStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    replicas: Int32 = field(default_factory=zero.zero)
    selector: ZeroStr | None = None
