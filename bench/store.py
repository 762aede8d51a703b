"""Figures of the store: durable writes beside the disk's own fsyncs and beside etcd on the same disk, behind the same
apiserver; 100,000 objects; watch fan-out; recovery after kill -9. Nothing is asserted.

.venv/bin/python bench/store.py [--seconds 2] [--directory /var/tmp] [--objects 100000]
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.clients.scripts import SCRIPTS
from bench.machine import free_port, fsyncs, memory_mb
from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Cause, Store
from pybernetes.storage.watch_cache import WatchCache

_CAUSE = Cause(user="kubernetes-admin", user_agent="bench", verb="create")


def pod(name: str, size: int = 2300) -> bytes:
    head = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"' + name + '"},"spec":{"filler":"'
    return (head + "x" * (size - len(head) - 3) + '"}}').encode()


_MAPS = "/api/v1/namespaces/default/configmaps"


class Apiserver:
    """One on a store of its own in the folder, by plain HTTP on loopback."""

    def __init__(self, folder: Path, store: tuple[str, ...]) -> None:
        self.port = free_port()
        self._command = [
            sys.executable, "-m", "pybernetes", "apiserver", *store, "--bind-address", "127.0.0.1",
            "--secure-port", str(self.port), "--authorization-mode", "AlwaysAllow",
        ]  # fmt: skip
        self._log = folder / "apiserver.log"

    def start(self) -> float:
        """The seconds until it is ready."""
        began = time.perf_counter()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        while self.get("/readyz")[0] != 200:
            if self.process.poll() is not None:
                raise SystemExit(self._log.read_text())
            time.sleep(0.005)
        return time.perf_counter() - began

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def writes(self, clients: int, seconds: float, folder: Path) -> float:
        script = folder / "create.lua"
        script.write_text(SCRIPTS["create"])
        done = subprocess.run(
            ["wrk", "-t1", f"-c{clients}", f"-d{seconds:.0f}s", "--timeout", "20s", "-s", str(script),
             f"http://127.0.0.1:{self.port}{_MAPS}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        failed = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
        if failed:
            print(f"  ({failed[1]} of them refused)")
        return float(found[1]) if found else 0.0


class Etcd:
    """One member with fsync, its data in the folder."""

    def __init__(self, folder: Path) -> None:
        self.url, peer = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        with (folder / "etcd.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    os.environ.get("ETCD", "etcd"), "--name", "bench", "--data-dir", str(folder / "etcd"),
                    "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                    "--initial-cluster", f"bench={peer}", "--log-level", "error",
                ],
                stdout=log, stderr=log, env={**os.environ, "ETCD_ENABLE_V2": "false"},
            )  # fmt: skip


def beside_etcd(folder: Path, seconds: float) -> None:
    """Durable writes through the same apiserver, turn by turn on the same disk."""
    if shutil.which("wrk") is None or shutil.which(os.environ.get("ETCD", "etcd")) is None:
        print("(no wrk or no etcd here: no comparison)")
        return
    etcd = Etcd(folder)
    sqlite = Apiserver(folder, ("--data-file", str(folder / "api.db")))
    other = Apiserver(folder, ("--etcd-servers", etcd.url))
    sqlite.start()
    other.start()
    for clients in (1, 16, 64, 256):
        ours, theirs = (server.writes(clients, seconds, folder) for server in (sqlite, other))
        ratio = ours / theirs if theirs else 0
        figures = f"{ours:9.0f} /s on SQLite {theirs:9.0f} /s on etcd {ratio:6.1f} x"
        print(f"{'creates by the API':28s} {clients:5d} clients {figures}")
    for server in (sqlite, other, etcd):
        server.process.kill()
        server.process.wait()


async def many(folder: Path, objects: int) -> None:
    """An apiserver with so many ConfigMaps: start, memory, list, and the start after kill -9."""
    path = folder / "many.db"
    store = SqliteStore(path)
    await store.start()
    numbers = iter(range(objects))

    async def fill() -> None:
        for number in numbers:
            value = (
                b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"creationTimestamp":"2026-01-01T00:00:00Z","name":"m%d",'
                b'"namespace":"default","uid":"00000000-0000-0000-0000-%012d"},"data":{"k":"%s"}}'
            ) % (number, number, b"x" * 800)
            await store.create(f"/registry/configmaps/default/m{number}", value, _CAUSE)

    await asyncio.gather(*(fill() for _ in range(256)))
    await store.stop()
    server = Apiserver(folder, ("--data-file", str(path)))
    ready_s = server.start()
    server.get(f"{_MAPS}?limit=1")
    held_mb = memory_mb(server.process.pid)
    print(f"{'start':28s} {objects:5d} objects {ready_s:9.2f} s   {held_mb:6.0f} MB when they were read once")
    for label in ("first list", "next list"):
        began = time.perf_counter()
        _, body = server.get(_MAPS)
        print(f"{label:28s} {objects:5d} objects {time.perf_counter() - began:9.2f} s   {len(body) >> 20:6d} MB")
    server.kill()
    print(f"{'start after kill -9':28s} {objects:5d} objects {server.start():9.2f} s")
    server.kill()


async def commits(store: Store, writers: int, seconds: float, label: str) -> None:
    ends = time.perf_counter() + seconds
    latencies: list[float] = []

    async def write(writer: int) -> None:
        revision, key = 0, f"/registry/pods/default/{label}-{writer}"
        while (begun := time.perf_counter()) < ends:
            if revision:
                revision = await store.update(key, pod(f"w{writer}"), revision, _CAUSE)
            else:
                revision = await store.create(key, pod(f"w{writer}"), _CAUSE)
            latencies.append(time.perf_counter() - begun)

    async with asyncio.TaskGroup() as group:
        for writer in range(writers):
            group.create_task(write(writer))
    latencies.sort()
    count = len(latencies)
    print(
        f"{label:28s} {writers:5d} writers {count / seconds:9.0f} commits/s"
        f"   median {latencies[count // 2] * 1e3:6.2f} ms   99 % {latencies[count * 99 // 100] * 1e3:6.2f} ms"
    )


async def fan_out(store: Store, watchers: int, events: int) -> None:
    cache = WatchCache(store, "/registry/fan/")
    await cache.start()
    received = 0

    async def consume() -> None:
        nonlocal received
        watcher = await cache.watch(cache.revision)
        mine = 0
        async for batch in watcher:
            for event in batch:
                mine += len(event.line) > 0
            if mine == events:
                break
        received += mine
        watcher.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(watchers):
            group.create_task(consume())
        await asyncio.sleep(0)
        begun = time.perf_counter()
        for number in range(events):
            await store.create(f"/registry/fan/{watchers}/{number}", pod(f"p{number}"), _CAUSE)
            await asyncio.sleep(0)
    took = time.perf_counter() - begun
    print(f"{'watch fan-out':28s} {watchers:5d} watchers {received / took:8.0f} events/s   ({events} writes)")
    await cache.stop()


async def reads(store: Store, objects: int) -> None:
    for number in range(objects):
        await store.create(f"/registry/read/default/{number:06d}", pod(f"p{number}"), _CAUSE)
    begun = time.perf_counter()
    cache = WatchCache(store, "/registry/read/")
    await cache.start()
    print(f"{'cache loads':28s} {objects:5d} objects  {(time.perf_counter() - begun) * 1e3:8.1f} ms")
    begun = time.perf_counter()
    for _ in range(20):
        b",".join([item.value for item in cache.list("default").items])
    print(f"{'list as bytes':28s} {objects:5d} objects  {(time.perf_counter() - begun) / 20 * 1e3:8.2f} ms")
    await cache.stop()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--directory", default="/var/tmp")
    parser.add_argument("--objects", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        synced = len(fsyncs(Path(directory), arguments.seconds)) / arguments.seconds
        print(f"{'the disk alone':28s} {1:5d} writer  {synced:9.0f} fdatasyncs/s")
        store = SqliteStore(Path(directory) / "store.db")
        await store.start()
        for writers in (1, 16, 64, 256):
            await commits(store, writers, arguments.seconds, f"sqlite-{writers}")
        await reads(store, 5000)
        await store.stop()
        beside_etcd(Path(directory), arguments.seconds)
        await many(Path(directory), arguments.objects)
    memory = MemoryStore()
    await memory.start()
    for watchers in (1, 1000):
        await fan_out(memory, watchers, 300)
    await memory.stop()


if __name__ == "__main__":
    uvloop.run(main())
