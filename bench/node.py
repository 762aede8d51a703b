"""Figures of a node agent: its memory and CPU by Pods, a hundred Pods at once, a restart after a crash, probes on time.

usage: python bench/node.py     as root, with containerd

The agent is the process of the second node of a cluster: kubelet, proxy, network and the provisioner of volumes.
Memory is proportional: pages that processes share count in parts. Idle means that nobody asks for anything. Probes are
the kubelet's own over TCP, 200 a second and as a hostile crowd 3,000, in a process of their own; late is what a probe
comes after its time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.command import run, say
from bench.machine import cpu_s
from pybernetes.api.core.v1 import Container, Pod, Probe
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.host.clock import SystemClock
from pybernetes.host.processes import all_pids, arguments, memory_kb
from pybernetes.host.random import Random
from pybernetes.kubelet.probes import prober
from pybernetes.kubelet.probes.manager import Probes
from pybernetes.kubelet.runtime import Container as Running
from pybernetes.kubelet.surroundings import Surroundings

NAME, NODE = "bench-node", "node-2"
IMAGE = "pybernetes.local/busybox:1.35"
IDLE_S = 15.0
LONGEST_S = 300.0
CRASHES = 5
PROBES, PROBED_S = (200, 3000), 10.0
PROBED_PODS = 100


def pod(name: str, seconds: int = 1_000_000) -> Pod:
    tree = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "nodeName": NODE,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "c", "image": IMAGE, "command": ["sleep", str(seconds)]}],
        },
    }
    return msgspec.convert(tree, Pod)


async def until(client: Client, what: str, done: Callable[[list[Pod]], bool], only: str = "") -> None:
    """Looks at all Pods, or often at one alone; ends the benchmark when it takes too long."""
    pods: list[Pod] = []
    try:
        async with asyncio.timeout(LONGEST_S):
            while True:
                pods = [await client.get(Pod, only, "default")] if only else (await client.list(Pod, "default")).items
                if done(pods):
                    return
                await asyncio.sleep(0.005 if only else 0.05)
    except TimeoutError:
        phases = Counter(f"{p.status.phase} {p.status.reason or ''}".strip() for p in pods)
        sys.exit(f"after {LONGEST_S:.0f} s it is not so that {what}: {dict(phases)}")


async def until_all_run(client: Client) -> None:
    await until(client, "all Pods run", lambda pods: all(p.status.phase == "Running" for p in pods))


async def idle(pid: int, count: int) -> None:
    await asyncio.sleep(5)
    began, before_s = time.perf_counter(), cpu_s(pid)
    await asyncio.sleep(IDLE_S)
    used = 100 * (cpu_s(pid) - before_s) / (time.perf_counter() - began)
    resident, proportional = memory_kb(pid)
    say(f"agent with {count} Pods: memory (resident {resident / 1024:.0f} MB)", proportional / 1024, "MB")
    say(f"agent with {count} Pods: CPU while idle", used, "% of a core")


def was_restarted(pods: list[Pod]) -> bool:
    status = pods[0].status.containerStatuses[0]
    return status.restartCount == 1 and status.state is not None and status.state.running is not None


async def crashes(client: Client) -> None:
    """From a process that is killed to the status that says that its container runs again."""
    taken = []
    for number in range(CRASHES):
        mark = 900_000 + number
        await client.create(pod(f"crash-{number}", mark))
        await until_all_run(client)
        (pid,) = (p for p in all_pids() if arguments(p) == ["sleep", str(mark)])
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        await until(client, "it was restarted", was_restarted, only=f"crash-{number}")
        taken.append(time.perf_counter() - began)
    say(f"restart after a crash, median of {CRASHES}", 1000 * statistics.median(taken), "ms")


async def node(pid: int, kubeconfig: Path) -> None:
    transport = HttpTransport.from_kubeconfig(str(kubeconfig))
    client = Client(transport, "bench")
    try:
        await idle(pid, 0)
        await asyncio.gather(*(client.create(pod(f"few-{number}")) for number in range(30)))
        await until_all_run(client)
        await idle(pid, 30)
        await client.delete_collection(Pod, "default")
        await until(client, "all Pods are gone", lambda pods: not pods)
        began, before_s = time.perf_counter(), cpu_s(pid)
        await asyncio.gather(*(client.create(pod(f"many-{number}")) for number in range(100)))
        await until_all_run(client)
        say("100 Pods at once until all run", time.perf_counter() - began, "s")
        say("  CPU of the agent for that", cpu_s(pid) - before_s, "s")
        await crashes(client)
        await asyncio.gather(*(client.create(pod(f"more-{number}")) for number in range(10 - CRASHES)))
        await until_all_run(client)
        await idle(pid, 110)
    finally:
        await transport.close()


async def probes(count: int) -> None:
    late: list[float] = []
    due: dict[int, float] = {}
    clock, loop = SystemClock(), asyncio.get_running_loop()
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    probe = msgspec.convert({"tcpSocket": {"host": "127.0.0.1", "port": port}, "periodSeconds": 1}, Probe)
    manager, around = Probes(clock, Random(), clock.now()), Surroundings()
    spec = Container(name="c", readinessProbe=probe)
    pods = [Pod(metadata=ObjectMeta(uid=str(number))) for number in range(PROBED_PODS)]
    targets = [prober.Running(None, pod, spec, "", "127.0.0.1") for pod in pods]  # type: ignore[arg-type]
    before_s, began_s = cpu_s(os.getpid()), loop.time()
    for number in range(count):

        async def ask(wanted: Probe, number: int = number) -> prober.Answer:
            now_s = loop.time()
            late.append(now_s - due.setdefault(number, now_s))
            due[number] += 1
            return await around.probe(targets[number % PROBED_PODS], wanted)

        started_s = clock.now() + number / count
        manager.start(spec, Running(str(number), "c", started_at_s=started_s), ask, lambda *_: None, lambda *_: None)
    await asyncio.sleep(PROBED_S)
    manager.stop_all()
    server.close()
    late.sort()
    say(f"{len(late) / (loop.time() - began_s):.0f} probes a second: late, median", 1000 * late[len(late) // 2], "ms")
    say("  late, 99th percentile", 1000 * late[len(late) * 99 // 100], "ms")
    say("  CPU, that of the server included", 100 * (cpu_s(os.getpid()) - before_s) / PROBED_S, "% of a core")


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("bench/node.py needs root")
    for count in PROBES:
        asyncio.run(probes(count))
    with tempfile.TemporaryDirectory(prefix="bench-node-") as folder:
        os.environ["KUBECONFIG"] = f"{folder}/kubeconfig"
        run("down", "--name", NAME, "--purge", check=False)
        try:
            run("up", "--name", NAME, "--nodes", "2", "--no-example", "--no-ingress")
            parts = json.loads(run("status", "--name", NAME, "-o", "json"))["components"]
            pid = next(int(part["pid"]) for part in parts if part["name"] == NODE)
            asyncio.run(node(pid, Path(folder) / "kubeconfig"))
        finally:
            run("down", "--name", NAME, "--purge", check=False)


if __name__ == "__main__":
    main()
