"""The definitions of the Gateway API at an apiserver, and what the controller writes for Gateways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pybernetes.api.core.v1 import Namespace, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.cli import gateway_api
from pybernetes.client.client import Client
from pybernetes.client.indexes import BY_SERVICE, service_of
from pybernetes.client.informer import InformerFactory
from pybernetes.client.transport import LocalTransport
from pybernetes.cmd.wiring import INGRESS
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.ingress.gateways.api import Gateway, GatewayClass, HTTPRoute
from pybernetes.ingress.gateways.controller import Gateways
from pybernetes.ingress.gateways.written import service_key
from pybernetes.ingress.table import Table
from pybernetes.ingress.table import World as Lookup
from pybernetes.sim.loop import run
from pybernetes.storage.memory import MemoryStore
from tests.worlds import live_in

Tree = dict[str, Any]
_ADMIN = UserInfo("admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))


class World:
    """An apiserver with the definitions, and the controller with the rights that it has in a cluster."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.api = ApiServer(ApiServerConfig(bind_addresses=(), port=-1), self.store, LoopClock(), Random(1))
        self.client = Client(LocalTransport(self.api.handler, _ADMIN), "test")

    async def start(self) -> None:
        await self.store.start()
        await self.api.start()
        await gateway_api.install(self.client, 60)
        await self.client.create(Namespace(metadata=ObjectMeta(name="shop")))

    async def stop(self) -> None:
        await self.api.stop()
        await self.store.stop()

    async def make(self, kind: type[Any], name: str, spec: Tree) -> Tree:
        tree = {
            "apiVersion": kind.RESOURCE.api_version, "kind": kind.RESOURCE.kind,
            "metadata": {"name": name, "namespace": "shop"}, "spec": spec,
        }  # fmt: skip
        return await self.client.dynamic.create(kind.RESOURCE, tree)


def in_world(scenario: Callable[[World], Awaitable[None]]) -> None:
    live_in(World, scenario, run)


def listeners(*found: Tree) -> Tree:
    return {"gatewayClassName": "pybernetes", "listeners": list(found)}


ADDRESS = "198.51.100.7"
HTTP: Tree = {"name": "http", "port": 80, "protocol": "HTTP"}
SERVICE: Tree = {"name": "web", "port": 80}


def rule(**more: Any) -> Tree:
    return {"rules": [more]}


REFUSED: list[tuple[str, type[Any], Tree, str]] = [
    ("no listener", Gateway, listeners(), "at least 1 items"),
    ("two of one name", Gateway, listeners(HTTP, {**HTTP, "port": 81}), "Duplicate value"),
    ("two alike", Gateway, listeners(HTTP, {**HTTP, "name": "b"}), "another port, protocol or hostname"),
    ("tls for HTTP", Gateway, listeners({**HTTP, "tls": {"certificateRefs": [{"name": "a"}]}}), "tls is for"),
    ("port 0", Gateway, listeners({**HTTP, "port": 0}), "greater than or equal to 1"),
    ("a host that is none", Gateway, listeners({**HTTP, "hostname": "a b"}), "should match"),
    ("no certificate", Gateway, listeners({**HTTP, "protocol": "HTTPS", "tls": {}}), "needs certificateRefs"),
    ("another controller", GatewayClass, {"controllerName": "nobody"}, "should match"),
    ("a path without /", HTTPRoute, rule(matches=[{"path": {"value": "a"}}]), "begins with /"),
    ("a path that goes up", HTTPRoute, rule(matches=[{"path": {"value": "/a/../b"}}]), "no . or .."),
    ("a line break in a path", HTTPRoute, rule(matches=[{"path": {"value": "/a\nb"}}]), "characters of paths"),
    ("a header's name", HTTPRoute, rule(matches=[{"headers": [{"name": "a b", "value": "x"}]}]), "should match"),
    ("a redirect with backends", HTTPRoute, rule(
        backendRefs=[SERVICE], filters=[{"type": "RequestRedirect", "requestRedirect": {"hostname": "a.test"}}]
    ), "has no backendRefs"),
    ("a filter of another type", HTTPRoute, rule(filters=[{"type": "URLRewrite", "requestRedirect": {}}]), "goes with"),
    ("the same filter twice", HTTPRoute, rule(
        filters=[{"type": "URLRewrite", "urlRewrite": {"hostname": f"{n}.test"}} for n in range(2)]
    ), "cannot be repeated"),
    ("a Service without a port", HTTPRoute, rule(backendRefs=[{"name": "web"}]), "named with a port"),
    ("a weight below zero", HTTPRoute, rule(backendRefs=[{**SERVICE, "weight": -1}]), "greater than or equal to 0"),
    ("limits the wrong way", HTTPRoute, rule(timeouts={"request": "1s", "backendRequest": "2s"}), "not longer than"),
    ("the prefix of two matches", HTTPRoute, rule(
        matches=[{"path": {"value": "/a"}}, {"path": {"value": "/b"}}],
        filters=[
            {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}
        ],
    ), "exactly one match"),
    ("a parent twice", HTTPRoute, {"parentRefs": [{"name": "g"}, {"name": "g"}]}, "named once"),
]  # fmt: skip


def test_what_the_schemas_refuse() -> None:
    async def scenario(world: World) -> None:
        for name, kind, spec, message in REFUSED:
            with pytest.raises(errors.Invalid) as caught:
                await world.make(kind, "x", spec)
            assert message in str(caught.value), f"{name}: {caught.value}"

    in_world(scenario)


def test_what_goes_without_saying() -> None:
    async def scenario(world: World) -> None:
        made = await world.make(Gateway, "g", listeners(HTTP))
        assert made["spec"]["listeners"][0]["allowedRoutes"] == {"namespaces": {"from": "Same"}}
        assert [c["status"] for c in made["status"]["conditions"]] == ["Unknown", "Unknown"]
        route = await world.make(HTTPRoute, "r", {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [SERVICE]}]})
        parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "g"}
        assert route["spec"]["parentRefs"] == [parent]
        (only,) = route["spec"]["rules"]
        assert only["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
        assert only["backendRefs"] == [{"group": "", "kind": "Service", "weight": 1, **SERVICE}]
        await gateway_api.install(world.client, 60)

    in_world(scenario)


class Controller:
    """Gateways' part of the controller, with the rights that it has in a cluster; no proxy runs."""

    def __init__(self, world: World, address: str = ADDRESS) -> None:
        client = Client(LocalTransport(world.api.handler, INGRESS), "test")
        self.factory, self.woken = InformerFactory(client, LoopClock()), asyncio.Event()
        self.gateways = Gateways(client, self.factory, LoopClock(), self.woken.set, address, False)
        services, slices = self.factory.informer(Service), self.factory.informer(EndpointSlice)
        slices.add_index(BY_SERVICE, service_of)
        for informer in (services, slices):
            informer.add_handler(
                lambda _: self.woken.set(), lambda _, new: self.woken.set(), lambda _: self.woken.set()
            )
        self.lookup = Lookup(
            service=services.lister.get,
            slices=lambda namespace, name: slices.lister.by_index(BY_SERVICE, f"{namespace}/{name}"),
            secret=lambda namespace, name: None,
            certificate_fault=lambda pem: "",
        )
        self.tables: list[Table] = []

    async def sync(self, *, running: bool) -> bool:
        self.woken.clear()
        ours, table = await self.gateways.gateways(), Table()
        said = self.gateways.add_to(table, ours, self.lookup, running=running)
        self.tables.append(table)
        return await self.gateways.publish(ours, said, self.lookup)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async def follow() -> None:
            while True:
                await self.sync(running=False)
                await self.woken.wait()

        async with asyncio.TaskGroup() as group:
            await self.factory.start(group)
            await self.factory.wait_synced()
            following = group.create_task(follow())
            yield
            following.cancel()
            self.factory.stop()


async def until(world: World, kind: type[Any], name: str, holds: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(60):
        async for event in world.client.watch(kind, "" if kind is GatewayClass else "shop"):
            if event.type != "BOOKMARK" and event.object.metadata.name == name and holds(event.object):
                return event.object
    raise AssertionError(name)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here has the address."""
    monkeypatch.setattr(Gateways, "_free", lambda _self, _port: True)


@pytest.mark.usefixtures("free")
def test_a_gateway_gets_a_service_and_its_statuses() -> None:
    async def scenario(world: World) -> None:
        controller = Controller(world)
        async with controller.working():
            served = await until(world, GatewayClass, "pybernetes", lambda found: bool(found.status.supportedFeatures))
            assert served.status.conditions[0].status == "True"
            await world.make(Gateway, "g", listeners(HTTP))
            await world.make(HTTPRoute, "r", {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [SERVICE]}]})

            found = await until(
                world, Gateway, "g", lambda g: bool(g.status.addresses) and bool(g.status.listeners[0].attachedRoutes)
            )
            service = await world.client.get(Service, service_key(("shop", "g"))[1], "shop")
            assert [a.value for a in found.status.addresses] == [service.spec.clusterIP]
            assert [p.port for p in service.spec.ports] == [80] and service.metadata.ownerReferences[0].name == "g"
            piece = await world.client.get(EndpointSlice, service.metadata.name or "", "shop")
            port = (piece.ports or [])[0].port
            assert piece.endpoints and piece.endpoints[0].addresses == [ADDRESS]
            assert controller.tables[-1].frontends[0].listens == ((ADDRESS, port),)

            def reasons(route: HTTPRoute) -> list[str]:
                return [c.reason for parent in route.status.parents for c in parent.conditions]

            await until(world, HTTPRoute, "r", lambda r: reasons(r) == ["Accepted", "BackendNotFound"])
            # What others say of a route stays; what we said goes with its parent.
            foreign = {"parentRef": {"name": "x"}, "controllerName": "x.test/y", "conditions": []}
            await world.client.patch(HTTPRoute, "r", "shop", {"spec": {"parentRefs": [{"name": "x"}]}})
            await until(world, HTTPRoute, "r", lambda r: not r.status.parents)
            await world.client.patch(HTTPRoute, "r", "shop", {"status": {"parents": [foreign]}}, subresource="status")
            await world.client.patch(HTTPRoute, "r", "shop", {"spec": {"parentRefs": [{"name": "g"}, {"name": "x"}]}})
            both = await until(world, HTTPRoute, "r", lambda r: len(r.status.parents) == 2)
            assert [parent.controllerName for parent in both.status.parents] == ["x.test/y", "pybernetes.local/gateway"]

            await world.client.patch(Gateway, "g", "shop", {"spec": listeners({**HTTP, "port": 8080})})
            name = service.metadata.name or ""
            await until(world, Service, name, lambda s: [p.port for p in s.spec.ports] == [8080])
            await world.client.patch(Gateway, "g", "shop", {"spec": {"gatewayClassName": "else"}})
            async with asyncio.timeout(60):
                async for event in world.client.watch(Service, "shop"):
                    if event.type == "DELETED":
                        break

    in_world(scenario)


@pytest.mark.usefixtures("free")
def test_another_controller_keeps_what_is_there() -> None:
    async def scenario(world: World) -> None:
        first = Controller(world)
        async with first.working():
            await until(world, GatewayClass, "pybernetes", lambda found: True)
            await world.make(Gateway, "g", listeners(HTTP))
            await until(world, Gateway, "g", lambda g: bool(g.status.addresses))
        before = (
            (await world.client.list(Service, "shop")).items,
            (await world.client.list(EndpointSlice, "shop")).items,
        )
        second = Controller(world)
        async with asyncio.TaskGroup() as group:
            await second.factory.start(group)
            await second.factory.wait_synced()
            assert not await second.sync(running=True)
            second.factory.stop()
        after = (await world.client.list(Service, "shop")).items, (await world.client.list(EndpointSlice, "shop")).items
        assert after == before, "its first look already changes nothing"
        assert second.tables[-1].frontends == first.tables[-1].frontends
        moved = "198.51.100.8"
        async with Controller(world, moved).working():

            def leads_there(piece: EndpointSlice) -> bool:
                return [e.addresses for e in piece.endpoints or ()] == [[moved]]

            await until(world, EndpointSlice, service_key(("shop", "g"))[1], leads_there)

    in_world(scenario)
