"""ResourceQuotas. Source: pkg/registry/core/resourcequota/strategy.go, printers printResourceQuota."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods.resources import validate_quantity
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns


class ResourceQuotaStrategy(Strategy):
    returns_deleted_object = True
    columns = columns("Name", "Request", "Limit", "Age")

    def validate(self, obj: core.ResourceQuota) -> list[FieldError]:
        return _validate_amounts(obj.spec.hard, Path("spec", "hard"))

    def validate_update(self, obj: core.ResourceQuota, old: core.ResourceQuota) -> list[FieldError]:
        found = self.validate(obj)
        if set(obj.spec.scopes) != set(old.spec.scopes):
            found.append(FieldError.invalid(Path("spec", "scopes"), obj.spec.scopes, IMMUTABLE))
        return found

    def validate_status_update(self, obj: core.ResourceQuota, old: core.ResourceQuota) -> list[FieldError]:
        found = _validate_amounts(obj.status.hard, Path("status", "hard"))
        return found + _validate_amounts(obj.status.used, Path("status", "used"))

    def row(self, obj: core.ResourceQuota, now: float) -> list[Any]:
        requests: list[str] = []
        limits: list[str] = []
        for name in sorted(obj.status.hard):
            text = f"{name}: {obj.status.used.get(name, '0')}/{obj.status.hard[name]}"
            (limits if name.startswith("limits.") else requests).append(text)
        created = age(obj.metadata.creationTimestamp, now)
        return [obj.metadata.name, ", ".join(requests), ", ".join(limits), created]


def _validate_amounts(amounts: dict[str, str], path: Path) -> list[FieldError]:
    return [error for name, value in amounts.items() for error in validate_quantity(name, value, path.key(name))]
