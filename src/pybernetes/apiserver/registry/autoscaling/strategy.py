"""HorizontalPodAutoscalers, stored as v2.

Source: pkg/registry/autoscaling, apis/autoscaling/v2/defaults.go, printers.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.autoscaling import v2 as autoscaling
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.autoscaling.targets import targets_text
from pybernetes.apiserver.registry.autoscaling.validation import validate_spec
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import UNSET, age, columns

SPEC = Path("spec")
_SCALE_UP = (("Pods", 4), ("Percent", 100))
_SCALE_DOWN = (("Percent", 100),)
_PERIOD_S = 15


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

        if spec.behavior is not None:
            spec.behavior.scaleUp = _rules(spec.behavior.scaleUp, _SCALE_UP, 0)
            spec.behavior.scaleDown = _rules(spec.behavior.scaleDown, _SCALE_DOWN, None)

    def validate_status_update(
        self, obj: autoscaling.HorizontalPodAutoscaler, old: autoscaling.HorizontalPodAutoscaler
    ) -> list[FieldError]:
        return templates.validate_not_negative(obj.status, Path("status"), ("currentReplicas", "desiredReplicas"))

    def prepare_for_create(self, ctx: RequestContext, obj: autoscaling.HorizontalPodAutoscaler) -> None:
        super().prepare_for_create(ctx, obj)
        self._drop_tolerances(obj, None)

    def prepare_for_update(
        self, ctx: RequestContext, obj: autoscaling.HorizontalPodAutoscaler, old: autoscaling.HorizontalPodAutoscaler
    ) -> None:
        super().prepare_for_update(ctx, obj, old)
        self._drop_tolerances(obj, old)

    def _drop_tolerances(
        self, obj: autoscaling.HorizontalPodAutoscaler, old: autoscaling.HorizontalPodAutoscaler | None
    ) -> None:
        """Those that the feature gate forbids, unless some were set before."""
        used = old is not None and any(rules.tolerance is not None for rules in _all_rules(old))
        if not self.registry.config.features.enabled("HPAConfigurableTolerance") and not used:
            for rules in _all_rules(obj):
                rules.tolerance = None

    def validate(self, obj: autoscaling.HorizontalPodAutoscaler) -> list[FieldError]:
        return validate_spec(obj.spec, SPEC, to_zero=self.registry.config.features.enabled("HPAScaleToZero"))

    def validate_update(
        self, obj: autoscaling.HorizontalPodAutoscaler, old: autoscaling.HorizontalPodAutoscaler
    ) -> list[FieldError]:
        to_zero = self.registry.config.features.enabled("HPAScaleToZero")
        return validate_spec(obj.spec, SPEC, old.spec, to_zero=to_zero)

    def row(self, obj: autoscaling.HorizontalPodAutoscaler, now: float) -> list[Any]:
        spec = obj.spec
        return [
            obj.metadata.name,
            f"{spec.scaleTargetRef.kind}/{spec.scaleTargetRef.name}",
            targets_text(obj),
            UNSET if spec.minReplicas is None else str(spec.minReplicas),
            spec.maxReplicas,
            obj.status.currentReplicas or 0,
            age(obj.metadata.creationTimestamp, now),
        ]


def _all_rules(obj: autoscaling.HorizontalPodAutoscaler) -> list[autoscaling.HPAScalingRules]:
    behavior = obj.spec.behavior
    return [] if behavior is None else [each for each in (behavior.scaleUp, behavior.scaleDown) if each is not None]


def _rules(
    rules: autoscaling.HPAScalingRules | None, policies: tuple[tuple[str, int], ...], window_s: int | None
) -> autoscaling.HPAScalingRules:
    """Scaling rules with the defaults of their direction."""
    rules = rules or autoscaling.HPAScalingRules()
    if rules.selectPolicy is None:
        rules.selectPolicy = "Max"
    if rules.stabilizationWindowSeconds is None:
        rules.stabilizationWindowSeconds = window_s
    if rules.policies is None:
        rules.policies = [
            autoscaling.HPAScalingPolicy(type=kind, value=value, periodSeconds=_PERIOD_S) for kind, value in policies
        ]
    return rules
