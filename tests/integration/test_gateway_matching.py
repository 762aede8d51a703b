"""Random routes of Gateways on a real HAProxy, against the precedence that the Gateway API's text asks for."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from pybernetes.ingress.data_plane import DataPlane, DataPlaneConfig
from pybernetes.ingress.gateways import routes
from pybernetes.ingress.gateways.api import HTTPRoute
from pybernetes.ingress.gateways.routes import Objects
from pybernetes.ingress.table import Table
from tests.ports import free_ports
from tests.unit.ingress.gateways.objects import gateway, http_route, listener
from tests.unit.ingress.objects import world

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None, reason="needs root and haproxy"
)
HOSTS = ["*.test", "*.b.test", "b.test", "a.b.test", "x.a.b.test", "*.a.b.test", "c.test"]
ASKED = ["test", "b.test", "c.test", "a.b.test", "x.a.b.test", "y.x.a.b.test", "z.b.test", "elsewhere"]
PATHS = ["/", "/a", "/a/b", "/a/b/c", "/ab"]
VALUES = ["1", "two words", 'it\'s "3" %[x]']


@dataclass
class Request:
    host: str
    path: str
    method: str
    headers: dict[str, str]
    query: dict[str, str]


def random_match(choose: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {
        "path": {"type": choose.choice(["Exact", "PathPrefix", "PathPrefix"]), "value": choose.choice(PATHS)}
    }
    if choose.random() < 0.2:
        made["method"] = choose.choice(["GET", "DELETE"])
    for field, names in (("headers", ["x-a", "x-b"]), ("queryParams", ["p", "q"])):
        chosen = [name for name in names if choose.random() < 0.2]
        made[field] = [{"name": name, "value": choose.choice(VALUES)} for name in chosen]
    return made


def random_route(choose: random.Random, number: int) -> HTTPRoute:
    """Each rule answers with a redirect to a host that is its name."""
    rules = [
        {
            "matches": [random_match(choose) for _ in range(choose.randint(1, 2))],
            "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": f"r{number}-{n}"}}],
        }
        for n in range(choose.randint(1, 3))
    ]
    hosts = choose.sample(HOSTS, choose.randint(0, 3))
    created = f"2026-01-01T00:00:{choose.randint(0, 3):02}Z"
    return http_route(*rules, name=f"r{number}", hostnames=hosts, created=created)


def random_request(choose: random.Random) -> Request:
    return Request(
        choose.choice(ASKED),
        choose.choice([*PATHS, "/a/", "/a/b/x", "/other"]),
        choose.choice(["GET", "DELETE"]),
        {name: choose.choice(VALUES) for name in ("x-a", "x-b") if choose.random() < 0.5},
        {name: choose.choice(VALUES) for name in ("p", "q") if choose.random() < 0.5},
    )


def stands_for(pattern: str, host: str) -> bool:
    return not pattern or pattern == host or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def specific(host: str) -> tuple[bool, int]:
    return bool(host) and not host.startswith("*"), len(host)


def fits(match: Any, asked: Request) -> bool:
    value, path = match.path.value, asked.path
    if match.path.type == "Exact":
        good = path == value
    else:
        good = path == value.rstrip("/") or f"{path}/".startswith(f"{value.rstrip('/')}/")
    good = good and match.method in (None, asked.method)
    good = good and all(asked.headers.get(h.name) == h.value for h in match.headers)
    return good and all(asked.query.get(q.name) == q.value for q in match.queryParams)


def expected(listening: list[str], found: list[HTTPRoute], asked: Request) -> str:
    """The name of the rule that has the request; "" for none. Nothing here is taken from the code that is tested."""
    listeners = [host for host in listening if stands_for(host, asked.host)]
    if not listeners:
        return ""
    chosen = max(listeners, key=specific)
    candidates = []
    for route in found:
        # What a route's hosts are at this listener: the narrower of each pair.
        hosts = [h for h in route.spec.hostnames or [""] if stands_for(h, asked.host)]
        if not hosts:
            continue
        best = max((max(h, chosen, key=specific) for h in hosts), key=specific)
        for number, rule in enumerate(route.spec.rules):
            for match in rule.matches:
                if fits(match, asked):
                    order = (
                        *(-part for part in specific(best)),
                        match.path.type != "Exact",
                        -len(match.path.value.rstrip("/")),
                        match.method is None,
                        -len(match.headers),
                        -len(match.queryParams),
                        route.metadata.creationTimestamp,
                        route.metadata.name,
                        number,
                    )
                    candidates.append((order, f"{route.metadata.name}-{number}"))
    return min(candidates)[1] if candidates else ""


async def answer(port: int, asked: Request) -> str:
    encode = quote if asked.method == "GET" else quote_plus
    query = "&".join(f"{name}={encode(value)}" for name, value in asked.query.items())
    lines = [
        f"{asked.method} {asked.path}{'?' if query else ''}{query} HTTP/1.1", f"Host: {asked.host}",
        *(f"{name}: {value}" for name, value in asked.headers.items()), "Connection: close", "", "",
    ]  # fmt: skip
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write("\r\n".join(lines).encode())
        head = (await reader.read()).decode().lower()
        writer.close()
    if head.startswith("http/1.1 404"):
        return ""
    _, _, location = head.partition("location: http://")
    return location.partition("/")[0] or head


@pytest.mark.parametrize("seed", range(int(os.environ.get("GATEWAY_SEEDS", "3"))))
def test_the_rule_that_the_text_asks_for_has_the_request(seed: int, tmp_path: Path) -> None:
    choose = random.Random(seed)
    listening = ["", *choose.sample(HOSTS, 2)] if seed % 3 else [choose.choice(["", "*.test"])]
    made = gateway(*(listener(f"l{n}", **({"hostname": h} if h else {})) for n, h in enumerate(listening)))
    found = [random_route(choose, number) for number in range(12)]
    (port,) = free_ports(1)

    async def scenario() -> None:
        table = Table()
        objects = Objects([made], list(found), [], lambda _: {}, lambda *_: ("127.0.0.1", port), lambda _: "127.0.0.1")
        routes.add_to(table, objects, world())
        plane = DataPlane(DataPlaneConfig(tmp_path, tmp_path / "record", tmp_path / "log"), lambda: None)
        try:
            await plane.apply(table)
            for _ in range(250):
                asked = random_request(choose)
                assert await answer(port, asked) == expected(listening, found, asked), (listening, asked)
        finally:
            plane.stop()
            plane.close()

    asyncio.run(scenario())
