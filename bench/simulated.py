"""Figures of simulated nodes: until all are Ready, memory and CPU while only Leases are renewed, replicas, a fork.

Usage: bench/simulated.py [NODES ...] (default 1000 5000). Needs no root. CPU seconds are the control plane's, in whose
process the nodes are.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.machine import cpu_s, memory_mb
from pybernetes.api.apps.v1 import Deployment
from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core.v1 import Pod
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport

COMMAND = [sys.executable, "-m", "pybernetes"]
NAME = "bench-simulated"
REPLICAS = 1000
IDLE_S = 20.0


def run(*args: str) -> str:
    done = subprocess.run([*COMMAND, *args], capture_output=True, text=True, check=False)
    if done.returncode and args[0] != "status":
        sys.exit(f"pybernetes {' '.join(args)} failed: {done.stderr.strip()}")
    return done.stdout


def say(label: str, value: float, unit: str) -> None:
    print(f"{label:<72}{value:9.2f} {unit}")


def control_plane(name: str) -> int:
    """Its process."""
    parts = json.loads(run("status", "--name", name, "-o", "json"))["components"]
    return next(int(part["pid"]) for part in parts if part["name"] == "control-plane")


async def oldest_lease_s(client: Client) -> float:
    leases = (await client.list(Lease, "kube-node-lease")).items
    renewed = [datetime.datetime.fromisoformat(lease.spec.renewTime or "").timestamp() for lease in leases]
    return time.time() - min(renewed)


async def replicas(client: Client, plane: int) -> None:
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
    began, before_s = time.perf_counter(), cpu_s(plane)
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
    say("  CPU for that", cpu_s(plane) - before_s, "s")


async def figures(kubeconfig: Path) -> None:
    plane = control_plane(NAME)
    say("  CPU for that", cpu_s(plane), "s")
    transport = HttpTransport.from_kubeconfig(str(kubeconfig))
    client = Client(transport, "bench")
    try:
        await asyncio.sleep(15)
        began, before_s = time.perf_counter(), cpu_s(plane)
        await asyncio.sleep(IDLE_S)
        say(
            "CPU while only Leases are renewed",
            100 * (cpu_s(plane) - before_s) / (time.perf_counter() - began),
            "% of a core",
        )
        say("oldest Lease (renewed every 10 s, missed after 40 s)", await oldest_lease_s(client), "s")
        say("memory of control plane and nodes", memory_mb(plane), "MB")
        await replicas(client, plane)
        say("memory with them", memory_mb(plane), "MB")
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
