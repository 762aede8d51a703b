"""How long a pod takes from its creation to Running, against the bare calls that the runtime needs for it.

usage: python bench/pod_start.py [COUNT]      as root, with containerd; prints medians and their ratio

Both run against the same private containerd, in turns, so that the machine is the same for both. The
bare side sends the three calls that the pod comes down to, with the very same configurations, made
beforehand. The other side creates a Pod that is bound already in an apiserver in memory and waits for a watch event
that says Running: admission, informer, cgroups, volumes with a token, status.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from e2e.conftest import run_slot
from e2e.kubelet.harness import Cluster, cluster
from e2e.kubelet.private_containerd import IMAGE, PrivateContainerd

from bench.machine import memory_mb
from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.containers.configs import NewContainer


async def bare(k: Cluster, number: int) -> float:
    """Seconds for RunPodSandbox, CreateContainer and StartContainer of the same pod; nothing else is timed."""
    node = k.kubelet.node
    cri = node.cri
    pod = await k.admin.create(k.pod(f"bare-{number}"), dry_run=True)
    uid = pod.metadata.uid = f"bare-{number}"
    for volume in pod.spec.volumes:
        place = node.volumes.path(pod, volume)
        assert place is not None
        place.mkdir(parents=True)
    assert node.cgroups is not None
    node.cgroups.create(pod)
    sandbox, _ = node.configs.sandbox(pod, 0)
    image = await cri.image_status(IMAGE)
    new = NewContainer(pod, pod.spec.containers[0], image.id, image, 0, ("10.0.0.1",), "")
    container = node.configs.container(new)
    began = time.perf_counter()
    sandbox_id = await cri.run_pod_sandbox(sandbox)
    container_id = await cri.create_container(sandbox_id, container, sandbox)
    await cri.start_container(container_id)
    taken = time.perf_counter() - began
    await cri.stop_container(container_id, 0)
    await cri.stop_pod_sandbox(sandbox_id)
    await cri.remove_pod_sandbox(sandbox_id)
    await node.volumes.remove(uid)
    node.cgroups.remove(uid)
    return taken


async def whole(k: Cluster, number: int) -> float:
    """Seconds from the request that creates the pod to the event that shows it Running."""
    name = f"pod-{number}"
    page = await k.admin.list(Pod)
    watch = k.admin.watch(Pod, "default", resource_version=page.resource_version)
    running = asyncio.create_task(_until_running(watch, name))
    await asyncio.sleep(0)
    began = time.perf_counter()
    await k.create(name)
    ended = await running
    await k.delete(name, grace_period_s=0)
    await k.gone(name)
    return ended - began


async def _until_running(watch: object, name: str) -> float:
    async for event in watch:  # type: ignore[attr-defined]
        if event.object.metadata.name == name and event.object.status.phase == "Running":
            return time.perf_counter()
    raise AssertionError("the watch ended")


async def main(count: int) -> None:
    containerd = PrivateContainerd(Path(mkdtemp(prefix="pod-start-")), run_slot())
    containerd.start()
    try:
        async with cluster(containerd) as k:
            await bare(k, -1)
            await whole(k, -1)
            rows = [(await bare(k, i), await whole(k, i)) for i in range(count)]
            low, high = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"bare CRI calls        {low * 1000:7.1f} ms median of {count}")
            print(f"create pod to Running {high * 1000:7.1f} ms median of {count}")
            print(f"ratio                 {high / low:7.2f}")
            print(f"resident              {memory_mb(os.getpid()):7.1f} MB (apiserver, kubelet and this program)")
    finally:
        containerd.stop()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
