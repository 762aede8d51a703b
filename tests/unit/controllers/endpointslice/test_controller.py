"""The EndpointSlice controller over a fake apiserver."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.apimachinery import errors
from pybernetes.http.messages import Request
from tests.unit.controllers.services import node, pod, service
from tests.unit.controllers.world import World, scenario


def world() -> World:
    return World("endpointslice-controller")


def addresses(world: World) -> dict[str, bool]:
    return {
        endpoint["addresses"][0]: endpoint["conditions"]["ready"]
        for each in world.api.all("endpointslices")
        for endpoint in each.get("endpoints") or []
    }


def test_follows_pods() -> None:
    async def body(world: World) -> None:
        api = world.api
        api.put(node("n1"), "nodes")
        api.put(service(), "services")
        api.put(pod("a", "10.0.0.1"), "pods")
        api.put(pod("other", "10.0.0.9", labels={"app": "db"}), "pods")
        await world.settle()
        assert addresses(world) == {"10.0.0.1": True}
        api.put(pod("b", "10.0.0.2", ready=False), "pods")
        await world.settle()
        assert addresses(world) == {"10.0.0.1": True, "10.0.0.2": False}
        api.put(pod("b", "10.0.0.2"), "pods")
        api.put(pod("a", "10.0.0.1", labels={"app": "db"}), "pods")
        await world.settle()
        assert addresses(world) == {"10.0.0.2": True}
        api.remove("pods", "b", "default")
        await world.settle()
        assert addresses(world) == {}
        assert len(api.all("endpointslices")) == 1

    scenario(world, body)


@pytest.mark.parametrize("controller", ["endpointslice-controller", "endpoints-controller"])
def test_a_service_of_many_pods_is_written_now_and_then_while_they_come(controller: str) -> None:
    async def body(world: World) -> None:
        world.api.put(node("n1"), "nodes")
        world.api.put(service(), "services")
        for number in range(100):
            world.api.put(pod(f"p-{number}", f"10.0.0.{number + 1}"), "pods")
            await asyncio.sleep(0.001)
        await world.settle()
        (made,) = world.api.all("endpoints" if controller == "endpoints-controller" else "endpointslices")
        assert len(made["subsets"][0]["addresses"] if "subsets" in made else made["endpoints"]) == 100
        assert len(world.writes()) < 40

    scenario(lambda: World(controller), body)


def test_is_idle_when_nothing_concerns_it() -> None:
    async def body(world: World) -> None:
        world.api.put(node("n1"), "nodes")
        world.api.put(service(), "services")
        made = pod("a", "10.0.0.1")
        world.api.put(made, "pods")
        await world.settle()
        writes = len(world.writes())
        made.metadata.annotations = {"note": "x"}
        world.api.put(made, "pods")
        world.api.put(service(), "services")
        await world.settle()
        assert len(world.writes()) == writes

    scenario(world, body)


def test_services_without_selector_and_aliases_are_left_alone() -> None:
    async def body(world: World) -> None:
        world.api.put(service("manual", selector={}), "services")
        world.api.put(service("alias", type="ExternalName", externalName="example.org"), "services")
        await world.settle()
        assert world.api.all("endpointslices") == []

    scenario(world, body)


def test_a_slice_that_somebody_deletes_comes_back() -> None:
    async def body(world: World) -> None:
        world.api.put(node("n1"), "nodes")
        world.api.put(service(), "services")
        world.api.put(pod("a", "10.0.0.1"), "pods")
        await world.settle()
        world.api.remove("endpointslices", world.api.all("endpointslices")[0]["metadata"]["name"], "default")
        await world.settle()
        assert addresses(world) == {"10.0.0.1": True}

    scenario(world, body)


def test_a_fault_is_told_and_tried_again() -> None:
    async def body(world: World) -> None:
        left = 2

        def fault(request: Request) -> errors.StatusError | None:
            nonlocal left
            if request.method == "POST" and request.path.endswith("/endpointslices") and left:
                left -= 1
                return errors.InternalError("the store is away")
            return None

        world.api.faults = fault
        world.api.put(node("n1"), "nodes")
        world.api.put(service(), "services")
        world.api.put(pod("a", "10.0.0.1"), "pods")
        await world.settle()
        assert addresses(world) == {"10.0.0.1": True}
        assert world.events("FailedToUpdateEndpointSlices")

    scenario(world, body)


def test_never_writes_twice_before_the_informer_has_caught_up() -> None:
    async def body(world: World) -> None:
        api = world.api
        api.put(node("n1"), "nodes")
        api.put(service(), "services")
        held: list[Any] = []
        tell = api._tell
        await world.settle()

        def hold(plural: str, *rest: Any) -> None:
            if plural == "endpointslices":
                held.append((plural, *rest))
            else:
                tell(plural, *rest)

        api._tell = hold  # type: ignore[method-assign]
        for index in range(1, 5):
            api.put(pod(f"p{index}", f"10.0.0.{index}"), "pods")
            await world.settle()
        assert len(held) == 1, "the other Pods wait until the first write has been seen"
        api._tell = tell  # type: ignore[method-assign]
        for each in held:
            tell(*each)
        await world.settle()
        assert len(addresses(world)) == 4
        assert len(api.all("endpointslices")) == 1

    scenario(world, body)
