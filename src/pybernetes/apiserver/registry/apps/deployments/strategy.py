"""Deployments. Source: pkg/registry/apps/deployment/strategy.go, apis/apps/{v1/defaults.go,validation}."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from pybernetes.api.apps import v1 as apps
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.apps.templates import SPEC
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import ScaleSubresource, SubresourceBase
from pybernetes.apiserver.registry.generic.table import age, columns

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage

_STATUS = Path("status")
_SECONDS_AND_LIMITS = ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
_COUNTS = ("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas",
           "unavailableReplicas", "terminatingReplicas", "collisionCount")  # fmt: skip


class DeploymentStrategy(Strategy):
    reset_fields: ClassVar = {"": ("status",), "status": ("spec", "metadata.labels")}
    generation = True
    columns = columns("Name", "Ready", "Up-to-date", "Available", "Age", "Containers*", "Images*", "Selector*")

    def default(self, obj: apps.Deployment) -> None:
        spec = obj.spec
        if spec.replicas is None:
            spec.replicas = 1
        if spec.strategy is None:
            spec.strategy = apps.DeploymentStrategy()
        strategy = spec.strategy
        strategy.type = strategy.type or "RollingUpdate"
        if strategy.type == "RollingUpdate":
            if strategy.rollingUpdate is None:
                strategy.rollingUpdate = apps.RollingUpdateDeployment()
            if strategy.rollingUpdate.maxUnavailable is None:
                strategy.rollingUpdate.maxUnavailable = "25%"
            if strategy.rollingUpdate.maxSurge is None:
                strategy.rollingUpdate.maxSurge = "25%"
        if spec.revisionHistoryLimit is None:
            spec.revisionHistoryLimit = 10
        if spec.progressDeadlineSeconds is None:
            spec.progressDeadlineSeconds = 600
        templates.default_template(spec.template)

    def prepare_for_create(self, ctx: RequestContext, obj: apps.Deployment) -> None:
        super().prepare_for_create(ctx, obj)
        templates.drop_in_template(self, obj, None)

    def prepare_for_update(self, ctx: RequestContext, obj: apps.Deployment, old: apps.Deployment) -> None:
        obj.status = old.status
        templates.drop_in_template(self, obj, old)
        # Controllers put facts of a rollout into annotations, which count as changes too.
        if obj.spec != old.spec or obj.metadata.annotations != old.metadata.annotations:
            obj.metadata.generation = (old.metadata.generation or 0) + 1

    def validate(self, obj: apps.Deployment) -> list[FieldError]:
        spec = obj.spec
        found = templates.validate_not_negative(spec, SPEC, ("replicas",))
        found += templates.validate_selector(spec.selector, spec.template)
        found += templates.validate_template(spec.template, SPEC.child("template"))
        found += templates.validate_always(spec.template, "ReplicaSet")
        found += _validate_strategy(spec.strategy or apps.DeploymentStrategy(), SPEC.child("strategy"))
        found += templates.validate_not_negative(spec, SPEC, _SECONDS_AND_LIMITS)
        deadline_s = spec.progressDeadlineSeconds
        if deadline_s is not None and deadline_s <= (spec.minReadySeconds or 0):
            at = SPEC.child("progressDeadlineSeconds")
            found.append(FieldError.invalid(at, deadline_s, "must be greater than minReadySeconds"))
        return found

    def validate_update(self, obj: apps.Deployment, old: apps.Deployment) -> list[FieldError]:
        found = self.validate(obj) if obj.spec != old.spec else []
        if obj.spec.selector != old.spec.selector:
            found.append(FieldError.invalid(SPEC.child("selector"), obj.spec.selector, IMMUTABLE))
        return found

    def prepare_for_status_update(self, ctx: RequestContext, obj: apps.Deployment, old: apps.Deployment) -> None:
        obj.spec = old.spec
        obj.metadata.labels = old.metadata.labels

    def validate_status_update(self, obj: apps.Deployment, old: apps.Deployment) -> list[FieldError]:
        status = obj.status
        found = templates.validate_not_negative(status, _STATUS, _COUNTS)
        replicas, available = status.replicas or 0, status.availableReplicas or 0
        for name in ("updatedReplicas", "readyReplicas", "availableReplicas"):
            value = getattr(status, name) or 0
            if value > replicas:
                found.append(FieldError.invalid(_STATUS.child(name), value, "cannot be greater than status.replicas"))
        if available > (status.readyReplicas or 0):
            why = "cannot be greater than readyReplicas"
            found.append(FieldError.invalid(_STATUS.child("availableReplicas"), available, why))
        before, now = old.status.collisionCount, status.collisionCount
        if before is not None and (now is None or now < before):
            found.append(FieldError.invalid(_STATUS.child("collisionCount"), now or 0, "cannot be decremented"))
        return found

    def warnings(self, obj: apps.Deployment, old: apps.Deployment | None) -> list[str]:
        return templates.template_warnings(obj.spec.template, SPEC.child("template"), obj, old)

    def row(self, obj: apps.Deployment, now: float) -> list[Any]:
        spec, status = obj.spec, obj.status
        return [
            obj.metadata.name,
            f"{status.readyReplicas or 0}/{spec.replicas or 0}",
            status.updatedReplicas or 0,
            status.availableReplicas or 0,
            age(obj.metadata.creationTimestamp, now),
            *templates.container_cells(spec.template),
            templates.selector_cell(spec.selector),
        ]

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        return {"scale": ScaleSubresource}


def _validate_strategy(strategy: apps.DeploymentStrategy, path: Path) -> list[FieldError]:
    rolling, at = strategy.rollingUpdate, path.child("rollingUpdate")
    if strategy.type == "Recreate":
        why = "may not be specified when strategy `type` is 'Recreate'"
        return [FieldError.forbidden(at, why)] if rolling is not None else []
    if strategy.type != "RollingUpdate":
        return [FieldError.not_supported(path, strategy, ("Recreate", "RollingUpdate"))]
    if rolling is None:
        return [FieldError.required(at, "this should be defaulted and never be nil")]
    unavailable = at.child("maxUnavailable")
    found = templates.validate_int_or_percent(rolling.maxUnavailable, unavailable)
    found += templates.validate_int_or_percent(rolling.maxSurge, at.child("maxSurge"))
    if not templates.amount(rolling.maxUnavailable) and not templates.amount(rolling.maxSurge):
        why = "may not be 0 when `maxSurge` is 0"
        found.append(FieldError.invalid(unavailable, rolling.maxUnavailable, why))
    return found + templates.not_more_than_all(rolling.maxUnavailable, unavailable)
