"""The controller manager killed again and again while Deployments roll: real processes, simulated nodes.

python -m tests.sim.controllers.chaos --deployments 100 --every 1. An apiserver on SQLite and the controller manager
are processes of their own; the scheduler and the nodes run here, beside watches that record every change. Each
Deployment has a PodDisruptionBudget of what its rollout may not go below; some do not roll, and their Pods are evicted
as fast as budgets allow. Prints counts; violations of the history, and exits 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.api.apps.v1 import Deployment, ReplicaSet
from pybernetes.api.core.v1 import Pod
from pybernetes.api.meta.v1 import ObjectMeta, Status
from pybernetes.api.policy.v1 import Eviction, PodDisruptionBudget
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import resource_of
from pybernetes.client.client import Client
from pybernetes.cluster.kubeconfig import one_context
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.sim.nodes import FleetConfig, NodeWish, SimulatedNodes
from tests.integration.apiserver_process import Server, running, until_ready
from tests.sim.controllers.history import Change, State, is_available, name_of
from tests.sim.controllers.invariants import bounds, violations

_RECORDED = (Deployment, ReplicaSet, Pod, PodDisruptionBudget)
_MANAGERS = ("Deployment", "ReplicaSet")
"""What nobody but the controller manager and this campaign writes."""
_PATIENCE_S = 600.0
"""Without any change, before the campaign gives up."""
_LONGEST_S = 120.0
"""A life: more than a manager needs to start on the busiest machine."""


class Recorder:
    """Every change of the kinds that matter, as watches show them, and the state that they lead to."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.changes: list[Change] = []
        self.state = State()
        self.writes = 0
        """Changes of what the controller manager writes."""
        self.changed = asyncio.Event()

    async def follow(self, cls: type[Any]) -> None:
        path = resource_of(cls).path("default")
        async for kind, raw in self._client.watch_lines(f"{path}?watch=true&resourceVersion=0&timeoutSeconds=86400"):
            tree = msgspec.json.decode(raw)
            if kind == "BOOKMARK":
                continue
            tree.setdefault("kind", cls.__name__)
            change = Change(int(tree["metadata"]["resourceVersion"]), cls.__name__, tree, kind == "DELETED")
            self.changes.append(change)
            self.state.apply(change)
            self.writes += cls.__name__ in _MANAGERS
            self.changed.set()

    def complete(self) -> bool:
        return all(map(self._is_complete, self.state.of_kind("Deployment")))

    def _is_complete(self, tree: dict[str, Any]) -> bool:
        status, replicas = tree.get("status", {}), tree["spec"]["replicas"]
        told = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
        if status.get("observedGeneration") != tree["metadata"]["generation"] or told != [replicas] * 3:
            return False
        pods = self.state.pods_of(tree)
        image = tree["spec"]["template"]["spec"]["containers"][0]["image"]
        return sum(is_available(pod) and pod["spec"]["containers"][0]["image"] == image for pod in pods) == replicas


class Manager:
    """The controller manager's process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        tree = one_context("c", {"server": f"unix://{folder}/api.sock"}, {})
        (folder / "kubeconfig").write_text(json.dumps(tree))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable, "-m", "pybernetes", "controller-manager", "--kubeconfig", str(self._folder / "kubeconfig"),
            "--leader-elect=false", "--use-service-account-credentials=false", "--secure-port", "0",
        ]  # fmt: skip
        with (self._folder / "manager.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Chaos:
    def __init__(self, args: argparse.Namespace, client: Client, manager: Manager) -> None:
        self.args = args
        self.client = client
        self.manager = manager
        self.recorder = Recorder(client)
        self.total: Counter[str] = Counter()
        self.random = random.Random(args.seed)

    async def run(self) -> list[str]:
        async with contextlib.AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            ours = [tasks.create_task(work) for work in (self._nodes(), self._scheduler())]
            ours += [tasks.create_task(self.recorder.follow(cls)) for cls in _RECORDED]
            self.manager.start()
            await self._create()
            await self._until_complete()
            before = len(self.recorder.changes)
            killing = tasks.create_task(self._kill())
            evicting = tasks.create_task(self._evict())
            for roll in range(1, self.args.rolls + 1):
                await self._roll(roll)
                if roll == self.args.rolls:
                    await self._until_complete()
                else:
                    await asyncio.sleep(self.args.every * 2)
            for task in (killing, evicting):
                task.cancel()
            self.total["changes under fire"] = len(self.recorder.changes) - before
            self.total["Deployments complete"] = sum(1 for _ in self.recorder.state.of_kind("Deployment"))
            for task in ours:
                task.cancel()
        return violations(sorted(self.recorder.changes, key=lambda change: change.revision))[0]

    async def _nodes(self) -> None:
        wishes = [NodeWish(f"n{number}", {}, f"240.0.{number}.0/24") for number in range(self.args.nodes)]
        await SimulatedNodes(self.client, lambda node: self.client, FleetConfig(wishes), SystemClock(), Random()).run()

    async def _scheduler(self) -> None:
        await Scheduler(self.client, SchedulerConfig(), SystemClock(), Random()).run()

    def _names(self) -> list[tuple[str, bool]]:
        """Names of Deployments, and whether they roll."""
        rolling = [(f"roll-{number}", True) for number in range(self.args.deployments)]
        return [*rolling, *((f"stay-{number}", False) for number in range(self.args.steady))]

    async def _create(self) -> None:
        for name, _ in self._names():
            labels = {"app": name}
            template = {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "x:0"}], "terminationGracePeriodSeconds": 1},
            }
            spec = {"replicas": self.args.replicas, "selector": {"matchLabels": labels}, "template": template}
            tree = {"metadata": {"name": name, "namespace": "default"}, "spec": spec}
            made = await self.client.create(msgspec.convert(tree, Deployment))
            least = bounds(msgspec.to_builtins(made))[1]
            budget = {"minAvailable": least, "selector": {"matchLabels": labels}}
            await self.client.create(msgspec.convert({**tree, "spec": budget}, PodDisruptionBudget))

    async def _roll(self, version: int) -> None:
        change = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": f"x:{version}"}]}}}}
        for name, rolls in self._names():
            if rolls:
                await self.client.patch(Deployment, name, "default", change, patch_type="strategic")

    async def _until_complete(self) -> None:
        while len(list(self.recorder.state.of_kind("Deployment"))) < len(self._names()) or not self.recorder.complete():
            self.recorder.changed.clear()
            async with asyncio.timeout(_PATIENCE_S):
                await self.recorder.changed.wait()

    async def _kill(self) -> None:
        """Every so often; only a life that was too short to write anything is followed by one twice as long."""
        life_s = self.args.every
        while True:
            writes = self.recorder.writes
            await asyncio.sleep(life_s)
            self.total["ended by itself"] += self.manager.ended()
            self.manager.kill()
            self.manager.start()
            self.total["kills"] += 1
            if self.recorder.writes > writes:
                life_s = self.args.every
            else:
                self.total["lives without a write"] += 1
                life_s = min(life_s * 2, _LONGEST_S)

    async def _evict(self) -> None:
        """A Pod of those that do not roll, whenever one has become available."""
        while True:
            pods = [pod for pod in self.recorder.state.of_kind("Pod") if is_available(pod)]
            pods = [pod for pod in pods if name_of(pod).startswith("stay-")]
            if pods:
                name = name_of(self.random.choice(pods))
                eviction = Eviction(metadata=ObjectMeta(name=name, namespace="default"))
                try:
                    await self.client.create_subresource(Pod, name, "default", "eviction", eviction, Status)
                    self.total["evictions"] += 1
                except (errors.TooManyRequests, errors.NotFound, errors.Conflict):
                    self.total["evictions refused"] += 1
            await asyncio.sleep(self.args.every / 10)


async def campaign(args: argparse.Namespace, server: Server, folder: Path) -> tuple[list[str], Counter[str]]:
    api = server.transport()
    manager = Manager(folder)
    try:
        await until_ready(server, api)
        chaos = Chaos(args, Client(api, "chaos"), manager)
        return await chaos.run(), chaos.total
    finally:
        manager.kill()
        await api.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deployments", type=int, default=100)
    parser.add_argument("--replicas", type=int, default=5)
    parser.add_argument("--steady", type=int, default=5, help="Deployments that do not roll, whose Pods are evicted")
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--rolls", type=int, default=2, help="the later ones begin before the first has ended")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    logging.disable()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder = Path(name)
        with running(folder, None, "--disable-admission-plugins", "ServiceAccount") as server:
            found, total = asyncio.run(campaign(args, server, folder))
    counts = ", ".join(f"{count} {what}" for what, count in total.items())
    print(f"{time.monotonic() - began:.0f} s: {counts}; {len(found)} violations", flush=True)
    for text in found[:10]:
        print(f"VIOLATION: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
