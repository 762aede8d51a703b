"""Services of type LoadBalancer get addresses, keep them, give them back."""

from __future__ import annotations

from pybernetes.api.core.v1 import Event, Node, Pod, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from tests.integration.cluster_world import NODE, World, in_world


async def make(w: World, name: str, port: int = 80, **spec: object) -> None:
    body = {"type": "LoadBalancer", "selector": {"app": name}, "ports": [{"port": port}], **spec}
    await w.create(Service, {"metadata": {"name": name}, "spec": body})


async def addresses(w: World, name: str) -> list[tuple[str | None, str | None]]:
    balancer = (await w.client.get(Service, name, "default")).status.loadBalancer
    return [(entry.ip, entry.ipMode) for entry in balancer.ingress] if balancer else []


async def until_has(w: World, name: str, *ips: str) -> None:
    async def has() -> bool:
        return await addresses(w, name) == [(ip, "VIP") for ip in ips]

    await w.until(has, 30)


async def node_has(w: World, address: str, node: str = NODE) -> None:
    status = {
        "addresses": [{"type": "InternalIP", "address": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    await w.client.patch(Node, node, "", {"status": status}, subresource="status")


async def reasons(w: World, name: str) -> list[str | None]:
    return [e.reason for e in await w.items(Event) if e.involvedObject.name == name]


def test_each_service_gets_an_address_of_the_pool() -> None:
    async def body(w: World) -> None:
        for name in ("a", "b"):
            await make(w, name)
        await until_has(w, "a", "203.0.113.1")
        await until_has(w, "b", "203.0.113.2")
        await make(w, "c")
        await w.settle()
        assert await addresses(w, "c") == []
        assert "SyncLoadBalancerFailed" in await reasons(w, "c")
        await make(w, "theirs", loadBalancerClass="example.com/other")
        await w.client.delete(Service, "a", "default")
        await until_has(w, "c", "203.0.113.1")
        assert await addresses(w, "theirs") == []
        await w.settle()
        assert {"EnsuringLoadBalancer", "EnsuredLoadBalancer"} <= set(await reasons(w, "b"))

    in_world(body, load_balancer_pool=("203.0.113.0/30",))


def test_without_a_pool_services_share_the_nodes_addresses() -> None:
    async def body(w: World) -> None:
        await node_has(w, "192.0.2.7")
        await make(w, "web")
        await until_has(w, "web", "192.0.2.7")
        found = await w.client.get(Service, "web", "default")
        assert found.metadata.finalizers == ["service.kubernetes.io/load-balancer-cleanup"]
        await make(w, "other", port=81)
        await until_has(w, "other", "192.0.2.7")
        await make(w, "late")
        await w.settle()
        assert await addresses(w, "late") == [], "the older one keeps the port"
        await node_has(w, "192.0.2.8")
        await until_has(w, "web", "192.0.2.8")
        await w.client.patch(Service, "web", "default", {"spec": {"type": "ClusterIP"}})
        await until_has(w, "web")

        async def given_back() -> bool:
            return not (await w.client.get(Service, "web", "default")).metadata.finalizers

        await w.until(given_back)
        await until_has(w, "late", "192.0.2.8")

    in_world(body)


def test_ports_of_the_cluster_itself_are_not_given() -> None:
    async def body(w: World) -> None:
        await node_has(w, "192.0.2.7")
        await make(w, "api", port=6443)
        await make(w, "web")
        await until_has(w, "web", "192.0.2.7")
        await w.settle()
        assert await addresses(w, "api") == []
        (why,) = [e.message for e in await w.items(Event) if e.reason == "SyncLoadBalancerFailed"]
        assert "port 6443/TCP of the nodes is the cluster's own" in (why or "")

    in_world(body, load_balancer_reserved_ports=(6443, 10250))


def test_with_local_traffic_only_nodes_with_an_endpoint_count() -> None:
    async def body(w: World) -> None:
        await w.create(Node, {"metadata": {"name": "other"}})
        await node_has(w, "192.0.2.7")
        await node_has(w, "192.0.2.8", "other")
        await make(w, "web", externalTrafficPolicy="Local")
        await until_has(w, "web", "192.0.2.7", "192.0.2.8")  # none has one yet
        container = {"name": "c", "image": "good"}
        await w.create(Pod, {"metadata": {"name": "p", "labels": {"app": "web"}}, "spec": {"containers": [container]}})
        ips = {"status": {"podIP": "10.244.0.5", "podIPs": [{"ip": "10.244.0.5"}]}}
        await w.client.patch(Pod, "p", "default", ips, subresource="status")
        await until_has(w, "web", "192.0.2.7")

    in_world(body)


def test_with_local_traffic_endpoints_that_people_made_count() -> None:
    async def body(w: World) -> None:
        await node_has(w, "192.0.2.7")
        await make(w, "web", externalTrafficPolicy="Local", selector={})
        meta = {"name": "by-hand", "labels": {"kubernetes.io/service-name": "web"}}
        endpoint = {"addresses": ["10.244.0.5"], "nodeName": NODE, "conditions": {"ready": True}}
        await w.create(
            EndpointSlice,
            {"metadata": meta, "addressType": "IPv4", "endpoints": [endpoint], "ports": [{"name": "", "port": 80}]},
        )
        await until_has(w, "web", "192.0.2.7")

    in_world(body)
