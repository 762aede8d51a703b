"""What goes into a pod worker (events) and what comes out of it (instructions).

Events are facts; instructions are asked of the shell, which answers each with one event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pybernetes.api.core.v1 import Pod, PodStatus
from pybernetes.kubelet.runtime import Container, PodRuntime, Sandbox

ProbeKind = Literal["startup", "liveness", "readiness"]

# Events.


@dataclass(frozen=True, slots=True)
class PodUpdated:
    """The pod is wanted, as given."""

    pod: Pod


@dataclass(frozen=True, slots=True)
class PodRemoved:
    """The pod is no longer in the source it came from."""


@dataclass(frozen=True, slots=True)
class PodEnded:
    """Something outside decided that the pod must end: eviction, shutdown."""

    reason: str
    message: str
    phase: str = "Failed"
    grace_period_s: int | None = None


@dataclass(frozen=True, slots=True)
class RuntimeObserved:
    """All that the runtime has of this pod."""

    runtime: PodRuntime


@dataclass(frozen=True, slots=True)
class ContainerObserved:
    container: Container


@dataclass(frozen=True, slots=True)
class SandboxObserved:
    sandbox: Sandbox


@dataclass(frozen=True, slots=True)
class HostPrepared:
    """cgroups, directories and volumes are there; or not, and why."""

    failure: str = ""


@dataclass(frozen=True, slots=True)
class SandboxCreated:
    sandbox: Sandbox


@dataclass(frozen=True, slots=True)
class SandboxFailed:
    message: str


@dataclass(frozen=True, slots=True)
class SandboxStopped:
    sandbox_id: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ImageReady:
    name: str
    image_ref: str


@dataclass(frozen=True, slots=True)
class ImageFailed:
    name: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ContainerStarted:
    """Created, started and its postStart hook done."""

    container: Container


@dataclass(frozen=True, slots=True)
class ContainerFailed:
    """The start did not succeed; `container` is what it left in the runtime."""

    name: str
    reason: str
    message: str
    container: Container | None = None


@dataclass(frozen=True, slots=True)
class ContainerStopped:
    container_id: str
    container: Container | None
    """None when the runtime no longer has it."""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ProbeReported:
    kind: ProbeKind
    container_id: str
    success: bool


@dataclass(frozen=True, slots=True)
class ObjectsChanged:
    """A ConfigMap, Secret or Service that the pod may wait for has changed."""


@dataclass(frozen=True, slots=True)
class CleanedUp:
    failure: str = ""


@dataclass(frozen=True, slots=True)
class LeftoversRemoved:
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """The time the worker asked to be woken at has come."""


Event = (
    PodUpdated | PodRemoved | PodEnded | RuntimeObserved | ContainerObserved | SandboxObserved | HostPrepared
    | SandboxCreated | SandboxFailed | SandboxStopped | ImageReady | ImageFailed | ContainerStarted | ContainerFailed
    | ContainerStopped | ProbeReported | ObjectsChanged | CleanedUp | LeftoversRemoved | Tick
)  # fmt: skip

# Instructions. `key` names what is in flight: at most one instruction of a key at a time.


@dataclass(frozen=True, slots=True)
class PrepareHost:
    key: str = "host"


@dataclass(frozen=True, slots=True)
class CreateSandbox:
    attempt: int
    key: str = "sandbox"


@dataclass(frozen=True, slots=True)
class StopSandbox:
    sandbox_id: str

    @property
    def key(self) -> str:
        return f"stop-sandbox/{self.sandbox_id}"


@dataclass(frozen=True, slots=True)
class EnsureImage:
    name: str
    may_pull: bool
    """False while pulling is backed off: then only an image that is there will do."""

    @property
    def key(self) -> str:
        return f"start/{self.name}"


@dataclass(frozen=True, slots=True)
class StartContainer:
    name: str
    image_ref: str
    restart_count: int | None
    """None when the runtime knows no earlier container of this name: the shell looks at the logs."""
    sandbox_id: str
    pod_ips: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"start/{self.name}"


@dataclass(frozen=True, slots=True)
class CancelStart:
    """Gives up an image pull or a start under way; answered by the start's own event."""

    name: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class StopContainer:
    container: Container
    grace_period_s: int
    run_pre_stop: bool = True

    @property
    def key(self) -> str:
        return f"stop/{self.container.id}"


@dataclass(frozen=True, slots=True)
class StartProbes:
    container: Container
    startup_known: bool = False
    """The container had passed its startup probe before this kubelet began."""
    key: str = ""


@dataclass(frozen=True, slots=True)
class StopProbes:
    container_id: str
    only_liveness: bool = False
    """In a pod that is being stopped readiness is still told."""
    key: str = ""


@dataclass(frozen=True, slots=True)
class WriteStatus:
    status: PodStatus
    final: bool = False
    """The pod has ended and holds nothing on this node: it may be deleted from the API."""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """An event for the user; about one container where `container` names it."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    container: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Unmounts volumes, removes cgroups."""

    key: str = "cleanup"


@dataclass(frozen=True, slots=True)
class RemoveLeftovers:
    """Removes containers, sandboxes, logs and directories of a pod that nobody asks for any more."""

    key: str = "leftovers"


Instruction = (
    PrepareHost | CreateSandbox | StopSandbox | EnsureImage | StartContainer | CancelStart | StopContainer
    | StartProbes | StopProbes | WriteStatus | Record | CleanUp | RemoveLeftovers
)  # fmt: skip
