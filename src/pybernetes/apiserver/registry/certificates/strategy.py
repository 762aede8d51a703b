"""CertificateSigningRequests. Source: pkg/registry/certificates/certificates/{strategy.go,storage}, printers."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from pybernetes.api.certificates import v1 as certificates
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import path_segment_name
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import ViewSubresource
from pybernetes.apiserver.registry.generic.table import NONE, age, columns, human_duration
from pybernetes.apiserver.registry.generic.writing import UpdateRules

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage
    from pybernetes.apiserver.registry.generic.subresources import SubresourceBase

_DECISIONS = ("Approved", "Denied")


_SHORTEST_S = 600
_USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)


class CertificateSigningRequestStrategy(Strategy):
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
        found: list[FieldError] = []
        request = obj.spec.request
        if not _is_request(request):
            why = "PEM block type must be CERTIFICATE REQUEST"
            found.append(FieldError.invalid(Path("spec", "request"), request or None, why))
        found += _usage_errors(obj.spec.usages)
        seconds = obj.spec.expirationSeconds
        if seconds is not None and seconds < _SHORTEST_S:
            why = "may not specify a duration less than 600 seconds (10 minutes)"
            found.append(FieldError.invalid(Path("spec", "expirationSeconds"), seconds, why))
        if not obj.spec.signerName:
            found.append(FieldError.required(Path("spec", "signerName")))
        elif "/" not in obj.spec.signerName:
            why = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
            found.append(FieldError.invalid(Path("spec", "signerName"), obj.spec.signerName, why))
        return found

    def validate_update(self, obj: Any, old: Any) -> list[FieldError]:
        return []

    def prepare_for_status_update(self, ctx: RequestContext, obj: Any, old: Any) -> None:
        """Status holds the certificate; decisions are the approval subresource's."""
        obj.spec = old.spec
        kept = [c for c in old.status.conditions if c.type in _DECISIONS]
        obj.status.conditions = kept + [c for c in obj.status.conditions if c.type not in _DECISIONS]

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
        return {"approval": lambda storage: ViewSubresource(storage, UpdateRules(_only_decisions, _no_errors))}


def _is_request(text: str | None) -> bool:
    try:
        return b"-----BEGIN CERTIFICATE REQUEST-----" in base64.b64decode(text or "")
    except ValueError:
        return False


def _usage_errors(usages: list[str]) -> list[FieldError]:
    path = Path("spec", "usages")
    if not usages:
        return [FieldError.required(path)]
    found = [
        FieldError.not_supported(path.index(index), usage, _USAGES)
        for index, usage in enumerate(usages)
        if usage not in _USAGES
    ]
    for index, usage in enumerate(usages):
        if usage in usages[:index]:
            found.append(FieldError.duplicate(path.index(index), usage))
    return found


def _only_decisions(ctx: RequestContext, obj: Any, old: Any) -> None:
    certificate = old.status.certificate
    obj.spec = old.spec
    obj.status.certificate = certificate


def _no_errors(obj: Any, old: Any) -> list[FieldError]:
    return []
