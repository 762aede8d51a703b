"""Validation of a HorizontalPodAutoscaler's spec. Source: pkg/apis/autoscaling/validation/validation.go."""

from __future__ import annotations

from typing import Any

from pybernetes.api.autoscaling import v2 as autoscaling
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.core.pods.resources import validate_container_resource_name

_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_TARGETS = ("Utilization", "Value", "AverageValue")
_SELECTS = ("Disabled", "Max", "Min")
_POLICIES = ("Percent", "Pods")
_MAX_WINDOW_S = 3600
_MAX_PERIOD_S = 1800


def validate_spec(
    spec: autoscaling.HorizontalPodAutoscalerSpec,
    path: Path,
    old: autoscaling.HorizontalPodAutoscalerSpec | None = None,
    *,
    to_zero: bool = False,
) -> list[FieldError]:
    """`to_zero`: minReplicas may be 0. What was wrong with API versions before an update may stay so."""
    found: list[FieldError] = []
    low, high = spec.minReplicas, spec.maxReplicas
    least = 0 if to_zero or (old is not None and old.minReplicas == 0) else 1
    if low is not None and low < least:
        found.append(FieldError.invalid(path.child("minReplicas"), low, f"must be greater than or equal to {least}"))
    at = path.child("maxReplicas")
    if not high:
        found.append(FieldError.required(at, "must be set and greater than 0"))
    elif high < 1:
        found.append(FieldError.invalid(at, high, "must be greater than or equal to 1"))
    if low is not None and high < low:
        found.append(FieldError.invalid(at, high, "must be greater than or equal to `minReplicas`"))
    target = spec.scaleTargetRef
    found += _validate_reference(target, path.child("scaleTargetRef"))
    if old is None or (old.scaleTargetRef.apiVersion, old.scaleTargetRef.kind) != (target.apiVersion, target.kind):
        grouped = target.kind != "ReplicationController"
        found += _validate_version(target, path.child("scaleTargetRef", "apiVersion"), grouped=grouped)
    for index, metric in enumerate(spec.metrics):
        found += _validate_metric(metric, path.child("metrics").index(index))
        if metric.type == "Object" and metric.object is not None and not _had_wrong_version(old):
            at = path.child("metrics").index(index).child("object", "describedObject", "apiVersion")
            found += _validate_version(metric.object.describedObject, at)
    if low == 0 and not any(metric.type in ("Object", "External") for metric in spec.metrics):
        why = "must specify at least one Object or External metric to support scaling to zero replicas"
        found.append(FieldError.forbidden(path.child("metrics"), why))
    if spec.behavior is not None:
        for name in ("scaleUp", "scaleDown"):
            rules = getattr(spec.behavior, name)
            if rules is not None:
                found += _validate_rules(rules, path.child("behavior", name))
    return found


def _had_wrong_version(old: autoscaling.HorizontalPodAutoscalerSpec | None) -> bool:
    described = [metric.object.describedObject for metric in (old.metrics if old is not None else []) if metric.object]
    return any(_validate_version(each, Path("apiVersion")) for each in described)


def _validate_reference(reference: autoscaling.CrossVersionObjectReference, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for name in ("kind", "name"):
        value = getattr(reference, name)
        if not value:
            found.append(FieldError.required(path.child(name)))
        else:
            problems = names.path_segment_name(value)
            found += [FieldError.invalid(path.child(name), value, message) for message in problems]
    return found


def _validate_version(
    reference: autoscaling.CrossVersionObjectReference, path: Path, *, grouped: bool = False
) -> list[FieldError]:
    version = reference.apiVersion or ""
    if version.count("/") > 1:
        return [FieldError.invalid(path, version, f"unexpected GroupVersion string: {version}")]
    if grouped and not version.rpartition("/")[0]:
        return [FieldError.invalid(path, version, "apiVersion must specify API group")]
    return []


def _validate_metric(metric: autoscaling.MetricSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    kind = metric.type
    if not kind:
        found.append(FieldError.required(path.child("type"), "must specify a metric source type"))
    if kind not in _SOURCES:
        found.append(FieldError.not_supported(path.child("type"), kind, sorted(_SOURCES)))
    given = [name for name in _VALIDATORS if getattr(metric, name) is not None]
    if given:
        found += _VALIDATORS[given[0]](getattr(metric, given[0]), path.child(given[0]))
    expected = _SOURCES.get(kind, "")
    if not expected:
        found.append(FieldError.not_supported(path.child("type"), kind, sorted(_SOURCES)))
    if expected and getattr(metric, expected) is None:
        why = "must populate information for the given metric source"
        found.append(FieldError.required(path.child(expected), why))
    if len(given) > 1:
        for name in given:
            if name != expected:
                why = "must populate the given metric source only"
                found.append(FieldError.forbidden(path.child(name), why))
    return found


def _validate_target(target: autoscaling.MetricTarget, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    at = path.child("type")
    if not target.type:
        found.append(FieldError.required(at, "must specify a metric target type"))
    if target.type not in _TARGETS:
        found.append(FieldError.invalid(at, target.type, "must be either Utilization, Value, or AverageValue"))
    for name in ("value", "averageValue"):
        value = getattr(target, name)
        if value is not None and quantity.nano(value) <= 0:
            found.append(FieldError.invalid(path.child(name), value, "must be positive"))
    if target.averageUtilization is not None and target.averageUtilization < 1:
        found.append(
            FieldError.invalid(path.child("averageUtilization"), target.averageUtilization, "must be greater than 0")
        )
    return found


def _validate_identifier(metric: autoscaling.MetricIdentifier, path: Path) -> list[FieldError]:
    if not metric.name:
        return [FieldError.required(path.child("name"), "must specify a metric name")]
    problems = names.path_segment_name(metric.name)
    return [FieldError.invalid(path.child("name"), metric.name, message) for message in problems]


def _validate_object(source: autoscaling.ObjectMetricSource, path: Path) -> list[FieldError]:
    found = _validate_reference(source.describedObject, path.child("describedObject"))
    found += _validate_identifier(source.metric, path.child("metric"))
    found += _validate_target(source.target, path.child("target"))
    if source.target.value is None and source.target.averageValue is None:
        found.append(FieldError.required(path.child("target", "averageValue"), _EITHER_VALUE))
    return found


_EITHER_VALUE = "must set either a target value or averageValue"


def _validate_pods(source: autoscaling.PodsMetricSource, path: Path) -> list[FieldError]:
    found = _validate_identifier(source.metric, path.child("metric"))
    found += _validate_target(source.target, path.child("target"))
    value = source.target.averageValue
    if value is None:
        why = "must specify a positive target averageValue"
        found.append(FieldError.required(path.child("target", "averageValue"), why))
    return found


def _validate_external(source: autoscaling.ExternalMetricSource, path: Path) -> list[FieldError]:
    found = _validate_identifier(source.metric, path.child("metric"))
    found += _validate_target(source.target, path.child("target"))
    at = path.child("target", "averageValue")
    if source.target.value is None and source.target.averageValue is None:
        found.append(FieldError.required(at, "must set either a target value for metric or a per-pod target"))
    if source.target.value is not None and source.target.averageValue is not None:
        found.append(
            FieldError.forbidden(
                path.child("target", "value"), "may not set both a target value for metric and a per-pod target"
            )
        )
    return found + validate_label_selector(source.metric.selector, path.child("metric", "selector"))


def _validate_resource(source: Any, path: Path) -> list[FieldError]:
    """A ResourceMetricSource or a ContainerResourceMetricSource."""
    found: list[FieldError] = []
    if not source.name:
        found.append(FieldError.required(path.child("name"), "must specify a resource name"))
    return found + _validate_resource_target(source, path)


def _validate_resource_target(source: Any, path: Path) -> list[FieldError]:
    found = _validate_target(source.target, path.child("target"))
    use, value = source.target.averageUtilization, source.target.averageValue
    if use is None and value is None:
        why = "must set either a target raw value or a target utilization"
        found.append(FieldError.required(path.child("target", "averageUtilization"), why))
    if use is not None and value is not None:
        why = "may not set both a target raw value and a target utilization"
        found.append(FieldError.forbidden(path.child("target", "averageValue"), why))
    return found


def _validate_container_resource(source: autoscaling.ContainerResourceMetricSource, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not source.name:
        found.append(FieldError.required(path.child("name"), "must specify a resource name"))
    else:
        found += validate_container_resource_name(source.name, path.child("name"))
    if not source.container:
        found.append(FieldError.required(path.child("container"), "must specify a container"))
    else:
        problems = names.dns1123_label(source.container)
        found += [FieldError.invalid(path.child("container"), source.container, message) for message in problems]
    return found + _validate_resource_target(source, path)


# In upstream's order: of several, the first is validated.
_VALIDATORS: dict[str, Any] = {
    "object": _validate_object,
    "external": _validate_external,
    "pods": _validate_pods,
    "resource": _validate_resource,
    "containerResource": _validate_container_resource,
}


def _validate_rules(rules: autoscaling.HPAScalingRules, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    window_s, at = rules.stabilizationWindowSeconds, path.child("stabilizationWindowSeconds")
    if window_s is not None and window_s < 0:
        found.append(FieldError.invalid(at, window_s, "must be greater than or equal to zero"))
    if window_s is not None and window_s > _MAX_WINDOW_S:
        found.append(FieldError.invalid(at, window_s, f"must be less than or equal to {_MAX_WINDOW_S}"))
    if rules.selectPolicy is not None and rules.selectPolicy not in _SELECTS:
        found.append(FieldError.not_supported(path.child("selectPolicy"), rules.selectPolicy, _SELECTS))
    if not rules.policies:
        found.append(FieldError.required(path.child("policies"), "must specify at least one Policy"))
    for index, policy in enumerate(rules.policies or []):
        where = path.child("policies").index(index)
        if policy.type not in _POLICIES:
            found.append(FieldError.not_supported(where.child("type"), policy.type, _POLICIES))
        for name in ("value", "periodSeconds"):
            if getattr(policy, name) <= 0:
                found.append(FieldError.invalid(where.child(name), getattr(policy, name), "must be greater than zero"))
        if policy.periodSeconds > _MAX_PERIOD_S:
            why = f"must be less than or equal to {_MAX_PERIOD_S}"
            found.append(FieldError.invalid(where.child("periodSeconds"), policy.periodSeconds, why))
    if rules.tolerance is not None and quantity.nano(rules.tolerance) < 0:
        why = "must be greater than or equal to 0"
        found.append(FieldError.invalid(path.child("tolerance"), rules.tolerance, why))
    return found
