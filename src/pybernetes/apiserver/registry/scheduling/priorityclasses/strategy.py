"""PriorityClasses. Source: pkg/registry/scheduling/priorityclass/strategy.go, apis/scheduling/validation."""

from __future__ import annotations

from typing import Any

from pybernetes.api.scheduling import v1 as scheduling
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns

HIGHEST_USER_PRIORITY = 1_000_000_000
SYSTEM = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


class PriorityClassStrategy(Strategy):
    columns = columns("Name", "Value:integer", "Global-Default:boolean", "Age", "PreemptionPolicy")

    def default(self, obj: scheduling.PriorityClass) -> None:
        if obj.preemptionPolicy is None:
            obj.preemptionPolicy = "PreemptLowerPriority"

    def prepare_for_create(self, ctx: RequestContext, obj: scheduling.PriorityClass) -> None:
        obj.metadata.generation = 1

    def validate(self, obj: scheduling.PriorityClass) -> list[FieldError]:
        name = obj.metadata.name or ""
        found: list[FieldError] = []
        if name.startswith("system-"):
            known = SYSTEM.get(name)
            if known is None or known != obj.value or obj.globalDefault:
                at = Path("metadata", "name")
                why = "priority class names with 'system-' prefix are reserved for system use only. error: "
                why += (
                    "only system priority classes are allowed"
                    if known is None
                    else f"value of {name} PriorityClass must be {known}"
                    if known != obj.value
                    else f"globalDefault of {name} PriorityClass must be false"
                )
                found.append(FieldError.forbidden(at, why))
        elif (obj.value or 0) > HIGHEST_USER_PRIORITY:
            why = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
            found.append(FieldError.forbidden(Path("value"), why))
        if not obj.preemptionPolicy:
            found.append(FieldError.required(Path("preemptionPolicy")))
        elif obj.preemptionPolicy not in ("Never", "PreemptLowerPriority"):
            supported = ("PreemptLowerPriority", "Never")
            found.append(FieldError.not_supported(Path("preemptionPolicy"), obj.preemptionPolicy, supported))
        return found

    def validate_update(self, obj: scheduling.PriorityClass, old: scheduling.PriorityClass) -> list[FieldError]:
        found: list[FieldError] = []
        if obj.value != old.value:
            found.append(FieldError.forbidden(Path("value"), "may not be changed in an update."))
        if obj.preemptionPolicy != old.preemptionPolicy:
            at = Path("preemptionPolicy")
            found.append(FieldError.invalid(at, obj.preemptionPolicy, "field is immutable"))
        return found

    def row(self, obj: scheduling.PriorityClass, now: float) -> list[Any]:
        created = age(obj.metadata.creationTimestamp, now)
        return [obj.metadata.name, obj.value or 0, bool(obj.globalDefault), created, obj.preemptionPolicy or ""]
