"""What one apiserver process does in a second, and what it costs, over TLS with authentication and RBAC on.

Starts `pybernetes apiserver` on a SQLite file in a temporary folder and loads it with wrk and with watchers in
processes of their own. Every rate is printed with the CPU time that the server took for one request, and beside that of
a handler that does nothing on the same HTTP server, measured in the same run. Nothing is asserted; goals stand with the
figures they are for (upstream's apiserver with etcd on two cores: GET 3.6k/s, CREATE 1.9k/s, LIST of 500 115/s).
`bench/upstream.py` runs the same load against upstream's apiserver.

Usage: python bench/apiserver.py [--seconds 3] [--watchers 1000] [--events 1000] [--deaf 10000] [--objects 100000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.clients.load import ROOT, Load, delivered, watch_process
from bench.clients.server import MAPS, Server
from bench.machine import cpu_s, fsyncs
from pybernetes.storage.canonical import without_resource_version
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause

TABLE = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def figure(label: str, value: str, unit: str) -> None:
    print(f"{label:<58} {value:>9} {unit}", flush=True)


def start(server: Server, label: str) -> None:
    figure(f"ready, {label}", f"{server.start():.2f}", "s")


class Figures:
    """Prints runs of load, each beside the yardstick that it is like: a handler that does nothing."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._yardsticks: dict[str, float] = {}
        """Processor microseconds of one request to the bare handler, by kind."""

    def run(
        self, label: str, cpu: Callable[[], float], url: str, connections: int, like: str = "", **how: Any
    ) -> float:
        """The processor microseconds of one request."""
        found = self._load.run(cpu, url, connections, **how)
        line = f"/s   p50 {found.p50_ms:6.2f}ms  p99 {found.p99_ms:6.2f}ms   {found.cpu_us:6.0f} us of CPU each"
        if like:
            line += f", {found.cpu_us / self._yardsticks[like]:.1f}x the bare handler"
        figure(label, f"{found.rate:.0f}", line + (f", {found.bad:.0%} not 2xx" if found.bad else ""))
        return found.cpu_us

    def yardsticks(self, server: Server, sizes: dict[str, int]) -> None:
        command = [sys.executable, "-m", "bench.clients.bare", *server.files, server.authority.certificate_file]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as bare:
            assert bare.stdout is not None
            port = bare.stdout.readline().strip()
            for kind, size in sizes.items():
                url = f"https://127.0.0.1:{port}/{size}"
                label = f"bare handler, an answer of {size} bytes"
                self._yardsticks[kind] = self.run(label, lambda: cpu_s(bare.pid), url, 32)
            bare.terminate()


def syncs(folder: Path) -> None:
    """What the disk does for a commit."""
    times = fsyncs(folder, 1.0)
    middle, late = times[len(times) // 2], times[len(times) * 99 // 100]
    figure(
        "4 kB written and synced, one after the other",
        f"{len(times) / sum(times):.0f}",
        f"/s   p50 {middle * 1e3:.2f}ms  p99 {late * 1e3:.2f}ms",
    )


def watchers(server: Server, count: int, events: int) -> None:
    """Delays of events to many watchers, and the memory of one."""
    before = server.resident_kb()
    client = watch_process(server, count, events)
    figure(f"memory of a watch ({count} of them)", f"{(server.resident_kb() - before) / count:.0f}", "kB")
    found = delivered(server, client, events)
    figure(f"{events} events to {count} watchers", f"{found.deliveries / found.seconds:.0f}", "deliveries/s")
    for name, delay_ms in (("p50", found.p50_ms), ("p90", found.p90_ms), ("p99", found.p99_ms)):
        figure(f"  delay from request to watcher, {name}", f"{delay_ms:.1f}", "ms")
    figure("  CPU of the server a delivery", f"{found.cpu_us:.1f}", "us")


def deaf_watchers(server: Server, count: int) -> None:
    """Watchers that do not read, while large events come: what they cost, and that they are ended."""
    idle = server.resident_kb()
    client = watch_process(server, count, 10**9, "--deaf")
    assert client.stdin is not None and client.stdout is not None
    before = server.resident_kb()
    figure(f"memory of a watch ({count} of them)", f"{(before - idle) / count:.0f}", "kB")
    for i in range(400):
        body = {"metadata": {"name": f"d{i}"}, "data": {"filler": "x" * 50_000}}
        server.request("POST", "/api/v1/namespaces/watched/configmaps", body)
    more = server.resident_kb() - before
    label = f"{count} watchers that do not read, 400 events of 50 kB"
    figure(label, f"{more / 1024:.0f}", "MB more, 20 MB of them the objects themselves, at most 16 MB recent events")
    time.sleep(16)  # the server looks for such connections every 15 s
    figure("  after they were cut off", f"{(server.resident_kb() - before) / 1024:.0f}", "MB more")
    client.stdin.write("look\n")
    client.stdin.flush()
    figure("  connections that the server ended", str(json.loads(client.stdout.readline())["ended"]), f"of {count}")
    client.wait()
    server.request("DELETE", "/api/v1/namespaces/watched/configmaps")


def pages(server: Server, label: str, path: str, limit: int) -> None:
    """A list read page by page: how long it takes, and the longest page."""
    count, token, longest, started = 0, "", 0.0, time.monotonic()
    while True:
        asked = time.monotonic()
        query = f"?limit={limit}" + (f"&continue={token}" if token else "")
        listed = json.loads(server.request("GET", path + query))
        longest = max(longest, time.monotonic() - asked)
        count += len(listed["items"])
        token = listed["metadata"].get("continue", "")
        if not token:
            break
    seconds = time.monotonic() - started
    figure(
        label, f"{seconds:.2f}", f"s for {count} objects, longest page {longest * 1000:.0f} ms, the client's part in it"
    )


def beside_slow_clients(server: Server, figures: Figures, one: str, large: str) -> None:
    """GET while clients have asked for a large list and do not read it."""
    slow = []
    for _ in range(8):
        raw = socket.create_connection(("127.0.0.1", server.port))
        client = server.context.wrap_socket(raw, server_hostname="localhost")
        client.sendall(f"GET {large} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n".encode())
        slow.append(client)
    before = server.resident_kb()
    figures.run("GET beside 8 clients that do not read a large list", server.cpu_s, server.url + one, 32)
    figure("  memory for these clients", f"{(server.resident_kb() - before) / 1024:.0f}", "MB")
    for client in slow:
        client.close()


def fill(file: Path, prefix: str, template: bytes, name: str, count: int, a_namespace: int) -> None:
    """Puts copies of an object straight into the store of a server that does not run."""
    value = without_resource_version(template)

    async def run() -> None:
        store = SqliteStore(file)
        await store.start()
        cause = Cause(user="bench")

        async def write(first: int) -> None:
            for i in range(first, count, 64):
                namespace, copy = f"many-{i // a_namespace}", f"{name}-{i}"
                body = value.replace(f'"name":"{name}"'.encode(), f'"name":"{copy}"'.encode())
                body = body.replace(b'"namespace":"bench"', f'"namespace":"{namespace}"'.encode())
                await store.create(f"{prefix}{namespace}/{copy}", body, cause)

        await asyncio.gather(*[write(first) for first in range(64)])
        await store.stop()

    asyncio.run(run())


def pod() -> dict[str, Any]:
    container = {
        "name": "web", "image": "registry.example/web:1.2.3", "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "env": [{"name": f"SETTING_{i}", "value": "x" * 20} for i in range(5)],
    }  # fmt: skip
    return {"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"containers": [container]}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=3, help="of each run of wrk")
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--events", type=int, default=1000, help="to each of them")
    parser.add_argument("--deaf", type=int, default=10_000, help="watchers that do not read")
    parser.add_argument("--objects", type=int, default=100_000)
    args = parser.parse_args()
    if shutil.which("wrk") is None:
        print("needs wrk", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="pybernetes-bench-") as name:
        server = Server(Path(name))
        try:
            measure(server, Figures(Load(Path(name), args.seconds)), args)
        finally:
            server.stop()
    return 0


def measure(server: Server, figures: Figures, args: argparse.Namespace) -> None:
    figure("processors", str(os.cpu_count()), "")
    syncs(server.folder)
    start(server, "empty store")
    server.stop()
    start(server, "second start")
    figure("resident, idle", f"{server.resident_kb() / 1024:.0f}", "MB")
    server.prepare()
    one, created = f"{MAPS}/c7", "/api/v1/namespaces/created/configmaps"
    sizes = {"one": len(server.request("GET", one)), "list": len(server.request("GET", MAPS))}
    figures.yardsticks(server, sizes)

    def run(label: str, target: str, connections: int, **how: Any) -> float:
        return figures.run(label, server.cpu_s, server.url + target, connections, **how)

    def verbs() -> dict[str, float]:
        """The cost of every verb among what is stored."""
        return {
            "GET": run("  GET", one, 32),
            "LIST, limit=100": run("  LIST, limit=100", f"{MAPS}?limit=100", 16),
            "LIST by label": run("  LIST by label", f"{MAPS}?labelSelector=tenth%3D3", 16),
            "UPDATE": run("  UPDATE", MAPS, 16, script="update"),
            "merge PATCH": run("  merge PATCH", MAPS, 16, script="merge patch"),
            "apply": run("  apply", MAPS, 16, script="apply"),
            "CREATE": run("  CREATE", created, 32, script="create"),
            "CREATE and DELETE": run("  CREATE and DELETE", created, 1, script="create and delete"),
        }

    run("GET /version", "/version", 32, like="one")
    run("GET, 1 connection", one, 1, like="one")
    run("GET, 32 connections (goal 14.4k/s)", one, 32, like="one")
    run("LIST of 500 (goal 1.15k/s)", MAPS, 16, like="list")
    run("LIST of 500, gzip", MAPS, 16, headers=["Accept-Encoding: gzip"])
    run("LIST of 500 as a Table, what kubectl get asks for", f"{MAPS}?limit=500", 16, headers=[TABLE])
    run("LIST of 500 by label selector, 50 match", f"{MAPS}?labelSelector=tenth%3D3", 16)
    server.request("POST", MAPS, {"metadata": {"name": "contended"}})
    run("UPDATE with resourceVersion, 1 connection", f"{MAPS}/contended", 1, script="update one")
    run("UPDATE of one object by 8 at once", f"{MAPS}/contended", 8, script="update one")
    for script in ("update", "merge patch", "strategic patch", "apply"):
        run(f"{script} of 500 objects in turn, 16 connections", MAPS, 16, script=script)
    run("CREATE, 1 connection", created, 1, script="create")
    run("CREATE, 32 connections (goal 5.7k/s)", created, 32, script="create")
    watchers(server, args.watchers, args.events)
    deaf_watchers(server, args.deaf)
    figure("resident", f"{server.resident_kb() / 1024:.0f}", "MB")
    server.request("POST", "/api/v1/namespaces/bench/pods", pod())
    templates = [server.request("GET", path).strip() for path in ("/api/v1/namespaces/bench/pods/web", one)]
    server.request("DELETE", created)
    server.make_maps("more", 500)
    figure("among 1000 ConfigMaps", "", "")
    few = verbs()
    server.request("DELETE", created)
    server.stop()
    file = server.folder / "state.db"
    start(server, "started again")
    before = server.resident_kb()
    server.stop()
    fill(file, "/registry/pods/", templates[0], "web", 10_000, 10_000)
    start(server, "10,000 Pods in the store")
    many_pods = "/api/v1/namespaces/many-0/pods"
    size, held = len(templates[0]), (server.resident_kb() - before) / 1024
    figure(f"memory of 10,000 Pods of {size} bytes", f"{held:.0f}", "MB")
    run("LIST of 10,000 Pods", many_pods, 4)
    run("LIST of 10,000 Pods, gzip", many_pods, 4, headers=["Accept-Encoding: gzip"])
    run("LIST of 10,000 Pods by a label that none has", f"{many_pods}?labelSelector=app%3Dother", 4)
    beside_slow_clients(server, figures, one, many_pods)
    server.stop()
    fill(file, "/registry/configmaps/", templates[1], "c7", args.objects, 1000)
    start(server, f"{args.objects} objects more in the store")
    server.request("GET", one)
    pages(server, f"LIST of {args.objects} in pages of 500", "/api/v1/configmaps", 500)
    figure(f"among {args.objects} more", "", "")
    many = verbs()
    for verb, cost in many.items():
        figure(f"cost of {verb} with {args.objects} objects more and with 1000", f"{cost / few[verb]:.2f}", "x")
    figure("resident, at the end", f"{server.resident_kb() / 1024:.0f}", "MB")


if __name__ == "__main__":
    sys.exit(main())
