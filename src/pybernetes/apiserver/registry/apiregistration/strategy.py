"""APIServices: defaults, validation, the condition of local ones, columns.

Source: kube-aggregator/pkg/registry/apiservice, pkg/apis/apiregistration/{v1/defaults.go,validation}.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pybernetes.api.apiregistration import v1 as registration
from pybernetes.apimachinery.conditions import condition_of
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import dns1035_label, dns1123_subdomain
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns

SPEC = Path("spec")
AVAILABLE = "Available"
_PORT = 443
_STATES = ("True", "False", "Unknown")


class APIServiceStrategy(Strategy):
    finalizer_domains = False
    metadata_again = "whole"
    reset_fields: ClassVar = {"": ("status",), "status": ("metadata", "spec")}
    columns = columns("Name", "Service", "Available", "Age")

    def validate_name(self, name: str) -> list[str]:
        return []  # it is the version and the group, which validate sees

    def default(self, obj: registration.APIService) -> None:
        service = obj.spec.service
        if service is not None and service.port is None:
            service.port = _PORT

    def prepare_for_create(self, ctx: RequestContext, obj: registration.APIService) -> None:
        obj.status = registration.APIServiceStatus()
        if obj.spec.service is None:
            condition = registration.APIServiceCondition(
                type=AVAILABLE,
                status="True",
                reason="Local",
                message="Local APIServices are always available",
                lastTransitionTime=format_time(self.registry.clock.now()),
            )
            obj.status.conditions = [condition]

    def validate(self, obj: registration.APIService) -> list[FieldError]:
        spec = obj.spec
        group, version = spec.group or "", spec.version or ""
        name, wanted = obj.metadata.name or "", f"{version}.{group}"
        found: list[FieldError] = []
        if name and name != wanted:
            why = f'must be `spec.version+"."+spec.group`: "{wanted}"'
            found.append(FieldError.invalid(Path("metadata", "name"), name, why))
        if not group and version != "v1":
            why = "only v1 may have an empty group and it better be legacy kube"
            found.append(FieldError.required(SPEC.child("group"), why))
        if group:
            found += [FieldError.invalid(SPEC.child("group"), group, why) for why in dns1123_subdomain(group)]
        found += [FieldError.invalid(SPEC.child("version"), version, why) for why in dns1035_label(version)]
        for field, most in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
            value = getattr(spec, field)
            if not 0 < value <= most:
                why = f"must be positive and less than {most}"
                found.append(FieldError.invalid(SPEC.child(field), value, why))
        return found + _validate_backend(spec)

    def validate_status_update(self, obj: registration.APIService, old: registration.APIService) -> list[FieldError]:
        return [
            FieldError.not_supported(Path("status", "conditions").index(i).child("status"), c.status, _STATES)
            for i, c in enumerate(obj.status.conditions)
            if c.status not in _STATES
        ]

    def row(self, obj: registration.APIService, now: float) -> list[Any]:
        service = obj.spec.service
        shown = "Local" if service is None else f"{service.namespace}/{service.name}"
        condition = condition_of(obj.status.conditions, AVAILABLE)
        state = "Unknown" if condition is None else condition.status
        if condition is not None and condition.status != "True" and condition.reason:
            state = f"{condition.status} ({condition.reason})"
        return [obj.metadata.name, shown, state, age(obj.metadata.creationTimestamp, now)]


def _validate_backend(spec: registration.APIServiceSpec) -> list[FieldError]:
    found: list[FieldError] = []
    service = spec.service
    if service is None:
        if spec.caBundle:
            shown, why = f"{len(spec.caBundle)} bytes", "local APIServices may not have a caBundle"
            found.append(FieldError.invalid(SPEC.child("caBundle"), shown, why))
        if spec.insecureSkipTLSVerify:
            why = "local APIServices may not have insecureSkipTLSVerify"
            found.append(FieldError.invalid(SPEC.child("insecureSkipTLSVerify"), True, why))
        return found
    at = SPEC.child("service")
    for name in ("namespace", "name"):
        if not getattr(service, name):
            found.append(FieldError.required(at.child(name)))
    if not 1 <= (service.port or 0) <= 65535:
        why = "port is not valid: must be between 1 and 65535, inclusive"
        found.append(FieldError.invalid(at.child("port"), service.port or 0, why))
    if spec.insecureSkipTLSVerify and spec.caBundle:
        why = "may not be true if caBundle is present"
        found.append(FieldError.invalid(SPEC.child("insecureSkipTLSVerify"), True, why))
    return found
