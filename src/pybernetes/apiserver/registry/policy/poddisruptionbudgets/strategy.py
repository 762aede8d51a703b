"""PodDisruptionBudgets. Source: pkg/registry/policy/poddisruptionbudget/strategy.go, apis/policy/validation."""

from __future__ import annotations

from typing import Any

from pybernetes.api.policy import v1 as policy
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import path_segment_name
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.generic.conditions import validate_conditions
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns

SPEC = Path("spec")
_STATUS = Path("status")
_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


class PodDisruptionBudgetStrategy(Strategy):
    finalizer_domains = False
    metadata_again = "never"
    generation = True
    allow_unconditional_update = False
    columns = columns("Name", "Min Available", "Max Unavailable", "Allowed Disruptions:integer", "Age")

    def validate_name(self, name: str) -> list[str]:
        return path_segment_name(name)

    def validate(self, obj: policy.PodDisruptionBudget) -> list[FieldError]:
        spec = obj.spec
        found: list[FieldError] = []
        if spec.minAvailable is not None and spec.maxUnavailable is not None:
            found.append(FieldError.invalid(SPEC, spec, "minAvailable and maxUnavailable cannot be both set"))
        for name in ("minAvailable", "maxUnavailable"):
            value = getattr(spec, name)
            found += templates.validate_int_or_percent(value, SPEC.child(name))
            found += templates.not_more_than_all(value, SPEC.child(name))
        if spec.unhealthyPodEvictionPolicy not in (None, "IfHealthyBudget", "AlwaysAllow"):
            at = SPEC.child("unhealthyPodEvictionPolicy")
            supported = ("AlwaysAllow", "IfHealthyBudget")
            found.append(FieldError.not_supported(at, spec.unhealthyPodEvictionPolicy, supported))
        return found + validate_label_selector(spec.selector, SPEC.child("selector"))

    def validate_status_update(
        self, obj: policy.PodDisruptionBudget, old: policy.PodDisruptionBudget
    ) -> list[FieldError]:
        found = validate_conditions(obj.status.conditions, _STATUS.child("conditions"))
        return found + templates.validate_not_negative(obj.status, _STATUS, _COUNTS)

    def row(self, obj: policy.PodDisruptionBudget, now: float) -> list[Any]:
        spec = obj.spec
        return [
            obj.metadata.name,
            "N/A" if spec.minAvailable is None else str(spec.minAvailable),
            "N/A" if spec.maxUnavailable is None else str(spec.maxUnavailable),
            obj.status.disruptionsAllowed or 0,
            age(obj.metadata.creationTimestamp, now),
        ]
