"""PodTemplates. Source: pkg/registry/core/podtemplate/strategy.go, printers printPodTemplate."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import columns, labels_text


class PodTemplateStrategy(Strategy):
    returns_deleted_object = True
    columns = columns("Name", "Containers", "Images", "Pod Labels")

    def prepare_for_create(self, ctx: RequestContext, obj: core.PodTemplate) -> None:
        obj.metadata.generation = 1

    def prepare_for_update(self, ctx: RequestContext, obj: core.PodTemplate, old: core.PodTemplate) -> None:
        if obj.template != old.template:
            obj.metadata.generation = (old.metadata.generation or 0) + 1

    def default(self, obj: core.PodTemplate) -> None:
        templates.default_template(obj.template)

    def validate(self, obj: core.PodTemplate) -> list[FieldError]:
        return templates.validate_template(obj.template, Path("template"))

    def warnings(self, obj: core.PodTemplate, old: core.PodTemplate | None) -> list[str]:
        return templates.template_warnings(obj.template, Path("template"), obj, old)

    def row(self, obj: core.PodTemplate, now: float) -> list[Any]:
        labels = labels_text(templates.labels_of(obj.template))
        return [obj.metadata.name, *templates.container_cells(obj.template), labels]
