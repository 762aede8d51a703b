"""CertificateSigningRequests. Source: pkg/registry/certificates/certificates/{strategy.go,storage}, printers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from pybernetes.api.certificates import v1 as certificates
from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apimachinery.names import path_segment_name
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.registry.certificates import validation
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import ViewSubresource
from pybernetes.apiserver.registry.generic.table import NONE, age, columns, human_duration
from pybernetes.apiserver.registry.generic.writing import UpdateRules

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage
    from pybernetes.apiserver.registry.generic.subresources import SubresourceBase


class CertificateSigningRequestStrategy(Strategy):
    metadata_again = "whole"
    reset_fields: ClassVar = {
        "": ("spec", "status"),
        "status": ("spec", "status.conditions"),
        "approval": ("spec", "status.certificate"),
    }
    columns = columns("Name", "Age", "SignerName", "Requestor", "RequestedDuration", "Condition")
    extra_fields = frozenset({"spec.signerName"})

    def prepare_for_create(self, ctx: RequestContext, obj: certificates.CertificateSigningRequest) -> None:
        """Who asks is who the request is from, whatever the object says."""
        spec, user = obj.spec, ctx.user
        spec.username = user.name
        spec.uid = user.uid or None
        spec.groups = list(user.groups)
        spec.extra = {key: list(values) for key, values in user.extra.items()}
        obj.status = certificates.CertificateSigningRequestStatus()

    def default(self, obj: certificates.CertificateSigningRequest) -> None:
        obj.spec.usages = obj.spec.usages or []

    def prepare_for_update(self, ctx: RequestContext, obj: Any, old: Any) -> None:
        obj.spec, obj.status = old.spec, old.status

    def validate_name(self, name: str) -> list[str]:
        return path_segment_name(name)

    def validate(self, obj: certificates.CertificateSigningRequest) -> list[FieldError]:
        return validation.validate_request(obj)

    def validate_update(self, obj: Any, old: Any) -> list[FieldError]:
        return []

    def prepare_for_status_update(self, ctx: RequestContext, obj: Any, old: Any) -> None:
        """The decisions that were there stay as they are; one more or one less is for validation to refuse."""
        obj.spec = old.spec
        for kind in validation.DECISIONS:
            now = [i for i, c in enumerate(obj.status.conditions) if c.type == kind]
            before = [c for c in old.status.conditions if c.type == kind]
            if len(now) == len(before):
                for index, condition in zip(now, before, strict=True):
                    obj.status.conditions[index] = condition
        self._stamp(obj, old)

    def validate_status_update(self, obj: Any, old: Any) -> list[FieldError]:
        return validation.validate_status(obj, old, approval=False)

    def _prepare_for_approval(self, ctx: RequestContext, obj: Any, old: Any) -> None:
        """An approval is about the conditions alone."""
        self._stamp(obj, old)
        conditions = obj.status.conditions
        obj.spec = old.spec
        obj.status = msgspec.structs.replace(old.status, conditions=conditions)

    def _validate_approval(self, obj: Any, old: Any) -> list[FieldError]:
        return validation.validate_status(obj, old, approval=True)

    def _stamp(self, obj: Any, old: Any) -> None:
        """Conditions without times get them: now, or since when the condition has been so."""
        now = format_time(self.registry.clock.now())
        since = {
            (c.type, c.status): c.lastTransitionTime for c in reversed(old.status.conditions) if c.lastTransitionTime
        }
        for condition in obj.status.conditions:
            condition.lastUpdateTime = condition.lastUpdateTime or now
            condition.lastTransitionTime = (
                condition.lastTransitionTime or since.get((condition.type, condition.status)) or now
            )

    def fields(self, obj: certificates.CertificateSigningRequest) -> dict[str, str]:
        return {"spec.signerName": obj.spec.signerName}

    def row(self, obj: certificates.CertificateSigningRequest, now: float) -> list[Any]:
        seconds = obj.spec.expirationSeconds
        types = {c.type for c in obj.status.conditions}
        state = ["Denied"] if "Denied" in types else ["Approved"] if "Approved" in types else ["Pending"]
        if "Failed" in types:
            state.append("Failed")
        if obj.status.certificate:
            state.append("Issued")
        return [
            obj.metadata.name,
            age(obj.metadata.creationTimestamp, now),
            obj.spec.signerName,
            obj.spec.username or "",
            human_duration(seconds) if seconds is not None else NONE,
            ",".join(state),
        ]

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        rules = UpdateRules(self._prepare_for_approval, self._validate_approval)
        return {"approval": lambda storage: ViewSubresource(storage, rules)}
