"""What the one HTTPS server of all simulated nodes of a process is asked: a Pod's name tells which node it is on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.metrics_text import head
from pybernetes.apimachinery.times import format_time
from pybernetes.host.clock import Clock
from pybernetes.kubelet.cri.client import CriError
from pybernetes.kubelet.kubelet import Kubelet
from pybernetes.kubelet.serving.host import Host
from pybernetes.kubelet.serving.log_reader import LogOptions
from pybernetes.kubelet.serving.server_host import ContainerLog, StreamOptions
from pybernetes.sim.cri import SimulatedCri
from pybernetes.sim.logs import script_log
from pybernetes.sim.surroundings import Shared

_NO_COMMANDS = "a simulated container runs no commands and listens at no ports"


class FleetHost:
    def __init__(self, shared: Shared, kubelets: Mapping[str, Kubelet], clock: Clock) -> None:
        self._shared = shared
        self._kubelets = kubelets
        self._clock = clock

    def _host(self, namespace: str, name: str) -> tuple[str, Host]:
        """Raises NotFound."""
        pod = self._shared.pods.lister.get(namespace, name)
        node = (pod.spec.nodeName if pod is not None else "") or ""
        if node not in self._kubelets:
            raise errors.not_found("", "pods", name)
        return node, Host(self._kubelets[node])

    def pods(self) -> list[Pod]:
        return [pod for kubelet in self._kubelets.values() for pod in Host(kubelet).pods()]

    def pod(self, namespace: str, name: str) -> Pod | None:
        try:
            return self._host(namespace, name)[1].pod(namespace, name)
        except errors.NotFound:
            return None

    async def running_pods(self) -> list[Pod]:
        return [pod for kubelet in self._kubelets.values() for pod in await Host(kubelet).running_pods()]

    async def container_log(self, namespace: str, pod: str, container: str, previous: bool) -> ContainerLog:
        node, host = self._host(namespace, pod)
        return replace(await host.container_log(namespace, pod, container, previous), path=node)

    async def log_stream(self, log: ContainerLog, options: LogOptions) -> AsyncIterator[bytes]:
        kubelet = self._kubelets.get(log.path)
        if kubelet is None:
            raise FileNotFoundError(log.container_id)
        assert isinstance(kubelet.cri, SimulatedCri)
        try:
            container = kubelet.cri.container(log.container_id)
        except CriError:
            raise FileNotFoundError(log.container_id) from None
        async for text in script_log(container, options, self._clock):
            yield text

    async def exec_url(
        self, namespace: str, pod: str, uid: str, container: str, command: list[str], options: StreamOptions
    ) -> str:
        raise errors.BadRequest(_NO_COMMANDS)

    async def attach_url(self, namespace: str, pod: str, uid: str, container: str, options: StreamOptions) -> str:
        raise errors.BadRequest(_NO_COMMANDS)

    async def port_forward_url(self, namespace: str, pod: str, uid: str, ports: list[int]) -> str:
        raise errors.BadRequest(_NO_COMMANDS)

    async def run_in_container(self, namespace: str, pod: str, uid: str, container: str, command: list[str]) -> bytes:
        raise errors.BadRequest(_NO_COMMANDS)

    async def checkpoint(self, namespace: str, pod: str, container: str, timeout_s: int) -> str:
        raise errors.BadRequest(_NO_COMMANDS)

    async def stats_summary(self, node: str, only_cpu_and_memory: bool = False) -> dict[str, Any]:
        """What scripts say that containers use; of the node what that comes to."""
        kubelet = self._kubelets.get(node)
        if kubelet is None:
            raise errors.NotFound("several nodes are here: the Host header has to be the name of one of them")
        summary = await Host(kubelet).stats_summary(node, only_cpu_and_memory)
        assert isinstance(kubelet.cri, SimulatedCri)
        time = summary["node"]["cpu"]["time"]
        memory = sum(pod["memory"]["workingSetBytes"] for pod in summary["pods"])
        summary["node"] = {
            "nodeName": node,
            "startTime": format_time(kubelet.settings.began_s),
            "cpu": {"time": time, "usageCoreNanoSeconds": kubelet.cri.cpu_ns},
            "memory": {"time": time, "workingSetBytes": memory, "usageBytes": memory},
        }
        return summary

    async def container_metrics(self) -> Iterable[str]:
        return ()

    def probe_metrics(self) -> Iterable[str]:
        """What scripts say of probes is no answer of anybody."""
        return ()

    def configz(self) -> dict[str, Any]:
        return {}

    def healthy(self) -> str:
        return ""

    async def metrics(self) -> Iterable[str]:
        pods = sum(len(kubelet.runners) for kubelet in self._kubelets.values())
        return (
            *head("kubelet_running_pods", "gauge", "Number of pods that have a running pod sandbox"),
            f"kubelet_running_pods {pods}",
        )
