"""Pure: the routing table as HAProxy's configuration, its maps and its list of certificates.

A host and path are looked up in maps: the exact ones first, then the longest prefix; for the host, then for its
wildcard, then for every host. Prefixes end with "/" and so does what is looked up, so that they match by element.
Endpoints fill slots of a backend, of which there are more than needed: they change without another process.

Source: HAProxy 2.6 configuration manual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pybernetes.ingress.routes import REDIRECT, UNAVAILABLE, Backend, Route, Table

EMPTY = ""
"""A slot without an endpoint."""
_NOWHERE = "127.0.0.1:1"
_USER, _GROUP = "nobody", "nogroup"
_MOST_CONNECTIONS = 4000
_DRAIN_S = 600
"""How long connections of a replaced process may last."""
_LEAST_SLOTS = 4
_CONDITION_WORDS = 20
_NO_LENGTH = "this path limits bodies and needs to be told their length"


@dataclass(frozen=True, slots=True)
class Settings:
    addresses: tuple[str, ...] = ("127.0.0.1",)
    """Where it listens."""
    http_port: int = 80
    https_port: int = 443
    threads: int = 0
    """0: one a processor."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files of one generation, by name; what they say of endpoints is only where these start."""

    files: Mapping[str, str]
    structure: str
    """Equal for configurations that differ only in endpoints and contents of certificates."""
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def fill(wanted: tuple[str, ...], before: tuple[str, ...]) -> tuple[str, ...]:
    """Endpoints in slots: each stays where it is; new ones take empty slots, more of them when there are too few.

    A slot that was left in the same step is taken last: its old connections may still be open.
    """
    slots = [server if server in wanted else EMPTY for server in before]
    size = len(slots)
    if len(wanted) > size:
        size = _LEAST_SLOTS
        while size <= len(wanted):
            size *= 2
    slots += [EMPTY] * (size - len(slots))
    free = [n for n, server in enumerate(slots) if not server]
    free.sort(key=lambda n: (n < len(before) and bool(before[n]), n))
    for server, number in zip((s for s in wanted if s not in before), free, strict=False):
        slots[number] = server
    return tuple(slots)


def render(
    table: Table, settings: Settings, folder: Path, certificates: Path, before: Mapping[str, tuple[str, ...]]
) -> Rendered:
    """`folder` will hold the files, `certificates` holds those of the table and fallback.pem."""
    slots = {
        name: fill(backend.servers, before.get(name) or (EMPTY,) * _LEAST_SLOTS)
        for name, backend in sorted(table.backends.items())
    }
    files: dict[str, str] = {}
    for scheme in ("http", "https"):
        files |= _maps(scheme, table.routes)
    listed = [f"{certificates}/fallback.pem"]
    for certificate in table.certificates:
        listed.append(" ".join((f"{certificates}/{certificate.file}", *certificate.hosts)))
    files["certificates.txt"] = "\n".join(listed) + "\n"
    head = [*_general(settings, folder)]
    for scheme in ("http", "https"):
        head += _frontend(scheme, table.routes, settings, folder)
    head += _FIXED
    backends: list[str] = []
    shapes: list[str] = []
    for name, of_backend in slots.items():
        lines = _backend(table.backends[name])
        backends += [*lines, *(_server(number, server) for number, server in enumerate(of_backend))]
        shapes += [*lines, f"{len(of_backend)} slots"]
    files["haproxy.cfg"] = "\n".join([*head, *backends]) + "\n"
    plain = "\n".join(head).replace(str(folder), "FOLDER")
    structure = "\n".join([plain, *shapes, *(files[name] for name in sorted(files) if name != "haproxy.cfg")])
    return Rendered(files, structure, slots)


def _general(settings: Settings, folder: Path) -> list[str]:
    return [
        "global",
        f"    user {_USER}",
        f"    group {_GROUP}",
        f"    maxconn {_MOST_CONNECTIONS}",
        *([f"    nbthread {settings.threads}"] if settings.threads else []),
        f"    hard-stop-after {_DRAIN_S}s",
        f"    stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners",
        "    ssl-default-bind-options ssl-min-ver TLSv1.2",
        "    tune.ssl.default-dh-param 2048",
        "defaults",
        "    mode http",
        "    timeout connect 5s",
        "    timeout client 60s",
        "    timeout server 60s",
        "    timeout queue 5s",
        "    timeout http-request 10s",
        "    timeout http-keep-alive 60s",
        "    timeout tunnel 1h",
        "    timeout client-fin 30s",
        "    retries 3",
        "    retry-on conn-failure empty-response",
        "    option redispatch 1",
        "    option idle-close-on-response",
    ]


_FIXED = [
    "backend not-found",
    '    http-request return status 404 content-type text/plain string "no Ingress has a rule for this host and path"',
    f"backend {UNAVAILABLE}",
    '    http-request return status 503 content-type text/plain string "the Service of this path is not there"',
]


def _frontend(scheme: str, routes: list[Route], settings: Settings, folder: Path) -> list[str]:
    secure = scheme == "https"
    port = settings.https_port if secure else settings.http_port
    tls = f" ssl crt-list {folder}/certificates.txt alpn h2,http/1.1" if secure else ""
    lines = [f"frontend {scheme}"]
    for address in settings.addresses:
        lines.append(f"    bind {f'[{address}]' if ':' in address else address}:{port}{tls}")
    lines += [
        "    http-request disable-l7-retry unless { method GET HEAD OPTIONS }",
        "    http-request set-header X-Forwarded-For %[src]",
        "    http-request set-header X-Real-IP %[src]",
        "    http-request set-header X-Forwarded-Host %[req.hdr(host)]",
        f"    http-request set-header X-Forwarded-Port {port}",
        f"    http-request set-header X-Forwarded-Proto {scheme}",
        "    http-request set-var(txn.host) req.hdr(host),field(1,:),lower,rtrim(.)",
    ]
    kinds = {(_host_kind(route.host), route.exact) for route in routes}
    unless_found = ""
    for kind, name in (("named", "host"), ("wildcard", "wild"), ("any", "")):
        stages = [exact for exact in (True, False) if (kind, exact) in kinds]
        if stages and kind == "wildcard":
            lines.append(f"    http-request set-var(txn.wild) var(txn.host),regsub('^[^.]+','*'){unless_found}")
        for exact in stages:
            prefix = f"%[var(txn.{name})]" if name else ""
            text = f"{prefix}%[path]" if exact else f"{prefix}%[path]/"
            look = f"map_{'str' if exact else 'beg'}({folder}/{scheme}-{'exact' if exact else 'prefix'}.map)"
            lines.append(f'    http-request set-var-fmt(txn.key) "{text}"{unless_found}')
            lines.append(f"    http-request set-var(txn.route) var(txn.key),{look}{unless_found}")
            unless_found = " if !{ var(txn.route) -m found }"
    if not secure and any(route.redirect for route in routes):
        target = "" if settings.https_port == 443 else f":{settings.https_port}"
        lines.append(
            f"    http-request redirect location https://%[var(txn.host)]{target}%[pathq] code 308"
            f" if {{ var(txn.route) -m str {REDIRECT} }}"
        )
    lines.append("    use_backend %[var(txn.route)] if { var(txn.route) -m found }")
    lines.append("    default_backend not-found")
    return lines


def _host_kind(host: str) -> str:
    return "any" if not host else "wildcard" if host.startswith("*") else "named"


def _maps(scheme: str, routes: list[Route]) -> dict[str, str]:
    exact, prefix = [], []
    for route in routes:
        backend = REDIRECT if scheme == "http" and route.redirect else route.backend
        if route.exact:
            exact.append(f"{route.host}{route.path} {backend}\n")
        else:
            prefix.append(f"{route.host}{route.path}/ {backend}\n")
    return {f"{scheme}-exact.map": "".join(exact), f"{scheme}-prefix.map": "".join(prefix)}


def _backend(backend: Backend) -> list[str]:
    """Without its servers. Every value was parsed: numbers, networks, and paths of harmless characters."""
    chosen = backend.options
    lines = [f"backend {backend.name}"]
    if chosen.connect_s:
        lines.append(f"    timeout connect {chosen.connect_s}s")
    if chosen.read_s:
        lines += [f"    timeout server {chosen.read_s}s", f"    timeout tunnel {chosen.read_s}s"]
    for start in range(0, len(chosen.sources), _CONDITION_WORDS):
        lines.append(f"    acl may-ask src {' '.join(chosen.sources[start : start + _CONDITION_WORDS])}")
    if chosen.sources:
        lines.append("    http-request deny deny_status 403 unless may-ask")
    if chosen.body_bytes:
        # Without a length a body cannot be judged before it is passed on.
        lines.append(f"    http-request deny deny_status 413 if {{ req.body_size gt {chosen.body_bytes} }}")
        for condition in (
            "{ req.hdr(transfer-encoding) -m found }",
            "{ method POST PUT PATCH } !{ req.hdr(content-length) -m found }",
        ):
            lines.append(
                f'    http-request return status 411 content-type text/plain string "{_NO_LENGTH}" if {condition}'
            )
    if chosen.rewrite:
        rest = f"%[path,bytes({len(backend.prefix.encode()) + 1})]" if chosen.rewrite_rest else ""
        lines.append(f"    http-request set-path {chosen.rewrite}{rest}")
    how = {"h2c": "proto h2", "h2": "ssl verify none alpn h2", "https": "ssl verify none"}.get(backend.protocol, "")
    if how:
        lines.append(f"    default-server {how}")
    return lines


def _server(number: int, server: str) -> str:
    return f"    server s{number} {server or _NOWHERE}{'' if server else ' disabled'}"


def server_commands(backend: str, before: tuple[str, ...], after: tuple[str, ...]) -> list[str]:
    """For the runtime API: what turns one filling of a backend's slots into another. What leaves is told first."""
    commands: list[str] = []
    changed = [n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    # A new endpoint comes before the old ones go: at no moment is there none.
    for n in sorted(changed, key=lambda n: not (after[n] and not before[n])):
        place = f"{backend}/s{n}"
        if before[n]:
            commands.append(f"set server {place} state maint")
        if after[n]:
            address, _, port = after[n].rpartition(":")
            commands.append(f"set server {place} addr {address.strip('[]')} port {port}")
            commands.append(f"set server {place} state ready")
    return commands
