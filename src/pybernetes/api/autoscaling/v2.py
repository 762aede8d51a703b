"""Structs of the group-version autoscaling/v2. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, Int64, Quantity, Time, ZeroInt32, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class ContainerResourceMetricSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    container: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    target: MetricTarget = field(default_factory=lambda: MetricTarget())


class ContainerResourceMetricStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    container: str = field(default_factory=zero.string)
    current: MetricValueStatus = field(default_factory=lambda: MetricValueStatus())
    name: str = field(default_factory=zero.string)


class CrossVersionObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: ZeroStr | None = None
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class ExternalMetricSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    metric: MetricIdentifier = field(default_factory=lambda: MetricIdentifier())
    target: MetricTarget = field(default_factory=lambda: MetricTarget())


class ExternalMetricStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    current: MetricValueStatus = field(default_factory=lambda: MetricValueStatus())
    metric: MetricIdentifier = field(default_factory=lambda: MetricIdentifier())


class HPAScalingPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    periodSeconds: Int32 = field(default_factory=zero.zero)
    type: str = field(default_factory=zero.string)
    value: Int32 = field(default_factory=zero.zero)


class HPAScalingRules(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    policies: list[HPAScalingPolicy] | None = None
    selectPolicy: str | None = None
    stabilizationWindowSeconds: Int32 | None = None
    tolerance: Quantity | None = None


class HorizontalPodAutoscaler(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "autoscaling/v2")
    kind: str = field(default_factory=lambda: "HorizontalPodAutoscaler")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: HorizontalPodAutoscalerSpec = field(default_factory=lambda: HorizontalPodAutoscalerSpec())
    status: HorizontalPodAutoscalerStatus = field(default_factory=lambda: HorizontalPodAutoscalerStatus())


class HorizontalPodAutoscalerBehavior(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    scaleDown: HPAScalingRules | None = None
    scaleUp: HPAScalingRules | None = None


class HorizontalPodAutoscalerCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class HorizontalPodAutoscalerList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "autoscaling/v2")
    kind: str = field(default_factory=lambda: "HorizontalPodAutoscalerList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[HorizontalPodAutoscaler] = field(default_factory=zero.array)


class HorizontalPodAutoscalerSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    behavior: HorizontalPodAutoscalerBehavior | None = None
    maxReplicas: Int32 = field(default_factory=zero.zero)
    metrics: list[MetricSpec] = []
    minReplicas: Int32 | None = None
    scaleTargetRef: CrossVersionObjectReference = field(default_factory=lambda: CrossVersionObjectReference())


class HorizontalPodAutoscalerStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[HorizontalPodAutoscalerCondition] = []
    currentMetrics: list[MetricStatus] | None = field(default_factory=zero.null)
    currentReplicas: ZeroInt32 | None = None
    desiredReplicas: Int32 = field(default_factory=zero.zero)
    lastScaleTime: Time | None = None
    observedGeneration: Int64 | None = None


class MetricIdentifier(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    selector: meta_v1.LabelSelector | None = None


class MetricSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerResource: ContainerResourceMetricSource | None = None
    external: ExternalMetricSource | None = None
    object: ObjectMetricSource | None = None
    pods: PodsMetricSource | None = None
    resource: ResourceMetricSource | None = None
    type: str = field(default_factory=zero.string)


class MetricStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerResource: ContainerResourceMetricStatus | None = None
    external: ExternalMetricStatus | None = None
    object: ObjectMetricStatus | None = None
    pods: PodsMetricStatus | None = None
    resource: ResourceMetricStatus | None = None
    type: str = field(default_factory=zero.string)


class MetricTarget(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    averageUtilization: Int32 | None = None
    averageValue: Quantity | None = None
    type: str = field(default_factory=zero.string)
    value: Quantity | None = None


class MetricValueStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    averageUtilization: Int32 | None = None
    averageValue: Quantity | None = None
    value: Quantity | None = None


class ObjectMetricSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    describedObject: CrossVersionObjectReference = field(default_factory=lambda: CrossVersionObjectReference())
    metric: MetricIdentifier = field(default_factory=lambda: MetricIdentifier())
    target: MetricTarget = field(default_factory=lambda: MetricTarget())


class ObjectMetricStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    current: MetricValueStatus = field(default_factory=lambda: MetricValueStatus())
    describedObject: CrossVersionObjectReference = field(default_factory=lambda: CrossVersionObjectReference())
    metric: MetricIdentifier = field(default_factory=lambda: MetricIdentifier())


class PodsMetricSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    metric: MetricIdentifier = field(default_factory=lambda: MetricIdentifier())
    target: MetricTarget = field(default_factory=lambda: MetricTarget())


class PodsMetricStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    current: MetricValueStatus = field(default_factory=lambda: MetricValueStatus())
    metric: MetricIdentifier = field(default_factory=lambda: MetricIdentifier())


class ResourceMetricSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    target: MetricTarget = field(default_factory=lambda: MetricTarget())


class ResourceMetricStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    current: MetricValueStatus = field(default_factory=lambda: MetricValueStatus())
    name: str = field(default_factory=zero.string)
