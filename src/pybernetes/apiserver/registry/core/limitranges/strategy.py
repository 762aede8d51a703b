"""LimitRanges. Source: pkg/registry/core/limitrange/strategy.go, apis/core/v1/defaults.go, validation."""

from __future__ import annotations

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, quantity
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy

_TYPES = ("Container", "PersistentVolumeClaim", "Pod")


class LimitRangeStrategy(Strategy):
    allow_create_on_update = True

    def prepare_for_create(self, ctx: RequestContext, obj: core.LimitRange) -> None:
        """One without a name gets one, which no other kind does."""
        if not obj.metadata.name:
            obj.metadata.name = self.registry.random.uid()

    def default(self, obj: core.LimitRange) -> None:
        for item in obj.spec.limits or []:
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
        for index, item in enumerate(obj.spec.limits or []):
            at = Path("spec", "limits").index(index)
            found += _validate_type(item.type, at.child("type"))
            if item.type in seen:
                found.append(FieldError.duplicate(at.child("type"), item.type))
            seen.add(item.type)
            if item.type == "Pod":
                for name in ("default", "defaultRequest"):
                    if getattr(item, name):
                        found.append(FieldError.forbidden(at.child(name), "may not be specified when `type` is 'Pod'"))
            if item.type == "PersistentVolumeClaim" and "storage" not in {**item.min, **item.max}:
                why = "either minimum or maximum storage value is required, but neither was provided"
                found.append(FieldError.required(at.child("limits"), why))
            found += _validate_order(item, at)
            found += _validate_ratio(item, at)
        return found


def _validate_type(kind: str, path: Path) -> list[FieldError]:
    problems = names.qualified_name(kind)
    if problems:
        return [FieldError.invalid(path, kind, message) for message in problems]
    if "/" not in kind and kind not in _TYPES:
        return [FieldError.invalid(path, kind, "must be a standard limit type or fully qualified")]
    return []


_ORDER = (
    ("min", "max", "min", "min", "max"),
    ("min", "defaultRequest", "defaultRequest", "min", "default request"),
    ("defaultRequest", "max", "defaultRequest", "default request", "max"),
    ("defaultRequest", "default", "defaultRequest", "default request", "default limit"),
    ("min", "default", "default", "min", "default"),
    ("default", "max", "default", "default", "max"),
)
"""(lower field, higher field, the field that is blamed, their words)."""


def _validate_order(item: core.LimitRangeItem, path: Path) -> list[FieldError]:
    """min ≤ defaultRequest ≤ default ≤ max, where they are given."""
    found: list[FieldError] = []
    for low_field, high_field, blamed, low_word, high_word in _ORDER:
        lows, highs = getattr(item, low_field), getattr(item, high_field)
        for name in sorted(lows.keys() & highs.keys()):
            low, high = lows[name], highs[name]
            if quantity.compare(low, high) > 0:
                # Upstream shows the bound in two of these, not the value that is wrong.
                value = low if blamed == low_field else high
                if blamed == "default":
                    value = low if low_field == "min" else high
                why = f"{low_word} value {low} is greater than {high_word} value {high}"
                found.append(FieldError.invalid(path.child(blamed).key(name), value, why))
    return found


def _validate_ratio(item: core.LimitRangeItem, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for name, ratio in item.maxLimitRequestRatio.items():
        at = path.child("maxLimitRequestRatio").key(name)
        if quantity.compare(ratio, "1") < 0:
            found.append(FieldError.invalid(at, ratio, f"ratio {ratio} is less than 1"))
        low, high = item.min.get(name), item.max.get(name)
        if low is None or high is None or not quantity.nano(low):
            continue
        limit = quantity.nano(high) / quantity.nano(low)
        if quantity.nano(ratio) / quantity.NANO > limit:
            found.append(FieldError.invalid(at, ratio, f"ratio {ratio} is greater than max/min = {limit:f}"))
    return found
