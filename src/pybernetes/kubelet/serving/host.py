"""What the kubelet tells its HTTPS server: pods, logs, streams, statistics. Implements `server_host.ServerHost`.

Source: pkg/kubelet/kubelet_pods.go (GetExec, GetAttach, GetPortForward, validateContainerLogStatus),
pkg/kubelet/server/stats/summary.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.core.v1 import Container, ContainerStatus, Pod, PodStatus
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.times import format_time
from pybernetes.kubelet import pod_spec, runtime
from pybernetes.kubelet.containers.configs import instance_of
from pybernetes.kubelet.cri.client import CriError
from pybernetes.kubelet.probes.figures import Probed
from pybernetes.kubelet.probes.figures import lines as probe_lines
from pybernetes.kubelet.resources.cpu_topology import Topology, read_topology
from pybernetes.kubelet.serving.container_metrics import container_metrics, machine_metrics
from pybernetes.kubelet.serving.kubelet_metrics import kubelet_metrics
from pybernetes.kubelet.serving.log_reader import LogOptions
from pybernetes.kubelet.serving.log_stream import log_stream
from pybernetes.kubelet.serving.server_host import ContainerLog, StreamOptions
from pybernetes.kubelet.serving.stats import Stats
from pybernetes.kubelet.worker.machine import Stage
from pybernetes.kubelet.worker.shell import PodRunner

if TYPE_CHECKING:
    from pybernetes.kubelet.kubelet import Kubelet


def log_container_id(pod: str, status: PodStatus, container: str, previous: bool) -> str:
    """The id of the instance whose log is meant. Raises BadRequest in upstream's words. Pure."""
    statuses = (*status.containerStatuses, *status.initContainerStatuses, *status.ephemeralContainerStatuses)
    found: ContainerStatus | None = next((s for s in statuses if s.name == container), None)
    about = f'container "{container}" in pod "{pod}"'
    if found is None:
        raise errors.BadRequest(f"{about} is not available")
    state = found.state
    last = found.lastState.terminated if found.lastState is not None else None
    if previous:
        if last is None or not last.containerID:
            raise errors.BadRequest(f"previous terminated {about} not found")
        return _bare(last.containerID)
    if state is not None and state.running is not None:
        return _bare(found.containerID)
    if state is not None and state.terminated is not None:
        identity = state.terminated.containerID or (last.containerID if last is not None else None)
        if not identity:
            raise errors.BadRequest(f"{about} is terminated")
        return _bare(identity)
    if last is not None:
        if not last.containerID:
            raise errors.BadRequest(f"{about} is terminated")
        return _bare(last.containerID)
    reason = state.waiting.reason if state is not None and state.waiting is not None else None
    why = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
    if reason:
        raise errors.BadRequest(f"{about} is waiting to start: {why.get(reason, reason)}")
    raise errors.BadRequest(f"{about} is waiting to start - no logs yet")


def _bare(container_id: str | None) -> str:
    return (container_id or "").rpartition("://")[2]


class Host:
    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._stats = Stats(kubelet)

    def pods(self) -> list[Pod]:
        return [self._shown(runner) for runner in self._kubelet.runners.values()]

    def pod(self, namespace: str, name: str) -> Pod | None:
        runner = self._find(namespace, name)
        return self._shown(runner) if runner is not None else None

    def _shown(self, runner: PodRunner) -> Pod:
        return msgspec.structs.replace(runner.worker.pod, status=runner.worker.status)

    def _find(self, namespace: str, name: str, uid: str = "") -> PodRunner | None:
        """The pod of that name; where an old one is still ending, the newer one."""
        found = [
            runner
            for runner in self._kubelet.runners.values()
            if runner.worker.pod.metadata.name == name
            and runner.worker.pod.metadata.namespace == namespace
            and (not uid or runner.uid == uid)
        ]
        found.sort(key=lambda runner: runner.worker.stage is not Stage.SYNCING)
        return found[0] if found else None

    def _runner(self, namespace: str, name: str, uid: str = "") -> PodRunner:
        runner = self._find(namespace, name, uid) or self._find(namespace, name)
        if runner is None:
            raise errors.not_found("", "pods", name)
        return runner

    async def running_pods(self) -> list[Pod]:
        found: dict[str, Pod] = {}
        for item in await self._kubelet.cri.list_containers(self._mine()):
            if item.state != 1:
                continue
            pod = found.setdefault(item.labels[runtime.POD_UID_LABEL], Pod())
            pod.metadata.uid = item.labels[runtime.POD_UID_LABEL]
            pod.metadata.name = item.labels[runtime.POD_NAME_LABEL]
            pod.metadata.namespace = item.labels[runtime.POD_NAMESPACE_LABEL]
            container = Container(name=item.labels[runtime.CONTAINER_NAME_LABEL], image=item.image.image)
            pod.spec.containers = [*pod.spec.containers, container]
        return list(found.values())

    def _mine(self) -> dict[str, str]:
        return {runtime.KUBELET_LABEL: instance_of(self._kubelet.config)}

    async def container_log(self, namespace: str, pod: str, container: str, previous: bool) -> ContainerLog:
        runner = self._runner(namespace, pod)
        if pod_spec.find_container(runner.worker.pod, container) is None:
            raise errors.NotFound(f'container "{container}" not found in pod "{pod}"')
        container_id = log_container_id(pod, runner.worker.status, container, previous)
        known = runner.worker.runtime.by_id(container_id)
        if known is None:
            raise errors.BadRequest(f'container "{container}" in pod "{pod}" is terminated')
        path = known.log_path
        if not path:
            folder = self._kubelet.node.configs.log_folder_of(runner.worker.pod)
            path = str(folder / container / f"{known.restart_count}.log")
        return ContainerLog(container_id, path, known.state == "running")

    def log_stream(self, log: ContainerLog, options: LogOptions) -> AsyncIterator[bytes]:
        return log_stream(log, options, self._kubelet.exits.wait)

    def _running(self, namespace: str, pod: str, uid: str, container: str) -> str:
        runner = self._runner(namespace, pod, uid)
        found = runner.worker.runtime.find(container)
        if found is None or found.state != "running":
            raise errors.NotFound(f'container not found ("{container}")')
        return found.id

    async def exec_url(
        self, namespace: str, pod: str, uid: str, container: str, command: list[str], options: StreamOptions
    ) -> str:
        container_id = self._running(namespace, pod, uid, container)
        try:
            return await self._kubelet.cri.exec_url(container_id, command, **asdict(options))
        except CriError as error:
            raise errors.InternalError(str(error)) from None

    async def attach_url(self, namespace: str, pod: str, uid: str, container: str, options: StreamOptions) -> str:
        container_id = self._running(namespace, pod, uid, container)
        spec = pod_spec.find_container(self._runner(namespace, pod, uid).worker.pod, container)
        tty = bool(spec is not None and spec.tty)
        try:
            return await self._kubelet.cri.attach_url(
                container_id,
                tty=tty,
                stdin=options.stdin,
                stdout=options.stdout,
                stderr=options.stderr and not tty,
            )
        except CriError as error:
            raise errors.InternalError(str(error)) from None

    async def port_forward_url(self, namespace: str, pod: str, uid: str, ports: list[int]) -> str:
        runner = self._runner(namespace, pod, uid)
        sandbox = next((s for s in runner.worker.runtime.sandboxes if s.ready), None)
        if sandbox is None:
            raise errors.NotFound(f"failed to find sandboxes for pod {pod}")
        try:
            return await self._kubelet.cri.port_forward_url(sandbox.id, ports)
        except CriError as error:
            raise errors.InternalError(str(error)) from None

    async def run_in_container(self, namespace: str, pod: str, uid: str, container: str, command: list[str]) -> bytes:
        container_id = self._running(namespace, pod, uid, container)
        try:
            stdout, stderr, code = await self._kubelet.cri.exec_sync(container_id, command, 0)
        except CriError as error:
            raise errors.InternalError(str(error)) from None
        if code != 0:
            raise errors.InternalError(f"command '{' '.join(command)}' exited with {code}: {stderr.decode()}")
        return stdout + stderr

    async def checkpoint(self, namespace: str, pod: str, container: str, timeout_s: int) -> str:
        container_id = self._running(namespace, pod, "", container)
        folder = Path(self._kubelet.config.root_dir, "checkpoints")
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        made = format_time(self._kubelet.clock.now())
        location = str(folder / f"checkpoint-{pod}_{namespace}-{container}-{made}.tar")
        try:
            await self._kubelet.cri.checkpoint_container(container_id, location, timeout_s)
        except CriError as error:
            raise errors.InternalError(f"checkpointing of {namespace}/{pod}/{container} failed ({error})") from None
        return location

    async def stats_summary(self, node: str, only_cpu_and_memory: bool = False) -> dict[str, Any]:
        return await (self._stats.resources() if only_cpu_and_memory else self._stats.summary())

    def configz(self) -> dict[str, Any]:
        from pybernetes.kubelet.configuration.showing import shown

        return shown(self._kubelet.config)

    def healthy(self) -> str:
        agent = self._kubelet.agent
        return agent.health.error if agent is not None and self._kubelet.started.is_set() else ""

    async def metrics(self) -> Iterable[str]:
        return kubelet_metrics(self._kubelet, await self._stats.of_claims())

    async def container_metrics(self) -> Iterable[str]:
        groups = await self._stats.groups()
        machine = await asyncio.to_thread(self._machine_metrics)
        return chain(container_metrics(groups), machine)

    def _machine_metrics(self) -> Iterable[str]:
        topology: Topology = {}
        with suppress(OSError, ValueError):
            topology = read_topology()
        return machine_metrics(self._kubelet.machine, topology)

    def probe_metrics(self) -> Iterable[str]:
        probes = self._kubelet.node.probes
        found = []
        for runner in self._kubelet.runners.values():
            meta = runner.worker.pod.metadata
            for container in runner.worker.runtime.containers:
                for kind, figures in probes.figures(container.id).items():
                    whose = Probed(kind, container.name, meta.name or "", meta.namespace or "", runner.uid)
                    found.append((whose, figures))
        return probe_lines(found)
