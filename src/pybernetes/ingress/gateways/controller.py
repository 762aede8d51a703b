"""The shell around Gateways: what is watched for them, the Service through which each is reached, their statuses.

A Gateway has an address of its own, so that many may have listeners of one port: that of a Service without a selector,
whose EndpointSlice leads to a port of the proxy. Nothing but one CustomResourceDefinition is watched as long as the
Gateway API is not installed, and nothing but GatewayClasses and Gateways until there is a Gateway of ours.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

import msgspec

from pybernetes.api.apiextensions.v1 import CustomResourceDefinition
from pybernetes.api.core.v1 import Namespace, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.client.client import Client
from pybernetes.client.informer import Informer, InformerFactory
from pybernetes.host.clock import Clock
from pybernetes.host.ip_families import socket_family
from pybernetes.ingress.gateways.api import (
    GROUP,
    Gateway,
    GatewayClass,
    GRPCRoute,
    HTTPRoute,
    ReferenceGrant,
)
from pybernetes.ingress.gateways.conditions import merged
from pybernetes.ingress.gateways.features import FEATURES
from pybernetes.ingress.gateways.routes import (
    CONTROLLER,
    Objects,
    Told,
    add_to,
    class_conditions,
    key_of,
)
from pybernetes.ingress.gateways.written import (
    address_of,
    different,
    gateway_status,
    is_ours,
    leads_elsewhere,
    own_service,
    own_slice,
    port_name,
    route_status,
    service_key,
    trees,
)
from pybernetes.ingress.table import Key, Table, World

log = logging.getLogger(__name__)

CLASS = "pybernetes"
_PORTS = range(11000, 15000)
"""Of this machine, for listeners: below those of connections and of the NodePorts that any cluster here gives."""


class Gateways:
    def __init__(
        self, client: Client, factory: InformerFactory, clock: Clock, wake: Callable[[], None], address: str, pool: bool
    ) -> None:
        """`address`: where nodes and Pods reach the proxy; `pool`: whether Services get balancers' addresses."""
        self._client = client
        self._factory = factory
        self._clock = clock
        self._wake = wake
        self._address = address
        self._pool = pool
        self._definitions: dict[str, Informer[CustomResourceDefinition]] = {}
        self._informers: dict[type[Any], Informer[Any]] = {}
        self._ports: dict[tuple[Key, int], int] = {}
        self._looked_for_class = False
        if address:
            self._definition(Gateway)

    async def gateways(self) -> list[Gateway]:
        """Ours; begins to watch what they need."""
        if not (self._address and await self._defined(Gateway) and await self._defined(GatewayClass)):
            return []
        await self._follow(GatewayClass, Gateway)
        await self._ensure_class()
        ours = {found.metadata.name for found in self._list(GatewayClass) if found.spec.controllerName == CONTROLLER}
        found = [gateway for gateway in self._list(Gateway) if gateway.spec.gatewayClassName in ours]
        if found:
            kinds = [kind for kind in (HTTPRoute, GRPCRoute, ReferenceGrant) if await self._defined(kind)]
            await self._follow(*kinds, Namespace)
        return found

    async def _ensure_class(self) -> None:
        """Makes our GatewayClass unless there is one, once."""
        if self._looked_for_class:
            return
        self._looked_for_class = True
        if not any(found.spec.controllerName == CONTROLLER for found in self._list(GatewayClass)):
            resource = GatewayClass.RESOURCE
            made = {"metadata": {"name": CLASS}, "spec": {"controllerName": CONTROLLER}}
            try:
                await self._client.dynamic.create(
                    resource, {"apiVersion": resource.api_version, "kind": resource.kind, **made}
                )
            except errors.AlreadyExists:
                log.info("the GatewayClass %s is another controller's", CLASS)

    def add_to(self, table: Table, gateways: list[Gateway], world: World, *, running: bool) -> Told:
        """`running`: the proxy has the ports that were given out before, by whom ever."""
        services = {key: world.service(*service_key(key)) for key in map(key_of, gateways)}
        self._ports = self._numbered(gateways, world, running)
        table.services |= {service_key(key_of(gateway)) for gateway in gateways}
        labels = {found.metadata.name: found.metadata.labels for found in self._list(Namespace)}
        objects = Objects(
            gateways,
            [*self._list(HTTPRoute), *self._list(GRPCRoute)],
            self._list(ReferenceGrant),
            lambda namespace: labels.get(namespace, {}),
            lambda key, port: (self._address, self._ports[key, port]) if (key, port) in self._ports else None,
            lambda key: address_of(services.get(key)),
        )
        return add_to(table, objects, world)

    def _numbered(self, gateways: list[Gateway], world: World, running: bool) -> dict[tuple[Key, int], int]:
        """A port of this machine for each port of each Gateway: the one it has, unless another program took it."""
        wanted = [(key_of(g), port) for g in gateways for port in dict.fromkeys(x.port for x in g.spec.listeners)]
        before = {
            (key, p.name): p.port for key, _ in wanted for s in world.slices(*service_key(key)) for p in s.ports or ()
        }
        found: dict[tuple[Key, int], int] = {}
        for key, port in wanted:
            given = self._ports.get((key, port)) or before.get((key, port_name(port)))
            if given and given not in found.values() and (running or self._free(given)):
                found[key, port] = given
        for key, port in wanted:
            if (key, port) not in found:
                start = int(sha256(f"{self._address}{key}{port}".encode()).hexdigest(), 16) % len(_PORTS)
                rotated = (_PORTS[(start + n) % len(_PORTS)] for n in range(len(_PORTS)))
                chosen = next((n for n in rotated if n not in found.values() and self._free(n)), None)
                if chosen is not None:
                    found[key, port] = chosen
        return found

    def _free(self, port: int) -> bool:
        with socket.socket(socket_family(self._address), socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._address, port))
            except OSError:
                return False
        return True

    async def publish(self, gateways: list[Gateway], told: Told, world: World) -> bool:
        """Brings Services, EndpointSlices and statuses in line; whether something failed."""
        failed = False
        for work in self._changes(gateways, told, world):
            try:
                await work
            except (errors.NotFound, errors.AlreadyExists):
                continue
            except errors.Conflict:
                failed = True
            except (errors.StatusError, OSError) as error:
                log.warning("Gateways: %s", error)
                failed = True
        return failed

    def _changes(self, gateways: list[Gateway], told: Told, world: World) -> Iterable[Any]:
        client, now = self._client, self._clock.now()
        ours = {key_of(gateway) for gateway in gateways}
        # That of a Gateway which is gone goes with its owner.
        for key in {key_of(gateway) for gateway in self._list(Gateway)} - ours:
            service = world.service(*service_key(key))
            if service is not None and is_ours(service):
                yield client.delete(Service, *reversed(service_key(key)), uid=service.metadata.uid or "")
        for gateway in gateways:
            yield from self._way_in(gateway, world)
            key = key_of(gateway)
            address = address_of(world.service(*service_key(key)))
            status = gateway_status(gateway, told.gateways[key], address, now)
            if status is not None:
                yield client.patch(Gateway, key[1], key[0], {"status": status}, subresource="status")
        for route in (*self._list(HTTPRoute), *self._list(GRPCRoute)):
            body = route_status(route, told, now)
            if body is not None:
                yield client.patch(
                    type(route), route.metadata.name or "", route.metadata.namespace or "", body, subresource="status"
                )
        for found in self._list(GatewayClass):
            if found.spec.controllerName == CONTROLLER:
                conditions = merged(found.status.conditions, class_conditions(found), now)
                if (
                    conditions != found.status.conditions
                    or [f.name for f in found.status.supportedFeatures] != FEATURES
                ):
                    status = {"conditions": trees(conditions), "supportedFeatures": [{"name": n} for n in FEATURES]}
                    yield client.patch(
                        GatewayClass, found.metadata.name or "", "", {"status": status}, subresource="status"
                    )

    def _way_in(self, gateway: Gateway, world: World) -> Iterable[Any]:
        """What is to be written so that the Gateway's Service leads to the proxy."""
        client, (namespace, name) = self._client, service_key(key_of(gateway))
        service = own_service(gateway, "LoadBalancer" if self._pool else "ClusterIP")
        held = world.service(namespace, name)
        if held is None:
            yield client.create(service)
        elif not is_ours(held):
            log.warning("Service %s/%s is in the way of Gateway %s", namespace, name, gateway.metadata.name)
            return
        elif different(held, service):
            spec = {
                "type": service.spec.type,
                "allocateLoadBalancerNodePorts": service.spec.allocateLoadBalancerNodePorts,
                "ports": [{"name": p.name, "port": p.port, "protocol": "TCP"} for p in service.spec.ports],
            }
            meta = {"labels": service.metadata.labels, "annotations": service.metadata.annotations}
            yield client.patch(Service, name, namespace, {"metadata": meta, "spec": spec})
        given = {port: n for (key, port), n in self._ports.items() if key == key_of(gateway)}
        piece = own_slice(service, self._address, given)
        known = next((s for s in world.slices(namespace, name) if s.metadata.name == name), None)
        if known is None:
            yield client.create(piece)
        elif leads_elsewhere(known, piece):
            where = {"endpoints": msgspec.to_builtins(piece.endpoints), "ports": msgspec.to_builtins(piece.ports)}
            yield client.patch(EndpointSlice, name, namespace, where)

    def _definition(self, kind: type[Any]) -> Informer[CustomResourceDefinition]:
        name = f"{kind.RESOURCE.plural}.{GROUP}"
        found = self._definitions.get(name)
        if found is None:
            found = self._factory.informer(CustomResourceDefinition, field_selector=f"metadata.name={name}")
            self._definitions[name] = found
            self._watched(found)
        return found

    async def _defined(self, kind: type[Any]) -> bool:
        informer = self._definition(kind)
        await informer.wait_synced()
        found = informer.lister.list()
        return bool(found) and condition_holds(found[0].status.conditions, "Established")

    async def _follow(self, *kinds: type[Any]) -> None:
        for kind in kinds:
            if kind not in self._informers:
                self._informers[kind] = self._factory.informer(kind)
                self._watched(self._informers[kind])
        for kind in kinds:
            await self._informers[kind].wait_synced()

    def _watched(self, informer: Informer[Any]) -> None:
        informer.add_handler(lambda _: self._wake(), lambda _, new: self._wake(), lambda _: self._wake())

    def _list(self, kind: type[Any]) -> list[Any]:
        informer = self._informers.get(kind)
        return informer.lister.list() if informer else []
