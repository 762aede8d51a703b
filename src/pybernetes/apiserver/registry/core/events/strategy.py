"""Events, kept for an hour. Source: pkg/registry/core/event/strategy.go, printers printEvent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, invalid
from pybernetes.apiserver.registry.core.events import validation
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns

if TYPE_CHECKING:
    from pybernetes.apimachinery.scheme import Resource
    from pybernetes.apiserver.registry.generic.registry import Registry

_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


class EventStrategy(Strategy):
    ttl_s = 3600
    garbage_collection = "Unsupported"
    allow_create_on_update = True
    columns = columns(
        "Last Seen", "Type", "Reason", "Object", "Subobject*", "Source*", "Message", "First Seen*", "Count*", "Name*"
    )
    extra_fields = frozenset(
        {"reason", "reportingComponent", "source", "type"} | {f"involvedObject.{name}" for name in _INVOLVED}
    )

    def __init__(self, resource: Resource, registry: Registry) -> None:
        super().__init__(resource, registry)
        if not resource.group:
            self.finalizer_domains, self.metadata_again = False, "never"

    def selectable_fields(self) -> dict[str, str]:
        """Each of the two groups knows its own names alone."""
        if not self.resource.group:
            return super().selectable_fields()
        renamed = {f"regarding.{name}": f"involvedObject.{name}" for name in _INVOLVED}
        return {"reason": "reason", "type": "type", "reportingController": "reportingComponent"} | renamed

    def validate_name(self, name: str) -> list[str]:
        """Any path segment, as the names of core/v1 Events always were."""
        return []

    def prepare_for_create(self, ctx: RequestContext, obj: core.Event) -> None:
        """Nothing is reset; events.k8s.io asks for more than core/v1 does."""
        if ctx.resource.group:
            self._refuse(obj, validation.validate_new_event(obj))

    def prepare_for_update(self, ctx: RequestContext, obj: core.Event, old: core.Event) -> None:
        """Nothing is reset: a series goes on, and through events.k8s.io nothing else does."""
        if ctx.resource.group:
            self._refuse(obj, validation.validate_series_update(obj, old))

    def _refuse(self, obj: core.Event, found: list[FieldError]) -> None:
        if found:
            raise invalid(("", "Event"), obj.metadata.name or "", found)

    def validate(self, obj: core.Event) -> list[FieldError]:
        return validation.validate_event(obj, "reportingComponent")

    def fields(self, obj: core.Event) -> dict[str, str]:
        found = {f"involvedObject.{name}": getattr(obj.involvedObject, name) or "" for name in _INVOLVED}
        found["reason"] = obj.reason or ""
        found["reportingComponent"] = obj.reportingComponent or ""
        found["source"] = (obj.source.component if obj.source else None) or obj.reportingComponent or ""
        found["type"] = obj.type or ""
        return found

    def row(self, obj: core.Event, now: float) -> list[Any]:
        first = age(obj.firstTimestamp or obj.eventTime, now)
        last = age(obj.lastTimestamp, now) if obj.lastTimestamp else first
        count = obj.count or 1
        if obj.series is not None:
            last = age(obj.series.lastObservedTime, now)
            count = obj.series.count or 0
        involved = obj.involvedObject
        target = (involved.kind or "").lower()
        if involved.name:
            target = f"{target}/{involved.name}"
        return [
            last,
            obj.type or "",
            obj.reason or "",
            target,
            involved.fieldPath or "",
            _source(obj),
            (obj.message or "").strip(),
            first,
            count,
            obj.metadata.name,
        ]


def _source(obj: core.Event) -> str:
    component = (obj.source.component if obj.source else None) or obj.reportingComponent or ""
    instance = (obj.source.host if obj.source else None) or obj.reportingInstance or ""
    return f"{component}, {instance}" if instance else component
