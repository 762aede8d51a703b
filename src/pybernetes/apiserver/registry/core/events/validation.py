"""Validation of Events, as core/v1 and as events.k8s.io want them. Source: pkg/apis/core/validation/events.go."""

from __future__ import annotations

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE

_NOT_THE_NAMESPACE = "does not match event.namespace"
_LIMITS = {"reportingInstance": 128, "action": 128, "reason": 128}
_MAX_NOTE = 1024
_FIXED = ("involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "reason",
          "type", "eventTime", "action", "related", "reportingComponent", "reportingInstance")  # fmt: skip
_NOTHING: dict[str, object] = {"count": 0, "firstTimestamp": None, "lastTimestamp": None, "eventTime": None,
                               "related": None}  # fmt: skip
"""What an error shows of an absent field that is no text."""


def validate_event(obj: core.Event, controller_field: str) -> list[FieldError]:
    """What both versions ask for; with an eventTime that is more. `controller_field` is the version's name."""
    found: list[FieldError] = []
    namespace, involved = obj.metadata.namespace or "", obj.involvedObject.namespace or ""
    at = Path("involvedObject", "namespace")
    if not obj.eventTime:
        matches = involved == namespace if involved else namespace in ("", "default")
        if not matches:
            found.append(FieldError.invalid(at, involved, _NOT_THE_NAMESPACE))
    else:
        if not involved and namespace not in ("default", "kube-system"):
            found.append(FieldError.invalid(at, involved, _NOT_THE_NAMESPACE))
        at, controller = Path(controller_field), obj.reportingComponent or ""
        if not controller:
            found.append(FieldError.required(at))
        found += [FieldError.invalid(at, controller, message) for message in names.qualified_name(controller)]
        for name, limit in _LIMITS.items():
            value = getattr(obj, name) or ""
            if not value:
                found.append(FieldError.required(Path(name)))
            if len(value.encode()) > limit:
                found.append(FieldError.invalid(Path(name), "", f"can have at most {limit} characters"))
        if len((obj.message or "").encode()) > _MAX_NOTE:
            found.append(FieldError.invalid(Path("message"), "", f"can have at most {_MAX_NOTE} characters"))
    problems = names.dns1123_subdomain(namespace)
    return found + [FieldError.invalid(Path("namespace"), namespace, message) for message in problems]


def validate_new_event(obj: core.Event) -> list[FieldError]:
    """A new Event of events.k8s.io: a time, a type, and nothing of the fields from before it."""
    found = validate_event(obj, "reportingController")
    name = obj.metadata.name or ""
    if name:
        found += [FieldError.invalid(Path("metadata", "name"), name, m) for m in names.dns1123_subdomain(name)]
    else:
        found.append(FieldError.required(Path("metadata", "name"), "name or generateName is required"))
    found += _validate_series(obj)
    if not obj.eventTime:
        found.append(FieldError.required(Path("eventTime")))
    if obj.type not in ("Normal", "Warning"):
        found.append(FieldError.invalid(Path("type"), "", f"has invalid value: {obj.type or ''}"))
    for field in ("firstTimestamp", "lastTimestamp", "count"):
        if getattr(obj, field):
            found.append(FieldError.invalid(Path(field), "", "needs to be unset"))
    if obj.source is not None and (obj.source.component or obj.source.host):
        found.append(FieldError.invalid(Path("source"), "", "needs to be unset"))
    return found


def _validate_series(obj: core.Event) -> list[FieldError]:
    found: list[FieldError] = []
    if obj.series is not None:
        if (obj.series.count or 0) < 2:
            found.append(FieldError.invalid(Path("series.count"), "", "should be at least 2"))
        if not obj.series.lastObservedTime:
            found.append(FieldError.required(Path("series.lastObservedTime")))
    return found


def validate_series_update(obj: core.Event, old: core.Event) -> list[FieldError]:
    """Through events.k8s.io only the series goes on."""
    found = validate_event(obj, "reportingController")
    if obj.series != old.series:
        found += _validate_series(obj)
    for field in _FIXED:
        value = getattr(obj, field)
        if (value or None) != (getattr(old, field) or None):
            shown = "reportingController" if field == "reportingComponent" else field
            found.append(FieldError.invalid(Path(shown), value or _NOTHING.get(field, ""), IMMUTABLE))
    return found
