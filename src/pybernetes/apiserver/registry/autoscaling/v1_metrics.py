"""Metrics, behaviors and conditions as v1's annotations have them: flat, and in JSON. Pure.

Source: pkg/apis/autoscaling/v1/conversion.go, staging/src/k8s.io/api/autoscaling/v1/types.go.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from pybernetes.api.autoscaling import v2

Tree = dict[str, Any]
_SOURCES = ("object", "pods", "resource", "containerResource", "external")
_BEHAVIOR = (
    "scaleUp", "scaleDown", "stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance", "type", "value",
    "periodSeconds",
)  # fmt: skip
_BY_LOWER = {name.lower(): name for name in _BEHAVIOR}
_CONDITION = ("type", "status", "lastTransitionTime", "reason", "message")
_RULES = ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance")


def metrics_text(metrics: list[Tree], *, current: bool) -> str:
    """Metric sources of v2, or with `current` their statuses, as the annotation has them."""
    return orjson.dumps([_flat(each, current) for each in metrics]).decode()


def metrics_of(text: str, *, current: bool) -> list[Tree] | None:
    """The other way round; None for text that is none of v1's metrics: it is left out, as upstream does."""
    try:
        found = [_nested(each, current) for each in orjson.loads(text)]
        kind: Any = list[v2.MetricStatus] if current else list[v2.MetricSpec]
        msgspec.convert(found, kind)
    except (ValueError, TypeError, AttributeError, LookupError, msgspec.ValidationError):
        return None
    return found


def behavior_text(behavior: Tree) -> str:
    """Upstream writes its internal type, whose names begin with capitals."""

    def rules(tree: Tree | None) -> Tree | None:
        if tree is None:
            return None
        policies = [
            {"Type": each.get("type", ""), "Value": each.get("value", 0), "PeriodSeconds": each.get("periodSeconds", 0)}
            for each in tree.get("policies") or []
        ]
        values = {**tree, "policies": policies or None}
        return {name[0].upper() + name[1:]: values.get(name) for name in _RULES}

    both = {"ScaleUp": rules(behavior.get("scaleUp")), "ScaleDown": rules(behavior.get("scaleDown"))}
    return orjson.dumps(both).decode()


def behavior_of(text: str) -> Tree | None:
    """A behavior in any spelling of its names; None for text that is none."""
    try:
        found = _named(orjson.loads(text))
        msgspec.convert(found, v2.HorizontalPodAutoscalerBehavior)
    except (ValueError, TypeError, msgspec.ValidationError):
        return None
    return found or None


def conditions_text(conditions: list[Tree]) -> str:
    return orjson.dumps([{name: each[name] for name in _CONDITION if name in each} for each in conditions]).decode()


def conditions_of(text: str) -> list[Tree] | None:
    try:
        found = orjson.loads(text)
        msgspec.convert(found, list[v2.HorizontalPodAutoscalerCondition])
    except (ValueError, msgspec.ValidationError):
        return None
    return found if isinstance(found, list) else None


def _named(tree: Any) -> Any:
    if isinstance(tree, dict):
        known = {_BY_LOWER[name.lower()]: value for name, value in tree.items() if name.lower() in _BY_LOWER}
        return {name: _named(value) for name, value in known.items() if value is not None}
    return [_named(each) for each in tree] if isinstance(tree, list) else tree


def _flat(metric: Tree, current: bool) -> Tree:
    found: Tree = {"type": metric.get("type", "")}
    for name in _SOURCES:
        if (source := metric.get(name)) is not None:
            found[name] = _FLAT[name](source, current)
    return found


def _nested(metric: Tree, current: bool) -> Tree:
    found: Tree = {"type": metric.get("type", "")}
    for name in _SOURCES:
        if (source := metric.get(name)) is not None:
            found[name] = _NESTED[name](source, current)
    return found


def _amounts(source: Tree, current: bool) -> Tree:
    amounts: Tree = source.get("current" if current else "target") or {}
    return amounts


def _given(**values: Any) -> Tree:
    return {name: value for name, value in values.items() if value is not None}


def _flat_object(source: Tree, current: bool) -> Tree:
    metric, amounts = source.get("metric") or {}, _amounts(source, current)
    value = "currentValue" if current else "targetValue"
    return {
        "target": source.get("describedObject") or {},
        "metricName": metric.get("name", ""),
        value: amounts.get("value") or "0",
        **_given(selector=metric.get("selector"), averageValue=amounts.get("averageValue")),
    }


def _nested_object(source: Tree, current: bool) -> Tree:
    value, average = source.get("currentValue" if current else "targetValue") or "0", source.get("averageValue")
    if not current and average is not None and value in ("0", 0):
        value = None
    return _with_metric(source, "selector", current, value=value, averageValue=average) | {
        "describedObject": source.get("target") or {}
    }


def _flat_pods(source: Tree, current: bool) -> Tree:
    metric, amounts = source.get("metric") or {}, _amounts(source, current)
    average = "currentAverageValue" if current else "targetAverageValue"
    value = amounts.get("averageValue") or "0"
    return {"metricName": metric.get("name", ""), average: value, **_given(selector=metric.get("selector"))}


def _nested_pods(source: Tree, current: bool) -> Tree:
    average = source.get("currentAverageValue" if current else "targetAverageValue") or "0"
    return _with_metric(source, "selector", current, averageValue=average)


def _flat_external(source: Tree, current: bool) -> Tree:
    metric, amounts = source.get("metric") or {}, _amounts(source, current)
    found = {"metricName": metric.get("name", ""), **_given(metricSelector=metric.get("selector"))}
    if current:
        found["currentValue"] = amounts.get("value") or "0"
        return found | _given(currentAverageValue=amounts.get("averageValue"))
    return found | _given(targetValue=amounts.get("value"), targetAverageValue=amounts.get("averageValue"))


def _nested_external(source: Tree, current: bool) -> Tree:
    if current:
        value, average = source.get("currentValue") or "0", source.get("currentAverageValue")
    else:
        value, average = source.get("targetValue"), source.get("targetAverageValue")
    return _with_metric(source, "metricSelector", current, value=value, averageValue=average)


def _with_metric(source: Tree, selector: str, current: bool, **amounts: Any) -> Tree:
    found = {"metric": {"name": source.get("metricName", ""), **_given(selector=source.get(selector))}}
    given = _given(**amounts)
    if current:
        return {**found, "current": given}
    kind = "AverageValue" if "averageValue" in given and "value" not in given else "Value"
    if selector == "selector" and "averageValue" in given:
        kind = "AverageValue"
    return {**found, "target": {"type": kind if given else "AverageValue", **given}}


def _flat_resource(source: Tree, current: bool) -> Tree:
    amounts, side = _amounts(source, current), "current" if current else "target"
    found = {
        "name": source.get("name", ""),
        **_given(**{f"{side}AverageUtilization": amounts.get("averageUtilization")}),
    }
    average = amounts.get("averageValue") or ("0" if current else None)
    found |= _given(**{f"{side}AverageValue": average}, container=source.get("container"))
    return found


def _nested_resource(source: Tree, current: bool) -> Tree:
    side = "current" if current else "target"
    use, average = source.get(f"{side}AverageUtilization"), source.get(f"{side}AverageValue")
    found = {"name": source.get("name", ""), **_given(container=source.get("container"))}
    given = _given(averageUtilization=use, averageValue=average or ("0" if current else None))
    if current:
        return {**found, "current": given}
    return {**found, "target": {"type": "AverageValue" if use is None else "Utilization", **given}}


_FLAT = {
    "object": _flat_object,
    "pods": _flat_pods,
    "resource": _flat_resource,
    "containerResource": _flat_resource,
    "external": _flat_external,
}
_NESTED = {
    "object": _nested_object,
    "pods": _nested_pods,
    "resource": _nested_resource,
    "containerResource": _nested_resource,
    "external": _nested_external,
}
