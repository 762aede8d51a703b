"""What a CertificateSigningRequest asks for, and whether it is what its signer signs. Pure.

Source: pkg/apis/certificates/helpers.go, pkg/controller/certificates/signer/signer.go.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pybernetes.api.certificates.v1 import CertificateSigningRequest

CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY_UNKNOWN = "kubernetes.io/legacy-unknown"

_NODES = ["system:nodes"]
_NODE_PREFIX = "system:node:"
_CLIENT_OPTIONAL = ("digital signature", "key encipherment")


@dataclass(frozen=True, slots=True)
class Names:
    """Whom a request says the certificate is for."""

    common_name: str = ""
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()


def parse(request: str | None) -> Any:
    """The `cryptography` object of spec.request. Raises ValueError when it holds none."""
    from cryptography import x509

    return x509.load_pem_x509_csr(base64.b64decode(request or ""))


def names_of(request: Any) -> Names:
    """Of a parsed request. Raises ValueError for extensions that cannot be read."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = request.subject
    common = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    organizations = tuple(str(a.value) for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
    try:
        other = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names(common[-1] if common else "", organizations)
    return Names(
        common[-1] if common else "",
        organizations,
        tuple(other.get_values_for_type(x509.DNSName)),
        tuple(str(ip) for ip in other.get_values_for_type(x509.IPAddress)),
        tuple(other.get_values_for_type(x509.RFC822Name)),
        tuple(other.get_values_for_type(x509.UniformResourceIdentifier)),
    )


def problem(signer: str, names: Names, usages: Collection[str]) -> str:
    """Why the signer cannot sign this; "" when it can."""
    if signer == KUBELET_SERVING:
        return _kubelet_serving(names, usages)
    if signer == KUBELET_CLIENT:
        return _kubelet_client(names, usages)
    if signer == CLIENT:
        return _client(usages)
    return ""


def _kubelet_serving(names: Names, usages: Collection[str]) -> str:
    if list(names.organizations) != _NODES:
        return "subject organization is not system:nodes"
    if not names.dns_names and not names.ip_addresses:
        return "DNS or IP subjectAltName is required"
    if names.emails:
        return "Email subjectAltNames are not allowed"
    if names.uris:
        return "URI subjectAltNames are not allowed"
    return _wrong_usages(usages, "server auth") or _wrong_name(names)


def _kubelet_client(names: Names, usages: Collection[str]) -> str:
    if list(names.organizations) != _NODES:
        return "subject organization is not system:nodes"
    for found, kind in (
        (names.dns_names, "DNS"),
        (names.emails, "Email"),
        (names.ip_addresses, "IP"),
        (names.uris, "URI"),
    ):
        if found:
            return f"{kind} subjectAltNames are not allowed"
    return _wrong_name(names) or _wrong_usages(usages, "client auth")


def _client(usages: Collection[str]) -> str:
    for usage in usages:
        if usage != "client auth" and usage not in _CLIENT_OPTIONAL:
            return f"invalid usage for client certificate: {usage}"
    return "" if "client auth" in usages else "missing required usage for client certificate: client auth"


def _wrong_usages(usages: Collection[str], auth: str) -> str:
    """With or without key encipherment, which only RSA keys need."""
    if set(usages) in ({"digital signature", "key encipherment", auth}, {"digital signature", auth}):
        return ""
    shown = " ".join(sorted(("key encipherment", "digital signature", auth)))
    return f"usages did not match [{shown}]"


def _wrong_name(names: Names) -> str:
    return "" if names.common_name.startswith(_NODE_PREFIX) else "subject common name does not begin with system:node:"


def has_true(request: CertificateSigningRequest, kind: str) -> bool:
    return any(c.type == kind and c.status in ("True", "", None) for c in request.status.conditions)


def is_decided(request: CertificateSigningRequest) -> bool:
    return any(c.type in ("Approved", "Denied") for c in request.status.conditions)
