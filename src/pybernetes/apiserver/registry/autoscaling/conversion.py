"""autoscaling/v1 over the stored v2: CPU utilization is v1's own field, other metrics ride in annotations.

Source: pkg/apis/autoscaling/v1/conversion.go.
"""

from __future__ import annotations

from typing import Any

from pybernetes.apiserver.registry.autoscaling import v1_metrics

_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_CURRENT = "autoscaling.alpha.kubernetes.io/current-metrics"
_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
_BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
_TOLERANCES = tuple(f"autoscaling.alpha.kubernetes.io/scale-{way}-tolerance" for way in ("down", "up"))
_ALL = (_METRICS, _CURRENT, _CONDITIONS, _BEHAVIOR, *_TOLERANCES)


def to_storage(tree: dict[str, Any]) -> dict[str, Any]:
    spec, status = dict(tree.get("spec") or {}), dict(tree.get("status") or {})
    metadata = dict(tree.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    held = {name: annotations.pop(name) for name in _ALL if name in annotations}
    target = spec.pop("targetCPUUtilizationPercentage", None)
    cpu = [] if target is None else [_cpu("target", {"type": "Utilization", "averageUtilization": target})]
    metrics = [*(v1_metrics.metrics_of(held.get(_METRICS, "[]"), current=False) or []), *cpu]
    if metrics:
        spec["metrics"] = metrics
    behavior = v1_metrics.behavior_of(held[_BEHAVIOR]) if _BEHAVIOR in held else None
    if behavior is not None:
        spec["behavior"] = behavior
    use = status.pop("currentCPUUtilizationPercentage", None)
    current = v1_metrics.metrics_of(held[_CURRENT], current=True) if _CURRENT in held else None
    if current is None and use is not None:
        current = [_cpu("current", {"averageUtilization": use})]
    if current:
        status["currentMetrics"] = current
    conditions = v1_metrics.conditions_of(held[_CONDITIONS]) if _CONDITIONS in held else None
    if conditions:
        status["conditions"] = conditions
    return _tree("autoscaling/v2", tree, metadata, annotations, spec, status)


def from_storage(tree: dict[str, Any]) -> dict[str, Any]:
    spec, status = dict(tree.get("spec") or {}), dict(tree.get("status") or {})
    metadata = dict(tree.get("metadata") or {})
    held = metadata.get("annotations") or {}
    annotations = {name: value for name, value in held.items() if name not in _ALL}
    others: list[Any] = []
    for metric in spec.pop("metrics", None) or []:
        resource = metric.get("resource") or {}
        use = (resource.get("target") or {}).get("averageUtilization")
        if resource.get("name") == "cpu" and use is not None:
            spec.setdefault("targetCPUUtilizationPercentage", use)
        else:
            others.append(metric)
    if others:
        annotations[_METRICS] = v1_metrics.metrics_text(others, current=False)
    behavior = spec.pop("behavior", None)
    if behavior is not None:
        annotations[_BEHAVIOR] = v1_metrics.behavior_text(behavior)
    current = status.pop("currentMetrics", None) or []
    for metric in current:
        resource = metric.get("resource") or {}
        use = (resource.get("current") or {}).get("averageUtilization")
        if resource.get("name") == "cpu" and use is not None:
            status["currentCPUUtilizationPercentage"] = use
    if current:
        # With the CPU's, whose amount v1 has no field for.
        annotations[_CURRENT] = v1_metrics.metrics_text(current, current=True)
    conditions = status.pop("conditions", None)
    if conditions:
        annotations[_CONDITIONS] = v1_metrics.conditions_text(conditions)
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
