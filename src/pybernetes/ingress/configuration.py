"""Pure: the routing table as HAProxy's configuration, its maps and its lists of certificates.

A host and path are looked up in maps: the exact ones first, then the longest prefix; for the host, then for its
wildcard, then for every host. Prefixes end with "/" and so does what is looked up, so that they match by element. Where
routes have further conditions, what a map leads to is a number under which rules try these routes in their order.
Endpoints fill slots of a backend, of which there are more than needed: they change without another process.

Texts of users are keys of maps, or stand here percent-encoded or as digits: none can be a word of the configuration.

Source: HAProxy 2.6 configuration manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from pybernetes.host.ip_families import socket_address
from pybernetes.ingress.table import (
    FAULTY,
    NOT_FOUND,
    UNAVAILABLE,
    Backend,
    Condition,
    Frontend,
    Route,
    Table,
    Treatment,
)

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
_NAME = re.compile(r"[A-Za-z0-9_.~!&*+^|-]+")
"""Of headers and parameters, so far as they may stand in the configuration as they are."""


_ANY_HOST = "-"
"""Stands in maps for the host of what is for every host: a path alone is what is looked up where there is no host."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files of one generation, by name; what they say of endpoints is only where these start."""

    files: Mapping[str, str]
    structure: str
    """Equal for configurations that differ only in endpoints and contents of certificates."""
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def is_name(text: str) -> bool:
    """Whether a header or a parameter of this name can be told to the proxy."""
    return _NAME.fullmatch(text) is not None


def is_text(text: str) -> bool:
    """Whether it may become part of a message: a line break in it would begin another header."""
    return _CONTROL.search(text) is None


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
    table: Table, threads: int, folder: Path, certificates: Path, before: Mapping[str, tuple[str, ...]]
) -> Rendered:
    """`folder` will hold the files, `certificates` holds the table's and fallback.pem; `threads` 0: its choice."""
    slots = {
        name: fill(backend.servers, before.get(name) or (EMPTY,) * _LEAST_SLOTS)
        for name, backend in sorted(table.backends.items())
    }
    files: dict[str, str] = {}
    head = [*_general(threads, folder)]
    for frontend in table.frontends:
        lookups = _Lookups(frontend)
        files |= lookups.maps
        if frontend.secure:
            files[f"{frontend.name}-certificates.txt"] = _certificates(frontend, table, certificates)
        head += _frontend(frontend, lookups, table.splits, folder)
    head += _FIXED
    backends: list[str] = []
    shapes: list[str] = []
    for name, of_backend in slots.items():
        lines = _backend(table.backends[name])
        servers = [] if table.backends[name].treatment.redirect else of_backend
        backends += [*lines, *(_server(number, server) for number, server in enumerate(servers))]
        shapes += [*lines, f"{len(of_backend)} slots"]
    files["haproxy.cfg"] = "\n".join([*head, *backends]) + "\n"
    plain = "\n".join(head).replace(str(folder), "FOLDER")
    structure = "\n".join([plain, *shapes, *(files[name] for name in sorted(files) if name != "haproxy.cfg")])
    return Rendered(files, structure, slots)


def _certificates(frontend: Frontend, table: Table, folder: Path) -> str:
    """The one at the top is shown to those that ask for no name, or for one that no other is for."""
    first = frontend.fallback if frontend.fallback in table.certificates else "fallback.pem"
    listed = [f"{folder}/{first}"]
    for shown in frontend.shown:
        if shown.file in table.certificates:
            listed.append(" ".join((f"{folder}/{shown.file}", *shown.hosts)))
    return "\n".join(listed) + "\n"


def _general(threads: int, folder: Path) -> list[str]:
    return [
        "global",
        f"    user {_USER}",
        f"    group {_GROUP}",
        f"    maxconn {_MOST_CONNECTIONS}",
        *([f"    nbthread {threads}"] if threads else []),
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


def _refusal(backend: str, status: int, why: str) -> list[str]:
    """A call by gRPC is refused once all of it is there, or it goes on: else its client sees a broken stream."""
    return [
        f"backend {backend}",
        "    http-request wait-for-body time 1s if { req.hdr(content-type) -m beg application/grpc }",
        f'    http-request return status {status} content-type text/plain string "{why}"',
    ]


_FIXED = [
    *_refusal(NOT_FOUND, 404, "no rule is for this host and path"),
    *_refusal(UNAVAILABLE, 503, "the Service of this path is not there"),
    *_refusal(FAULTY, 500, "the rule for this path leads to no Service"),
]
_STAGES = (("named", "host"), ("wildcard", "wild"), ("any", ""))
"""Kinds of hosts in the order in which they are looked for, and the variable that holds what is looked for."""


class _Lookups:
    """What a frontend's maps say, and in which order the routes of one place are tried where they have conditions."""

    def __init__(self, frontend: Frontend) -> None:
        places: dict[tuple[str, str, bool], list[Route]] = {}
        for route in frontend.routes:
            places.setdefault((route.host, route.path, route.exact), []).append(route)
        self.groups: dict[tuple[str, bool], dict[str, list[Route]]] = {}
        """By the stage that leads to them: kind of host, and whether the path was exact."""
        exact, prefix = [], []
        wildcards = {route.host[1:] for route in frontend.routes if route.host.startswith("*")}
        for (host, path, is_exact), routes in places.items():
            target = routes[0].target
            if routes[0].conditions:
                target = f"group-{sum(map(len, self.groups.values()))}"
                stage = self.groups.setdefault((_host_kind(host), is_exact), {})
                stage[target] = routes if is_exact else [*routes, *_shorter(places, host, path)]
            if is_exact:
                exact.append(f"{host or _ANY_HOST}{path} {target}\n")
            else:
                prefix.append(f"{host or _ANY_HOST}{path}/ {target}\n")
        self.depth = 1
        """How many wildcards are one below the other."""
        self.stages = {(_host_kind(host), is_exact) for host, _, is_exact in places}
        self.maps = {f"{frontend.name}-exact.map": "".join(exact), f"{frontend.name}-prefix.map": "".join(prefix)}
        if frontend.deep:
            # The first one that fits is taken, so the longest comes first; where it leads nowhere, a wider one is next.
            ordered = sorted(wildcards, key=lambda end: (-len(end), end))
            wider = {end: next((o for o in ordered if o != end and end.endswith(o)), "") for end in ordered}
            self.maps[f"{frontend.name}-wildcards.map"] = "".join(f"{end} *{end}\n" for end in ordered)
            self.maps[f"{frontend.name}-wider.map"] = "".join(f"*{end} *{o}\n" for end, o in wider.items() if o)
            for end in ordered:
                depth = 1
                while end := wider[end]:
                    depth += 1
                self.depth = max(self.depth, depth)


def _shorter(places: Mapping[tuple[str, str, bool], list[Route]], host: str, path: str) -> list[Route]:
    """The routes of the host for the paths that a path is below of, the longest first."""
    found: list[Route] = []
    while path:
        path = path.rpartition("/")[0]
        found += places.get((host, path, False), ())
    return found


def _frontend(
    frontend: Frontend, lookups: _Lookups, splits: Mapping[str, tuple[tuple[int, str], ...]], folder: Path
) -> list[str]:
    scheme = "https" if frontend.secure else "http"
    tls = f" ssl crt-list {folder}/{frontend.name}-certificates.txt alpn h2,http/1.1" if frontend.secure else ""
    lines = [f"frontend {frontend.name}"]
    for address, port in frontend.listens:
        lines.append(f"    bind {socket_address(address, port)}{tls}")
    lines += [
        "    http-request disable-l7-retry unless { method GET HEAD OPTIONS }",
        "    http-request set-header X-Forwarded-For %[src]",
        "    http-request set-header X-Real-IP %[src]",
        "    http-request set-header X-Forwarded-Host %[req.hdr(host)]",
        f"    http-request set-header X-Forwarded-Port {frontend.port}",
        f"    http-request set-header X-Forwarded-Proto {scheme}",
        "    http-request set-var(txn.host) req.hdr(host),field(1,:),lower,rtrim(.)",
    ]
    unless_found = ""
    place = f"{folder}/{frontend.name}"
    wild = f"var(txn.host),map_end({place}-wildcards.map)" if frontend.deep else "var(txn.host),regsub('^[^.]+','*')"
    wilds = [wild, *[f"var(txn.wild),map_str({place}-wider.map)"] * (lookups.depth - 1)]
    named, wildcard, any_host = _STAGES
    for (kind, name), wild in ((named, ""), *((wildcard, wild) for wild in wilds), (any_host, "")):
        stages = [exact for exact in (True, False) if (kind, exact) in lookups.stages]
        if stages and wild:
            lines.append(f"    http-request set-var(txn.wild) {wild}{unless_found}")
        for exact in stages:
            prefix = f"%[var(txn.{name})]" if name else _ANY_HOST
            text = f"{prefix}%[path]" if exact else f"{prefix}%[path]/"
            look = f"map_{'str' if exact else 'beg'}({place}-{'exact' if exact else 'prefix'}.map)"
            lines.append(f'    http-request set-var-fmt(txn.key) "{text}"{unless_found}')
            lines.append(f"    http-request set-var(txn.route) var(txn.key),{look}{unless_found}")
            for group, routes in lookups.groups.get((kind, exact), {}).items():
                lines += _group(group, routes)
            unless_found = " if !{ var(txn.route) -m found }"
    for target in dict.fromkeys(route.target for route in frontend.routes if route.target in splits):
        lines += _split(target, splits[target])
    lines.append("    use_backend %[var(txn.route)] if { var(txn.route) -m found }")
    lines.append(f"    default_backend {NOT_FOUND}")
    return lines


def _host_kind(host: str) -> str:
    return "any" if not host else "wildcard" if host.startswith("*") else "named"


def _group(name: str, routes: Iterable[Route]) -> list[str]:
    """Tries the routes in their order; without any that fits the request is looked up on."""
    here = f"{{ var(txn.route) -m str {name} }}"
    lines = []
    for route in routes:
        tests = " ".join((here, *map(_test, route.conditions)))
        lines.append(f"    http-request set-var(txn.route) str({route.target}) if {tests}")
        if not route.conditions:
            return lines
    return [*lines, f"    http-request unset-var(txn.route) if {here}"]


def _test(condition: Condition) -> str:
    """Values are compared by the digits of their bytes."""
    if condition.on == "method":
        return f"{{ method {_named(condition.value)} }}"
    name = _named(condition.name)
    what = f"req.fhdr({name},1)" if condition.on == "header" else f"urlp({name}),url_dec(1)"
    return f"{{ {what},hex -m str {condition.value.encode().hex().upper()} }}"


def _split(name: str, shares: tuple[tuple[int, str], ...]) -> list[str]:
    here = f"{{ var(txn.route) -m str {name} }}"
    lines = [f"    http-request set-var(txn.dice) rand({sum(weight for weight, _ in shares)}) if {here}"]
    below = 0
    for weight, backend in shares:
        below += weight
        lines.append(
            f"    http-request set-var(txn.route) str({backend}) if {here} {{ var(txn.dice) -m int lt {below} }}"
        )
    return lines


def _named(text: str) -> str:
    assert is_name(text), text
    return text


def _said(text: str) -> str:
    """A text of a user, in a format: nothing of it is read as anything else."""
    assert is_text(text), text
    return f"%[str({quote(text, safe='')}),url_dec]" if text else ""


def _backend(backend: Backend) -> list[str]:
    """Without its servers. Every value was parsed: numbers, networks, words of a list; or is said by `_said`."""
    chosen = backend.treatment
    lines = [f"backend {backend.name}"]
    if chosen.connect_ms:
        lines.append(f"    timeout connect {chosen.connect_ms}ms")
    if chosen.read_ms:
        lines += [f"    timeout server {chosen.read_ms}ms", f"    timeout tunnel {chosen.read_ms}ms"]
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
    lines += _changes(chosen)
    how = {"h2c": "proto h2", "h2": "ssl verify none alpn h2", "https": "ssl verify none"}.get(backend.protocol, "")
    if how:
        lines.append(f"    default-server {how}")
    return lines


def _changes(chosen: Treatment) -> list[str]:
    """Of the request, then of the answer."""
    lines = []
    if chosen.rewrite or chosen.rest_from is not None:
        rest = (
            "" if chosen.rest_from is None else f"%[path,bytes({chosen.rest_from})]" if chosen.rest_from else "%[path]"
        )
        lines.append(f"    http-request set-path {_said(chosen.rewrite)}{rest}")
    if chosen.redirect is not None:
        to = chosen.redirect
        where = f"{_said(to.host) or '%[var(txn.host)]'}{f':{to.port}' if to.port else ''}"
        return [*lines, f"    http-request redirect location {to.scheme}://{where}%[pathq] code {to.code}"]
    if chosen.host:
        lines.append(f"    http-request set-header Host {_said(chosen.host)}")
    for message, headers in (("request", chosen.request), ("response", chosen.response)):
        for verb, changed in (("set", headers.set), ("add", headers.add)):
            lines += [f"    http-{message} {verb}-header {_named(name)} {_said(value)}" for name, value in changed]
        lines += [f"    http-{message} del-header {_named(name)}" for name in headers.remove]
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
