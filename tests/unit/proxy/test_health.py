"""When a proxy says that it is well, and whom it lets load balancers send to."""

from __future__ import annotations

import asyncio
import json
import socket

import msgspec
import pytest

from pybernetes.api.core.v1 import Node
from pybernetes.http.client import HttpClient
from pybernetes.http.messages import Request
from pybernetes.proxy.health import HealthServers, ProxyHealth, is_eligible, service_answer
from tests.ports import free_ports


class Clock:
    time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def asked(health: ProxyHealth, path: str, node: Node | None) -> tuple[int, dict[str, object]]:
    answer = health.answer(Request("GET", path, "", {}), node)
    assert isinstance(answer.body, bytes)
    return answer.status, json.loads(answer.body)


def test_a_change_that_the_kernel_does_not_take_is_told_after_a_minute() -> None:
    clock, node = Clock(), Node()
    health = ProxyHealth(clock, (4, 6))
    health.synced()
    assert asked(health, "/healthz", node)[0] == 200
    health.changed()
    clock.time += 59
    health.changed()
    assert asked(health, "/livez", node)[0] == 200, "not late yet"
    clock.time += 2
    status, body = asked(health, "/livez", node)
    assert (status, body["healthy"], body["lastUpdated"]) == (503, False, "2027-01-15T08:00:00Z")
    late = {"lastUpdated": "2027-01-15T08:00:00Z", "healthy": False}
    assert body["status"] == {"IPv4": late, "IPv6": late}
    assert service_answer(("default", "web"), 3, health.is_healthy()).status == 503
    health.synced()
    assert asked(health, "/healthz", None)[0] == 503, "a node that is not known gets nothing"
    assert asked(health, "/livez", None)[0] == 200
    assert health.answer(Request("GET", "/elsewhere", "", {}), node).status == 404


@pytest.mark.parametrize(
    ("tree", "eligible"),
    [
        ({}, True),
        ({"spec": {"taints": [{"key": "other", "effect": "NoSchedule"}]}}, True),
        ({"spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]}}, False),
        ({"metadata": {"deletionTimestamp": "2027-01-15T08:00:00Z"}}, False),
    ],
    ids=["as it is", "another taint", "to be deleted", "being deleted"],
)
def test_a_node_that_is_about_to_go_gets_nothing(tree: dict[str, object], eligible: bool) -> None:
    assert is_eligible(msgspec.convert(tree, Node)) is eligible


def test_a_taken_port_is_told_once_and_served_when_it_is_free(caplog: pytest.LogCaptureFixture) -> None:
    (port,) = free_ports(1)

    async def scenario() -> None:
        servers = HealthServers(ProxyHealth(Clock(), (4,)), ["127.0.0.1"])
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            taken.listen()
            for _ in range(2):
                await servers.serve({("shop", "web"): port}, {})
        assert len(caplog.records) == 1
        await servers.serve({("shop", "web"): port}, {("shop", "web"): 1})
        try:
            client = HttpClient(f"http://127.0.0.1:{port}")
            told = json.loads((await client.request("GET", "/")).body)
            assert told["localEndpoints"] == 1
            await client.close()
        finally:
            await servers.stop()

    asyncio.run(scenario())
