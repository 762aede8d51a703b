"""ReplicationControllers. Source: pkg/registry/core/replicationcontroller/strategy.go, apis/core/v1/defaults.go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.apps.templates import SPEC
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import ScaleSubresource, SubresourceBase
from pybernetes.apiserver.registry.generic.table import age, columns, labels_text

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage


class ReplicationControllerStrategy(Strategy):
    generation = True
    garbage_collection = "OrphanDependents"
    columns = columns("Name", "Desired:integer", "Current:integer", "Ready:integer", "Age", "Containers*", "Images*",
                      "Selector*")  # fmt: skip
    extra_fields = frozenset({"status.replicas"})

    def default(self, obj: core.ReplicationController) -> None:
        labels = templates.labels_of(obj.spec.template)
        if labels:
            obj.spec.selector = obj.spec.selector or dict(labels)
            obj.metadata.labels = obj.metadata.labels or dict(labels)
        if obj.spec.replicas is None:
            obj.spec.replicas = 1
        templates.default_template(obj.spec.template)

    def validate(self, obj: core.ReplicationController) -> list[FieldError]:
        spec = obj.spec
        found = templates.validate_not_negative(spec, SPEC, ("replicas", "minReadySeconds"))
        if not spec.selector:
            found.append(FieldError.required(SPEC.child("selector")))
        labels = templates.labels_of(spec.template)
        if spec.template is not None and not labels.items() >= spec.selector.items():
            found.append(templates.labels_differ(spec.template))
        found += templates.validate_template(spec.template, SPEC.child("template"))
        return found + templates.validate_always(spec.template, "ReplicationController")

    def validate_status_update(
        self, obj: core.ReplicationController, old: core.ReplicationController
    ) -> list[FieldError]:
        return templates.validate_replicas_status(obj.status)

    def fields(self, obj: core.ReplicationController) -> dict[str, str]:
        return {"status.replicas": str(obj.status.replicas or 0)}

    def warnings(self, obj: core.ReplicationController, old: core.ReplicationController | None) -> list[str]:
        return templates.template_warnings(obj.spec.template, SPEC.child("template"), obj, old)

    def row(self, obj: core.ReplicationController, now: float) -> list[Any]:
        return [
            obj.metadata.name,
            obj.spec.replicas or 0,
            obj.status.replicas or 0,
            obj.status.readyReplicas or 0,
            age(obj.metadata.creationTimestamp, now),
            *templates.container_cells(obj.spec.template),
            labels_text(obj.spec.selector),
        ]

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        return {"scale": ScaleSubresource}
