"""StorageVersionMigrations: what may be asked for, and that an outcome stays one. Served when --runtime-config says so.

Source: pkg/apis/storagemigration/validation/validation.go, pkg/registry/storagemigration/storagemigration/strategy.go.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from pybernetes.api.storagemigration.v1beta1 import StorageVersionMigration
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import dns1035_label, dns1123_subdomain
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import reset_meta_for_status

_RESOURCE = Path("spec", "resource")
_CONDITIONS = Path("status", "conditions")
_OUTCOMES = (("Succeeded", "Success"), ("Failed", "Failed"))
_IMMUTABLE = "field is immutable"


class StorageVersionMigrationStrategy(Strategy):
    allow_unconditional_update: ClassVar[bool] = False

    def validate(self, obj: StorageVersionMigration) -> list[FieldError]:
        found = []
        wanted = obj.spec.resource
        if not wanted.resource:
            found.append(FieldError.required(_RESOURCE.child("resource"), "resource is required to be set"))
        elif problems := dns1035_label(wanted.resource):
            found.append(FieldError.invalid(_RESOURCE.child("resource"), wanted.resource, ",".join(problems)))
        if wanted.group and (problems := dns1123_subdomain(wanted.group)):
            found.append(FieldError.invalid(_RESOURCE.child("group"), wanted.group, ",".join(problems)))
        return found

    def validate_update(self, obj: StorageVersionMigration, old: StorageVersionMigration) -> list[FieldError]:
        found = self.validate(obj)
        if obj.spec != old.spec:
            found.append(FieldError.invalid(Path("spec"), msgspec.to_builtins(obj.spec), _IMMUTABLE))
        return found

    def prepare_for_status_update(
        self, ctx: RequestContext, obj: StorageVersionMigration, old: StorageVersionMigration
    ) -> None:
        obj.spec = old.spec
        reset_meta_for_status(obj.metadata, old.metadata)

    def validate_status_update(self, obj: StorageVersionMigration, old: StorageVersionMigration) -> list[FieldError]:
        found = []
        at, revision, before = Path("status", "resourceVersion"), obj.status.resourceVersion, old.status.resourceVersion
        if revision and not (revision.isascii() and revision.isdecimal() and (revision == "0" or revision[0] != "0")):
            found.append(FieldError.invalid(at, revision, f"resource version is not well formed: {revision}"))
        if before and before != revision:
            found.append(FieldError.invalid(at, revision or "", _IMMUTABLE))
        told, known = obj.status.conditions, old.status.conditions
        shown = msgspec.to_builtins(told)
        if condition_holds(told, "Succeeded") and condition_holds(told, "Failed"):
            why = "Both success and failed conditions cannot be true at the same time"
            found.append(FieldError.invalid(_CONDITIONS, shown, why))
        for kind, word in _OUTCOMES:
            if condition_holds(known, kind) and not condition_holds(told, kind):
                why = f"{word} condition cannot be set to false once it is true"
                found.append(FieldError.invalid(_CONDITIONS, shown, why))
        return found
