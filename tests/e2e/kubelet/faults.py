"""The kubelet, also at any call of the runtime, containerd, shims and the apiserver killed while Pods come and go.

python -m tests.e2e.kubelet.faults --rounds 100 --seed 1, as root, with containerd. An apiserver on SQLite, the kubelet
and containerd are processes of their own. Some Pods stay: their containers must be the same all along, except those of
a killed shim, which must run again. Others come and go: a command that is to run once has run once, and what is
deleted goes. After each round everybody has to be well again, and the machine must hold what the Pods that stay need
and nothing more (`footprint.py`); in the end nothing at all. Prints counts; violations, and exits 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pybernetes.api.core.v1 import ConfigMap, ContainerStatus, Pod, ServiceAccount
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.pods import is_finished, is_ready
from pybernetes.client.client import Client
from pybernetes.cluster.kubeconfig import one_context
from pybernetes.kubelet.runtime import POD_UID_LABEL
from tests.e2e.conftest import own_slot
from tests.e2e.kubelet.footprint import footprint, shim_processes
from tests.e2e.kubelet.harness import NODE, PATIENCE_S
from tests.e2e.kubelet.mortal_kubelet import MOMENTS
from tests.e2e.kubelet.private_containerd import IMAGE, PrivateContainerd
from tests.integration.apiserver_process import Server, running, until_ready

FAULTS = ("kubelet", "call", "containerd", "shim", "apiserver", "both", "pause")
_CALLS = (
    "RunPodSandbox", "PodSandboxStatus", "StopPodSandbox", "RemovePodSandbox", "ImageStatus",
    "CreateContainer", "StartContainer", "ContainerStatus", "StopContainer", "RemoveContainer",
)  # fmt: skip
"""Those that a Pod takes from its creation until it is gone."""
_CALLS_OF_A_KIND = 3
_IN_TIME_S = 60.0
"""For a kubelet under load to come to a call; where it does not, it is killed as it waits."""
_KILLS = {
    "kubelet killed": ("kubelet killed", "kubelet killed at a call", "both killed"),
    "containerd killed": ("containerd killed", "both killed"),
    "shims killed": ("shim killed",),
    "apiserver killed": ("apiserver killed",),
}
_LAUNCHER = Path(__file__).with_name("mortal_kubelet.py")
_OF_THOSE_THAT_STAY = (
    "tasks", "processes in cgroups", "shims", "mounts of volumes", "network namespaces", "links", "addresses",
    "cgroups", "bundles", "runc's", "folders of pods", "folders of logs",
)  # fmt: skip
"""Kinds of which Pods that stay have as many after every round; dead containers are kept for a while."""
T = TypeVar("T")


class KubeletProcess:
    def __init__(self, folder: Path, api: Path, containerd: PrivateContainerd) -> None:
        self.folder = folder
        self._containerd = containerd
        (folder / "kubeconfig").write_text(json.dumps(one_context("c", {"server": f"unix://{api}"}, {})))
        self._fate, self._met = folder / "fate", folder / "fate.met"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable, str(_LAUNCHER), "kubelet", "--kubeconfig", str(self.folder / "kubeconfig"),
            "--hostname-override", NODE, "--node-ip", "127.0.0.1", "--address", "127.0.0.1", "--port", "0",
            "--fail-swap-on=false", "--healthz-port", "0",
            "--container-runtime-endpoint", str(self._containerd.socket), "--root-dir", str(self.folder / "kubelet"),
            "--pod-log-dir", str(self.folder / "pods"), "--cgroup-root", self._containerd.cgroup_root,
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            env = {**os.environ, "FATE": str(self._fate)}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=env)

    def doom(self, method: str, calls: int, moment: str) -> None:
        """It kills itself at a call, so many of its kind from now."""
        paper = self._fate.with_suffix(".new")
        paper.write_text(json.dumps({"method": method, "calls": calls, "moment": moment}))
        paper.replace(self._fate)

    def met_its_fate(self) -> str:
        """The call and its moment; nothing where it lives, or died of something else."""
        if self._process is None or self._process.poll() != -signal.SIGKILL or not self._met.exists():
            return ""
        self._process = None
        call = self._met.read_text()
        self._met.unlink()
        return call

    def kill(self) -> bool:
        """Whether it ran until it was killed, now or as it met its fate."""
        self._fate.unlink(missing_ok=True)
        if self._process is None:
            return True
        self._process.kill()
        killed = self._process.wait() == -signal.SIGKILL
        self._process = None
        self._met.unlink(missing_ok=True)
        return killed


class Campaign:
    def __init__(
        self,
        args: argparse.Namespace,
        row: list[str] | None,
        server: Server,
        kubelet: KubeletProcess,
        runtime: PrivateContainerd,
    ) -> None:
        self.args = args
        self._row = row
        self.random = random.Random(args.seed)
        self.total: Counter[str] = Counter()
        self.violations: list[str] = []
        self._server, self._kubelet, self._runtime = server, kubelet, runtime
        self._client = Client(server.transport(), "faults")
        self._ran = kubelet.folder / "ran"
        self._ran.mkdir()
        self._numbers = itertools.count(1)
        self._hit: set[str] = set()
        """uids of Pods whose shim was killed."""
        self._without_kubelet = False
        """Whether it was killed in this round."""
        self._without_containerd = False
        """Likewise: of a container that it was starting it says afterwards that it is yet to start. Upstream, too,
        makes another one then. Source: pkg/kubelet/container/helpers.go, ShouldContainerBeRestarted."""
        self._containers: dict[str, tuple[str, int]] = {}
        """Id and restart count of the containers that stay, by Pod and name."""
        self._wanted: dict[str, int] = {}

    async def run(self) -> None:
        await self._until_served()
        account = ObjectMeta(name="default", namespace="default")
        await self._client.create(ServiceAccount(metadata=account))
        root_ca = ObjectMeta(name="kube-root-ca.crt", namespace="default")
        await self._client.create(ConfigMap(metadata=root_ca, data={"ca.crt": "-"}))
        empty = footprint(self._runtime, self._kubelet.folder)
        self._kubelet.start()
        for number in range(self.args.stay):
            await self._client.create(_staying(f"stay-{number}"))
        await self._all_stay("at first")
        self._wanted = self._counts()
        for number in range(1, self.args.rounds + 1):
            await self._round(f"round {number}")
            if self.violations:
                return
        await self._delete(lambda pod: True)
        await self._until_footprint("in the end", {kind: len(found) for kind, found in empty.items()})

    async def _round(self, name: str) -> None:
        async with asyncio.TaskGroup() as tasks:
            churning = [tasks.create_task(self._come_and_go()) for _ in range(self.args.at_once)]
            kinds = self.args.faults.split(",")
            for kind in self._row or [self.random.choice(kinds) for _ in range(self.args.faults_per_round)]:
                await asyncio.sleep(self.random.uniform(0, self.args.between))
                await self._fault(kind)
            for task in churning:
                task.cancel()
        await self._all_stay(name)
        await self._renew(name)
        await self._once(name)
        self._hit.clear()
        self._without_kubelet = self._without_containerd = False
        await self._delete(lambda pod: not (pod.metadata.name or "").startswith("stay-"))
        await self._until_footprint(name, self._wanted)
        self.total["rounds"] += 1

    # Faults.

    async def _fault(self, kind: str) -> None:
        done = True
        if kind == "call":
            done = await self._until_a_call()
        if kind in ("kubelet", "call", "both"):
            self._without_kubelet = True
            if not self._kubelet.kill():
                self.violations.append("the kubelet had ended by itself")
        if kind in ("containerd", "both"):
            self._without_containerd = True
            await asyncio.to_thread(self._runtime.restart)
        if kind in ("kubelet", "call", "both"):
            self._kubelet.start()
        if kind == "apiserver":
            self._server.kill()
            self._server.start()
        if kind == "shim":
            done = self._kill_shim()
        if kind == "pause":
            self._runtime.signal(signal.SIGSTOP)
            await asyncio.sleep(self.random.uniform(0, 2 * self.args.between))
            self._runtime.signal(signal.SIGCONT)
        told = {"pause": "containerd paused", "call": "kubelet killed at a call"}
        self.total[told.get(kind, f"{kind} killed")] += done

    async def _until_a_call(self) -> bool:
        """Whether the kubelet came to a call that killed it."""
        number = self.random.randint(1, _CALLS_OF_A_KIND)
        self._kubelet.doom(self.random.choice(_CALLS), number, self.random.choice(MOMENTS))
        end = time.monotonic() + _IN_TIME_S
        while not (call := self._kubelet.met_its_fate()):
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.02)
        self.total[f"of them at {call}"] += 1
        return True

    def _kill_shim(self) -> bool:
        """Whether there was one to kill, of a sandbox that containerd knows."""
        found = shim_processes(self._runtime)
        if not found:
            return False
        sandbox, pid = self.random.choice(sorted(found))
        told = self._runtime.ctr("containers", "info", sandbox, check=False)
        if told.returncode:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self._hit.add(json.loads(told.stdout)["Labels"][POD_UID_LABEL])
        return True

    # Pods that come and go.

    async def _come_and_go(self) -> None:
        while True:
            name = f"go-{next(self._numbers)}"
            once = self.random.random() < 0.5
            made = await self._insist(lambda name=name, once=once: self._client.create(_going(name, once, self._ran)))  # type: ignore[misc]
            self.total["Pods that came and went"] += made is not None
            await asyncio.sleep(self.random.uniform(0, 2))
            if not once:
                grace_s = self.random.choice([0, 1, 2])
                await self._insist(
                    lambda name=name, grace_s=grace_s: self._client.delete(Pod, name, "default", grace_period_s=grace_s)  # type: ignore[misc]
                )
            await self._eventually(partial(self._is_over, name))

    async def _is_over(self, name: str) -> bool:
        pod = await self._insist(lambda: self._client.get(Pod, name, "default"))
        return pod is None or is_finished(pod)

    async def _once(self, when: str) -> None:
        """Commands that are to run once have done so."""

        async def ended() -> bool:
            pods = await self._pods()
            return all(is_finished(pod) for pod in pods if _runs_once(pod))

        if not await self._eventually(ended):
            left = [
                (p.metadata.name, p.status.phase) for p in await self._pods() if _runs_once(p) and not is_finished(p)
            ]
            self.violations.append(f"{when}: Pods did not end: {left}")
        for pod in await self._pods():
            if not _runs_once(pod) or pod.metadata.uid in self._hit:
                continue
            file = self._ran / f"{pod.metadata.uid}"
            times = len(file.read_text().splitlines()) if file.exists() else 0
            self.total["commands that ran once"] += times == 1
            statuses = pod.status.containerStatuses
            if times <= 2 and any(self._lost(s.containerID) or self._lost(_last_id(s)) for s in statuses):
                continue
            ends = [status.state.terminated for status in statuses if status.state.terminated is not None]
            reasons = {end.reason for end in ends}
            started = any(end.reason != "StartError" and end.startedAt is not None for end in ends)
            if self._without_kubelet and times < 2 and not started:
                self.total["starts that containerd broke off as the kubelet, who had asked, was killed"] += 1
                continue
            if self._without_containerd and times == 2 and any(s.lastState.waiting is not None for s in statuses):
                self.total["starts that containerd did not know of when it came back"] += 1
                continue
            lost = "Unknown" in reasons
            self.total["exit codes that containerd lost with its life"] += lost
            if times != 1 or (pod.status.phase != "Succeeded" and not lost):
                told = msgspec.json.encode(pod.status).decode()
                self.violations.append(f"{when}: {pod.metadata.name} ran {times} times: {told}")

    def _lost(self, container_id: str | None) -> bool:
        """Whether containerd, as it started, could not learn what had become of that container: another may follow."""
        lost = self._runtime.lost_sight_of((container_id or "-").rpartition("//")[2])
        self.total["containers that containerd lost sight of as it started"] += lost
        return lost

    # Pods that stay.

    async def _all_stay(self, when: str) -> None:
        """They are ready; containers whose shim was not killed are the same as before."""

        async def ready() -> bool:
            pods = [pod for pod in await self._pods() if (pod.metadata.name or "").startswith("stay-")]
            return len(pods) == self.args.stay and all(self._is_well(pod) for pod in pods)

        if not await self._eventually(ready):
            told = [msgspec.json.encode(pod.status).decode() for pod in await self._pods() if not self._is_well(pod)]
            self.violations.append(f"{when}: not all are ready again: {told}")
        for pod in await self._pods():
            if not (pod.metadata.name or "").startswith("stay-"):
                continue
            for status in (*pod.status.containerStatuses, *pod.status.initContainerStatuses):
                key = f"{pod.metadata.name}/{status.name}"
                now = (status.containerID or "", status.restartCount)
                before = self._containers.get(key, now)
                if before != now and not self._lost(before[0]) and pod.metadata.uid not in self._hit:
                    told = msgspec.json.encode(status).decode()
                    self.violations.append(f"{when}: {key} is another container: {before}, now {now}: {told}")
                self._containers[key] = now

    async def _renew(self, when: str) -> None:
        """Those whose shim was killed go and come again: what their dead containers hold goes with them."""
        names = {p.metadata.name or "" for p in await self._pods() if p.metadata.uid in self._hit}
        names = {name for name in names if name.startswith("stay-")}
        await self._delete(lambda pod: pod.metadata.name in names)
        for name in names:
            await self._insist(lambda name=name: self._client.create(_staying(name)))  # type: ignore[misc]
        self._containers = {k: v for k, v in self._containers.items() if k.partition("/")[0] not in names}
        await self._all_stay(when)

    def _is_well(self, pod: Pod) -> bool:
        """Ready, with containers that the runtime runs: a status may be older than the last fault."""
        statuses = (*pod.status.containerStatuses, *pod.status.initContainerStatuses)
        ids = {(status.containerID or "").rpartition("//")[2] for status in statuses}
        return is_ready(pod) and ids <= self._runtime.tasks().keys()

    # The machine.

    def _counts(self) -> dict[str, int]:
        found = footprint(self._runtime, self._kubelet.folder)
        return {kind: len(found[kind]) for kind in _OF_THOSE_THAT_STAY}

    async def _until_footprint(self, when: str, wanted: dict[str, int]) -> None:
        found: dict[str, list[str]] = {}

        async def clean() -> bool:
            nonlocal found
            found = await asyncio.to_thread(footprint, self._runtime, self._kubelet.folder)
            return all(len(found[kind]) == count for kind, count in wanted.items())

        if not await self._eventually(clean, 0.3):
            for kind, count in wanted.items():
                if len(found[kind]) != count:
                    self.violations.append(f"{when}: {kind}: {len(found[kind])} and not {count}: {found[kind]}")

    # Asking.

    async def _pods(self) -> list[Pod]:
        page = await self._insist(lambda: self._client.list(Pod, "default"))
        assert page is not None
        return page.items

    async def _delete(self, which: Callable[[Pod], bool]) -> None:
        async def gone() -> bool:
            left = [pod for pod in await self._pods() if which(pod)]
            for pod in left:
                if pod.metadata.deletionTimestamp is None:
                    name = pod.metadata.name or ""
                    await self._insist(
                        lambda name=name: self._client.delete(Pod, name, "default", grace_period_s=1)  # type: ignore[misc]
                    )
            return not left

        if not await self._eventually(gone):
            left = [msgspec.json.encode(pod).decode() for pod in await self._pods() if which(pod)]
            self.violations.append(f"Pods do not go: {left}")

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """The answer, however often the apiserver dies meanwhile; None where what was asked is so already."""
        while True:
            try:
                return await ask()
            except (errors.NotFound, errors.AlreadyExists):
                return None
            except (OSError, errors.ServiceUnavailable, errors.InternalError):
                await self._until_served()

    async def _until_served(self) -> None:
        await until_ready(self._server, self._server.transport())

    async def _eventually(self, look: Callable[[], Awaitable[bool]], every_s: float = 0.1) -> bool:
        end = time.monotonic() + PATIENCE_S
        while not await look():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(every_s)
        return True


def _pod(name: str, **spec: Any) -> Pod:
    tree = {
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"nodeName": NODE, "terminationGracePeriodSeconds": 1, **spec},
    }
    return msgspec.convert(tree, Pod)


def _staying(name: str) -> Pod:
    """Two containers and a sidecar that a mere restart of a daemon must not touch; volumes of every kind of mount."""
    mounts = [{"name": "memory", "mountPath": "/memory"}, {"name": "disk", "mountPath": "/part", "subPath": "part"}]
    sleeping = {"image": IMAGE, "command": ["sleep", "1000000"], "volumeMounts": mounts}
    return _pod(
        name,
        initContainers=[{**sleeping, "name": "beside", "restartPolicy": "Always"}],
        containers=[
            {**sleeping, "name": "one"},
            {**sleeping, "name": "two", "resources": {"limits": {"memory": "64Mi"}}},
        ],
        volumes=[{"name": "memory", "emptyDir": {"medium": "Memory"}}, {"name": "disk", "emptyDir": {}}],
    )


def _going(name: str, once: bool, ran: Path) -> Pod:
    uid = {"name": "UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
    command = "echo ran >> /ran/$UID; sleep 0.3" if once else "sleep 1000000"
    mounts = [{"name": "ran", "mountPath": "/ran"}, {"name": "memory", "mountPath": "/memory", "subPath": "part"}]
    container = {"name": "c", "image": IMAGE, "command": ["sh", "-c", command], "env": [uid], "volumeMounts": mounts}
    volumes = [{"name": "ran", "hostPath": {"path": str(ran)}}, {"name": "memory", "emptyDir": {"medium": "Memory"}}]
    return _pod(name, containers=[container], volumes=volumes, restartPolicy="Never" if once else "Always")


def _last_id(status: ContainerStatus) -> str | None:
    """That of the container before."""
    return status.lastState.terminated.containerID if status.lastState.terminated is not None else None


def _runs_once(pod: Pod) -> bool:
    return pod.spec.restartPolicy == "Never"


async def play_campaign(args: argparse.Namespace, row: list[str] | None = None) -> Campaign:
    """`row` are the faults of every round in their order; without it they are drawn."""
    with tempfile.TemporaryDirectory(prefix="node-faults-") as text:
        slot = own_slot()
        api, machine = Path(text, "api"), Path(text, f"faults-{slot}")
        for place in (api, machine / "node"):
            place.mkdir(parents=True)
        runtime = PrivateContainerd(machine, slot)
        runtime.start()
        try:
            with running(api) as server, contextlib.ExitStack() as stack:
                kubelet = KubeletProcess(machine / "node", api / "api.sock", runtime)
                stack.callback(kubelet.kill)
                campaign = Campaign(args, row, server, kubelet, runtime)
                await campaign.run()
                if campaign.violations:
                    print(json.dumps(footprint(runtime, machine / "node"), indent=1))
                    for log in (machine / "node" / "log", machine / "log", api / "log"):
                        print(f"--- {log.parent.name}\n{log.read_text()[-args.log_bytes :]}")
        finally:
            runtime.stop()
    return campaign


def options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default=",".join(FAULTS), help="kinds, with commas")
    parser.add_argument("--faults-per-round", type=int, default=5)
    parser.add_argument("--between", type=float, default=1.5, metavar="SECONDS", help="at most, from one to the next")
    parser.add_argument("--stay", type=int, default=4, metavar="PODS", help="that stay")
    parser.add_argument("--at-once", type=int, default=6, metavar="PODS", help="that come and go at a time")
    parser.add_argument("--log-bytes", type=int, default=3000, help="of each log, when something is wrong")
    return parser.parse_args(words)


def _table(total: Counter[str]) -> str:
    """How often each was killed, alone or with another, then all that was counted."""
    killed = [(sum(total[what] for what in kinds), f"{who}, in all") for who, kinds in _KILLS.items()]
    return "\n".join(f"{count:6}  {what}" for count, what in [*killed, *sorted((n, what) for what, n in total.items())])


def main() -> None:
    args = options(sys.argv[1:])
    campaign = asyncio.run(play_campaign(args))
    print(_table(campaign.total))
    for violation in campaign.violations:
        print(f"VIOLATION (seed {args.seed}): {violation}")
    sys.exit(1 if campaign.violations else 0)


if __name__ == "__main__":
    main()
