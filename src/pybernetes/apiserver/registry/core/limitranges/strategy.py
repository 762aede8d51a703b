"""LimitRanges. Source: pkg/registry/core/limitrange/strategy.go, apis/core/v1/defaults.go, validation."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import columns

_TYPES = ("Container", "PersistentVolumeClaim", "Pod")


class LimitRangeStrategy(Strategy):
    columns = columns("Name", "Created At")

    def default(self, obj: core.LimitRange) -> None:
        for item in obj.spec.limits:
            if item.type != "Container":
                continue
            for name, value in item.max.items():
                item.default.setdefault(name, value)
            for source in (item.default, item.min):
                for name, value in source.items():
                    item.defaultRequest.setdefault(name, value)

    def validate(self, obj: core.LimitRange) -> list[FieldError]:
        found: list[FieldError] = []
        seen: set[str] = set()
        for index, item in enumerate(obj.spec.limits):
            at = Path("spec", "limits").index(index)
            if item.type in seen:
                found.append(FieldError.duplicate(at.child("type"), item.type))
            seen.add(item.type)
            if item.type not in _TYPES and "/" not in item.type:
                why = "must be a standard limit type or fully qualified"
                found.append(FieldError.invalid(at.child("type"), item.type, why))
            if item.type == "Pod":
                for name in ("default", "defaultRequest"):
                    if getattr(item, name):
                        found.append(FieldError.forbidden(at.child(name), "may not be specified when `type` is 'Pod'"))
            found += _validate_order(item, at)
        return found

    def row(self, obj: core.LimitRange, now: float) -> list[Any]:
        return [obj.metadata.name, obj.metadata.creationTimestamp or ""]


def _validate_order(item: core.LimitRangeItem, path: Path) -> list[FieldError]:
    """min ≤ defaultRequest ≤ default ≤ max, where they are given."""
    found: list[FieldError] = []
    order = (("min", item.min), ("defaultRequest", item.defaultRequest), ("default", item.default), ("max", item.max))
    words = {"min": "min", "max": "max", "default": "default", "defaultRequest": "default request"}
    for position, (low_name, low) in enumerate(order):
        for high_name, high in order[position + 1 :]:
            for name in sorted(low.keys() & high.keys()):
                if quantity.compare(low[name], high[name]) > 0:
                    at = path.child(low_name).key(name)
                    why = f"{words[low_name]} value {low[name]} is greater than {words[high_name]} value {high[name]}"
                    found.append(FieldError.invalid(at, low[name], why))
    return found
