"""Services: what the rules of many cost, and how soon and how fast a Service is reached.

usage: python bench/services.py [COUNT,...]      as root, with containerd; default 100,1000,10000 Services

First, in a network namespace of its own: Services with 5 endpoints each in an apiserver in memory, then a proxy that
starts, and one endpoint that changes. Then, on a cluster with two nodes: the time from a ready endpoint, as soon as
the API has taken it, to the first connection through the ClusterIP on each node, and how long a connection through a
ClusterIP takes beside a direct one.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import multiprocessing
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import msgspec
from e2e.conftest import Cluster

from bench.machine import memory_mb
from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import Endpoint, EndpointPort, EndpointSlice
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport, LocalTransport
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.clock import SystemClock
from pybernetes.host.nft import LibNft
from pybernetes.host.random import Random
from pybernetes.proxy.proxy import Proxy, ProxyConfig
from pybernetes.storage.memory import MemoryStore

_NEW_NETWORK = 0x40000000
ENDPOINTS = 5
CHANGES = 40
ROUNDS = 60
CONNECTIONS = 2000
_PAUSE_S = 0.0005


def say(what: str, text: str) -> None:
    print(f"{what:<66}{text}", flush=True)


def spread(seconds: list[float]) -> str:
    found = sorted(seconds)
    return f"{1e3 * statistics.median(found):7.2f} ms   p99 {1e3 * found[int(0.99 * (len(found) - 1))]:7.2f} ms"


# What the rules cost


class TimedNft(LibNft):
    """Knows when the last transaction was done, and what it took."""

    def __init__(self) -> None:
        super().__init__()
        self.ended_s = self.took_s = 0.0
        self.applied = threading.Event()

    def apply(self, commands: str) -> None:
        began = time.perf_counter()
        super().apply(commands)
        self.ended_s = time.perf_counter()
        self.took_s = self.ended_s - began
        self.applied.set()


def service(number: int) -> Service:
    port = {"name": "http", "port": 80, "protocol": "TCP"}
    return msgspec.convert({"metadata": {"name": f"service-{number}"}, "spec": {"ports": [port]}}, Service)


def endpoints(number: int, change: int = 0) -> EndpointSlice:
    """The last of them is another with each change."""
    addresses = [f"10.{128 + index}.{number >> 8}.{number & 255}" for index in range(ENDPOINTS)]
    addresses[-1] = f"10.{140 + change % 100}.{number >> 8}.{number & 255}"
    tree = {
        "metadata": {
            "name": f"service-{number}",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": f"service-{number}"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }
    return msgspec.convert(tree, EndpointSlice)


async def rules(counts: list[int]) -> None:
    store = MemoryStore()
    await store.start()
    server = ApiServer(
        ApiServerConfig(port=-1, service_cluster_ip_range="10.96.0.0/16"), store, SystemClock(), Random(1)
    )
    await server.start()
    client = Client(LocalTransport(server.handler, UserInfo("bench", groups=(SYSTEM_MASTERS,))), "bench")
    there = 0
    try:
        for turn, count in enumerate(counts):
            for number in range(there, count):
                await client.create(service(number), "default")
                await client.create(endpoints(number), "default")
            there = count
            await of_many(client, count, turn * CHANGES + 1)
    finally:
        await server.stop(0)
        await store.stop()


async def of_many(client: Client, count: int, first_change: int) -> None:
    gc.collect()
    before, nft = memory_mb(os.getpid()), TimedNft()
    config = ProxyConfig("node-1", cluster_cidrs=("10.128.0.0/9",), service_cidrs=("10.96.0.0/16",), healthz_port=0)
    proxy = Proxy(client, config, nft=nft)
    began, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(proxy.run())
    await proxy.synced.wait()
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    text = f"{took_s:7.2f} s    CPU {cpu_s:.2f} s, {nft.took_s:.2f} s for nftables"
    say(f"{count} Services: all of them, from nothing", text)
    gc.collect()
    say(f"{count} Services: memory of the proxy", f"{memory_mb(os.getpid()) - before:7.0f} MB")
    whole: list[float] = []
    inner: list[float] = []
    used = time.process_time()
    for change in range(CHANGES):
        nft.applied.clear()
        changed = endpoints(change * 7 % count, first_change + change)
        sent = time.perf_counter()
        await client.update(changed)
        await asyncio.to_thread(nft.applied.wait)
        whole.append(nft.ended_s - sent)
        inner.append(nft.took_s)
    say(f"{count} Services: one change, from the request to the rules", spread(whole))
    say(f"{count} Services: one change, in nftables (goal: under 10 ms)", spread(inner))
    say(
        f"{count} Services: one change, CPU with the apiserver's",
        f"{1e3 * (time.process_time() - used) / CHANGES:7.2f} ms",
    )
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    proxy.remove()


def rules_in_a_namespace(counts: list[int]) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) != 0:
        sys.exit("bench/services.py needs root")
    asyncio.run(rules(counts))


# How a Service is reached


def inside(namespace: str, work: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """Starts it in a process in a network namespace; the answer waits for what it returns."""
    reader, writer = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        with Path(f"/run/netns/{namespace}").open() as handle:
            ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), _NEW_NETWORK)
        writer.send(work(*args))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()

    def result() -> Any:
        found = reader.recv()
        process.join()
        return found

    return result


def first_connection(address: str, port: int) -> float:
    """When the first one succeeded, on the machine's clock; refused ones are tried again at once."""
    while True:
        try:
            socket.create_connection((address, port), 5).close()
        except OSError:
            time.sleep(_PAUSE_S)
            continue
        return time.monotonic()


def connections(address: str, port: int) -> list[float]:
    found = []
    for _ in range(CONNECTIONS):
        began = time.perf_counter()
        socket.create_connection((address, port), 5).close()
        found.append(time.perf_counter() - began)
    return found


def listen(address: str) -> int:
    server = socket.create_server((address, 0), backlog=1024)

    def serve() -> None:
        while True:
            server.accept()[0].close()

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


async def reached(cluster: Cluster) -> None:
    nodes = {
        node["metadata"]["name"]: f"pybernetes-{cluster.name}-{node['metadata']['name']}"
        for node in cluster.get("nodes")["items"]
    }
    spec = ClusterSpec.read(cluster.folder / "data" / "cluster.json")
    assert spec is not None
    host = spec.gateway
    port = listen(host)
    client = Client(HttpTransport.from_kubeconfig(str(cluster.kubeconfig)), "bench")
    seconds: dict[str, list[float]] = {node: [] for node in nodes}
    address = ""
    for number in range(ROUNDS):
        made = await client.create(service(number), "default")
        address = made.spec.clusterIP or ""
        waiting = {node: inside(namespace, first_connection, address, 80) for node, namespace in nodes.items()}
        await asyncio.sleep(0.2)  # they are refused meanwhile
        slice_ = endpoints(number)
        slice_.endpoints = [Endpoint(addresses=[host])]
        slice_.ports = [EndpointPort(name="http", port=port, protocol="TCP")]
        await client.create(slice_, "default")
        ready_s = time.monotonic()
        for node, found in waiting.items():
            seconds[node].append(max(0.0, await asyncio.to_thread(found) - ready_s))
    for node, taken in seconds.items():
        say(f"{node}: from a ready endpoint to the first connection", spread(taken))
    node, namespace = next(iter(nodes.items()))
    for what, target in (
        ("direct", (host, port)),
        ("through the ClusterIP", (address, 80)),
        ("direct again", (host, port)),
    ):
        taken = inside(namespace, connections, *target)()
        say(f"{node}: a connection, {what}", spread(taken))


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("bench/services.py needs root")
    counts = [int(text) for text in (sys.argv[1] if len(sys.argv) > 1 else "100,1000,10000").split(",")]
    process = multiprocessing.get_context("fork").Process(target=rules_in_a_namespace, args=(counts,))
    process.start()
    process.join()
    with TemporaryDirectory() as folder:
        cluster = Cluster("bench-services", Path(folder))
        try:
            cluster.up("--nodes", "2")
            asyncio.run(reached(cluster))
        finally:
            cluster.down()


if __name__ == "__main__":
    main()
