"""Pure: the listeners of a Gateway: which can be served, with which certificates, and what is to be told of them.

Source: https://gateway-api.sigs.k8s.io/reference/spec/#listener, #listenerstatus.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pybernetes.ingress.certificates import from_secret
from pybernetes.ingress.gateways.api import (
    GROUP,
    Gateway,
    GRPCRoute,
    HTTPRoute,
    Listener,
    ListenerStatus,
    RouteKind,
)
from pybernetes.ingress.gateways.conditions import Conditions
from pybernetes.ingress.gateways.references import Grants
from pybernetes.ingress.table import Certificate, Key, Table, World

_KINDS = (HTTPRoute.RESOURCE.kind, GRPCRoute.RESOURCE.kind)
_SCHEMES = {"HTTP": "http", "HTTPS": "https"}


@dataclass(slots=True)
class Judged:
    """A listener, and what was found out about it."""

    listener: Listener
    told: Conditions
    kinds: list[str]
    """Of routes that it takes."""
    certificates: list[str] = field(default_factory=list)
    """Their files."""
    attached: int = 0

    @property
    def host(self) -> str:
        return (self.listener.hostname or "").lower()

    @property
    def scheme(self) -> str:
        return _SCHEMES[self.listener.protocol]

    @property
    def served(self) -> bool:
        good = self.told.holds("Accepted") and bool(self.kinds)
        return good and (self.listener.protocol == "HTTP" or bool(self.certificates))

    def status(self) -> ListenerStatus:
        return ListenerStatus(
            name=self.listener.name,
            supportedKinds=[RouteKind(group=GROUP, kind=kind) for kind in self.kinds],
            attachedRoutes=self.attached,
            conditions=self.told.list(),
        )


def judged(gateway: Gateway, table: Table, world: World, grants: Grants) -> list[Judged]:
    """Its listeners; the certificates of those that can be served come into the table."""
    found = [_judged(gateway, listener) for listener in gateway.spec.listeners]
    for each in found:
        _conflicts(each, found)
        if each.told.holds("Accepted") and each.listener.protocol == "HTTPS":
            _certificates(gateway, each, table, world, grants)
        if not each.served:
            each.told.wrong("Programmed", "Invalid", "the listener is not served; see its other conditions")
    return found


def _judged(gateway: Gateway, listener: Listener) -> Judged:
    told = Conditions(
        gateway.metadata.generation, Accepted="Accepted", ResolvedRefs="ResolvedRefs", Programmed="Programmed"
    )
    told.absent("Conflicted", "NoConflicts")
    if listener.protocol not in _SCHEMES:
        told.wrong("Accepted", "UnsupportedProtocol", f"protocol {listener.protocol} is not served; HTTP and HTTPS are")
        return Judged(listener, told, [])
    if listener.protocol == "HTTPS" and gateway.spec.tls is not None and gateway.spec.tls.frontend is not None:
        told.wrong("Accepted", "UnsupportedValue", "certificates of clients are not verified")
    kinds = list(_KINDS)
    if wanted := listener.allowedRoutes.kinds:
        kinds = [k.kind for k in wanted if (GROUP if k.group is None else k.group) == GROUP and k.kind in _KINDS]
        if len(kinds) < len(wanted):
            told.wrong(
                "ResolvedRefs", "InvalidRouteKinds", f"of kinds of routes only {' and '.join(_KINDS)} are served"
            )
    return Judged(listener, told, kinds)


def _conflicts(one: Judged, others: list[Judged]) -> None:
    """None of those that want the same is preferred; what is not served at all is in nobody's way."""
    for other in others:
        protocols = {one.listener.protocol, other.listener.protocol}
        if other is one or other.listener.port != one.listener.port or not protocols <= {*_SCHEMES}:
            continue
        if other.listener.protocol != one.listener.protocol:
            reason, what = "ProtocolConflict", f"protocol {other.listener.protocol}"
        elif other.host == one.host:
            reason, what = "HostnameConflict", "the same hostname"
        else:
            continue
        message = f"listener {other.listener.name} has port {one.listener.port} too, with {what}"
        one.told.wrong("Accepted", reason, message)
        one.told.noted("Conflicted", reason, message)


def _certificates(gateway: Gateway, judged: Judged, table: Table, world: World, grants: Grants) -> None:
    namespace = gateway.metadata.namespace or ""
    tls = judged.listener.tls
    for reference in tls.certificateRefs if tls else []:
        key: Key = (reference.namespace or namespace, reference.name)
        if (reference.group or "", reference.kind or "Secret") != ("", "Secret"):
            judged.told.wrong(
                "ResolvedRefs", "InvalidCertificateRef", f"{reference.kind} {reference.name} is no Secret"
            )
            continue
        if not grants.allow(gateway.kind, namespace, "Secret", key):
            message = f"no ReferenceGrant of namespace {key[0]} allows Secret {key[1]} to be named from here"
            judged.told.wrong("ResolvedRefs", "RefNotPermitted", message)
            continue
        table.secrets.add(key)
        pem, fault = from_secret(world.secret(*key), world.certificate_fault)
        if fault:
            judged.told.wrong("ResolvedRefs", "InvalidCertificateRef", f"Secret {'/'.join(key)}: {fault}")
            continue
        certificate = Certificate(key, pem)
        table.certificates[certificate.file] = certificate
        judged.certificates.append(certificate.file)
    if not judged.certificates:
        judged.told.wrong("ResolvedRefs", "InvalidCertificateRef", "there is no certificate")
