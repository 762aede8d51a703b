"""What the kubelet's HTTPS server asks of the kubelet. The kubelet implements `ServerHost`.

The server knows HTTP, streams and log files; pods, containers and the runtime are the host's.
Errors are `apimachinery.errors` (their code and message go to the client as they are).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.serving.log_reader import LogOptions


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """The streams an exec or attach wants."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


@dataclass(frozen=True, slots=True)
class ContainerLog:
    """Where a container's log lies."""

    container_id: str
    """The CRI's id, without scheme."""
    path: str
    """The live file in CRI format; rotated ones (`<path>.<timestamp>[.gz]`) lie beside it."""
    running: bool
    """False: the log is whole, a follower ends at its end."""


class ServerHost(Protocol):
    def pods(self) -> list[Pod]:
        """The pods bound to this node, static ones included, with the status known here."""
        ...

    def pod(self, namespace: str, name: str) -> Pod | None: ...

    async def running_pods(self) -> list[Pod]:
        """What the runtime runs, told by its labels."""
        ...

    async def container_log(self, namespace: str, pod: str, container: str, previous: bool) -> ContainerLog:
        """The log of the current (or last terminated) instance.

        Raises NotFound (no such pod or container) and BadRequest in upstream's words: `container "x" in pod
        "y" is waiting to start: ContainerCreating`, `previous terminated container "x" in pod "y" not found`.
        Source: pkg/kubelet/kubelet_pods.go validateContainerLogStatus.
        """
        ...

    def log_stream(self, log: ContainerLog, options: LogOptions) -> AsyncIterator[bytes]:
        """What of the log is asked for. The first step raises OSError when there is none."""
        ...

    async def exec_url(
        self, namespace: str, pod: str, uid: str, container: str, command: list[str], options: StreamOptions
    ) -> str:
        """The runtime's streaming URL (CRI Exec). Raises NotFound, BadRequest."""
        ...

    async def attach_url(self, namespace: str, pod: str, uid: str, container: str, options: StreamOptions) -> str: ...

    async def port_forward_url(self, namespace: str, pod: str, uid: str, ports: list[int]) -> str: ...

    async def run_in_container(self, namespace: str, pod: str, uid: str, container: str, command: list[str]) -> bytes:
        """Stdout and stderr of a command (CRI ExecSync)."""
        ...

    async def checkpoint(self, namespace: str, pod: str, container: str, timeout_s: int) -> str:
        """The path of the archive that the runtime has made of a running container (CRI CheckpointContainer)."""
        ...

    async def stats_summary(self, node: str, only_cpu_and_memory: bool = False) -> dict[str, Any]:
        """`/stats/summary`: node and pod statistics in the shape of kubelet.config.k8s.io's Summary.

        `node` is whom the client's Host header means: what serves several nodes goes by it, and raises NotFound.
        CPU and memory alone are cheap to tell, with times to the microsecond.

        Source: staging/src/k8s.io/kubelet/pkg/apis/stats/v1alpha1/types.go.
        """
        ...

    def configz(self) -> dict[str, Any]:
        """The KubeletConfiguration in effect, as `/configz` shows it under "kubeletconfig"."""
        ...

    def healthy(self) -> str:
        """ "" or what is wrong: the sync loop does not turn, the runtime is away."""
        ...

    async def metrics(self) -> Iterable[str]:
        """The Prometheus text, by lines, of this process."""
        ...

    async def container_metrics(self) -> Iterable[str]:
        """The Prometheus text, by lines, of what the node, pods and containers use."""
        ...

    def probe_metrics(self) -> Iterable[str]:
        """The Prometheus text, by lines, of probes."""
        ...
