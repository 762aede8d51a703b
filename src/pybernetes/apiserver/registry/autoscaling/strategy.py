"""HorizontalPodAutoscalers, stored as v2.

Source: pkg/registry/autoscaling, apis/autoscaling/v2/defaults.go, printers.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.autoscaling import v2 as autoscaling
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, UNKNOWN, UNSET, age, columns

SPEC = Path("spec")
_SHOWN = 2


class HorizontalPodAutoscalerStrategy(Strategy):
    columns = columns("Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age")

    def default(self, obj: autoscaling.HorizontalPodAutoscaler) -> None:
        spec = obj.spec
        if spec.minReplicas is None:
            spec.minReplicas = 1
        if not spec.metrics:
            target = autoscaling.MetricTarget(type="Utilization", averageUtilization=80)
            source = autoscaling.ResourceMetricSource(name="cpu", target=target)
            spec.metrics = [autoscaling.MetricSpec(type="Resource", resource=source)]

    def validate(self, obj: autoscaling.HorizontalPodAutoscaler) -> list[FieldError]:
        spec = obj.spec
        found: list[FieldError] = []
        low = spec.minReplicas
        if low is not None and low < 1:
            why = "must be greater than or equal to 1"
            found.append(FieldError.invalid(SPEC.child("minReplicas"), low, why))
        if spec.maxReplicas < 1:
            found.append(FieldError.invalid(SPEC.child("maxReplicas"), spec.maxReplicas, "must be greater than 0"))
        if low is not None and spec.maxReplicas < low:
            why = "must be greater than or equal to `minReplicas`"
            found.append(FieldError.invalid(SPEC.child("maxReplicas"), spec.maxReplicas, why))
        for name in ("kind", "name"):
            if not getattr(spec.scaleTargetRef, name):
                found.append(FieldError.required(SPEC.child("scaleTargetRef").child(name)))
        return found

    def row(self, obj: autoscaling.HorizontalPodAutoscaler, now: float) -> list[Any]:
        spec = obj.spec
        return [
            obj.metadata.name,
            f"{spec.scaleTargetRef.kind}/{spec.scaleTargetRef.name}",
            _targets(obj),
            UNSET if spec.minReplicas is None else str(spec.minReplicas),
            spec.maxReplicas,
            obj.status.currentReplicas or 0,
            age(obj.metadata.creationTimestamp, now),
        ]


def _targets(obj: autoscaling.HorizontalPodAutoscaler) -> str:
    """`cpu: 12%/80%` for each metric, two at most."""
    found: list[str] = []
    for index, metric in enumerate(obj.spec.metrics):
        status = obj.status.currentMetrics[index] if index < len(obj.status.currentMetrics) else None
        source = metric.resource or metric.containerResource
        if source is not None:
            held = (status.resource or status.containerResource) if status is not None else None
            current = held.current if held is not None else None
            if source.target.averageValue is not None:
                now_value = (current.averageValue if current is not None else None) or UNKNOWN
                found.append(f"{source.name}: {now_value}/{source.target.averageValue}")
            else:
                use = current.averageUtilization if current is not None else None
                shown = UNKNOWN if use is None else f"{use}%"
                goal = source.target.averageUtilization
                found.append(f"{source.name}: {shown}/{'<auto>' if goal is None else f'{goal}%'}")
        else:
            target = metric.pods or metric.object or metric.external
            goal_text = (target.target.averageValue or target.target.value or UNKNOWN) if target else UNKNOWN
            found.append(f"{UNKNOWN}/{goal_text}")
    if not found:
        return NONE
    text = ", ".join(found[:_SHOWN])
    return f"{text} + {len(found) - _SHOWN} more..." if len(found) > _SHOWN else text
