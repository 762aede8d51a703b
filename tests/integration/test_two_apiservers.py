"""Two apiservers, as processes, on one etcd: what one acknowledged the other serves, and neither hands out twice."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.client.transport import HttpTransport
from tests.integration.apiserver_process import CONFIG_MAPS, Server, ask, config_map, until_ready
from tests.local_etcd import LocalEtcd

SERVICES = "/api/v1/namespaces/default/services"


class Pair:
    def __init__(self, etcd: LocalEtcd, servers: list[Server]) -> None:
        self.etcd = etcd
        self.servers = servers

    def run(self, body: Callable[[HttpTransport, HttpTransport], Awaitable[None]]) -> None:
        async def main() -> None:
            first, second = [server.transport() for server in self.servers]
            try:
                for server, transport in zip(self.servers, (first, second), strict=True):
                    await until_ready(server, transport)
                await body(first, second)
            finally:
                await first.close()
                await second.close()

        asyncio.run(main())


@pytest.fixture
def pair(etcd: LocalEtcd, tmp_path: Path) -> Iterator[Pair]:
    servers: list[Server] = []
    try:
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            servers.append(Server(tmp_path / name, None, "--etcd-servers", etcd.url))
            servers[-1].start()
        yield Pair(etcd, servers)
    finally:
        for server in servers:
            server.kill()


def service(name: str, node_port: int = 0) -> dict[str, Any]:
    port = {"port": 80, **({"nodePort": node_port} if node_port else {})}
    spec = {"type": "NodePort", "selector": {"app": name}, "ports": [port]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def test_what_one_acknowledged_the_other_serves(pair: Pair) -> None:
    async def body(first: HttpTransport, second: HttpTransport) -> None:
        for round_number in range(20):
            name = f"round-{round_number}"
            status, made = await ask(first, "POST", CONFIG_MAPS, config_map(name))
            assert status == 201
            status, seen = await ask(second, "GET", f"{CONFIG_MAPS}/{name}")
            assert (status, seen) == (200, made)
            status, changed = await ask(second, "PUT", f"{CONFIG_MAPS}/{name}", {**seen, "data": {"a": "2"}})
            assert status == 200
            _, listed = await ask(first, "GET", CONFIG_MAPS)
            assert changed["metadata"]["resourceVersion"] in {i["metadata"]["resourceVersion"] for i in listed["items"]}
            status, _ = await ask(first, "PUT", f"{CONFIG_MAPS}/{name}", {**seen, "data": {"a": "3"}})
            assert status == 409, "what the other changed is a conflict"
            assert (await ask(first, "DELETE", f"{CONFIG_MAPS}/{name}"))[0] == 200
            assert (await ask(second, "GET", f"{CONFIG_MAPS}/{name}"))[0] == 404

    pair.run(body)


def test_nothing_acknowledged_is_lost_when_one_is_killed(pair: Pair) -> None:
    async def body(first: HttpTransport, second: HttpTransport) -> None:
        acknowledged: set[str] = set()
        numbers = itertools.count()
        seen: list[str] = []
        _, before = await ask(second, "GET", CONFIG_MAPS)

        async def write(transport: HttpTransport) -> None:
            while len(acknowledged) < 400:
                name = f"written-{next(numbers)}"
                try:
                    status, _ = await ask(transport, "POST", CONFIG_MAPS, config_map(name))
                except OSError:
                    transport = second
                    continue
                assert status == 201
                acknowledged.add(name)
                if len(acknowledged) == 150:
                    pair.servers[0].kill()

        async def watch() -> None:
            path = f"{CONFIG_MAPS}?watch=1&resourceVersion={before['metadata']['resourceVersion']}"
            async with second.stream("GET", path, {}) as stream:
                rest = b""
                async for piece in stream.chunks():
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        event = msgspec.json.decode(line)
                        if event["object"]["metadata"]["name"].startswith("written-"):
                            assert event["type"] == "ADDED"
                            seen.append(event["object"]["metadata"]["name"])

        watching = asyncio.create_task(watch())
        await asyncio.gather(*(write(first if number % 2 else second) for number in range(8)))
        _, listed = await ask(second, "GET", CONFIG_MAPS)
        names = {
            item["metadata"]["name"] for item in listed["items"] if item["metadata"]["name"].startswith("written-")
        }
        assert acknowledged <= names
        while len(seen) < len(names):
            assert not watching.done(), watching
            await asyncio.sleep(0.01)
        assert sorted(seen) == sorted(names), "every write once"
        watching.cancel()

    pair.run(body)


def test_addresses_and_node_ports_are_given_once(pair: Pair) -> None:
    async def body(first: HttpTransport, second: HttpTransport) -> None:
        both = (first, second)
        answers = await asyncio.gather(
            *(ask(both[number % 2], "POST", SERVICES, service(f"any-{number}")) for number in range(40))
        )
        assert [status for status, _ in answers] == [201] * 40
        made = [tree for _, tree in answers]
        assert len({tree["spec"]["clusterIP"] for tree in made}) == 40
        assert len({tree["spec"]["ports"][0]["nodePort"] for tree in made}) == 40
        port = next(p for p in range(30000, 30100) if p not in {t["spec"]["ports"][0]["nodePort"] for t in made})
        answers = await asyncio.gather(
            *(ask(both[number % 2], "POST", SERVICES, service(f"same-{number}", port)) for number in range(6))
        )
        assert sorted(status for status, _ in answers) == [201] + [422] * 5
        (winner,) = [tree["metadata"]["name"] for status, tree in answers if status == 201]
        assert (await ask(first, "DELETE", f"{SERVICES}/{winner}"))[0] == 200
        status, again = await ask(second, "POST", SERVICES, service("again", port))
        assert status == 201, again

    pair.run(body)


def test_etcd_goes_and_comes_back(pair: Pair) -> None:
    async def body(first: HttpTransport, second: HttpTransport) -> None:
        assert (await ask(first, "POST", CONFIG_MAPS, config_map("before")))[0] == 201
        assert (await ask(second, "GET", f"{CONFIG_MAPS}/before"))[0] == 200
        pair.etcd.kill()
        writing = asyncio.create_task(ask(first, "POST", CONFIG_MAPS, config_map("during")))
        await until_ready(pair.servers[0], first, ready=False)
        status, answer = await writing
        assert (status, answer["kind"], answer["reason"]) == (503, "Status", "ServiceUnavailable")
        status, cached = await ask(second, "GET", f"{CONFIG_MAPS}?resourceVersion=0")
        assert status == 200 and "before" in {item["metadata"]["name"] for item in cached["items"]}
        pair.etcd.start()
        await until_ready(pair.servers[0], first)
        assert (await ask(first, "POST", CONFIG_MAPS, config_map("after")))[0] == 201
        assert (await ask(second, "GET", f"{CONFIG_MAPS}/after"))[0] == 200

    pair.run(body)
