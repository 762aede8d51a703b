"""What one apiserver process does in a second, and what it costs, over TLS with authentication and RBAC on.

Starts `pybernetes apiserver` on a SQLite file in a temporary folder and loads it with wrk and with watchers in
processes of their own. Every rate is printed with the CPU time that the server took for one request, and beside that of
a handler that does nothing on the same HTTP server, measured in the same run. Nothing is asserted; goals stand with the
figures they are for (upstream's apiserver with etcd on two cores: GET 3.6k/s, CREATE 1.9k/s, LIST of 500 115/s).

Usage: python bench/apiserver.py [--seconds 3] [--watchers 1000] [--events 1000] [--deaf 10000] [--objects 100000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.clients.scripts import SCRIPTS
from pybernetes.storage.canonical import without_resource_version
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause
from tests.unit.http.certificates import Authority

ROOT = Path(__file__).parent.parent
START = "import sys; from pybernetes.cmd.main import main; sys.exit(main())"
MAPS = "/api/v1/namespaces/bench/configmaps"
TABLE = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


class Server:
    """The apiserver as a process, and a client of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.create(folder, "kubernetes")
        self.files = self.authority.issue("server", names=["localhost"], addresses=["127.0.0.1"])
        (folder / "tokens.csv").write_text('secret,admin,1,"system:masters"\nuser,dev,2,"dev"\n')
        self.context = ssl.create_default_context(cafile=self.authority.certificate_file)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, label: str) -> None:
        started = time.monotonic()
        flags = {
            "bind-address": "127.0.0.1", "secure-port": str(self.port), "tls-cert-file": self.files[0],
            "tls-private-key-file": self.files[1], "client-ca-file": self.authority.certificate_file,
            "token-auth-file": str(self.folder / "tokens.csv"), "data-file": str(self.folder / "state.db"),
        }  # fmt: skip
        command = [sys.executable, "-c", START, "apiserver", *(f"--{k}={v}" for k, v in flags.items())]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not self._ready():
            if self.process.poll() is not None:
                raise SystemExit("the apiserver ended")
            time.sleep(0.01)
        figure(f"ready, {label}", f"{time.monotonic() - started:.2f}", "s")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.process = None

    def request(self, method: str, path: str, body: object = None) -> bytes:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=self.context, timeout=60) as answer:
            found: bytes = answer.read()
        return found

    def make_maps(self, namespace: str, count: int) -> None:
        self.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        for i in range(count):
            labels = {"app": "bench", "tenth": str(i % 10)}
            value = {"metadata": {"name": f"c{i}", "labels": labels}, "data": {"key": "v" * 100}}
            self.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", value)

    def resident_kb(self) -> int:
        return resident_kb(self.pid)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _ready(self) -> bool:
        try:
            return self.request("GET", "/readyz") == b"ok"
        except (urllib.error.URLError, ConnectionError):
            return False


def resident_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def figure(label: str, value: str, unit: str) -> None:
    print(f"{label:<58} {value:>9} {unit}", flush=True)


class Load:
    """Runs of wrk, each as requests a second, delays, and CPU time of the server for one request."""

    def __init__(self, folder: Path, seconds: int) -> None:
        self._folder = folder
        self._seconds = seconds
        self.yardsticks: dict[str, float] = {}
        """CPU microseconds of one request to the bare handler, by kind."""

    def run(
        self,
        label: str,
        pid: int,
        url: str,
        connections: int,
        *,
        token: str = "user",
        script: str = "",
        like: str = "",
        headers: Sequence[str] = (),
    ) -> float:
        """Prints the figures; returns the CPU microseconds of one request. `like` names the yardstick."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{self._seconds}s", "--latency"]
        for header in (f"Authorization: Bearer {token}", *headers):
            command += ["-H", header]
        if script:
            file = self._folder / f"{script.replace(' ', '-')}.lua"
            file.write_text(SCRIPTS[script])
            command += ["-s", str(file)]
        before = cpu_s(pid)
        text = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
        used = cpu_s(pid) - before
        total = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
        percentiles = defaultdict(lambda: "-", re.findall(r"^\s+(50|99)%\s+(\S+)$", text, re.MULTILINE))
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        each = used / max(total, 1) * 1e6
        line = f"/s   p50 {percentiles['50']:>8}  p99 {percentiles['99']:>8}   {each:6.0f} us of CPU each"
        if like:
            line += f", {each / self.yardsticks[like]:.1f}x the bare handler"
        figure(label, f"{rate:.0f}", line + (f", {int(bad[1]) / total:.0%} not 2xx" if bad else ""))
        return each


def fsyncs(folder: Path) -> None:
    """What the disk does for a commit: 4 kB appended and synced."""
    times = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(300):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    times.sort()
    figure(
        "4 kB written and synced, one after the other",
        f"{len(times) / sum(times):.0f}",
        f"/s   p50 {times[150] * 1e3:.2f}ms  p99 {times[297] * 1e3:.2f}ms",
    )


def yardsticks(load: Load, server: Server, sizes: dict[str, int]) -> None:
    command = [sys.executable, "-m", "bench.clients.bare", *server.files, server.authority.certificate_file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as bare:
        assert bare.stdout is not None
        port = bare.stdout.readline().strip()
        for kind, size in sizes.items():
            url = f"https://127.0.0.1:{port}/{size}"
            load.yardsticks[kind] = load.run(f"bare handler, an answer of {size} bytes", bare.pid, url, 32)
        bare.terminate()


def watchers(server: Server, count: int, events: int) -> None:
    """Delays of events to many watchers, and the memory of one."""
    before = server.resident_kb()
    client = watch_process(server, count, events)
    assert client.stdin is not None and client.stdout is not None
    figure(f"memory of a watch ({count} of them)", f"{(server.resident_kb() - before) / count:.0f}", "kB")
    started, used = time.monotonic(), cpu_s(server.pid)
    for i in range(events):
        body = {"metadata": {"name": f"e{i}"}, "data": {"sent": f"{time.time():.6f}"}}
        server.request("POST", "/api/v1/namespaces/watched/configmaps", body)
    found = json.loads(client.stdout.readline())
    seconds = time.monotonic() - started
    figure(f"{events} events to {count} watchers", f"{found['events'] / seconds:.0f}", "deliveries/s")
    for name in ("p50", "p90", "p99"):
        figure(f"  delay from request to watcher, {name}", f"{found[name]:.1f}", "ms")
    figure("  CPU of the server a delivery", f"{(cpu_s(server.pid) - used) / found['events'] * 1e6:.1f}", "us")
    client.wait()
    server.request("DELETE", "/api/v1/namespaces/watched/configmaps")


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


def beside_slow_clients(server: Server, load: Load, one: str, large: str) -> None:
    """GET while clients have asked for a large list and do not read it."""
    slow = []
    for _ in range(8):
        raw = socket.create_connection(("127.0.0.1", server.port))
        client = server.context.wrap_socket(raw, server_hostname="localhost")
        client.sendall(f"GET {large} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n".encode())
        slow.append(client)
    before = server.resident_kb()
    load.run("GET beside 8 clients that do not read a large list", server.pid, server.url + one, 32)
    figure("  memory for these clients", f"{(server.resident_kb() - before) / 1024:.0f}", "MB")
    for client in slow:
        client.close()


def watch_process(server: Server, count: int, events: int, *flags: str) -> subprocess.Popen[str]:
    """The process, once all of its watches have begun."""
    listed = json.loads(server.request("GET", "/api/v1/namespaces/watched/configmaps?limit=1"))
    numbers = [str(server.port), server.authority.certificate_file, "secret", str(count), str(events)]
    command = [sys.executable, "-m", "bench.clients.watchers", *numbers, *flags]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert client.stdin is not None and client.stdout is not None
    client.stdin.write(listed["metadata"]["resourceVersion"] + "\n")
    client.stdin.flush()
    assert client.stdout.readline() == "ready\n"
    return client


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
            measure(server, Load(Path(name), args.seconds), args)
        finally:
            server.stop()
    return 0


def measure(server: Server, load: Load, args: argparse.Namespace) -> None:
    figure("processors", str(os.cpu_count()), "")
    fsyncs(server.folder)
    server.start("empty store")
    server.stop()
    server.start("second start")
    figure("resident, idle", f"{server.resident_kb() / 1024:.0f}", "MB")
    prepare(server)
    one, created = f"{MAPS}/c7", "/api/v1/namespaces/created/configmaps"
    sizes = {"one": len(server.request("GET", one)), "list": len(server.request("GET", MAPS))}
    yardsticks(load, server, sizes)

    def run(label: str, target: str, connections: int, **how: Any) -> float:
        return load.run(label, server.pid, server.url + target, connections, **how)

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
    figure("among few objects", "", "")
    few = verbs()
    server.stop()
    file = server.folder / "state.db"
    server.start("started again")
    before = server.resident_kb()
    server.stop()
    fill(file, "/registry/pods/", templates[0], "web", 10_000, 10_000)
    server.start("10,000 Pods in the store")
    many_pods = "/api/v1/namespaces/many-0/pods"
    size, held = len(templates[0]), (server.resident_kb() - before) / 1024
    figure(f"memory of 10,000 Pods of {size} bytes", f"{held:.0f}", "MB")
    run("LIST of 10,000 Pods", many_pods, 4)
    run("LIST of 10,000 Pods, gzip", many_pods, 4, headers=["Accept-Encoding: gzip"])
    run("LIST of 10,000 Pods by a label that none has", f"{many_pods}?labelSelector=app%3Dother", 4)
    beside_slow_clients(server, load, one, many_pods)
    server.stop()
    fill(file, "/registry/configmaps/", templates[1], "c7", args.objects, 1000)
    server.start(f"{args.objects} objects more in the store")
    server.request("GET", one)
    pages(server, f"LIST of {args.objects} in pages of 500", "/api/v1/configmaps", 500)
    figure(f"among {args.objects}", "", "")
    many = verbs()
    for verb, cost in many.items():
        figure(f"cost of {verb} with {args.objects} objects and with few", f"{cost / few[verb]:.2f}", "x")
    figure("resident, at the end", f"{server.resident_kb() / 1024:.0f}", "MB")


def prepare(server: Server) -> None:
    """Objects to work on, and a user whom RBAC lets."""
    server.make_maps("bench", 500)
    server.make_maps("watched", 0)
    server.make_maps("created", 0)
    server.request("POST", "/api/v1/namespaces/bench/serviceaccounts", {"metadata": {"name": "default"}})
    binding = {
        "metadata": {"name": "dev"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dev"}],
    }
    server.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)


if __name__ == "__main__":
    sys.exit(main())
