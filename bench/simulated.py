"""Figures of simulated nodes: until all are Ready, memory and CPU while only Leases are renewed, replicas, a fork.

Usage: bench/simulated.py [NODES ...] (default 1000 5000). Needs no root.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.command import run, say
from bench.machine import cpu_s, memory_mb
from pybernetes.api.apps.v1 import Deployment
from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core.v1 import Pod
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport

NAME = "bench-simulated"
REPLICAS = 1000
IDLE_S = 20.0


class Processes:
    """The control plane's and the nodes'."""

    def __init__(self, name: str) -> None:
        parts = json.loads(run("status", "--name", name, "-o", "json", check=False))["components"]
        by_name = {part["name"]: int(part["pid"]) for part in parts}
        self._pids = by_name["control-plane"], by_name["simulated-nodes"]

    def cpu_s(self) -> tuple[float, float]:
        plane, nodes = map(cpu_s, self._pids)
        return plane, nodes

    def memory_mb(self) -> tuple[float, float]:
        plane, nodes = map(memory_mb, self._pids)
        return plane, nodes


def say_both(label: str, plane: float, nodes: float, unit: str) -> None:
    say(f"{label}: control plane", plane, unit)
    say("  nodes", nodes, unit)


async def oldest_lease_s(client: Client) -> float:
    leases = (await client.list(Lease, "kube-node-lease")).items
    renewed = [datetime.datetime.fromisoformat(lease.spec.renewTime or "").timestamp() for lease in leases]
    return time.time() - min(renewed)


async def replicas(client: Client, on: Processes) -> None:
    page = await client.list(Pod, "default", limit=1)
    tree = {
        "metadata": {"name": "many"},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": {"app": "many"}},
            "template": {
                "metadata": {"labels": {"app": "many"}},
                "spec": {"containers": [{"name": "c", "image": "x:1"}]},
            },
        },
    }
    began, (plane_s, nodes_s) = time.perf_counter(), on.cpu_s()
    await client.create(msgspec.convert(tree, Deployment), "default")
    bound: set[str] = set()
    running: set[str] = set()
    async for event in client.watch(Pod, "default", resource_version=page.resource_version, bookmarks=False):
        pod = event.object
        name = pod.metadata.name or ""
        if pod.spec.nodeName and name not in bound:
            bound.add(name)
            if len(bound) == REPLICAS:
                say(f"Deployment of {REPLICAS:,} replicas until all are bound", time.perf_counter() - began, "s")
        if pod.status.phase == "Running":
            running.add(name)
        if len(running) == REPLICAS:
            break
    say(f"Deployment of {REPLICAS:,} replicas until all run", time.perf_counter() - began, "s")
    plane_after_s, nodes_after_s = on.cpu_s()
    say_both("  CPU for that", plane_after_s - plane_s, nodes_after_s - nodes_s, "s")


async def idle(label: str, on: Processes, seconds: float) -> None:
    began, (plane_s, nodes_s) = time.perf_counter(), on.cpu_s()
    await asyncio.sleep(seconds)
    share = 100 / (time.perf_counter() - began)
    plane_after_s, nodes_after_s = on.cpu_s()
    say_both(label, share * (plane_after_s - plane_s), share * (nodes_after_s - nodes_s), "% of a core")


async def figures(kubeconfig: Path) -> None:
    on = Processes(NAME)
    say_both("  CPU for that", *on.cpu_s(), "s")
    transport = HttpTransport.from_kubeconfig(str(kubeconfig))
    client = Client(transport, "bench")
    try:
        await asyncio.sleep(15)
        await idle("CPU while only Leases are renewed", on, IDLE_S)
        say("oldest Lease (renewed every 10 s, missed after 40 s)", await oldest_lease_s(client), "s")
        say_both("memory", *on.memory_mb(), "MB")
        await replicas(client, on)
        say_both("memory with them", *on.memory_mb(), "MB")
    finally:
        await transport.close()


def main() -> None:
    counts = [int(word) for word in sys.argv[1:]] or [1000, 5000]
    with tempfile.TemporaryDirectory(prefix="bench-simulated-") as folder:
        os.environ["KUBECONFIG"] = f"{folder}/kubeconfig"
        run("down", "--name", NAME, "--purge")
        run("down", "--name", f"{NAME}-fork", "--purge")
        for count in counts:
            try:
                told = run(
                    "up", "--name", NAME, "--runtime", "simulated", "--simulated-nodes", str(count), "--wait", "600"
                )
                found = re.search(r"Ready after ([\d.]+) s", told)
                say(f"{count:,} simulated nodes until all are Ready", float(found[1]) if found else 0.0, "s")
                asyncio.run(figures(Path(folder) / "kubeconfig"))
                forked = re.search(r"answers ([\d.]+) s", run("snapshot", "fork", f"{NAME}-fork", "--name", NAME))
                say("fork of that cluster until it answers, its nodes Ready", float(forked[1]) if forked else 0.0, "s")
            finally:
                run("down", "--name", f"{NAME}-fork", "--purge")
                run("down", "--name", NAME, "--purge")


if __name__ == "__main__":
    main()
