"""One seed: workloads of every kind, what users do to them, faults all the while; then quiet, and the verdict.

python -m tests.sim.controllers.simulation --seeds 1-1000 runs many and prints what broke, each with its seed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pybernetes.api.apps.v1 import DaemonSet, Deployment, StatefulSet
from pybernetes.api.batch.v1 import CronJob, Job
from pybernetes.api.core.v1 import Namespace, Pod, ResourceQuota, ServiceAccount
from pybernetes.api.meta.v1 import ObjectMeta, Status
from pybernetes.api.policy.v1 import Eviction, PodDisruptionBudget
from pybernetes.apimachinery import errors
from pybernetes.client.objects import KubernetesObject
from pybernetes.host.random import Random
from pybernetes.sim.loop import run
from tests.sim.controllers.faults import KINDS, Faults
from tests.sim.controllers.history import State, Tree, condition, is_active, is_available
from tests.sim.controllers.invariants import dangling, violations
from tests.sim.controllers.world import NODES, World

_NAMESPACES = 5
"""Those of the system, and the one that will go: before they have accounts, creations of Pods hang in the air."""
_TROUBLE_S = 150.0
_ENOUGH_S = 600.0
_RATES = {"late_event": 0.2, "death": 0.03}
_RATE = 0.04
Action = Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class Verdict:
    seed: int
    found: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    """Faults, lives of the controller manager, actions, changes."""


class Simulation:
    def __init__(self, seed: int) -> None:
        self.verdict = Verdict(seed)
        self.random = Random(seed)
        rates = {kind: _RATES.get(kind, _RATE) for kind in KINDS if self.random.choice_index(3)}
        self.world = World(seed, Faults(Random(seed + 1), **rates))
        self.client = self.world.client
        self.loses_nodes = self.random.choice_index(3) == 0
        """Then nobody evicts: a budget knows of lost Pods a moment late."""
        self._version = 1

    async def run(self) -> Verdict:
        async with self.world.running():
            await self._create()
            loop = asyncio.get_running_loop()
            await asyncio.sleep(15)
            while loop.time() < _TROUBLE_S:
                await asyncio.sleep(self.random.uniform(0, 12))
                await self._act()
            self.world.faults.end()
            for node in NODES:
                self.world.find(node)
            await self._rest()
            history = await self.world.history()
        done = self.world.faults.done
        lagging = any(done[kind] for kind in ("late_event", "cut_watch", "silent_watch"))
        found, state = violations(history, lagging=lagging)
        self.verdict.found += [*found, *_wrong_at_rest(state)]
        self.verdict.done.update(done)
        self.verdict.done.update({"lives": self.world.lives, "changes": len(history)})
        return self.verdict

    async def _create(self) -> None:
        await self.client.create(Namespace(metadata=ObjectMeta(name="gone")))
        accounts = {"field_selector": "metadata.name=default"}
        while len((await self.client.list(ServiceAccount, **accounts)).items) < _NAMESPACES:  # noqa: ASYNC110 (virtual)
            await asyncio.sleep(0.1)
        rolling = {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 1}}
        job = {"restartPolicy": "Never"}
        await self._make(ResourceQuota, "all", {"hard": {"pods": "200", "count/jobs.batch": "50"}})
        await self._make(Deployment, "web", {"replicas": 6, "strategy": rolling, **_of("web")})
        await self._make(Deployment, "again", {"replicas": 3, "strategy": {"type": "Recreate"}, **_of("again")})
        await self._make(Deployment, "steady", {"replicas": 4, **_of("steady")})
        await self._make(StatefulSet, "db", {"replicas": 3, "serviceName": "db", **_of("db")})
        await self._make(DaemonSet, "agent", _of("agent"))
        await self._make(Job, "work", {"completions": 8, "parallelism": 3, "template": _template("work", **job)})
        indexed = {"completions": 5, "parallelism": 2, "completionMode": "Indexed"}
        await self._make(Job, "parts", {**indexed, "template": _template("parts", **job)})
        tick = {"schedule": "* * * * *", "concurrencyPolicy": "Forbid"}
        await self._make(CronJob, "tick", {**tick, "jobTemplate": {"spec": {"template": _template("tick", **job)}}})
        for name, least in (("web", 5), ("steady", 3), ("db", 2)):
            budget = {"minAvailable": least, "selector": {"matchLabels": {"app": name}}}
            await self._make(PodDisruptionBudget, name, budget)
        for name in ("a", "b"):
            await self._make(Deployment, name, {"replicas": 2, **_of(name)}, "gone")

    async def _make(self, cls: type[Any], name: str, spec: dict[str, Any], namespace: str = "default") -> None:
        tree = {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
        await self.client.create(msgspec.convert(tree, cls))

    async def _act(self) -> None:
        actions: list[tuple[str, Action]] = [
            ("roll", lambda: self._roll(Deployment, "web")),
            ("roll", lambda: self._roll(Deployment, "again")),
            ("roll", lambda: self._roll(StatefulSet, "db")),
            ("roll", lambda: self._roll(DaemonSet, "agent")),
            ("scale", lambda: self._scale(Deployment, "web", 6 + self.random.choice_index(4))),
            ("scale", lambda: self._scale(StatefulSet, "db", 3 + self.random.choice_index(2))),
            ("delete a namespace", lambda: self.client.delete(Namespace, "gone")),
            ("delete a Deployment", self._delete),
            ("lose a node", self._lose) if self.loses_nodes else ("evict", self._evict),
        ]
        name, action = actions[self.random.choice_index(len(actions))]
        self.verdict.done[name] += 1
        try:
            await action()
        except (errors.NotFound, errors.Conflict, errors.TooManyRequests):
            self.verdict.done[f"{name}: refused"] += 1

    async def _roll(self, cls: type[KubernetesObject], name: str) -> None:
        self._version += 1
        image = {"containers": [{"name": "c", "image": f"x:{self._version}"}]}
        await self.client.patch(cls, name, "default", {"spec": {"template": {"spec": image}}}, patch_type="strategic")

    async def _scale(self, cls: type[KubernetesObject], name: str, replicas: int) -> None:
        await self.client.patch(cls, name, "default", {"spec": {"replicas": replicas}})

    async def _delete(self) -> None:
        how = ("Foreground", "Background")[self.random.choice_index(2)]
        name = ("a", "b")[self.random.choice_index(2)]
        await self.client.delete(Deployment, name, "gone", propagation=how)

    async def _lose(self) -> None:
        """For long enough that its Pods are told to go."""
        node = NODES[self.random.choice_index(len(NODES))]
        self.world.lose(node)
        await asyncio.sleep(self.random.uniform(10, 90))
        self.world.find(node)

    async def _evict(self) -> None:
        pods = (await self.client.list(Pod, "default", label_selector="app=steady")).items
        for pod in pods[:2]:
            name = pod.metadata.name or ""
            eviction = Eviction(metadata=ObjectMeta(name=name, namespace="default"))
            await self.client.create_subresource(Pod, name, "default", "eviction", eviction, Status)

    async def _rest(self) -> None:
        """Until everything is as wanted for a while, or that takes too long."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _ENOUGH_S
        while True:
            await asyncio.sleep(20)
            if self.world.idle and not _wrong_at_rest(State.after(await self.world.history())):
                return
            if loop.time() > end:
                self.verdict.found.append(f"not at rest {_ENOUGH_S:.0f} s after the last fault")
                return


def _template(app: str, **spec: Any) -> dict[str, Any]:
    """A Pod that takes a second to be ready, or two to end."""
    says = {"simulation.pybernetes.io/ready-after": "1s"}
    if spec:
        says = {"simulation.pybernetes.io/run-for": "2s"}
    container = {"name": "c", "image": "x:1"}
    if not spec:
        container["readinessProbe"] = {"httpGet": {"port": 80}, "periodSeconds": 1}
    labels = {"app": app}
    grace = {"terminationGracePeriodSeconds": 2}
    return {"metadata": {"labels": labels, "annotations": says}, "spec": {"containers": [container], **grace, **spec}}


def _of(app: str) -> dict[str, Any]:
    return {"selector": {"matchLabels": {"app": app}}, "template": _template(app)}


def _wrong_at_rest(state: State) -> list[str]:
    """What is not as it is wanted."""
    found = dangling(state)
    for (kind, _, name), tree in state.objects.items():
        spec, status = tree.get("spec", {}), tree.get("status", {})
        meta = tree["metadata"]
        if meta.get("deletionTimestamp"):
            found.append(f"{kind} {name} is still being deleted")
        if status.get("observedGeneration", meta.get("generation")) != meta.get("generation"):
            found.append(f"the status of {kind} {name} is not of its generation")
        if (check := _CHECKS.get(kind)) is not None:
            found += [f"{kind} {name}: {text}" for text in check(tree, spec, status, state)]
    return found


def _deployment(tree: Tree, spec: Tree, status: Tree, state: State) -> list[str]:
    names = ("replicas", "updatedReplicas", "availableReplicas")
    found = [f"{name} is {status.get(name, 0)}" for name in names if status.get(name, 0) != spec["replicas"]]
    pods = state.pods_of(tree)
    good = [pod for pod in pods if is_available(pod) and _image(pod) == _image(spec["template"])]
    return found if len(good) == len(pods) == spec["replicas"] else [*found, f"{len(good)} of {len(pods)} Pods fit"]


def _set(tree: Tree, spec: Tree, status: Tree, state: State) -> list[str]:
    pods = state.owned(tree, "Pod")
    good = [pod for pod in pods if is_available(pod) and _image(pod) == _image(spec["template"])]
    wanted = spec.get("replicas", len(NODES))
    told = status.get("readyReplicas", status.get("numberReady", 0))
    found = [f"{len(good)} of {len(pods)} Pods fit"] if not len(good) == len(pods) == wanted else []
    return found if told == wanted else [*found, f"{told} are said to be ready"]


def _image(holder: Tree) -> str:
    return str(holder["spec"]["containers"][0]["image"])


def _job(tree: Tree, spec: Tree, status: Tree, state: State) -> list[str]:
    if "ownerReferences" in tree["metadata"]:
        return []
    if condition(tree, "Complete").get("status") != "True":
        return ["not complete"]
    return [] if status.get("succeeded") == spec["completions"] else [f"{status.get('succeeded')} succeeded"]


def _budget(tree: Tree, spec: Tree, status: Tree, state: State) -> list[str]:
    wanted = spec["selector"]["matchLabels"].items()
    count = sum(is_available(pod) for pod in state.of_kind("Pod") if wanted <= pod["metadata"]["labels"].items())
    right = count, count - spec["minAvailable"]
    told = status.get("currentHealthy"), status.get("disruptionsAllowed")
    return [] if told == right else [f"says {told}, {right} is right"]


def _quota(tree: Tree, spec: Tree, status: Tree, state: State) -> list[str]:
    mine = tree["metadata"]["namespace"]
    pods = sum(is_active(pod) for pod in state.of_kind("Pod") if pod["metadata"]["namespace"] == mine)
    jobs = sum(job["metadata"]["namespace"] == mine for job in state.of_kind("Job"))
    right = {"pods": str(pods), "count/jobs.batch": str(jobs)}
    return [] if status.get("used") == right else [f"says {status.get('used')}, {right} is right"]


_CHECKS: dict[str, Callable[[Tree, Tree, Tree, State], list[str]]] = {
    "Deployment": _deployment,
    "StatefulSet": _set,
    "DaemonSet": _set,
    "Job": _job,
    "PodDisruptionBudget": _budget,
    "ResourceQuota": _quota,
}


def simulate(seed: int) -> Verdict:
    return run(Simulation(seed).run())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="1-100", help="FIRST-LAST")
    args = parser.parse_args()
    logging.disable()
    first, _, last = args.seeds.partition("-")
    total: Counter[str] = Counter()
    bad = 0
    began = time.monotonic()
    for seed in range(int(first), int(last or first) + 1):
        verdict = simulate(seed)
        total += verdict.done
        bad += bool(verdict.found)
        for text in verdict.found[:5]:
            print(f"seed {seed}: {text}", flush=True)
    print(f"seeds {args.seeds}, {time.monotonic() - began:.0f} s: {bad} of them with violations")
    print("  " + ", ".join(f"{count} {what}" for what, count in total.most_common()))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
