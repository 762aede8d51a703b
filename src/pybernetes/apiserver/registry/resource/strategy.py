"""Device classes, claims, claim templates and slices of dynamic resource allocation: defaults, generation, columns.

Source: pkg/registry/resource, apis/resource/v1/defaults.go, printers.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pybernetes.api.resource import v1 as resource
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE, validate_annotations, validate_labels
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NAME_AND_AGE, age, columns
from pybernetes.apiserver.registry.resource import claim_status, validation

SPEC = Path("spec")


def _default_claim(spec: resource.ResourceClaimSpec) -> None:
    for request in spec.devices.requests or []:
        for asked in (request.exactly, *request.firstAvailable):
            if asked is None:
                continue
            asked.allocationMode = asked.allocationMode or "ExactCount"
            if asked.allocationMode == "ExactCount" and not asked.count:
                asked.count = 1


class DeviceClassStrategy(Strategy):
    metadata_again = "whole"
    returns_deleted_object = True
    generation = True
    columns = NAME_AND_AGE

    def validate(self, obj: resource.DeviceClass) -> list[FieldError]:
        return validation.validate_class(obj.spec)

    def prepare_for_create(self, ctx: RequestContext, obj: resource.DeviceClass) -> None:
        super().prepare_for_create(ctx, obj)
        self._drop_name(obj, None)

    def prepare_for_update(self, ctx: RequestContext, obj: resource.DeviceClass, old: resource.DeviceClass) -> None:
        self._drop_name(obj, old)
        super().prepare_for_update(ctx, obj, old)

    def _drop_name(self, obj: resource.DeviceClass, old: resource.DeviceClass | None) -> None:
        """While no extended resources are made of devices, a class gets no name for one."""
        has_one = old is not None and old.spec.extendedResourceName is not None
        if not has_one and not self.registry.config.features.enabled("DRAExtendedResource"):
            obj.spec.extendedResourceName = None

    def row(self, obj: resource.DeviceClass, now: float) -> list[Any]:
        return [obj.metadata.name, age(obj.metadata.creationTimestamp, now)]


class ResourceClaimStrategy(Strategy):
    metadata_again = "whole"
    reset_fields: ClassVar = {"": ("status",), "status": ("metadata", "spec")}
    returns_deleted_object = True
    columns = columns("Name", "State", "Age")

    def default(self, obj: resource.ResourceClaim) -> None:
        _default_claim(obj.spec)

    def validate(self, obj: resource.ResourceClaim) -> list[FieldError]:
        return validation.validate_claim(obj.spec, SPEC)

    def validate_update(self, obj: resource.ResourceClaim, old: resource.ResourceClaim) -> list[FieldError]:
        return [FieldError.invalid(SPEC, obj.spec, IMMUTABLE)] if obj.spec != old.spec else []

    def prepare_for_status_update(
        self, ctx: RequestContext, obj: resource.ResourceClaim, old: resource.ResourceClaim
    ) -> None:
        obj.spec = old.spec
        meta, before = obj.metadata, old.metadata
        meta.labels, meta.annotations, meta.finalizers = before.labels, before.annotations, before.finalizers
        meta.ownerReferences = before.ownerReferences
        claim_status.drop_deallocated(obj, old)

    def validate_status_update(self, obj: resource.ResourceClaim, old: resource.ResourceClaim) -> list[FieldError]:
        return claim_status.validate_claim_status(obj, old)

    def row(self, obj: resource.ResourceClaim, now: float) -> list[Any]:
        states: list[str] = []
        deleted = obj.metadata.deletionTimestamp is not None
        if deleted:
            states.append("deleted")
        if obj.status.allocation is not None:
            states += ["allocated", "reserved"] if obj.status.reservedFor else ["allocated"]
        elif not deleted:
            states.append("pending")
        return [obj.metadata.name, ",".join(states), age(obj.metadata.creationTimestamp, now)]


class ResourceClaimTemplateStrategy(Strategy):
    metadata_again = "whole"
    returns_deleted_object = True
    columns = NAME_AND_AGE

    def default(self, obj: resource.ResourceClaimTemplate) -> None:
        _default_claim(obj.spec.spec)

    def validate(self, obj: resource.ResourceClaimTemplate) -> list[FieldError]:
        meta, at = obj.spec.metadata, SPEC.child("metadata")
        found = [] if meta is None else validate_labels(meta.labels, at.child("labels"))
        if meta is not None:
            found += validate_annotations(meta.annotations, at.child("annotations"))
        return found + validation.validate_claim(obj.spec.spec, SPEC.child("spec"))

    def validate_update(
        self, obj: resource.ResourceClaimTemplate, old: resource.ResourceClaimTemplate
    ) -> list[FieldError]:
        changed = [FieldError.invalid(SPEC, obj.spec, IMMUTABLE)] if obj.spec != old.spec else []
        return self.validate(obj) + changed

    def row(self, obj: resource.ResourceClaimTemplate, now: float) -> list[Any]:
        return [obj.metadata.name, age(obj.metadata.creationTimestamp, now)]


class ResourceSliceStrategy(Strategy):
    returns_deleted_object = True
    generation = True
    columns = columns("Name", "Node", "Driver", "Pool", "Age")
    extra_fields = frozenset({"spec.nodeName", "spec.driver"})

    def default(self, obj: resource.ResourceSlice) -> None:
        for device in obj.spec.devices:
            for taint in device.taints:
                if taint.timeAdded is None:
                    taint.timeAdded = format_time(self.registry.clock.now())

    def prepare_for_create(self, ctx: RequestContext, obj: resource.ResourceSlice) -> None:
        obj.metadata.generation = 1

    def validate(self, obj: resource.ResourceSlice) -> list[FieldError]:
        return validation.validate_slice(obj.spec)

    def validate_update(self, obj: resource.ResourceSlice, old: resource.ResourceSlice) -> list[FieldError]:
        return validation.validate_slice(obj.spec, old.spec)

    def fields(self, obj: resource.ResourceSlice) -> dict[str, str]:
        return {"spec.nodeName": obj.spec.nodeName or "", "spec.driver": obj.spec.driver}

    def row(self, obj: resource.ResourceSlice, now: float) -> list[Any]:
        spec = obj.spec
        created = age(obj.metadata.creationTimestamp, now)
        return [obj.metadata.name, spec.nodeName or "", spec.driver, spec.pool.name, created]
