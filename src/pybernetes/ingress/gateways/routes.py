"""Pure: Gateways and their routes → their part of the proxy's table, and what their statuses say.

Flow: controller (lists) → `add_to` → `configuration.render` → data plane; `Told` → statuses.

A listener has its hosts for itself: a request is for the most specific listener of its port, and no route of another
one is tried. Source: https://gateway-api.sigs.k8s.io/reference/spec (Gateway, HTTPRoute, RouteStatus).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from pybernetes.api.meta.v1 import Condition
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.ingress.backends import Backends
from pybernetes.ingress.gateways import hostnames
from pybernetes.ingress.gateways.api import (
    GROUP,
    AnyRoute,
    Gateway,
    GatewayClass,
    ListenerStatus,
    ParentReference,
    ReferenceGrant,
)
from pybernetes.ingress.gateways.conditions import Conditions
from pybernetes.ingress.gateways.listeners import Judged, judged
from pybernetes.ingress.gateways.references import Grants
from pybernetes.ingress.gateways.rules import Place, Side, Targets, Unsupported, places
from pybernetes.ingress.table import NOT_FOUND, Frontend, Key, Route, Shown, Table, World

CONTROLLER = "pybernetes.local/gateway"
"""What GatewayClasses of ours name."""

RouteKey = tuple[str, str, str]
"""Kind, namespace and name."""


@dataclass(frozen=True, slots=True)
class Objects:
    gateways: list[Gateway]
    """Ours."""
    routes: list[AnyRoute]
    grants: list[ReferenceGrant]
    labels: Callable[[str], Mapping[str, str]]
    """Of a namespace."""
    listens: Callable[[Key, int], tuple[str, int] | None]
    """Address and port of this machine for a Gateway's port; None as long as there is none."""
    address: Callable[[Key], str]
    """That of a Gateway; "" as long as it has none."""


@dataclass(slots=True)
class GatewayTold:
    conditions: list[Condition]
    listeners: list[ListenerStatus]


@dataclass(slots=True)
class Told:
    gateways: dict[Key, GatewayTold] = field(default_factory=dict)
    routes: dict[RouteKey, list[tuple[ParentReference, list[Condition]]]] = field(default_factory=dict)
    """Only what is said for parents of ours."""


def class_conditions(found: GatewayClass) -> list[Condition]:
    told = Conditions(found.metadata.generation, Accepted="Accepted", SupportedVersion="SupportedVersion")
    if found.spec.parametersRef is not None:
        told.wrong("Accepted", "InvalidParameters", "this class takes no parameters")
    return told.list()


def key_of(gateway: Gateway) -> Key:
    return gateway.metadata.namespace or "", gateway.metadata.name or ""


def route_key(route: AnyRoute) -> RouteKey:
    return route.kind, route.metadata.namespace or "", route.metadata.name or ""


def add_to(table: Table, objects: Objects, world: World) -> Told:
    maker = _Maker(table, objects, world)
    for gateway in objects.gateways:
        maker.gateway(gateway)
    for route in sorted(objects.routes, key=lambda r: (r.metadata.creationTimestamp or "", route_key(r)[1:])):
        maker.route(route)
    maker.finish()
    return maker.told


@dataclass(frozen=True, slots=True)
class _Attached:
    """A rule's match at a host of a listener."""

    listener: Judged
    host: str
    place: Place
    target: str


class _Maker:
    def __init__(self, table: Table, objects: Objects, world: World) -> None:
        self.told = Told()
        self._table = table
        self._objects = objects
        self._world = world
        self._grants = Grants(objects.grants)
        self._targets = Targets(table, Backends(table, world), self._grants)
        self._gateways = {key_of(gateway): gateway for gateway in objects.gateways}
        self._listeners: dict[Key, list[Judged]] = {}
        self._attached: dict[tuple[Key, int], list[_Attached]] = {}
        """By Gateway and port, older routes and earlier rules first."""

    def gateway(self, gateway: Gateway) -> None:
        self._listeners[key_of(gateway)] = judged(gateway, self._table, self._world, self._grants)

    def route(self, route: AnyRoute) -> None:
        said = []
        for parent in route.spec.parentRefs:
            key = (parent.namespace or route.metadata.namespace or "", parent.name)
            if (parent.group or GROUP, parent.kind or "Gateway") == (GROUP, "Gateway") and key in self._gateways:
                said.append((parent, self._parent(route, parent, key)))
        self.told.routes[route_key(route)] = said

    def _parent(self, route: AnyRoute, parent: ParentReference, key: Key) -> list[Condition]:
        told = Conditions(route.metadata.generation, Accepted="Accepted", ResolvedRefs="ResolvedRefs")
        listeners = [
            found
            for found in self._listeners[key]
            if parent.sectionName in (None, found.listener.name) and parent.port in (None, found.listener.port)
        ]
        if not listeners:
            told.wrong("Accepted", "NoMatchingParent", "no listener has this name and port")
        allowed = [found for found in listeners if self._allows(found, route, key[0])]
        if not allowed:
            told.wrong("Accepted", "NotAllowedByListeners", "no listener allows routes of this kind and namespace")
        hosts = [host.lower() for host in route.spec.hostnames]
        shared = [(found, common) for found in allowed if (common := hostnames.both(found.host, hosts))]
        if not shared:
            told.wrong("Accepted", "NoMatchingListenerHostname", "no listener has a hostname of this route")
        try:
            rules = places(route)
            attached = []
            for listener, common in shared or [(found, []) for found in self._listeners[key][:1]]:
                side = Side(listener.scheme, listener.listener.port) if listener.kinds else Side("http", 0)
                for index, matched in enumerate(rules):
                    for place in matched:
                        target = self._targets.of(route, index, place, side, told)
                        attached += [_Attached(listener, host, place, target) for host in common]
        except Unsupported as error:
            told.wrong("Accepted", "UnsupportedValue", str(error))
        if told.holds("Accepted"):
            for listener, _ in shared:
                listener.attached += 1
            for each in attached:
                self._attached.setdefault((key, each.listener.listener.port), []).append(each)
        return told.list()

    def _allows(self, found: Judged, route: AnyRoute, namespace: str) -> bool:
        if route.kind not in found.kinds:
            return False
        wanted = found.listener.allowedRoutes.namespaces
        own = route.metadata.namespace or ""
        if wanted.from_ == "All":
            return True
        if wanted.from_ == "Selector":
            try:
                return LabelSelector.of(wanted.selector).matches(self._objects.labels(own))
            except SelectorError:
                return False
        return wanted.from_ in (None, "Same") and own == namespace

    def finish(self) -> None:
        for key, gateway in self._gateways.items():
            listeners = self._listeners[key]
            for port in dict.fromkeys(found.listener.port for found in listeners if found.served):
                where = self._objects.listens(key, port)
                if where is not None:
                    self._table.frontends.append(self._frontend(key, port, where))
            self.told.gateways[key] = GatewayTold(
                self._conditions(gateway, listeners), [found.status() for found in listeners]
            )

    def _frontend(self, key: Key, port: int, where: tuple[str, int]) -> Frontend:
        listeners = [found for found in self._listeners[key] if found.listener.port == port and found.served]
        by_host: dict[str, list[Route]] = {}
        served = (each for each in self._attached.get((key, port), ()) if each.listener in listeners)
        found = sorted(served, key=lambda each: each.place.weight)
        for each in found:
            if _has(each.listener, each.host, listeners):
                place = each.place
                route = Route(each.host, place.path, place.exact, each.target, place.conditions)
                by_host.setdefault(each.host, []).append(route)
        for listener in listeners:
            if listener.host:
                by_host.setdefault(listener.host, []).append(Route(listener.host, "", False, NOT_FOUND))
        secure = listeners[0].scheme == "https"
        files = {listener.host: listener.certificates for listener in listeners}
        return Frontend(
            f"gateway_{sha256('/'.join(key).encode()).hexdigest()[:12]}_{port}",
            (where,),
            port,
            [route for host in sorted(by_host) for route in by_host[host]],
            secure=secure,
            shown=tuple(Shown(file, (host,) if host else ()) for host in sorted(files) for file in files[host]),
            fallback=next((file for host in sorted(files) for file in files[host]), ""),
            deep=True,
        )

    def _conditions(self, gateway: Gateway, listeners: list[Judged]) -> list[Condition]:
        told = Conditions(gateway.metadata.generation, Accepted="Accepted", Programmed="Programmed")
        address = self._objects.address(key_of(gateway))
        for wanted in gateway.spec.addresses:
            if (wanted.type or "IPAddress") != "IPAddress":
                told.wrong("Accepted", "UnsupportedAddress", f"addresses of type {wanted.type} are not supported")
            elif wanted.value and wanted.value != address:
                told.wrong("Programmed", "AddressNotUsable", f"address {wanted.value} cannot be given")
        if gateway.spec.infrastructure is not None and gateway.spec.infrastructure.parametersRef is not None:
            told.wrong("Accepted", "InvalidParameters", "Gateways of this class take no parameters")
        accepted = [found for found in listeners if found.told.holds("Accepted")]
        if not accepted:
            told.wrong("Accepted", "ListenersNotValid", "no listener can be accepted; see their conditions")
        elif len(accepted) < len(listeners):
            told.noted("Accepted", "ListenersNotValid", "not every listener is accepted; see their conditions")
        if not told.holds("Accepted"):
            told.wrong("Programmed", "Invalid", "the Gateway is not accepted")
        elif not any(found.served for found in listeners):
            told.wrong("Programmed", "Invalid", "no listener can be served; see their conditions")
        elif not address:
            told.wrong("Programmed", "AddressNotAssigned", "it has no address yet")
        return told.list()


def _has(listener: Judged, host: str, listeners: Iterable[Judged]) -> bool:
    """Whether requests for a host are for this listener rather than for a more specific one."""
    fitting = (other.host for other in listeners if hostnames.covers(other.host, host))
    return max(fitting, key=lambda name: (not name.startswith("*"), len(name)) if name else (False, 0)) == listener.host
