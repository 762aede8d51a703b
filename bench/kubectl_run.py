"""`kubectl run` to Running on a real cluster, against the bare calls that the container runtime needs for the Pod.

usage: python bench/kubectl_run.py [COUNT]     as root, with containerd and kubectl; prints medians and ratios

One cluster, the two sides in turns. "request to Running" starts when the API server receives the Pod (its
creationTimestamp has only seconds, so the clock starts before the request) and ends with the watch event that says
Running: TLS, admission, scheduler, kubelet, runtime, status. "kubectl run to Running" adds kubectl's own start, which
`kubectl create configmap` shows alone.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pybernetes.api.core.v1 import Container, Pod, PodSpec
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.cluster.layout import Layout
from pybernetes.kubelet.cri import cri_pb2
from pybernetes.kubelet.cri.client import CriClient

NAME = "bench-run"
IMAGE = "pybernetes.local/busybox:1.35"
COMMAND = ["sleep", "100000"]


async def bare(cri: CriClient, number: int) -> float:
    """Seconds for RunPodSandbox, CreateContainer and StartContainer of a like Pod."""
    sandbox = cri_pb2.PodSandboxConfig(
        metadata=cri_pb2.PodSandboxMetadata(name=f"bare-{number}", uid=f"bare-{number}", namespace="bench"),
        log_directory="",
        linux=cri_pb2.LinuxPodSandboxConfig(cgroup_parent=f"/pybernetes-{NAME}/bare"),
    )
    container = cri_pb2.ContainerConfig(
        metadata=cri_pb2.ContainerMetadata(name="main"), image=cri_pb2.ImageSpec(image=IMAGE), command=COMMAND
    )
    began = time.perf_counter()
    sandbox_id = await cri.run_pod_sandbox(sandbox)
    container_id = await cri.create_container(sandbox_id, container, sandbox)
    await cri.start_container(container_id)
    taken = time.perf_counter() - began
    await cri.stop_container(container_id, 0)
    await cri.stop_pod_sandbox(sandbox_id)
    await cri.remove_pod_sandbox(sandbox_id)
    return taken


async def until_running(client: Client, name: str, start: Callable[[], Awaitable[object]]) -> float:
    """Seconds from `start` to the event that shows the Pod Running; the Pod is gone afterwards."""
    page = await client.list(Pod)
    watch = client.watch(Pod, "default", resource_version=page.resource_version, field_selector=f"metadata.name={name}")

    async def running() -> float:
        async for event in watch:
            if event.type != "DELETED" and event.object.status.phase == "Running":
                return time.perf_counter()
        raise AssertionError("the watch ended")

    seen = asyncio.create_task(running())
    await asyncio.sleep(0.1)  # the watch stands; nothing is timed yet
    began = time.perf_counter()
    await start()
    ended = await seen
    await client.delete(Pod, name, "default", grace_period_s=0)
    return ended - began


async def command(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.DEVNULL)
    if await process.wait() != 0:
        sys.exit(f"{' '.join(words)} failed")


async def timed(start: Awaitable[object]) -> float:
    began = time.perf_counter()
    await start
    return time.perf_counter() - began


async def measure(count: int, layout: Layout, kubeconfig: Path) -> None:
    client = Client(HttpTransport.from_kubeconfig(kubeconfig), user_agent="bench")
    cri = CriClient(str(layout.node("node-1").containerd_socket))
    rows: list[tuple[float, float, float, float]] = []
    for i in range(-1, count):
        spec = PodSpec(containers=[Container(name="main", image=IMAGE, command=COMMAND)])
        pod = Pod(metadata=ObjectMeta(name=f"api-{i + 1}", namespace="default"), spec=spec)
        run = ("kubectl", "run", f"run-{i + 1}", f"--image={IMAGE}", "--", *COMMAND)
        row = (
            await bare(cri, i + 1),
            await until_running(client, f"api-{i + 1}", lambda pod=pod: client.create(pod)),  # type: ignore[misc]
            await until_running(client, f"run-{i + 1}", lambda run=run: command(*run)),  # type: ignore[misc]
            await timed(command("kubectl", "create", "configmap", f"c-{i + 1}")),
        )
        if i >= 0:
            rows.append(row)
    bare_s, request_s, run_s, kubectl_s = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"bare CRI calls            {bare_s * 1000:7.1f} ms median of {count}")
    print(f"request to Running        {request_s * 1000:7.1f} ms   ratio {request_s / bare_s:5.2f}")
    print(f"kubectl run to Running    {run_s * 1000:7.1f} ms   ratio {run_s / bare_s:5.2f}")
    print(f"kubectl create configmap  {kubectl_s * 1000:7.1f} ms   (kubectl's own start and one request)")
    await cri.close()


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("bench/kubectl_run.py needs root")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        os.environ["KUBECONFIG"] = str(kubeconfig)
        pybernetes = [sys.executable, "-m", "pybernetes"]
        subprocess.run(
            [*pybernetes, "up", "--name", NAME, "--data-dir", f"{folder}/data", "--no-example"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            layout = Layout(NAME, Path(folder) / "data")
            asyncio.run(measure(count, layout, kubeconfig))
        finally:
            subprocess.run([*pybernetes, "down", "--name", NAME, "--purge"], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
