"""autoscaling/v1 over the stored v2: CPU utilization is v1's own field, other metrics ride in annotations.

Source: pkg/apis/autoscaling/v1/conversion.go.
"""

from __future__ import annotations

from typing import Any

import orjson

_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_CURRENT = "autoscaling.alpha.kubernetes.io/current-metrics"
_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
_BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"


def to_storage(tree: dict[str, Any]) -> dict[str, Any]:
    spec, status = dict(tree.get("spec") or {}), dict(tree.get("status") or {})
    metadata = dict(tree.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    metrics = orjson.loads(annotations.pop(_METRICS, "[]"))
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        metrics = [_cpu("target", {"type": "Utilization", "averageUtilization": target}), *metrics]
    if metrics:
        spec["metrics"] = metrics
    behavior = annotations.pop(_BEHAVIOR, "")
    if behavior:
        spec["behavior"] = orjson.loads(behavior)
    current = orjson.loads(annotations.pop(_CURRENT, "[]"))
    use = status.pop("currentCPUUtilizationPercentage", None)
    if use is not None:
        current = [_cpu("current", {"averageUtilization": use}), *current]
    if current:
        status["currentMetrics"] = current
    conditions = orjson.loads(annotations.pop(_CONDITIONS, "[]"))
    if conditions:
        status["conditions"] = conditions
    return _tree("autoscaling/v2", tree, metadata, annotations, spec, status)


def from_storage(tree: dict[str, Any]) -> dict[str, Any]:
    spec, status = dict(tree.get("spec") or {}), dict(tree.get("status") or {})
    metadata = dict(tree.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    others: list[Any] = []
    for metric in spec.pop("metrics", []):
        resource = metric.get("resource") or {}
        use = (resource.get("target") or {}).get("averageUtilization")
        if resource.get("name") == "cpu" and use is not None:
            spec["targetCPUUtilizationPercentage"] = use
        else:
            others.append(metric)
    if others:
        annotations[_METRICS] = orjson.dumps(others).decode()
    behavior = spec.pop("behavior", None)
    if behavior:
        annotations[_BEHAVIOR] = orjson.dumps(behavior).decode()
    current: list[Any] = []
    for metric in status.pop("currentMetrics", None) or []:
        resource = metric.get("resource") or {}
        use = (resource.get("current") or {}).get("averageUtilization")
        if resource.get("name") == "cpu" and use is not None:
            status["currentCPUUtilizationPercentage"] = use
        else:
            current.append(metric)
    if current:
        annotations[_CURRENT] = orjson.dumps(current).decode()
    conditions = status.pop("conditions", [])
    if conditions:
        annotations[_CONDITIONS] = orjson.dumps(conditions).decode()
    return _tree("autoscaling/v1", tree, metadata, annotations, spec, status)


def _cpu(what: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Resource", "resource": {"name": "cpu", what: value}}


def _tree(
    api_version: str,
    tree: dict[str, Any],
    metadata: dict[str, Any],
    annotations: dict[str, Any],
    spec: dict[str, Any],
    status: dict[str, Any],
) -> dict[str, Any]:
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    return {**tree, "apiVersion": api_version, "metadata": metadata, "spec": spec, "status": status}
