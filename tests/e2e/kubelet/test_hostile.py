"""Pods that mean harm, all at once: each comes to its own end, and a neighbour goes on being served."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.eviction import manager
from pybernetes.kubelet.serving.log_reader import LogOptions
from pybernetes.kubelet.serving.log_stream import log_stream
from pybernetes.kubelet.serving.server_host import ContainerLog

from ..conftest import quiet_fetch
from .harness import Cluster, eventually, neighbour, play, shell
from .private_containerd import IMAGE, PrivateContainerd

pytestmark = pytest.mark.e2e
PIDS = 48
LOG_BYTES = 200_000
LINE_BYTES, COMMANDS = (60_000_000, 40) if os.environ.get("SOAK") else (3_000_000, 10)
PROBED = 3
PROBES = ("readinessProbe", "livenessProbe")
SLOWLY = {"limits": {"cpu": "100m"}}
FILL = "dd if=/dev/zero of={}/fill bs=64k count=64 2>/dev/null; sleep 3600"


async def bomb(k: Cluster) -> None:
    """Its processes come to the limit, and no further."""
    await k.create("bomb", [shell("(for i in $(seq 200); do sleep 3600 & done); exec sleep 3600")])
    pod = await k.until("bomb", lambda p: p.status.phase == "Running")
    cgroups = k.kubelet.node.cgroups
    assert cgroups is not None

    async def full() -> bool:
        return PIDS - 4 < cgroups.processes(pod) <= PIDS

    await eventually(full)


async def flood(k: Cluster) -> None:
    """Its log is rotated, and what is asked of it is answered."""
    await k.create("flood", [shell("yes a-line-of-a-log-that-nobody-wants-to-read", resources=SLOWLY)])
    pod = await k.running("flood")
    folder = log_folder(k, pod)
    await eventually(partial(rotated, k, pod, 2))
    assert len([place for place in folder.iterdir() if place.suffix != ".tmp"]) <= k.config().container_log_max_files
    lines = (await eventually(partial(last_lines, folder / "0.log", 3))).splitlines()
    assert all(line == b"a-line-of-a-log-that-nobody-wants-to-read" for line in lines[:-1])


def log_folder(k: Cluster, pod: Pod) -> Path:
    return k.kubelet.node.configs.log_folder_of(pod) / "c"


async def rotated(k: Cluster, pod: Pod, times: int) -> bool:
    return len(list(log_folder(k, pod).iterdir())) > times


async def last_lines(log: Path, lines: int) -> bytes:
    """Nothing in the moment in which the file is set aside."""
    try:
        read = log_stream(ContainerLog("", str(log), False), LogOptions(tail_lines=lines), _never)
        return b"".join([piece async for piece in read])
    except FileNotFoundError:
        return b""


async def _never(_container_id: str) -> None:
    await asyncio.Event().wait()


async def fill(k: Cluster) -> None:
    """A volume and a disk that hold more than they may."""
    volumes = [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]
    mounts = [{"name": "v", "mountPath": "/v"}]
    limited = {"limits": {"ephemeral-storage": "1Mi"}}
    await k.create("volume", [shell(FILL.format("/v"), volumeMounts=mounts)], volumes=volumes)
    await k.create("disk", [shell(FILL.format(""), resources=limited)])

    def evicted(pod: Pod) -> bool:
        return (pod.status.phase, pod.status.reason) == ("Failed", "Evicted")

    volume, disk = await k.until("volume", evicted), await k.until("disk", evicted)
    assert volume.status.message == 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". '
    assert (disk.status.message or "").startswith(
        ("Container c exceeded its local ephemeral storage limit", "Pod ephemeral local storage usage exceeds")
    )


async def stay(k: Cluster) -> None:
    """One that ignores its end, and one whose first process leaves its children to nobody."""
    await k.create("deaf", [shell("trap '' TERM; while true; do sleep 1; done")])
    await k.create("zombies", [shell("for i in $(seq 30); do (sleep 0.1 &) ; done; exec sleep 3600")])
    for name in ("deaf", "zombies"):
        await k.running(name)
        await k.delete(name)
        await k.gone(name)


async def pipe(k: Cluster) -> None:
    """Last words in a pipe that nobody writes to: whoever opened it would wait for ever."""
    volumes = [{"name": "v", "emptyDir": {}}]
    lay = {**shell("mkfifo /v/pipe", volumeMounts=[{"name": "v", "mountPath": "/v"}]), "name": "lay", "image": IMAGE}
    mounts = [{"name": "v", "mountPath": "/dev/termination-log", "subPath": "pipe"}]
    await k.create(
        "pipe", [shell("exit 0", volumeMounts=mounts)], initContainers=[lay], volumes=volumes, restartPolicy="Never"
    )
    await k.until("pipe", lambda p: p.status.phase == "Succeeded")


async def link(k: Cluster) -> None:
    """A part of a volume that is a link to the node's own files is not shown."""
    volumes = [{"name": "v", "emptyDir": {}}]
    lay = {
        **shell("ln -s /etc /v/link", volumeMounts=[{"name": "v", "mountPath": "/v"}]),
        "name": "lay",
        "image": IMAGE,
    }
    mounts = [{"name": "v", "mountPath": "/seen", "subPath": "link"}]
    await k.create("link", [shell("cat /seen/passwd", volumeMounts=mounts)], initContainers=[lay], volumes=volumes)
    pod = await k.until("link", lambda p: p.status.containerStatuses and p.status.containerStatuses[0].state.waiting)
    pod = await k.until("link", lambda p: p.status.containerStatuses[0].state.waiting.reason != "PodInitializing")
    assert pod.status.containerStatuses[0].state.waiting.reason == "CreateContainerConfigError"


async def line(k: Cluster) -> None:
    """A line of megabytes: it is rotated, too, and what is last can be read."""
    await k.create("line", [shell(f"head -c {LINE_BYTES} /dev/zero | tr '\\0' x; while sleep 0.2; do echo x; done")])
    pod = await k.running("line")
    await eventually(partial(rotated, k, pod, 1))
    shown = await eventually(partial(last_lines, log_folder(k, pod) / "0.log", 1))
    assert set(shown) <= set(b"x\n") and len(shown) < LOG_BYTES


async def probes(k: Cluster) -> None:
    """More commands a second than the node can run: they wait for each other."""
    probe = {"exec": {"command": ["sh", "-c", "echo p >> /v/$0"]}, "periodSeconds": 1, "timeoutSeconds": 60}
    names = [f"c{number}" for number in range(PROBED)]
    probed = [
        {
            **shell("exec sleep 3600", volumeMounts=[{"name": "v", "mountPath": "/v"}]),
            "name": name,
            **{kind: {**probe, "exec": {"command": [*probe["exec"]["command"], f"{name}-{kind}"]}} for kind in PROBES},
        }
        for name in names
    ]
    await k.create("probed", probed, volumes=[{"name": "v", "emptyDir": {}}])
    pod = await k.running("probed")
    folder = k.folder / "kubelet" / "pods" / (pod.metadata.uid or "") / "volumes" / "kubernetes.io~empty-dir" / "v"

    async def each_again() -> bool:
        asked = [folder / f"{name}-{kind}" for name in names for kind in PROBES]
        return all(place.exists() and place.stat().st_size >= 4 for place in asked)

    await eventually(each_again)


async def many_commands(k: Cluster, pod: Pod) -> None:
    said = await asyncio.gather(*(k.exec(pod, "echo", str(number)) for number in range(COMMANDS)))
    assert said == [f"{number}\n" for number in range(COMMANDS)]


async def served(url: str) -> None:
    """Again and again."""

    async def fetched() -> bool:
        return await asyncio.to_thread(quiet_fetch, url) == "served"

    while True:
        await eventually(fetched)
        await asyncio.sleep(0.05)


def test_hostile_pods_and_their_neighbour(containerd: PrivateContainerd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "_PERIOD_S", 0.5)
    monkeypatch.setattr(manager, "_STORAGE_PERIOD_S", 0.5)

    async def scene(k: Cluster) -> None:
        await k.stop_kubelet()
        k.settings = {
            "pod_max_pids": PIDS,
            "container_log_max_bytes": LOG_BYTES,
            "container_log_monitor_interval_s": 0.2,
        }
        await k.start_kubelet()
        await k.create("neighbour", [neighbour()])
        pod = await k.running("neighbour")
        async with asyncio.TaskGroup() as beside:
            watched = beside.create_task(served(f"http://{pod.status.podIP}:8080/"))
            async with asyncio.TaskGroup() as tasks:
                for work in (bomb, flood, line, fill, stay, pipe, link, probes):
                    tasks.create_task(work(k))
                tasks.create_task(many_commands(k, pod))
            watched.cancel()
        after = await k.running("neighbour")
        assert after.status.containerStatuses[0].restartCount == 0

    play(containerd, scene)
