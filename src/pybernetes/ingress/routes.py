"""Pure: Ingresses, IngressClasses, Services, EndpointSlices and Secrets → the table that the proxy serves.

Flow: controller (lists) → `table` → `configuration.render` → data plane. What cannot be served is told in
`Table.problems` and left out; the rest is served.

Source: https://kubernetes.io/docs/concepts/services-networking/ingress/, KEP-1453 (path types, wildcard hosts).
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from urllib.parse import quote

from pybernetes.api.core.v1 import Secret, Service, ServicePort
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.api.networking.v1 import HTTPIngressPath, Ingress, IngressBackend, IngressClass
from pybernetes.apimachinery.default_class import INGRESS_CLASS, INGRESS_MARKS, is_default
from pybernetes.ingress.annotations import Options, Unusable, options

CONTROLLER = "pybernetes.local/ingress"
"""What IngressClasses of ours name."""
UNAVAILABLE = "unavailable"
"""The backend of a rule whose Service cannot be had: it answers 503."""
REDIRECT = "redirect"
_HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_PATH = re.compile(r"/[!-~]*")
_LONGEST_PATH = 2048
"""A line of a map holds some kilobytes; requests have not much longer paths either."""
_CAPTURE = re.compile(r"(/?\(/\|\$\)\(\.\*\)|/?\(\.\*\)|/?\.\*)$")
"""The customary ends of paths that rewrite: (/|$)(.*), (.*) and .*"""
_META = frozenset("()[]{}|^$?*\\")
_PROTOCOLS = {
    "kubernetes.io/h2c": "h2c", "h2c": "h2c", "grpc": "h2c", "grpcs": "h2", "https": "https", "http": "http",
    "kubernetes.io/ws": "http", "kubernetes.io/wss": "https",
}  # fmt: skip

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Backend:
    name: str
    protocol: str
    """http, https, h2c (HTTP/2 without TLS) or h2 (with)."""
    options: Options
    prefix: str
    """The path that a rewrite with rest replaces; "" without one."""
    servers: tuple[str, ...]
    """ADDRESS:PORT, in order."""


@dataclass(frozen=True, slots=True)
class Route:
    host: str
    """A name, *.DOMAIN, or "" for every host."""
    path: str
    """Without a "/" at its end unless it is exact."""
    exact: bool
    backend: str
    redirect: bool = False
    """Whether plain HTTP is sent to HTTPS."""


@dataclass(frozen=True, slots=True)
class Certificate:
    secret: Key
    pem: bytes
    """Certificate chain and key."""
    hosts: tuple[str, ...]
    """Names it is shown for; () for those that it names itself."""

    @property
    def file(self) -> str:
        return f"{self.secret[0]}_{self.secret[1]}.pem"


@dataclass(frozen=True, slots=True)
class Problem:
    reason: str
    message: str


@dataclass(slots=True)
class Table:
    routes: list[Route] = field(default_factory=list)
    backends: dict[str, Backend] = field(default_factory=dict)
    certificates: list[Certificate] = field(default_factory=list)
    problems: dict[Key, list[Problem]] = field(default_factory=dict)
    ingresses: list[Key] = field(default_factory=list)
    """The Ingresses that are ours."""
    services: set[Key] = field(default_factory=set)
    secrets: set[Key] = field(default_factory=set)
    """What the table depends on, there or not."""


@dataclass(frozen=True, slots=True)
class World:
    """How the table's maker looks things up."""

    service: Callable[[str, str], Service | None]
    slices: Callable[[str, str], Iterable[EndpointSlice]]
    secret: Callable[[str, str], Secret | None]
    certificate_fault: Callable[[bytes], str]
    """What is wrong with a chain and key in PEM; "" when nothing is."""


def is_ours(ingress: Ingress, classes: Mapping[str, IngressClass]) -> bool:
    """By its class; without one, when the default class is ours."""
    name = ingress.spec.ingressClassName or ingress.metadata.annotations.get(INGRESS_CLASS, "")
    if name:
        found = classes.get(name)
        return found is not None and found.spec.controller == CONTROLLER
    return any(is_default(c, INGRESS_MARKS) and c.spec.controller == CONTROLLER for c in classes.values())


def key_of(ingress: Ingress) -> Key:
    return ingress.metadata.namespace or "", ingress.metadata.name or ""


def table(ingresses: Iterable[Ingress], world: World) -> Table:
    """The table of these Ingresses, all of them ours. The oldest wins where two want the same."""
    ordered = sorted(ingresses, key=lambda i: (i.metadata.creationTimestamp or "", key_of(i)))
    made = Table(ingresses=[key_of(ingress) for ingress in ordered])
    maker = _Maker(made, world)
    for ingress in ordered:
        maker.rules(ingress)
    for ingress in ordered:
        maker.defaults(ingress)
        maker.certificates(ingress)
    maker.finish()
    return made


class _Maker:
    def __init__(self, made: Table, world: World) -> None:
        self._made = made
        self._world = world
        self._options: dict[Key, Options | None] = {}
        self._routes: dict[tuple[str, str, bool], tuple[Route, Options, Key]] = {}
        self._tls_hosts: dict[str, tuple[Key, Key] | None] = {}
        """Host → its Secret and the Ingress that brought it; None: the fallback certificate."""
        self._unnamed: dict[Key, Key] = {}

    def _tell(self, key: Key, reason: str, message: str) -> None:
        found = self._made.problems.setdefault(key, [])
        problem = Problem(reason, message)
        if problem not in found:
            found.append(problem)

    def rules(self, ingress: Ingress) -> None:
        key = key_of(ingress)
        try:
            chosen, ignored = options(ingress.metadata.annotations)
        except Unusable as refused:
            self._tell(key, "Refused", str(refused))
            self._options[key] = None
            chosen, ignored = Options(), []
        else:
            self._options[key] = chosen
        for sentence in ignored:
            self._tell(key, "AnnotationIgnored", sentence)
        for rule in ingress.spec.rules:
            host = (rule.host or "").lower()
            if host and not _HOST.fullmatch(host):
                self._tell(key, "InvalidHost", f"{host[:60]!r} is no host name; its rules are left out")
                continue
            for path in rule.http.paths if rule.http else []:
                self._rule(ingress, host, path, chosen)

    def _rule(self, ingress: Ingress, host: str, path: HTTPIngressPath, chosen: Options) -> None:
        key = key_of(ingress)
        # Other letters than ASCII's come percent-encoded in requests. White space stays as it is, to be refused.
        given = path.path or "/"
        text = "".join(c if c.isascii() or c.isspace() else quote(c, errors="replace") for c in given)
        if not _PATH.fullmatch(text) or len(text) > _LONGEST_PATH:
            self._tell(
                key,
                "InvalidPath",
                f"path {given[:60]!r} has white space or control characters, or is too long; it is left out",
            )
            return
        exact = path.pathType == "Exact"
        if path.pathType == "ImplementationSpecific":
            text = _CAPTURE.sub("", text) or "/"
            if _META & {*text}:
                self._tell(
                    key,
                    "InvalidPath",
                    f"path {path.path!r}: regular expressions other than (/|$)(.*) at the end are not supported; "
                    "it is left out",
                )
                return
        normal = text if exact else text.rstrip("/")
        self._add(key, host, normal, exact, path.backend, chosen)

    def defaults(self, ingress: Ingress) -> None:
        """With rules, the default backend takes what is left of their hosts; without, what nobody takes."""
        backend, key = ingress.spec.defaultBackend, key_of(ingress)
        if backend is None:
            return
        hosts = [(rule.host or "").lower() for rule in ingress.spec.rules] or [""]
        chosen = replace(self._options.get(key) or Options(), rewrite="", rewrite_rest=False)
        for host in dict.fromkeys(hosts):
            if (host, "", False) not in self._routes and (not host or _HOST.fullmatch(host)):
                self._add(key, host, "", False, backend, chosen)

    def _add(self, key: Key, host: str, path: str, exact: bool, backend: IngressBackend, chosen: Options) -> None:
        place = (host, path, exact)
        before = self._routes.get(place)
        if before is not None:
            where = f"{host or '*'}{path or '/'}"
            other = f"Ingress {'/'.join(before[2])}" if before[2] != key else "an earlier path of this Ingress"
            self._tell(key, "Conflict", f"{where} is served by {other}, which is older; this rule has no effect")
            return
        name = UNAVAILABLE if self._options.get(key) is None else self._backend(key, backend, chosen, path)
        self._routes[place] = Route(host, path, exact, name), chosen, key

    def _backend(self, key: Key, wanted: IngressBackend, chosen: Options, path: str) -> str:
        if wanted.service is None:
            kind = wanted.resource.kind if wanted.resource else "nothing"
            self._tell(key, "ResourceBackend", f"backends of kind {kind} are not supported; name a Service")
            return UNAVAILABLE
        namespace, service_name = key[0], wanted.service.name
        self._made.services.add((namespace, service_name))
        service = self._world.service(namespace, service_name)
        if service is None:
            self._tell(key, "ServiceNotFound", f"Service {namespace}/{service_name} is not there; its paths answer 503")
            return UNAVAILABLE
        if service.spec.type == "ExternalName":
            self._tell(key, "ExternalName", f"Service {service_name} leads out of the cluster, which is not supported")
            return UNAVAILABLE
        number, label = wanted.service.port.number, wanted.service.port.name
        port = next((p for p in service.spec.ports if (p.name == label if label else p.port == number)), None)
        if port is None or (port.protocol or "TCP") != "TCP":
            self._tell(key, "PortNotFound", f"Service {service_name} has no TCP port {label or number}")
            return UNAVAILABLE
        relevant = replace(chosen, ssl_redirect=True, force_ssl_redirect=False, protocol="")
        prefix = path if chosen.rewrite_rest else ""
        protocol = chosen.protocol or _PROTOCOLS.get((port.appProtocol or "").lower(), "http")
        name = f"{namespace}_{service_name}_{port.port}"
        if relevant != Options() or protocol != "http":
            name += "_" + sha256(repr((relevant, protocol, prefix)).encode()).hexdigest()[:8]
        if name not in self._made.backends:
            servers = endpoints(self._world.slices(namespace, service_name), port)
            self._made.backends[name] = Backend(name, protocol, relevant, prefix, servers)
        return name

    def certificates(self, ingress: Ingress) -> None:
        key = key_of(ingress)
        for tls in ingress.spec.tls:
            hosts = [host.lower() for host in tls.hosts if _HOST.fullmatch(host.lower())]
            secret = (key[0], tls.secretName) if tls.secretName else None
            if secret is not None:
                self._made.secrets.add(secret)
            for host in hosts:
                if self._tls_hosts.get(host) is None:
                    self._tls_hosts[host] = (secret, key) if secret else None
                elif secret is not None and self._tls_hosts[host] != (secret, key):
                    self._tell(key, "Conflict", f"the certificate of {host} comes from an older Ingress")
            if not hosts and secret is not None:
                self._unnamed.setdefault(secret, key)

    def finish(self) -> None:
        by_secret: dict[Key, tuple[Key, list[str]]] = {s: (k, []) for s, k in self._unnamed.items()}
        for host, found in self._tls_hosts.items():
            if found is not None:
                by_secret.setdefault(found[0], (found[1], []))[1].append(host)
        for secret, (key, hosts) in sorted(by_secret.items()):
            pem, fault = self._pem(secret)
            if fault:
                self._tell(key, "BadCertificate", f"Secret {'/'.join(secret)}: {fault}; a self-signed one is shown")
            else:
                shown = () if secret in self._unnamed else tuple(sorted(hosts))
                self._made.certificates.append(Certificate(secret, pem, shown))
        for route, chosen, _ in self._routes.values():
            redirect = chosen.force_ssl_redirect or (chosen.ssl_redirect and self._has_tls(route.host))
            self._made.routes.append(replace(route, redirect=redirect))
        self._made.routes.sort(key=lambda r: (r.host, r.path, r.exact))

    def _has_tls(self, host: str) -> bool:
        wildcard = "" if host.startswith("*") else f"*.{host.partition('.')[2]}"
        return host in self._tls_hosts or wildcard in self._tls_hosts

    def _pem(self, key: Key) -> tuple[bytes, str]:
        secret = self._world.secret(*key)
        if secret is None:
            return b"", "it is not there"
        parts = [b64decode(secret.data.get(name, "")) for name in ("tls.crt", "tls.key")]
        if not all(parts):
            return b"", "it lacks tls.crt or tls.key"
        lines = [line.strip() for part in parts for line in part.splitlines()]
        pem = b"\n".join(line for line in lines if line) + b"\n"
        return pem, self._world.certificate_fault(pem)


def endpoints(slices: Iterable[EndpointSlice], port: ServicePort) -> tuple[str, ...]:
    """ADDRESS:PORT of the ready endpoints; without any, of those that terminate but serve still (KEP-1669)."""
    ready: set[str] = set()
    leaving: set[str] = set()
    for piece in slices:
        if piece.addressType not in ("IPv4", "IPv6"):
            continue
        named = [p for p in piece.ports or () if (p.name or "") == (port.name or "")]
        number = next((p.port for p in named if (p.protocol or "TCP") == "TCP"), None)
        if not number:
            continue
        for endpoint in piece.endpoints or ():
            conditions = endpoint.conditions
            if conditions.ready is not False:
                target = ready
            elif conditions.serving and conditions.terminating:
                target = leaving
            else:
                continue
            for address in endpoint.addresses[:1]:
                target.add(f"[{address}]:{number}" if ":" in address else f"{address}:{number}")
    return tuple(sorted(ready or leaving))
