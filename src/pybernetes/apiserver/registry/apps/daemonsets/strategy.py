"""DaemonSets. Source: pkg/registry/apps/daemonset/strategy.go, apis/apps/{v1/defaults.go,validation}."""

from __future__ import annotations

from typing import Any

from pybernetes.api.apps import v1 as apps
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.apps.templates import SPEC
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns, labels_text

_STATUS = Path("status")
_COUNTS = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady",
           "observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable",
           "collisionCount")  # fmt: skip
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


class DaemonSetStrategy(Strategy):
    generation = True
    columns = columns(
        "Name", "Desired:integer", "Current:integer", "Ready:integer", "Up-to-date:integer", "Available:integer",
        "Node Selector", "Age", "Containers*", "Images*", "Selector*",
    )  # fmt: skip

    def default(self, obj: apps.DaemonSet) -> None:
        spec = obj.spec
        if spec.updateStrategy is None:
            spec.updateStrategy = apps.DaemonSetUpdateStrategy()
        update = spec.updateStrategy
        update.type = update.type or "RollingUpdate"
        if update.type == "RollingUpdate":
            if update.rollingUpdate is None:
                update.rollingUpdate = apps.RollingUpdateDaemonSet()
            if update.rollingUpdate.maxUnavailable is None:
                update.rollingUpdate.maxUnavailable = 1
            if update.rollingUpdate.maxSurge is None:
                update.rollingUpdate.maxSurge = 0
        if spec.revisionHistoryLimit is None:
            spec.revisionHistoryLimit = 10
        templates.default_template(spec.template)

    def prepare_for_create(self, ctx: RequestContext, obj: apps.DaemonSet) -> None:
        super().prepare_for_create(ctx, obj)
        obj.metadata.annotations[TEMPLATE_GENERATION] = str(max(_template_generation(obj), 1))
        templates.drop_in_template(self, obj, None)

    def prepare_for_update(self, ctx: RequestContext, obj: apps.DaemonSet, old: apps.DaemonSet) -> None:
        _template_generation(obj)  # refused where it is no number, though the old one counts
        templates.drop_in_template(self, obj, old)
        super().prepare_for_update(ctx, obj, old)
        generation = _template_generation(old)
        if obj.spec.template != old.spec.template:
            generation += 1
        obj.metadata.annotations[TEMPLATE_GENERATION] = str(generation)

    def validate(self, obj: apps.DaemonSet) -> list[FieldError]:
        spec = obj.spec
        found = templates.validate_selector(spec.selector, spec.template, "daemonset", None)
        found += templates.validate_template(spec.template, SPEC.child("template"))
        found += templates.validate_always(spec.template, "DaemonSet")
        found += templates.validate_not_negative(spec, SPEC, ("minReadySeconds",))
        update = spec.updateStrategy or apps.DaemonSetUpdateStrategy()
        at = SPEC.child("updateStrategy")
        if update.type not in ("RollingUpdate", "OnDelete"):
            found.append(FieldError.not_supported(at, update, ("RollingUpdate", "OnDelete")))
        rolling = update.rollingUpdate
        if update.type == "RollingUpdate" and rolling is not None:
            at = at.child("rollingUpdate")
            limits = (("maxUnavailable", rolling.maxUnavailable), ("maxSurge", rolling.maxSurge))
            for name, value in limits:
                found += templates.validate_int_or_percent(value, at.child(name))
            for name, value in limits:
                found += templates.not_more_than_all(value, at.child(name))
            unavailable, surge = templates.amount(rolling.maxUnavailable), templates.amount(rolling.maxSurge)
            if unavailable and surge:
                why = "may not be set when maxUnavailable is non-zero"
                found.append(FieldError.invalid(at.child("maxSurge"), rolling.maxSurge, why))
            elif not unavailable and not surge:
                found.append(FieldError.required(at.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))
        return found + templates.validate_not_negative(spec, SPEC, ("revisionHistoryLimit",))

    def validate_update(self, obj: apps.DaemonSet, old: apps.DaemonSet) -> list[FieldError]:
        if obj.spec == old.spec:
            return []
        found: list[FieldError] = []
        if obj.spec.selector != old.spec.selector:
            found.append(FieldError.invalid(SPEC.child("selector"), obj.spec.selector, IMMUTABLE))
        return found + self.validate(obj)

    def prepare_for_status_update(self, ctx: RequestContext, obj: apps.DaemonSet, old: apps.DaemonSet) -> None:
        super().prepare_for_status_update(ctx, obj, old)
        obj.metadata.annotations[TEMPLATE_GENERATION] = old.metadata.annotations.get(TEMPLATE_GENERATION, "1")

    def validate_status_update(self, obj: apps.DaemonSet, old: apps.DaemonSet) -> list[FieldError]:
        found = templates.validate_not_negative(obj.status, _STATUS, _COUNTS)
        before, now = old.status.collisionCount, obj.status.collisionCount
        if before is not None and (now is None or now < before):
            found.append(FieldError.invalid(_STATUS.child("collisionCount"), now or 0, "cannot be decremented"))
        return found

    def warnings(self, obj: apps.DaemonSet, old: apps.DaemonSet | None) -> list[str]:
        return templates.template_warnings(obj.spec.template, SPEC.child("template"), obj, old)

    def row(self, obj: apps.DaemonSet, now: float) -> list[Any]:
        spec, status = obj.spec, obj.status
        pod = spec.template.spec if spec.template is not None else None
        return [
            obj.metadata.name,
            status.desiredNumberScheduled or 0,
            status.currentNumberScheduled or 0,
            status.numberReady or 0,
            status.updatedNumberScheduled or 0,
            status.numberAvailable or 0,
            labels_text(pod.nodeSelector if pod is not None else {}),
            age(obj.metadata.creationTimestamp, now),
            *templates.container_cells(spec.template),
            templates.selector_cell(spec.selector),
        ]


def _template_generation(obj: apps.DaemonSet) -> int:
    """Raises BadRequest for what is no number, as a field of that type would be refused."""
    text = obj.metadata.annotations.get(TEMPLATE_GENERATION, "0")
    try:
        return int(text) if text == text.strip() and "_" not in text else int("")
    except ValueError:
        why = f'strconv.ParseInt: parsing "{text}": invalid syntax'
        raise errors.Unreadable("DaemonSet", "v1", "DaemonSet", why) from None
