"""Pure: Ingresses and what they name → their part of the table that the proxy serves.

Flow: controller (lists) → `add_to` → `configuration.render` → data plane. What cannot be served is told in
`Told.problems` and left out; the rest is served.

Source: https://kubernetes.io/docs/concepts/services-networking/ingress/, KEP-1453 (path types, wildcard hosts).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from pybernetes.api.networking.v1 import HTTPIngressPath, Ingress, IngressBackend, IngressClass
from pybernetes.apimachinery.default_class import INGRESS_CLASS, INGRESS_MARKS, is_default
from pybernetes.ingress.backends import Backends, Unreachable
from pybernetes.ingress.certificates import from_secret
from pybernetes.ingress.ingresses.annotations import Options, Unusable, options
from pybernetes.ingress.table import (
    UNAVAILABLE,
    Certificate,
    Frontend,
    Key,
    Problem,
    Redirect,
    Route,
    Shown,
    Table,
    Treatment,
    World,
)

CONTROLLER = "pybernetes.local/ingress"
"""What IngressClasses of ours name."""
_HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_PATH = re.compile(r"/[!-~]*")
_LONGEST_PATH = 2048
"""A line of a map holds some kilobytes; requests have not much longer paths either."""
_CAPTURE = re.compile(r"(/?\(/\|\$\)\(\.\*\)|/?\(\.\*\)|/?\.\*)$")
"""The customary ends of paths that rewrite: (/|$)(.*), (.*) and .*"""
_META = frozenset("()[]{}|^$?*\\")
_HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Entry:
    """Where Ingresses are served."""

    addresses: tuple[str, ...] = ("127.0.0.1",)
    http_port: int = 80
    https_port: int = 443


@dataclass(slots=True)
class Told:
    """What is to be told of the Ingresses."""

    ingresses: list[Key] = field(default_factory=list)
    problems: dict[Key, list[Problem]] = field(default_factory=dict)

    def tell(self, key: Key, problem: Problem) -> None:
        found = self.problems.setdefault(key, [])
        if problem not in found:
            found.append(problem)


def is_ours(ingress: Ingress, classes: Mapping[str, IngressClass]) -> bool:
    """By its class; without one, when the default class is ours."""
    name = ingress.spec.ingressClassName or ingress.metadata.annotations.get(INGRESS_CLASS, "")
    if name:
        found = classes.get(name)
        return found is not None and found.spec.controller == CONTROLLER
    return any(is_default(c, INGRESS_MARKS) and c.spec.controller == CONTROLLER for c in classes.values())


def key_of(ingress: Ingress) -> Key:
    return ingress.metadata.namespace or "", ingress.metadata.name or ""


def add_to(table: Table, ingresses: Iterable[Ingress], world: World, entry: Entry) -> Told:
    """Adds what these Ingresses, all of them ours, ask for. The oldest wins where two want the same."""
    ordered = sorted(ingresses, key=lambda i: (i.metadata.creationTimestamp or "", key_of(i)))
    maker = _Maker(table, world)
    maker.told.ingresses = [key_of(ingress) for ingress in ordered]
    for ingress in ordered:
        maker.rules(ingress)
    for ingress in ordered:
        maker.defaults(ingress)
        maker.certificates(ingress)
    if ordered:
        maker.finish(entry)
    return maker.told


class _Maker:
    def __init__(self, made: Table, world: World) -> None:
        self.told = Told()
        self._made = made
        self._world = world
        self._backends = Backends(made, world)
        self._options: dict[Key, Options | None] = {}
        self._routes: dict[tuple[str, str, bool], tuple[Route, Options, Key]] = {}
        self._tls_hosts: dict[str, tuple[Key, Key] | None] = {}
        """Host → its Secret and the Ingress that brought it; None: the fallback certificate."""
        self._unnamed: dict[Key, Key] = {}

    def _tell(self, key: Key, reason: str, message: str) -> None:
        self.told.tell(key, Problem(reason, message))

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
        of_paths = self._options.get(key) or Options()
        chosen = replace(of_paths, treatment=replace(of_paths.treatment, rewrite="", rest_from=None))
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
        treatment = chosen.treatment
        if treatment.rest_from is not None:
            treatment = replace(treatment, rest_from=len(path) + treatment.rest_from)
        port = wanted.service.port
        try:
            return self._backends.lead(
                (key[0], wanted.service.name), port.name or port.number, treatment, chosen.protocol
            )
        except Unreachable as refused:
            self.told.tell(key, refused.problem)
            return UNAVAILABLE

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

    def finish(self, entry: Entry) -> None:
        by_secret: dict[Key, tuple[Key, list[str]]] = {s: (k, []) for s, k in self._unnamed.items()}
        for host, found in self._tls_hosts.items():
            if found is not None:
                by_secret.setdefault(found[0], (found[1], []))[1].append(host)
        shown: list[Shown] = []
        for secret, (key, hosts) in sorted(by_secret.items()):
            pem, fault = from_secret(self._world.secret(*secret), self._world.certificate_fault)
            if fault:
                self._tell(key, "BadCertificate", f"Secret {'/'.join(secret)}: {fault}; a self-signed one is shown")
            else:
                certificate = Certificate(secret, pem)
                self._made.certificates[certificate.file] = certificate
                shown.append(Shown(certificate.file, () if secret in self._unnamed else tuple(sorted(hosts))))
        plain: list[Route] = []
        for route, chosen, _ in self._routes.values():
            redirect = chosen.force_ssl_redirect or (chosen.ssl_redirect and self._has_tls(route.host))
            plain.append(replace(route, target=self._to_https(entry)) if redirect else route)
        listens = {port: tuple((a, port) for a in entry.addresses) for port in (entry.http_port, entry.https_port)}
        self._made.frontends += [
            Frontend("http", listens[entry.http_port], entry.http_port, _sorted(plain)),
            Frontend(
                "https",
                listens[entry.https_port],
                entry.https_port,
                _sorted(route for route, _, _ in self._routes.values()),
                secure=True,
                shown=tuple(shown),
            ),
        ]

    def _to_https(self, entry: Entry) -> str:
        port = 0 if entry.https_port == _HTTPS_PORT else entry.https_port
        return self._backends.answer(Treatment(redirect=Redirect(308, "https", port=port)))

    def _has_tls(self, host: str) -> bool:
        wildcard = "" if host.startswith("*") else f"*.{host.partition('.')[2]}"
        return host in self._tls_hosts or wildcard in self._tls_hosts


def _sorted(routes: Iterable[Route]) -> list[Route]:
    return sorted(routes, key=lambda r: (r.host, r.path, r.exact))
