"""The Endpoints object: plan and controller."""

from __future__ import annotations

from pybernetes.api.core.v1 import Endpoints, Pod, Service, ServicePort
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.fresh import fresh
from pybernetes.controllers.endpoints.plan import OVER_CAPACITY, plan, subsets
from tests.unit.controllers.services import pod, service
from tests.unit.controllers.world import World, scenario

Flat = list[tuple[list[str], list[str], list[int]]]


def flat(of: Service, pods: list[Pod]) -> Flat:
    return [
        ([a.ip for a in s.addresses], [a.ip for a in s.notReadyAddresses], [p.port for p in s.ports])
        for s in subsets(of, pods)
    ]


def test_addresses_share_a_subset_when_they_share_ports() -> None:
    of = service(
        ports=[
            ServicePort(name="http", port=80, targetPort="web", protocol="TCP"),
            ServicePort(name="fixed", port=81, targetPort=81, protocol="TCP"),
        ]
    )
    pods = [
        pod("a", "10.0.0.2", ports=[("web", 8080)]),
        pod("b", "10.0.0.1", ports=[("web", 8080)], ready=False),
        pod("c", "10.0.0.3", ports=[("web", 9090)]),
    ]
    found = flat(of, pods)
    assert found == [
        (["10.0.0.2", "10.0.0.3"], ["10.0.0.1"], [81]),
        (["10.0.0.2"], ["10.0.0.1"], [8080]),
        (["10.0.0.3"], [], [9090]),
    ]
    assert flat(of, pods[::-1]) == found


def test_terminating_pods_are_left_out_unless_all_are_published() -> None:
    pods = [pod("a", "10.0.0.1", terminating=True)]
    assert flat(service(), pods) == []
    assert flat(service(publishNotReadyAddresses=True), pods) == [(["10.0.0.1"], [], [8080])]


def test_a_headless_service_without_ports_lists_addresses() -> None:
    assert flat(service(clusterIP="None", ports=[]), [pod("a", "10.0.0.1")]) == [(["10.0.0.1"], [], [])]
    assert flat(service(ports=[]), [pod("a", "10.0.0.1")]) == []


def test_labels_and_annotations() -> None:
    made = plan(service(labels={"team": "x"}, clusterIP="None"), [], None, "2026-01-01T00:00:00Z")
    assert made is not None
    assert made.metadata.labels == {
        "team": "x",
        "service.kubernetes.io/headless": "",
        "endpoints.kubernetes.io/managed-by": "endpoint-controller",
    }
    assert made.metadata.annotations == {"endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z"}
    assert plan(service(labels={"team": "x"}, clusterIP="None"), [], made, "") is None


def test_more_than_a_thousand_addresses_are_cut_ready_ones_first() -> None:
    def many(start: int, count: int, *, ready: bool = True) -> list[Pod]:
        return [pod(f"p{i}", f"10.0.{i // 250}.{i % 250}", ready=ready) for i in range(start, start + count)]

    pods = many(0, 900) + many(900, 300, ready=False)
    made = plan(service(), pods, None, "")
    assert made is not None
    assert made.metadata.annotations[OVER_CAPACITY] == "truncated"
    assert (len(made.subsets[0].addresses), len(made.subsets[0].notReadyAddresses)) == (900, 100)
    current = fresh(made)
    current.metadata.resourceVersion, current.metadata.uid = "7", "u"
    assert plan(service(), pods, current, "") is None
    fewer = plan(service(), pods[:500], current, "")
    assert fewer is not None
    assert OVER_CAPACITY not in fewer.metadata.annotations
    only_ready = plan(service(), many(0, 1200), None, "")
    assert only_ready is not None
    assert len(only_ready.subsets[0].addresses) == 1000


def world() -> World:
    return World("endpoints-controller")


def ready(world: World, name: str = "web") -> list[str]:
    found = world.api.get("endpoints", name, "default").get("subsets", [])
    return [address["ip"] for subset in found for address in subset.get("addresses", [])]


def test_the_controller_follows_pods_and_services() -> None:
    async def body(world: World) -> None:
        api = world.api
        api.put(service(), "services")
        api.put(pod("a", "10.0.0.1"), "pods")
        await world.settle()
        assert ready(world) == ["10.0.0.1"]
        api.put(pod("b", "10.0.0.2"), "pods")
        api.put(pod("a", "10.0.0.1", ready=False), "pods")
        await world.settle()
        assert ready(world) == ["10.0.0.2"]
        writes = len(world.writes())
        await world.settle()
        assert len(world.writes()) == writes
        api.remove("services", "web", "default")
        await world.settle()
        assert api.all("endpoints") == []

    scenario(world, body)


def test_endpoints_of_others_are_left_alone_and_leftovers_removed() -> None:
    def before() -> World:
        made = world()
        made.api.put(Endpoints(metadata=ObjectMeta(name="leftover", namespace="default")), "endpoints")
        made.api.put(service("manual", selector={}), "services")
        made.api.put(Endpoints(metadata=ObjectMeta(name="manual", namespace="default")), "endpoints")
        return made

    async def body(world: World) -> None:
        world.api.put(Endpoints(metadata=ObjectMeta(name="early", namespace="default")), "endpoints")
        await world.settle()
        assert sorted(each["metadata"]["name"] for each in world.api.all("endpoints")) == ["early", "manual"]

    scenario(before, body)
