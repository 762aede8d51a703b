"""RuntimeClasses. Source: pkg/registry/node/runtimeclass/strategy.go, apis/node/validation, printers."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.api.node import v1 as node
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.core.pods import placement, resources
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE, validate_labels
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns

HANDLER = Path("handler")


class RuntimeClassStrategy(Strategy):
    finalizer_domains = False
    metadata_again = "whole"
    allow_create_on_update = True
    allow_unconditional_update = False
    columns = columns("Name", "Handler", "Age")

    def validate(self, obj: node.RuntimeClass) -> list[FieldError]:
        if obj.handler:
            found = [FieldError.invalid(HANDLER, obj.handler, message) for message in names.dns1123_label(obj.handler)]
        else:
            found = [FieldError.required(HANDLER)]
        if obj.overhead is not None:
            fixed = core.ResourceRequirements(limits=obj.overhead.podFixed)
            found += resources.validate_requirements(fixed, set(), Path("overhead"))
        if obj.scheduling is not None:
            at = Path("scheduling")
            found += validate_labels(obj.scheduling.nodeSelector, at.child("nodeSelector"))
            found += placement.validate_tolerations(obj.scheduling.tolerations, at.child("tolerations"))
            for index, toleration in enumerate(obj.scheduling.tolerations):
                if toleration in obj.scheduling.tolerations[:index]:
                    found.append(FieldError.duplicate(at.child("tolerations").index(index), toleration))
        return found

    def validate_update(self, obj: node.RuntimeClass, old: node.RuntimeClass) -> list[FieldError]:
        changed = [FieldError.invalid(HANDLER, obj.handler, IMMUTABLE)] if obj.handler != old.handler else []
        return self.validate(obj) + changed

    def row(self, obj: node.RuntimeClass, now: float) -> list[Any]:
        return [obj.metadata.name, obj.handler, age(obj.metadata.creationTimestamp, now)]
