"""ControllerRevisions: history of a workload's template; the data never changes.

Source: pkg/registry/apps/controllerrevision/strategy.go, printers printControllerRevision.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.apps import v1 as apps
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, age, columns


class ControllerRevisionStrategy(Strategy):
    metadata_again = "whole"
    columns = columns("Name", "Controller", "Revision", "Age")

    def validate(self, obj: apps.ControllerRevision) -> list[FieldError]:
        found = self._revision_errors(obj)
        if obj.data is None:
            found.append(FieldError.required(Path("data"), "data is mandatory"))
        elif not isinstance(obj.data, dict):
            found.append(FieldError.required(Path("data"), "data must be a valid JSON object"))
        return found

    def _revision_errors(self, obj: apps.ControllerRevision) -> list[FieldError]:
        if obj.revision >= 0:
            return []
        return [FieldError.invalid(Path("revision"), obj.revision, "must be greater than or equal to 0")]

    def validate_update(self, obj: apps.ControllerRevision, old: apps.ControllerRevision) -> list[FieldError]:
        found = self._revision_errors(obj)
        if obj.data != old.data:
            found.append(FieldError.invalid(Path("data"), obj.data, IMMUTABLE))
        return found

    def row(self, obj: apps.ControllerRevision, now: float) -> list[Any]:
        owner = next((r for r in obj.metadata.ownerReferences if r.controller), None)
        shown = NONE
        if owner is not None:
            group = owner.apiVersion.rpartition("/")[0]
            shown = f"{owner.kind.lower()}.{group}/{owner.name}" if group else f"{owner.kind.lower()}/{owner.name}"
        return [obj.metadata.name, shown, obj.revision, age(obj.metadata.creationTimestamp, now)]
