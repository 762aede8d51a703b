"""The proxy beside a real apiserver and in a real kernel, on a machine of its own: what it does as Services change."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Node, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.host.clock import SystemClock
from pybernetes.host.nft import LibNft, NftError
from pybernetes.host.random import Random
from pybernetes.proxy.proxy import Proxy, ProxyConfig
from pybernetes.storage.memory import MemoryStore
from tests.network_machine import Machine

CONFIG = ProxyConfig(
    "n1", "proxied", ("10.244.0.0/16", "fd00:10:244::/56"), ("10.96.0.0/16", "fd00:10:96::/112"), healthz_port=10256
)
LIMIT_S = 60


class Forgotten:
    """The connection tracking, which only notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int, set[tuple[str, int]]]] = []

    def forget_udp(self, address: str, port: int, family: int, but: Collection[tuple[str, int]]) -> None:
        self.asked.append((address, port, family, set(but)))


class Bed:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.conntrack = Forgotten()
        self.nft = LibNft()

    async def create(self, cls: Any, tree: dict[str, Any], namespace: str = "") -> Any:
        return await self.client.create(msgspec.convert(tree, cls), namespace)

    async def node(self, zone: str) -> None:
        meta = {"name": "n1", "labels": {"topology.kubernetes.io/zone": zone}}
        await self.create(Node, {"metadata": meta})

    async def service(self, name: str, protocol: str = "TCP", **spec: Any) -> Service:
        port = {"name": "p", "port": 80, "protocol": protocol}
        found: Service = await self.create(
            Service, {"metadata": {"name": name}, "spec": {"ports": [port], **spec}}, "default"
        )
        return found

    async def endpoints(self, name: str, endpoints: list[dict[str, Any]], protocol: str = "TCP") -> None:
        family = "IPv6" if ":" in endpoints[0]["addresses"][0] else "IPv4"
        tree = {
            "metadata": {"name": f"{name}-{family.lower()}", "labels": {"kubernetes.io/service-name": name}},
            "addressType": family,
            "endpoints": endpoints,
            "ports": [{"name": "p", "port": 8080, "protocol": protocol}],
        }
        await self.create(EndpointSlice, tree, "default")

    async def elements(self, name: str, family: str = "ip") -> str:
        """The elements of a map or set, as nft shows them; "" while there is no table."""
        try:
            found = await asyncio.to_thread(self.nft.query, f"list table {family} proxied")
        except NftError:
            return ""
        return str([o[k].get("elem", []) for o in found for k in ("map", "set") if o.get(k, {}).get("name") == name])

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not await condition():  # noqa: ASYNC110 (the kernel is asked)
                await asyncio.sleep(0.01)

    async def until_in(self, text: str, name: str, family: str = "ip") -> None:
        async def there() -> bool:
            return text in await self.elements(name, family)

        await self.until(there)


def on_a_machine(body: Callable[[Bed], Awaitable[None]]) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.start()
        config = ApiServerConfig(port=-1, service_cluster_ip_range=",".join(CONFIG.service_cidrs))
        server = ApiServer(config, store, SystemClock(), Random(1))
        await server.start()
        client = Client(LocalTransport(server.handler, UserInfo("test", groups=(SYSTEM_MASTERS,))), "test")
        bed = Bed(client)
        running = asyncio.create_task(Proxy(client, CONFIG, nft=bed.nft, conntrack=bed.conntrack).run())
        try:
            async with asyncio.timeout(LIMIT_S):
                await body(bed)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await server.stop(0)
            await store.stop()

    with Machine() as machine:
        machine.run(asyncio.run, main())


async def asked(port: int, path: str = "/", host: str = "127.0.0.1") -> tuple[int, str]:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    text = (await reader.read()).decode()
    writer.close()
    return int(text.split()[1]), text


@pytest.mark.e2e
def test_rules_follow_in_both_families_and_come_back() -> None:
    async def body(bed: Bed) -> None:
        made = await bed.service("web", ipFamilyPolicy="RequireDualStack")
        first, second = made.spec.clusterIPs
        await bed.until_in(first, "no-endpoint-services")
        await bed.endpoints("web", [{"addresses": ["10.244.0.2"], "nodeName": "n1"}])
        await bed.endpoints("web", [{"addresses": ["fd00:10:244::2"], "nodeName": "n1"}])
        await bed.until_in("10.244.0.2", "endpoints-0")
        await bed.until_in("fd00:10:244::2", "endpoints-0", "ip6")
        await bed.until_in("10.244.0.2", "hairpins")
        assert second in await bed.elements("service-ips", "ip6")
        assert first not in await bed.elements("no-endpoint-services")
        tool = await asyncio.create_subprocess_exec("nft", "flush", "ruleset")
        assert await tool.wait() == 0
        await bed.until_in(first, "service-ips")
        await bed.client.delete(Service, "web", "default")

        async def gone() -> bool:
            return first not in await bed.elements("service-ips") and "10.244" not in await bed.elements("hairpins")

        await bed.until(gone)

    on_a_machine(body)


@pytest.mark.e2e
def test_clients_stay_with_their_endpoint_in_tables_made_anew() -> None:
    known = {"ip": ("10.244.0.3/8080", "192.0.2.7"), "ip6": ("fd00.10.244..2/8080", "2001:db8::7")}

    async def body(bed: Bed) -> None:
        async def affinity(family: str) -> dict[str, Any]:
            """The set of the endpoint's clients; nothing while there is none."""
            with contextlib.suppress(NftError):
                for found in await asyncio.to_thread(bed.nft.query, f"list table {family} proxied"):
                    if known[family][0] in found.get("set", {}).get("name", ""):
                        return dict(found["set"])
            return {}

        async def handle() -> int:
            """Of the table, which is another one after it was made anew."""
            (table,) = (o["table"] for o in await asyncio.to_thread(bed.nft.query, "list tables ip") if "table" in o)
            return int(table["handle"])

        async def until_anew(before: int) -> None:
            async def made() -> bool:
                return await handle() != before and all([await affinity(family) for family in known])

            await bed.until(made)
            for family, (_, client) in known.items():
                (element,) = (await affinity(family))["elem"]
                assert element["elem"]["val"] == client
                assert 500 < element["elem"]["expires"] <= 600, "as long as it would have been"

        await bed.service("web", ipFamilyPolicy="RequireDualStack", sessionAffinity="ClientIP")
        await bed.endpoints("web", [{"addresses": ["10.244.0.2"]}, {"addresses": ["10.244.0.3"]}])
        await bed.endpoints("web", [{"addresses": ["fd00:10:244::2"]}])
        for family, (_, client) in known.items():
            await bed.until(partial(affinity, family))
            name = (await affinity(family))["name"]
            await asyncio.to_thread(bed.nft.apply, f"add element {family} proxied {name} {{ {client} expires 600s }}")
        before = await handle()
        tool = await asyncio.create_subprocess_exec("nft", "flush", "chain", "ip", "proxied", "nat-output")
        assert await tool.wait() == 0
        await until_anew(before)
        before = await handle()
        again = asyncio.create_task(Proxy(bed.client, replace(CONFIG, healthz_port=0)).run())
        try:
            await until_anew(before)
        finally:
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)

    on_a_machine(body)


@pytest.mark.e2e
def test_endpoints_of_headless_services_are_left_alone() -> None:
    async def body(bed: Bed) -> None:
        made = await bed.service("web")
        await bed.endpoints("web", [{"addresses": ["10.244.0.2"]}])
        await bed.until_in("10.244.0.2", "endpoints-0")
        patch = {"metadata": {"labels": {"service.kubernetes.io/headless": ""}}}
        await bed.client.patch(EndpointSlice, "web-ipv4", "default", patch)
        await bed.until_in(made.spec.clusterIP or "", "no-endpoint-services")

    on_a_machine(body)


@pytest.mark.e2e
def test_hints_follow_the_zone_of_the_node() -> None:
    async def body(bed: Bed) -> None:
        await bed.node("z1")
        await bed.service("web")
        here = [{"addresses": [f"10.244.{n}.2"], "hints": {"forZones": [{"name": f"z{n}"}]}} for n in (1, 2)]
        await bed.endpoints("web", here)
        await bed.until_in("10.244.1.2", "endpoints-0")
        assert "10.244.2.2" not in await bed.elements("endpoints-1")
        patch = {"metadata": {"labels": {"topology.kubernetes.io/zone": "z2"}}}
        await bed.client.patch(Node, "n1", "", patch)
        await bed.until_in("10.244.2.2", "endpoints-0")

    on_a_machine(body)


@pytest.mark.e2e
def test_load_balancers_ask_for_health() -> None:
    async def body(bed: Bed) -> None:
        await bed.node("z1")
        made = await bed.service("web", type="LoadBalancer", externalTrafficPolicy="Local")
        port = made.spec.healthCheckNodePort or 0

        async def answers(status: int) -> bool:
            try:
                return (await asked(port))[0] == status
            except OSError:
                return False

        await bed.until(lambda: answers(503))
        local = [{"addresses": ["10.244.0.2"], "nodeName": "n1"}, {"addresses": ["10.244.1.2"], "nodeName": "n2"}]
        await bed.endpoints("web", local)
        await bed.until(lambda: answers(200))
        _, text = await asked(port)
        assert "x-load-balancing-endpoint-weight: 1\r\n" in text.lower()
        assert '"localEndpoints": 1,\n\t"serviceProxyHealthy": true\n}' in text
        assert (await asked(port, host="::1"))[0] == 200
        assert (await asked(10256, "/healthz"))[0] == 200
        taint = {"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}
        await bed.client.patch(Node, "n1", "", {"spec": {"taints": [taint]}})

        async def leaving() -> bool:
            return (await asked(10256, "/healthz"))[0] == 503

        await bed.until(leaving)
        assert (await asked(10256, "/livez"))[0] == 200
        figures = (await asked(10249, "/metrics"))[1]
        assert 'kubeproxy_proxy_livez_total{code="200"} 1\n' in figures
        assert (await asked(10249, "/proxyMode", host="::1"))[1].endswith("\r\n\r\nnftables")
        await bed.client.patch(Service, "web", "default", {"spec": {"externalTrafficPolicy": "Cluster"}})

        async def closed() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) != 0

        await bed.until(closed)

    on_a_machine(body)


@pytest.mark.e2e
def test_udp_flows_are_forgotten_where_endpoints_change() -> None:
    async def body(bed: Bed) -> None:
        made = await bed.service("dns", "UDP", type="NodePort")
        await bed.service("web", type="NodePort")
        await bed.endpoints("web", [{"addresses": ["10.244.0.9"]}])
        serving = {"ready": False, "serving": True, "terminating": True}
        both: list[dict[str, Any]] = [
            {"addresses": ["10.244.0.2"]},
            {"addresses": ["10.244.0.3"], "conditions": serving},
        ]
        await bed.endpoints("dns", both, "UDP")
        keep = {("10.244.0.2", 8080), ("10.244.0.3", 8080)}
        wanted = [(made.spec.clusterIP, 80, 4, keep), ("", made.spec.ports[0].nodePort, 4, keep)]

        async def done() -> bool:
            return bed.conntrack.asked == wanted

        await bed.until(done)

    on_a_machine(body)
