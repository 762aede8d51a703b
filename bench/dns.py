"""Answers of the DNS server beside dnsmasq's on the same machine, and how soon an answer follows an endpoint.

usage: python bench/dns.py [SECONDS]      prints figures; without dnsmasq only our own

A client keeps 16 questions under way over UDP, about 1,000 Services' names in turn; each server is a process of its own
and uses one core. Processor time an answer does not depend on what else the machine does.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
import uvloop
from dnslib import DNSRecord

from bench.machine import cpu_s
from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.dns.server import DnsConfig, DnsServer
from tests.fake_api import FakeApi

SERVICES, UNDER_WAY, CHANGES = 1000, 16, 50
HEADLESS = "moving.default.svc.cluster.local"


def name_of(number: int) -> str:
    return f"web-{number}.default.svc.cluster.local"


def address_of(number: int) -> str:
    return f"10.96.{number // 250}.{number % 250 + 1}"


def service(name: str, address: str) -> Service:
    return msgspec.convert(
        {"metadata": {"name": name, "namespace": "default"}, "spec": {"clusterIP": address}}, Service
    )


def moving(address: str) -> EndpointSlice:
    labels = {"kubernetes.io/service-name": "moving"}
    tree = {
        "metadata": {"name": "moving", "namespace": "default", "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]}],
    }
    return msgspec.convert(tree, EndpointSlice)


def ours(port: Connection) -> None:
    """The server, in a process of its own; what it is sent are addresses that the headless Service moves to."""

    async def serve() -> None:
        api = FakeApi()
        for number in range(SERVICES):
            api.put(service(f"web-{number}", address_of(number)), "services")
        api.put(service("moving", "None"), "services")
        server = DnsServer(api.client(), DnsConfig(("127.0.0.1",), port=0, metrics_port=0, cluster_ips=()))
        running = asyncio.create_task(server.run())
        await server.ready.wait()
        port.send(server.port)

        def move() -> None:
            api.put(moving(port.recv()), "endpointslices")

        asyncio.get_running_loop().add_reader(port.fileno(), move)
        await running

    uvloop.run(serve())


def load(port: int, process: int, seconds: float) -> tuple[float, float, float]:
    """Answers a second, 99th percentile of their latency in ms, µs of the server's processor for one."""
    packets = [bytes(DNSRecord.question(name_of(number)).pack()) for number in range(SERVICES)]
    sent: dict[socket.socket, float] = {}
    latencies = []
    with selectors.DefaultSelector() as selector:
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(UNDER_WAY)]
        for each in sockets:
            each.connect(("127.0.0.1", port))
            selector.register(each, selectors.EVENT_READ)
        used, began, number = cpu_s(process), time.perf_counter(), 0
        for each in sockets:
            sent[each] = time.perf_counter()
            each.send(packets[number % SERVICES])
            number += 1
        while (now := time.perf_counter()) - began < seconds:
            for key, _ in selector.select(1):
                each = key.fileobj
                assert isinstance(each, socket.socket)
                assert each.recv(4096)[3] & 0x0F == 0
                now = time.perf_counter()
                latencies.append(now - sent[each])
                sent[each] = now
                each.send(packets[number % SERVICES])
                number += 1
        took, spent = time.perf_counter() - began, cpu_s(process) - used
        for each in sockets:
            each.close()
    latencies.sort()
    return len(latencies) / took, latencies[len(latencies) * 99 // 100] * 1e3, spent / len(latencies) * 1e6


def follow(port: int, server: Connection) -> list[float]:
    """Milliseconds from a changed endpoint to an answer that shows it."""
    found = []
    query = bytes(DNSRecord.question(HEADLESS).pack())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        for number in range(CHANGES):
            address = f"10.244.0.{number + 1}"
            began = time.perf_counter()
            server.send(address)
            while not client.send(query) or socket.inet_aton(address) not in client.recv(4096):
                pass
            found.append((time.perf_counter() - began) * 1e3)
    return found


def show(who: str, figures: tuple[float, float, float]) -> None:
    rate, late, cost = figures
    print(f"{who:12} {rate:8,.0f} answers/s   p99 {late:6.2f} ms   {cost:6.1f} µs of processor an answer")


def main(seconds: float) -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=ours, args=(there,), daemon=True)
    process.start()
    port = here.recv()
    assert process.pid
    load(port, process.pid, 0.5)
    show("pybernetes", load(port, process.pid, seconds))
    times = follow(port, here)
    print(
        f"an answer follows an endpoint after {statistics.median(times):.1f} ms (median), {max(times):.1f} ms at most"
    )
    process.terminate()
    program = shutil.which("dnsmasq", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        print("dnsmasq is not installed")
        return
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        hosts = Path(folder, "hosts")
        hosts.write_text("".join(f"{address_of(n)} {name_of(n)}\n" for n in range(SERVICES)))
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        argv = [
            program,
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--bind-interfaces",
        ]
        argv += [f"--port={port}", "--listen-address=127.0.0.1", f"--addn-hosts={hosts}", "--user=root", "--pid-file="]
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as other:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect(("127.0.0.1", port))
                client.settimeout(0.1)
                while True:
                    try:
                        client.send(bytes(DNSRecord.question(name_of(0)).pack()))
                        client.recv(512)
                        break
                    except OSError:
                        continue
            load(port, other.pid, 0.5)
            show("dnsmasq", load(port, other.pid, seconds))
            other.terminate()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5)
