"""Requests through the proxy of Ingresses and Gateways, against the bare proxy; and how long changes take.

usage: python bench/ingress.py [SECONDS]      as root, with haproxy and wrk; prints figures

The server behind is a HAProxy too, which answers by itself. The bare proxy has one frontend and one backend and looks
nothing up; ours has the routes, headers and backends of so many Ingresses. Both use one thread, in turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec

from bench.machine import cpu_s, memory_mb
from pybernetes.api.core.v1 import Service
from pybernetes.api.networking.v1 import Ingress
from pybernetes.ingress.configuration import render
from pybernetes.ingress.data_plane import DataPlane, DataPlaneConfig
from pybernetes.ingress.ingresses.routes import Entry, add_to
from pybernetes.ingress.table import Backend, Condition, Frontend, Route, Table, Treatment, World

SERVER, BARE, HTTP, HTTPS = 18980, 18981, 18982, 18983
COMMON = (
    "global\n  nbthread 1\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
)


def table(count: int, servers: tuple[str, ...]) -> Table:
    backends = {f"n_s{n}_80": Backend(f"n_s{n}_80", "http", Treatment(), servers) for n in range(count)}
    routes = [Route(f"h{n}.test", path, False, f"n_s{n}_80") for n in range(count) for path in ("", "/api", "/static")]
    frontends = [
        Frontend("http", (("127.0.0.1", HTTP),), HTTP, routes),
        Frontend("https", (("127.0.0.1", HTTPS),), HTTPS, routes, secure=True),
    ]
    return Table(frontends=frontends, backends=backends)


def gateway_table(count: int, servers: tuple[str, ...]) -> Table:
    """So many routes for one path that a header tells apart, the last of them shared out among two backends."""
    backends = {f"n_s{n}_80": Backend(f"n_s{n}_80", "http", Treatment(), servers) for n in range(count)}
    routes = [
        Route("", "/api", False, f"n_s{n}_80", (Condition("header", "x-version", f"v{n}"),)) for n in range(count - 1)
    ]
    last = Route("", "/api", False, "shares", (Condition("header", "x-version", f"v{count - 1}"),))
    frontend = Frontend("gateway", (("127.0.0.1", HTTP),), 80, [*routes, last], deep=True)
    splits = {"shares": ((1, "n_s0_80"), (3, "n_s1_80"))}
    return Table(frontends=[frontend], backends=backends, splits=splits)


def cost_of_a_table(count: int) -> float:
    """Milliseconds of CPU from so many Ingresses of three paths to their configuration."""
    paths = [
        {"path": path, "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
        for path in ("/", "/api", "/static")
    ]
    ingresses = [
        msgspec.convert(
            {
                "metadata": {"name": f"i{n}", "namespace": "n"},
                "spec": {"rules": [{"host": f"h{n}.test", "http": {"paths": paths}}]},
            },
            Ingress,
        )
        for n in range(count)
    ]
    service = msgspec.convert({"spec": {"ports": [{"port": 80}]}}, Service)
    world = World(lambda *_: service, lambda *_: (), lambda *_: None, lambda _: "")
    began = time.process_time()
    made = Table()
    add_to(made, ingresses, world, Entry())
    render(made, 0, Path("/folder"), Path("/keys"), {})
    return (time.process_time() - began) * 1000


@dataclass(frozen=True)
class Load:
    rate: float
    """Requests a second."""
    late: str
    """The 99th percentile of their latency."""
    cpu_us: float
    """Of the proxy, a request: what a busy machine does not change much."""

    def __str__(self) -> str:
        return f"{self.rate:>10.0f}/s   p99 {self.late:>9}   {self.cpu_us:>5.0f} us of CPU each"


def wrk(pid: int, port: int, seconds: int, host: str, scheme: str = "http", *headers: str) -> Load:
    url = f"{scheme}://127.0.0.1:{port}/api/things"
    said = [word for header in (f"Host: {host}", *headers) for word in ("-H", header)]
    argv = ["wrk", "-t1", "-c8", f"-d{seconds}s", "--latency", *said, url]
    began = cpu_s(pid)
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    spent = cpu_s(pid) - began
    assert "Non-2xx" not in text, text
    found = [re.search(wanted, text) for wanted in (r"Requests/sec:\s+(\S+)", r"99%\s+(\S+)", r"(\d+) requests in")]
    rate, late, count = [match[1] for match in found if match]
    return Load(float(rate), late, spent / int(count) * 1e6)


def haproxy(folder: Path, name: str, port: int, text: str) -> subprocess.Popen[bytes]:
    file = folder / f"{name}.cfg"
    file.write_text(COMMON + text)
    process = subprocess.Popen(["haproxy", "-db", "-f", str(file)], stderr=subprocess.DEVNULL)
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.01)
    return process


async def main(seconds: int) -> None:
    if os.geteuid() != 0 or shutil.which("haproxy") is None or shutil.which("wrk") is None:
        print("needs root, haproxy and wrk")
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        answer = '  http-request return status 200 content-type text/plain string "hello"\n'
        others = [
            haproxy(folder, "server", SERVER, f"frontend f\n  bind 127.0.0.1:{SERVER}\n{answer}"),
            haproxy(
                folder, "bare", BARE, f"frontend f\n  bind 127.0.0.1:{BARE}\n  default_backend b\nbackend b\n"
                f"  server s 127.0.0.1:{SERVER}\n",
            ),
        ]  # fmt: skip
        plane = DataPlane(DataPlaneConfig(folder, folder / "record", folder / "log", threads=1), lambda: None)
        try:
            await figures(plane, [process.pid for process in others], seconds)
        finally:
            plane.stop()
            plane.close()
            for process in others:
                process.kill()
                process.wait()


async def figures(plane: DataPlane, others: list[int], seconds: int) -> None:
    server = f"127.0.0.1:{SERVER}"
    await plane.apply(table(1, (server,)))
    wrk(others[0], SERVER, 1, "h0.test")
    bare, ours = [], []
    for _ in range(3):
        bare.append(wrk(others[1], BARE, seconds, "h0.test"))
        ours.append(wrk(plane.pid, HTTP, seconds, "h0.test"))
    print(f"{'the server itself':<34}{wrk(others[0], SERVER, seconds, 'h0.test')}")
    middle, one = (sorted(found, key=lambda load: load.rate)[1] for found in (bare, ours))
    print(f"{'bare proxy':<34}{middle}")
    print(f"{'1 Ingress':<34}{one}   {one.rate / middle.rate:.0%} of the bare proxy")
    secure = wrk(plane.pid, HTTPS, seconds, "h0.test", "https")
    print(f"{'1 Ingress, HTTPS':<34}{secure}   {memory_mb(plane.pid):.0f} MB")
    many = 1000
    began = time.perf_counter()
    await plane.apply(table(many, (server,)))
    print(f"{'to 1,000 Ingresses, a process':<34}{(time.perf_counter() - began) * 1000:>10.0f} ms")
    middle_one = wrk(plane.pid, HTTP, seconds, f"h{many // 2}.test")
    print(f"{'1,000 Ingresses':<34}{middle_one}   {memory_mb(plane.pid):.0f} MB")
    changes = []
    for number in range(20):
        changed = table(many, (server,))
        backend = changed.backends["n_s7_80"]
        servers = (server, f"127.0.0.1:{SERVER + number % 2}") if number % 2 else (server,)
        changed.backends["n_s7_80"] = Backend(backend.name, "http", Treatment(), servers)
        began = time.perf_counter()
        await plane.move(changed, {"n_s7_80"})
        changes.append((time.perf_counter() - began) * 1000)
    print(f"{'an endpoint of one of them':<34}{statistics.median(changes):>10.1f} ms")
    for count in (many, 5 * many):
        print(f"{f'table of {count} Ingresses, CPU':<34}{cost_of_a_table(count):>10.0f} ms")
    rules = 100
    await plane.apply(gateway_table(rules, (server,)))
    for name, version in (("the first", 0), ("the last, shared out", rules - 1)):
        load = wrk(plane.pid, HTTP, seconds, "x.test", "http", f"X-Version: v{version}")
        print(f"{f'{rules} by header, {name}':<34}{load}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2))
