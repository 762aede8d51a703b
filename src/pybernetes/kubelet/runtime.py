"""What the container runtime runs for a pod, as plain values.

The pure parts of the kubelet (plan, status) see these and nothing of gRPC. Times are seconds
since the epoch, 0.0 for «never».
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pybernetes.kubelet.containers import stop_signals

POD_NAME_LABEL = "io.kubernetes.pod.name"
POD_NAMESPACE_LABEL = "io.kubernetes.pod.namespace"
POD_UID_LABEL = "io.kubernetes.pod.uid"
CONTAINER_NAME_LABEL = "io.kubernetes.container.name"
KUBELET_LABEL = "pybernetes.io/kubelet"
"""Whose sandbox or container it is: several kubelets may share a runtime, and each keeps to its own."""

HASH_ANNOTATION = "io.kubernetes.container.hash"
RESTART_COUNT_ANNOTATION = "io.kubernetes.container.restartCount"
MESSAGE_PATH_ANNOTATION = "io.kubernetes.container.terminationMessagePath"
MESSAGE_POLICY_ANNOTATION = "io.kubernetes.container.terminationMessagePolicy"
GRACE_PERIOD_ANNOTATION = "io.kubernetes.pod.terminationGracePeriod"
SIZE_ANNOTATION = "pybernetes.io/size"

ContainerState = Literal["created", "running", "exited", "unknown"]
_STATES: tuple[ContainerState, ...] = ("created", "running", "exited", "unknown")


@dataclass(frozen=True, slots=True)
class Size:
    """What a container has of what can be resized: thousandths of a CPU and bytes, 0 for none."""

    cpu_request_milli: int = 0
    cpu_limit_milli: int = 0
    memory_request_bytes: int = 0
    memory_limit_bytes: int = 0

    def as_text(self) -> str:
        parts = (self.cpu_request_milli, self.cpu_limit_milli, self.memory_request_bytes, self.memory_limit_bytes)
        return " ".join(str(part) for part in parts)

    @staticmethod
    def of_text(text: str) -> Size | None:
        parts = text.split()
        return Size(*(int(part) for part in parts)) if len(parts) == 4 and all(p.isdecimal() for p in parts) else None


@dataclass(frozen=True, slots=True)
class Container:
    id: str
    name: str
    sandbox_id: str = ""
    state: ContainerState = "running"
    restart_count: int = 0
    hash: str = ""
    created_at_s: float = 0.0
    started_at_s: float = 0.0
    finished_at_s: float = 0.0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_ref: str = ""
    log_path: str = ""
    user: tuple[int, int, tuple[int, ...]] | None = None
    size: Size | None = None
    """As it was made or resized last; None for one of an earlier kubelet."""
    stop_signal: str | None = None
    """As the API names it, where the runtime tells."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    id: str
    attempt: int = 0
    ready: bool = True
    created_at_s: float = 0.0
    ips: tuple[str, ...] = ()
    host_network: bool = False


@dataclass(frozen=True, slots=True)
class PodRuntime:
    """Sandboxes and containers of one pod, newest first."""

    sandboxes: tuple[Sandbox, ...] = ()
    containers: tuple[Container, ...] = ()

    @property
    def sandbox(self) -> Sandbox | None:
        return self.sandboxes[0] if self.sandboxes else None

    def find(self, name: str) -> Container | None:
        """The newest container of that name, running or not."""
        return next((c for c in self.containers if c.name == name), None)

    def by_id(self, container_id: str) -> Container | None:
        return next((c for c in self.containers if c.id == container_id), None)

    def running(self) -> list[Container]:
        return [c for c in self.containers if c.state == "running"]

    def with_container(self, container: Container) -> PodRuntime:
        others = [c for c in self.containers if c.id != container.id]
        return replace(self, containers=_newest_first([container, *others]))

    def without_container(self, container_id: str) -> PodRuntime:
        return replace(self, containers=tuple(c for c in self.containers if c.id != container_id))

    def with_sandbox(self, sandbox: Sandbox) -> PodRuntime:
        others = [s for s in self.sandboxes if s.id != sandbox.id]
        ordered = sorted([sandbox, *others], key=lambda s: (s.created_at_s, s.attempt, s.id), reverse=True)
        return replace(self, sandboxes=tuple(ordered))


@dataclass(slots=True)
class FoundPod:
    """A pod that the runtime has, known by its labels alone."""

    uid: str
    namespace: str
    name: str
    runtime: PodRuntime = field(default_factory=PodRuntime)
    grace_period_s: int = 30


def container_of(status: Any, sandbox_id: str = "") -> Container:
    """From a CRI ContainerStatus."""
    state = _STATES[status.state]
    user = None
    if status.HasField("user") and status.user.HasField("linux"):
        linux = status.user.linux
        user = (linux.uid, linux.gid, tuple(linux.supplemental_groups))
    exited = state == "exited"
    return Container(
        id=status.id,
        name=status.labels.get(CONTAINER_NAME_LABEL, status.metadata.name),
        sandbox_id=sandbox_id,
        state=state,
        restart_count=_integer(status.annotations.get(RESTART_COUNT_ANNOTATION, "")),
        hash=status.annotations.get(HASH_ANNOTATION, ""),
        created_at_s=status.created_at / 1e9,
        started_at_s=status.started_at / 1e9 if state != "created" else 0.0,
        finished_at_s=status.finished_at / 1e9 if exited else 0.0,
        exit_code=status.exit_code if exited else 0,
        reason=status.reason if exited else "",
        message=status.message if exited else "",
        image=status.image.image,
        image_ref=status.image_ref,
        log_path=status.log_path,
        user=user,
        size=Size.of_text(status.annotations.get(SIZE_ANNOTATION, "")),
        stop_signal=stop_signals.of_status(status),
    )


def sandbox_of(status: Any, host_network: bool = False) -> Sandbox:
    """From a CRI PodSandboxStatus (with addresses) or PodSandbox (without)."""
    ips: tuple[str, ...] = ()
    if hasattr(status, "network") and not host_network and status.network.ip:
        ips = (status.network.ip, *(extra.ip for extra in status.network.additional_ips))
    return Sandbox(
        id=status.id,
        attempt=status.metadata.attempt,
        ready=status.state == 0,
        created_at_s=status.created_at / 1e9,
        ips=ips,
        host_network=host_network,
    )


def _newest_first(containers: list[Container]) -> tuple[Container, ...]:
    return tuple(sorted(containers, key=lambda c: (c.created_at_s, c.restart_count, c.id), reverse=True))


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() else 0


_IMAGE_VOLUMES_SINCE = {"containerd": (2, 2), "cri-o": (1, 31)}
"""containerd 2.1 mounts them, but all of an image where a `subPath` of it is asked for."""


def lacks_image_volumes(name: str, version: str) -> str:
    """Why a runtime cannot mount images as volumes, "" where it can or is not known. Source: KEP-4639."""
    since, match = _IMAGE_VOLUMES_SINCE.get(name), re.match(r"v?(\d+)\.(\d+)", version)
    if since is None or match is None or (int(match[1]), int(match[2])) >= since:
        return ""
    return f"volumes of images need {name} {since[0]}.{since[1]} or newer; this node runs {name} {version}"
