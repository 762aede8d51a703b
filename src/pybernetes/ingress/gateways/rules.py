"""Pure: the rules of HTTPRoutes and GRPCRoutes → what a frontend matches, and what is done then.

A rule says more than the proxy can do: `Unsupported` then, and its route is not accepted.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule, #grpcrouterule; GEP-1016.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from pybernetes.apimachinery.times import TimeError, parse_duration
from pybernetes.ingress.backends import Backends, Unreachable
from pybernetes.ingress.configuration import is_name, is_text
from pybernetes.ingress.gateways.api import (
    AnyRoute,
    BackendReference,
    Filter,
    GRPCRoute,
    GrpcRule,
    HeaderModifier,
    HttpRule,
    Match,
    PathModifier,
    RequestRedirect,
)
from pybernetes.ingress.gateways.conditions import Conditions
from pybernetes.ingress.gateways.references import Grants
from pybernetes.ingress.table import FAULTY, Condition, Headers, Redirect, Table, Treatment

_PATH = re.compile(r"/[!-~]*")
_WELL_KNOWN = {"http": 80, "https": 443}
_UNLIMITED_MS = 86_400_000
_FRAMING = frozenset(
    ("connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
"""Headers by which messages are told apart, and the host, which has a field of its own."""


class Unsupported(Exception):
    """A value that the proxy cannot serve; the text is for the route's condition."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a rule matches."""

    path: str
    exact: bool
    conditions: tuple[Condition, ...]

    @property
    def weight(self) -> tuple[int, int, int]:
        """Less goes first among those for one path."""
        kinds = [condition.on for condition in self.conditions]
        return -kinds.count("method"), -kinds.count("header"), -kinds.count("query")


@dataclass(frozen=True, slots=True)
class Side:
    """Of a listener what redirects depend on."""

    scheme: str
    port: int


def places(route: AnyRoute) -> list[list[Place]]:
    """By rule, what it matches. Raises Unsupported."""
    if isinstance(route, GRPCRoute):
        return [list(_of_grpc(rule)) for rule in route.spec.rules] or [[Place("", False, ())]]
    return [list(_of_http(rule)) for rule in route.spec.rules] or [[Place("", False, ())]]


def _of_http(rule: HttpRule) -> Iterator[Place]:
    if rule.retry is not None or rule.sessionPersistence is not None:
        raise Unsupported("retry and sessionPersistence are not supported")
    for match in rule.matches:
        conditions = [Condition("method", "", match.method)] if match.method else []
        conditions += _compared(match.headers, "header")
        conditions += _compared(match.queryParams, "query")
        if match.path.type not in ("Exact", "PathPrefix"):
            raise Unsupported(f"paths of type {match.path.type} are not supported")
        path = _path(match.path.value)
        exact = match.path.type == "Exact"
        yield Place(path if exact else path.rstrip("/"), exact, tuple(conditions))
    if not rule.matches:
        yield Place("", False, ())


def _of_grpc(rule: GrpcRule) -> Iterator[Place]:
    if rule.sessionPersistence is not None:
        raise Unsupported("sessionPersistence is not supported")
    for match in rule.matches:
        conditions = tuple(_compared(match.headers, "header"))
        method = match.method
        if method is None:
            yield Place("", False, conditions)
        elif method.type != "Exact" or not method.service:
            raise Unsupported("methods are matched by type Exact and with their service only")
        else:
            name = "/".join(("", method.service, *([method.method] if method.method else [])))
            yield Place(_path(name), bool(method.method), conditions)
    if not rule.matches:
        yield Place("", False, ())


def _compared(matches: Iterable[Match], on: str) -> list[Condition]:
    found: dict[str, Condition] = {}
    for match in matches:
        if match.type not in (None, "Exact"):
            raise Unsupported(f"{on} matches of type {match.type} are not supported")
        if not is_name(match.name):
            raise Unsupported(f"{on} {match.name!r} cannot be matched")
        name = match.name.lower() if on == "header" else match.name
        # Of several for one name the first counts.
        found.setdefault(name, Condition("header" if on == "header" else "query", name, match.value))
    return list(found.values())


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise Unsupported(f"path {text[:60]!r} has white space, control or other characters than requests have")
    return text


class Targets:
    """Makes the backends that rules lead to, in one table."""

    def __init__(self, table: Table, backends: Backends, grants: Grants) -> None:
        self._table = table
        self._backends = backends
        self._grants = grants

    def of(self, route: AnyRoute, index: int, place: Place, side: Side, told: Conditions) -> str:
        """What a rule leads to for what it matches; references that lead nowhere are told. Raises Unsupported."""
        rules: list[HttpRule] | list[GrpcRule] = route.spec.rules
        if not rules:
            return FAULTY
        rule = rules[index]
        treatment = _treated(Treatment(read_ms=_limit(rule)), rule.filters, place, side)
        if treatment.redirect is not None:
            return self._backends.answer(treatment)
        shares = []
        for reference in rule.backendRefs:
            backend = self._backend(route, reference, _treated(treatment, reference.filters, place, side), told)
            if reference.weight > 0:
                shares.append((reference.weight, backend))
        if len(shares) <= 1:
            return shares[0][1] if shares else FAULTY
        name = f"shares_{sha256(repr(shares).encode()).hexdigest()[:12]}"
        self._table.splits[name] = tuple(shares)
        return name

    def _backend(self, route: AnyRoute, reference: BackendReference, treatment: Treatment, told: Conditions) -> str:
        namespace = route.metadata.namespace or ""
        key = (reference.namespace or namespace, reference.name)
        if (reference.group or "", reference.kind or "Service") != ("", "Service"):
            told.wrong("ResolvedRefs", "InvalidKind", f"backends of kind {reference.kind} are not supported")
            return FAULTY
        if not self._grants.allow(route.kind, namespace, "Service", key):
            message = f"no ReferenceGrant of namespace {key[0]} allows Service {key[1]} to be named from here"
            told.wrong("ResolvedRefs", "RefNotPermitted", message)
            return FAULTY
        if treatment.redirect is not None:
            return self._backends.answer(treatment)
        try:
            return self._backends.lead(key, reference.port, treatment, "h2c" if isinstance(route, GRPCRoute) else "")
        except Unreachable as error:
            told.wrong("ResolvedRefs", "BackendNotFound", error.problem.message)
            return FAULTY


def _limit(rule: HttpRule | GrpcRule) -> int:
    """In milliseconds; 0 for the default."""
    if isinstance(rule, GrpcRule) or rule.timeouts is None:
        return 0
    found = []
    for text in (rule.timeouts.request, rule.timeouts.backendRequest):
        if text is not None:
            try:
                found.append(min(int(parse_duration(text) * 1000), _UNLIMITED_MS) or _UNLIMITED_MS)
            except TimeError:
                raise Unsupported(f"{text[:20]!r} is no duration") from None
    return min(found, default=0)


def _treated(treatment: Treatment, filters: Iterable[Filter], place: Place, side: Side) -> Treatment:
    for each in filters:
        if each.requestHeaderModifier is not None:
            treatment = replace(treatment, request=_joined(treatment.request, each.requestHeaderModifier))
        elif each.responseHeaderModifier is not None:
            treatment = replace(treatment, response=_joined(treatment.response, each.responseHeaderModifier))
        elif each.urlRewrite is not None:
            treatment = replace(
                _moved(treatment, each.urlRewrite.path, place), host=each.urlRewrite.hostname or treatment.host
            )
        elif each.requestRedirect is not None:
            moved = _moved(treatment, each.requestRedirect.path, place)
            treatment = replace(moved, redirect=_redirect(each.requestRedirect, side))
        else:
            raise Unsupported(f"filters of type {each.type} are not supported")
    return treatment


def _joined(before: Headers, modifier: HeaderModifier) -> Headers:
    for name in (*(h.name for h in (*modifier.set, *modifier.add)), *modifier.remove):
        if not is_name(name) or name.lower() in _FRAMING:
            raise Unsupported(f"header {name!r} cannot be changed")
    for header in (*modifier.set, *modifier.add):
        if not is_text(header.value):
            raise Unsupported(f"the value of header {header.name} has control characters")
    return Headers(
        (*before.set, *((h.name, h.value) for h in modifier.set)),
        (*before.add, *((h.name, h.value) for h in modifier.add)),
        (*before.remove, *modifier.remove),
    )


def _moved(treatment: Treatment, path: PathModifier | None, place: Place) -> Treatment:
    if path is None:
        return treatment
    if path.replaceFullPath is not None:
        return replace(treatment, rewrite=_path(f"/{path.replaceFullPath.removeprefix('/')}"), rest_from=None)
    if path.replacePrefixMatch is None or place.exact:
        raise Unsupported("replacePrefixMatch needs a match of type PathPrefix")
    prefix = path.replacePrefixMatch.rstrip("/")
    if prefix:
        return replace(treatment, rewrite=_path(f"/{prefix.removeprefix('/')}"), rest_from=len(place.path))
    return replace(treatment, rewrite="/", rest_from=len(place.path) + 1)


def _redirect(wanted: RequestRedirect, side: Side) -> Redirect:
    scheme = wanted.scheme or side.scheme
    port = wanted.port or (_WELL_KNOWN.get(scheme, 0) if wanted.scheme else side.port)
    shown = 0 if port == _WELL_KNOWN.get(scheme) else port
    return Redirect(wanted.statusCode, scheme, wanted.hostname or "", shown)
