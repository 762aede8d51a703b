"""What goes into a pod worker (events) and what comes out of it (instructions).

Events are facts; instructions are asked of the shell, which answers each with one event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from pybernetes.api.core.v1 import Pod, PodStatus, ResourceStatus
from pybernetes.kubelet.resources.requests import CgroupValues
from pybernetes.kubelet.resources.resizing import Update
from pybernetes.kubelet.runtime import Container, PodRuntime, Sandbox, Size

ProbeKind = Literal["startup", "liveness", "readiness"]

# Events.


class PodUpdated(Struct, frozen=True):
    """The pod is wanted, as given: with the resources that it was granted."""

    pod: Pod
    resized: bool = False
    """Other resources were granted just now."""
    waits: str = ""
    """Why its spec asks for resources that it was not granted: Deferred or Infeasible, and a message."""
    message: str = ""


class PodRemoved(Struct, frozen=True):
    """The pod is no longer in the source it came from."""


class PodEnded(Struct, frozen=True):
    """Something outside decided that the pod must end: eviction, shutdown."""

    reason: str
    message: str
    phase: str = "Failed"
    grace_period_s: int | None = None
    disruption: tuple[str, str] | None = None
    """reason and message of the DisruptionTarget condition, where the node itself ends the pod."""


class RuntimeObserved(Struct, frozen=True):
    """All that the runtime has of this pod."""

    runtime: PodRuntime


class ContainerObserved(Struct, frozen=True):
    container: Container


class SandboxObserved(Struct, frozen=True):
    sandbox: Sandbox


class HostPrepared(Struct, frozen=True):
    """cgroups, directories and volumes are there; or not, and why."""

    failure: str = ""
    size: CgroupValues | None = None
    """What the pod's cgroup was given; None for all that the pod was granted."""


class SandboxCreated(Struct, frozen=True):
    sandbox: Sandbox


class SandboxFailed(Struct, frozen=True):
    message: str
    left: tuple[Sandbox, ...] = ()
    """What the runtime has of the pod all the same: a sandbox whose network failed may keep its name."""


class SandboxStopped(Struct, frozen=True):
    sandbox_id: str
    failure: str = ""


class ImageReady(Struct, frozen=True):
    name: str
    image_ref: str


class ImageFailed(Struct, frozen=True):
    name: str
    reason: str
    message: str


class ContainerStarted(Struct, frozen=True):
    """Created, started and its postStart hook done."""

    container: Container


class ContainerFailed(Struct, frozen=True):
    """The start did not succeed."""

    name: str
    reason: str
    message: str
    left: tuple[Container, ...] = ()
    """What the runtime has of that name, known before or not."""


class ContainerStopped(Struct, frozen=True):
    container_id: str
    container: Container | None
    """None when the runtime no longer has it."""
    failure: str = ""


class ProbeReported(Struct, frozen=True):
    kind: ProbeKind
    container_id: str
    success: bool


class DevicesTold(Struct, frozen=True):
    """How well the devices of containers are, by container."""

    health: Mapping[str, list[ResourceStatus]]


class ObjectsChanged(Struct, frozen=True):
    """A ConfigMap, Secret or Service that the pod may wait for has changed."""


class PodResized(Struct, frozen=True):
    """The sizes that containers have now; where it failed, those that had been changed by then."""

    sizes: dict[str, Size]
    pod: CgroupValues | None = None
    failure: str = ""


class ContainersRemoved(Struct, frozen=True):
    """Those that the runtime no longer has."""

    container_ids: tuple[str, ...] = ()
    failure: str = ""


class CleanedUp(Struct, frozen=True):
    failure: str = ""


class LeftoversRemoved(Struct, frozen=True):
    failure: str = ""


class Tick(Struct, frozen=True):
    """The time the worker asked to be woken at has come."""


Event = (
    PodUpdated | PodRemoved | PodEnded | RuntimeObserved | ContainerObserved | SandboxObserved | HostPrepared
    | SandboxCreated | SandboxFailed | SandboxStopped | ImageReady | ImageFailed | ContainerStarted | ContainerFailed
    | ContainerStopped | ProbeReported | ObjectsChanged | DevicesTold | PodResized | ContainersRemoved | CleanedUp
    | LeftoversRemoved | Tick
)  # fmt: skip

# Instructions. `key` names what is in flight: at most one instruction of a key at a time.


class PrepareHost(Struct, frozen=True):
    key: str = "host"


class CreateSandbox(Struct, frozen=True):
    attempt: int
    key: str = "sandbox"


class StopSandbox(Struct, frozen=True):
    sandbox_id: str

    @property
    def key(self) -> str:
        return f"stop-sandbox/{self.sandbox_id}"


class EnsureImage(Struct, frozen=True):
    name: str
    may_pull: bool
    """False while pulling is backed off: then only an image that is there will do."""

    @property
    def key(self) -> str:
        return f"start/{self.name}"


class StartContainer(Struct, frozen=True):
    name: str
    image_ref: str
    restart_count: int | None
    """None when the runtime knows no earlier container of this name: the shell looks at the logs."""
    sandbox_id: str
    pod_ips: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"start/{self.name}"


class CancelStart(Struct, frozen=True):
    """Gives up an image pull or a start under way; answered by the start's own event."""

    name: str
    key: str = ""


class CancelPrepare(Struct, frozen=True):
    """Gives up preparing the host, which may wait for a volume; answered by that preparation's own event."""

    key: str = ""


class StopContainer(Struct, frozen=True):
    container: Container
    grace_period_s: int
    run_pre_stop: bool = True

    @property
    def key(self) -> str:
        return f"stop/{self.container.id}"


class ResizePod(Struct, frozen=True):
    """Gives the pod's cgroup and running containers what they were granted."""

    before: CgroupValues
    after: CgroupValues
    updates: tuple[Update, ...] = ()
    key: str = "resize"


class StartProbes(Struct, frozen=True):
    container: Container
    startup_known: bool = False
    """The container had passed its startup probe before this kubelet began."""
    key: str = ""


class StopProbes(Struct, frozen=True):
    container_id: str
    only_liveness: bool = False
    """In a pod that is being stopped readiness is still told."""
    key: str = ""


class WriteStatus(Struct, frozen=True):
    status: PodStatus
    final: bool = False
    """The pod has ended and holds nothing on this node: it may be deleted from the API."""
    key: str = ""


class Record(Struct, frozen=True):
    """An event for the user; about one container where `container` names it."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    container: str = ""
    key: str = ""


class RemoveContainers(Struct, frozen=True):
    """Removes dead containers from the runtime; their logs stay."""

    container_ids: tuple[str, ...]
    key: str = "remove"


class CleanUp(Struct, frozen=True):
    """Unmounts volumes, removes cgroups."""

    key: str = "cleanup"


class RemoveLeftovers(Struct, frozen=True):
    """Removes containers, sandboxes, logs and directories of a pod that nobody asks for any more."""

    key: str = "leftovers"


Instruction = (
    PrepareHost | CancelPrepare | CreateSandbox | StopSandbox | EnsureImage | StartContainer | CancelStart
    | StopContainer | ResizePod | RemoveContainers | StartProbes | StopProbes | WriteStatus | Record | CleanUp
    | RemoveLeftovers
)  # fmt: skip
