"""The TARGETS column of autoscalers: what each metric is, and what it should be.

Source: pkg/printers/internalversion/printers.go (formatHPAMetrics).
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.autoscaling import v2 as autoscaling
from pybernetes.apiserver.registry.generic.table import NONE, UNKNOWN

_SHOWN = 2
_SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def targets_text(obj: autoscaling.HorizontalPodAutoscaler) -> str:
    """`cpu: 12%/80%` or `5/10 (avg)` for each metric, two at most."""
    statuses = obj.status.currentMetrics or []
    found = [
        _target(metric, statuses[index] if index < len(statuses) else None)
        for index, metric in enumerate(obj.spec.metrics)
    ]
    if not found:
        return NONE
    text = ", ".join(found[:_SHOWN])
    return f"{text} + {len(found) - _SHOWN} more..." if len(found) > _SHOWN else text


def _target(metric: autoscaling.MetricSpec, status: autoscaling.MetricStatus | None) -> str:
    """A status counts where it is of the metric's own kind: they go by position."""
    name = _SOURCES.get(metric.type)
    source: Any = getattr(metric, name) if name is not None else None
    if name is None or source is None:
        return "<unknown type>"
    held: Any = getattr(status, name) if status is not None else None
    current, target = held.current if held is not None else None, source.target
    if metric.type in ("Resource", "ContainerResource"):
        if target.averageValue is not None:
            return f"{source.name}: {_value(current, 'averageValue')}/{target.averageValue}"
        used = current.averageUtilization if current is not None else None
        goal = "<auto>" if target.averageUtilization is None else f"{target.averageUtilization}%"
        return f"{source.name}: {UNKNOWN if used is None else f'{used}%'}/{goal}"
    if metric.type == "Pods":
        return f"{_value(current, 'averageValue')}/{target.averageValue}"
    if target.averageValue is not None:
        return f"{_value(current, 'averageValue')}/{target.averageValue} (avg)"
    return f"{_value(current, 'value')}/{target.value}"


def _value(current: autoscaling.MetricValueStatus | None, name: str) -> str:
    value = getattr(current, name) if current is not None else None
    return UNKNOWN if value is None else str(value)
