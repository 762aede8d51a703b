"""Leases and their candidates. Source: pkg/registry/coordination/lease/strategy.go, apis/coordination/validation."""

from __future__ import annotations

from typing import Any

from pybernetes.api.coordination import v1 as coordination
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns


class LeaseStrategy(Strategy):
    finalizer_domains = False
    allow_create_on_update = True
    allow_unconditional_update = False
    columns = columns("Name", "Holder", "Age")

    def prepare_for_create(self, ctx: RequestContext, obj: coordination.Lease) -> None:
        """The fields of coordinated elections go: that feature is off."""
        obj.spec.strategy = obj.spec.preferredHolder = None

    def prepare_for_update(self, ctx: RequestContext, obj: coordination.Lease, old: coordination.Lease) -> None:
        """They stay where the object had them already."""
        if old.spec.strategy is None and old.spec.preferredHolder is None:
            obj.spec.strategy = obj.spec.preferredHolder = None

    def validate(self, obj: coordination.Lease) -> list[FieldError]:
        found: list[FieldError] = []
        spec = obj.spec
        for name, low in (("leaseDurationSeconds", 1), ("leaseTransitions", 0)):
            value = getattr(spec, name)
            if value is not None and value < low:
                why = "must be greater than 0" if low else "must be greater than or equal to 0"
                found.append(FieldError.invalid(Path("spec", name), value, why))
        if spec.preferredHolder and not spec.strategy:
            why = "may only be specified if `strategy` is defined"
            found.append(FieldError.forbidden(Path("spec", "preferredHolder"), why))
        return found

    def row(self, obj: coordination.Lease, now: float) -> list[Any]:
        return [obj.metadata.name, obj.spec.holderIdentity or "", age(obj.metadata.creationTimestamp, now)]


class LeaseCandidateStrategy(Strategy):
    finalizer_domains = False
