"""What a node survives: a short run of the campaign of `faults.py`, which `make soak` runs at length, and its finds."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from functools import partial
from typing import Any

import pytest

from pybernetes.host.processes import Process
from pybernetes.kubelet.cri import leftovers
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.runtime import KUBELET_LABEL

from .faults import options, play_campaign
from .footprint import footprint, shim_processes
from .harness import Cluster, eventually, play, shell
from .private_containerd import PrivateContainerd

pytestmark = pytest.mark.e2e


@pytest.fixture
def quick(containerd: PrivateContainerd) -> argparse.Namespace:
    """Skips where `containerd` does."""
    return options(["--rounds", "1", "--seed", "7", "--stay", "1", "--at-once", "2", "--between", "0.7"])


def test_everything_is_killed_once(quick: argparse.Namespace) -> None:
    campaign = asyncio.run(play_campaign(quick, ["both", "shim", "apiserver", "pause"]))
    assert campaign.violations == []
    assert campaign.total["rounds"] == 1


async def _ends_without_kubelet(k: Cluster, containerd: PrivateContainerd) -> str:
    """Pod `once` runs, the kubelet stops, the Pod's container ends: its id."""
    script = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
    await k.create("once", [shell(script)], restartPolicy="Never")
    pod = await k.running("once")
    container_id = (pod.status.containerStatuses[0].containerID or "").rpartition("//")[2]
    await k.stop_kubelet()
    os.kill(containerd.tasks()[container_id], signal.SIGTERM)

    async def ended() -> bool:
        return container_id not in await asyncio.to_thread(containerd.tasks)

    await eventually(ended)
    return container_id


def test_a_pod_that_ends_while_no_kubelet_runs(containerd: PrivateContainerd) -> None:
    """It is told so by the next one, and holds nothing any more."""

    async def scene(k: Cluster) -> None:
        await _ends_without_kubelet(k, containerd)
        await k.start_kubelet()
        await k.until("once", lambda p: p.status.phase == "Succeeded")

        async def nothing_held() -> bool:
            return not (await asyncio.to_thread(footprint, containerd, k.folder))["network namespaces"]

        await eventually(nothing_held)

    play(containerd, scene)


def test_a_task_of_which_the_runtime_knows_nothing(containerd: PrivateContainerd) -> None:
    """As a start that was cut off leaves it: the runtime thinks it ended, and does not remove its container."""

    async def scene(k: Cluster) -> None:
        container_id = await _ends_without_kubelet(k, containerd)

        async def started_again() -> bool:
            start = partial(containerd.ctr, "tasks", "start", "--detach", "--null-io", container_id, check=False)
            return (await asyncio.to_thread(start)).returncode == 0

        await eventually(started_again)
        await k.start_kubelet()
        await k.until("once", lambda p: p.status.phase == "Succeeded")
        await k.delete("once")
        await k.gone("once")
        assert container_id not in containerd.ctr("tasks", "ls").stdout

    play(containerd, scene)


def test_a_runtime_that_dies_while_a_kubelet_looks_at_it(
    containerd: PrivateContainerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubelet waits for its next life, and finds the containers as they were."""
    answer = CriClient.container_status
    dies = [CriError("UNAVAILABLE", "Stream removed")]

    async def container_status(cri: CriClient, container_id: str, verbose: bool = False) -> Any:
        if dies:
            raise dies.pop()
        return await answer(cri, container_id, verbose)

    async def scene(k: Cluster) -> None:
        await k.create("web")
        before = (await k.running("web")).status.containerStatuses
        await k.stop_kubelet()
        monkeypatch.setattr(CriClient, "container_status", container_status)
        await k.start_kubelet()
        assert not dies
        assert (await k.running("web")).status.containerStatuses == before

    play(containerd, scene)


def test_a_container_that_the_runtime_lost_sight_of(containerd: PrivateContainerd) -> None:
    """It is stopped, and another one takes its place, while its kubelet runs all along."""

    async def scene(k: Cluster) -> None:
        await k.create("web")
        before = (await k.running("web")).status.containerStatuses[0]
        container_id = (before.containerID or "").rpartition("//")[2]
        old = Process.of(containerd.tasks()[container_id])
        containerd.forget_pipes(container_id)
        containerd.restart()
        # It may answer before it has looked at its containers.
        await eventually(partial(asyncio.to_thread, containerd.lost_sight_of, container_id))
        await k.until("web", lambda p: p.status.containerStatuses[0].containerID != before.containerID)
        after = await k.running("web")
        assert after.status.containerStatuses[0].restartCount == 1
        assert old is not None and not old.alive()

    play(containerd, scene)


def test_a_sandbox_that_dies_gives_its_network_back(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        await k.create("stays")
        await k.create("ends", restartPolicy="Never")
        await k.running("ends")
        before = await k.running("stays")
        for _, pid in shim_processes(containerd):
            os.kill(pid, signal.SIGKILL)
        await k.until("ends", lambda p: p.status.phase == "Failed")
        old_id = before.status.containerStatuses[0].containerID
        after = await k.until("stays", lambda p: p.status.containerStatuses[0].containerID != old_id)
        after = await k.running("stays")
        assert after.status.containerStatuses[0].restartCount == 1

        async def one_network() -> bool:
            found = await asyncio.to_thread(footprint, containerd, k.folder)
            return all(len(found[kind]) == 1 for kind in ("network namespaces", "links", "addresses", "shims"))

        await eventually(one_network)

    play(containerd, scene)


def test_what_a_runtime_forgot_is_removed(containerd: PrivateContainerd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of no sandbox and a snapshot that are older than its life, an empty page; tasks without a container."""
    monkeypatch.setattr(leftovers, "_UNKNOWN_S", 0.5)

    async def scene(k: Cluster) -> None:
        await k.create("web")
        await k.running("web")
        before = {kind: len(found) for kind, found in footprint(containerd, k.folder).items()}
        await k.stop_kubelet()
        containerd.forget_networks("10.251.1.1")
        containerd.forget_address("10.251.1.2")
        containerd.forget_snapshot("0" * 64)
        containerd.forget_snapshot("of-somebody-else")
        containerd.restart()
        containerd.forget_task()
        containerd.forget_start()
        await k.start_kubelet()

        async def as_before() -> bool:
            found = await asyncio.to_thread(footprint, containerd, k.folder)
            kinds = ("network namespaces", "addresses", "bundles", "runc's")
            snapshots = [row.split()[0] for row in found["snapshots"]]
            return all(len(found[kind]) == before[kind] for kind in kinds) and "0" * 64 not in snapshots

        await eventually(as_before)
        assert any("of-somebody-else" in row for row in footprint(containerd, k.folder)["snapshots"])
        await k.running("web")
        await k.delete("web", 1)
        await k.gone("web")

    play(containerd, scene)


def test_a_sandbox_that_the_cri_dropped(containerd: PrivateContainerd, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes with its process and all it has; what somebody else runs in the same namespace stays."""
    monkeypatch.setattr(leftovers, "_UNKNOWN_S", 0.5)
    kind = "io.cri-containerd.kind=sandbox"

    async def scene(k: Cluster) -> None:
        await k.create("web")
        await k.running("web")
        await k.stop_kubelet()
        before = {kind: len(found) for kind, found in footprint(containerd, k.folder).items()}
        containerd.run("bystander", kind)
        containerd.run("dropped", kind, f"{KUBELET_LABEL}=somebody")
        await k.start_kubelet()

        async def one_more() -> bool:
            found = await asyncio.to_thread(footprint, containerd, k.folder)
            kinds = ("containers", "tasks", "snapshots", "shims", "bundles", "runc's")
            return [len(found[kind]) - before[kind] for kind in kinds] == [1] * len(kinds)

        await eventually(one_more)
        assert "bystander" in containerd.tasks() and "dropped" not in containerd.tasks()
        await k.running("web")

    play(containerd, scene)
    containerd.ctr("tasks", "rm", "--force", "bystander")
    containerd.ctr("containers", "rm", "bystander")
