"""ReplicaSets. Source: pkg/registry/apps/replicaset/strategy.go, apis/apps/{v1/defaults.go,validation}."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pybernetes.api.apps import v1 as apps
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.apps.templates import SPEC
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import ScaleSubresource, SubresourceBase
from pybernetes.apiserver.registry.generic.table import age, columns

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage

_STATUS = Path("status")


class ReplicaSetStrategy(Strategy):
    generation = True
    columns = columns("Name", "Desired:integer", "Current:integer", "Ready:integer", "Age", "Containers*", "Images*",
                      "Selector*")  # fmt: skip
    extra_fields = frozenset({"status.replicas"})

    def default(self, obj: apps.ReplicaSet) -> None:
        if obj.spec.replicas is None:
            obj.spec.replicas = 1
        templates.default_template(obj.spec.template)

    def prepare_for_create(self, ctx: RequestContext, obj: apps.ReplicaSet) -> None:
        super().prepare_for_create(ctx, obj)
        templates.drop_in_template(self, obj, None)

    def prepare_for_update(self, ctx: RequestContext, obj: apps.ReplicaSet, old: apps.ReplicaSet) -> None:
        templates.drop_in_template(self, obj, old)
        super().prepare_for_update(ctx, obj, old)

    def validate(self, obj: apps.ReplicaSet) -> list[FieldError]:
        spec = obj.spec
        found = templates.validate_not_negative(spec, SPEC, ("replicas", "minReadySeconds"))
        found += templates.validate_selector(spec.selector, spec.template)
        found += templates.validate_template(spec.template, SPEC.child("template"))
        return found + templates.validate_always(spec.template, "ReplicaSet")

    def validate_update(self, obj: apps.ReplicaSet, old: apps.ReplicaSet) -> list[FieldError]:
        found = self.validate(obj) if obj.spec != old.spec else []
        if obj.spec.selector != old.spec.selector:
            found.append(FieldError.invalid(SPEC.child("selector"), obj.spec.selector, IMMUTABLE))
        return found

    def validate_status_update(self, obj: apps.ReplicaSet, old: apps.ReplicaSet) -> list[FieldError]:
        return templates.validate_replicas_status(obj.status)

    def fields(self, obj: apps.ReplicaSet) -> dict[str, str]:
        return {"status.replicas": str(obj.status.replicas or 0)}

    def warnings(self, obj: apps.ReplicaSet, old: apps.ReplicaSet | None) -> list[str]:
        return templates.template_warnings(obj.spec.template, SPEC.child("template"), obj, old)

    def row(self, obj: apps.ReplicaSet, now: float) -> list[Any]:
        spec, status = obj.spec, obj.status
        return [
            obj.metadata.name,
            spec.replicas or 0,
            status.replicas or 0,
            status.readyReplicas or 0,
            age(obj.metadata.creationTimestamp, now),
            *templates.container_cells(spec.template),
            templates.selector_cell(spec.selector),
        ]

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        return {"scale": ScaleSubresource}
