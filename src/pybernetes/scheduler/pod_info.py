"""A Pod with what the scheduler derives from it, computed once and only when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from pybernetes.api.core.v1 import Pod, Volume
from pybernetes.apimachinery import node_selector
from pybernetes.apimachinery.pods import lasting_ports
from pybernetes.apimachinery.selectors import SelectorError
from pybernetes.client import cause as causes
from pybernetes.client.cause import Cause
from pybernetes.scheduler.pod_terms import NO_TERMS, PodTerms, pod_terms
from pybernetes.scheduler.resources import CPU, MEMORY, is_scheduled_resource, pod_requests

HostPort = tuple[str, str, int]
"""(ip, protocol, port), with the defaults filled in."""


class PodInfo:
    """Immutable view of one version of a Pod."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.uid = pod.metadata.uid or ""
        self.key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        self.priority = pod.spec.priority or 0

    @cached_property
    def requests(self) -> dict[str, int]:
        """What the Pod takes, per resource that nodes are compared by; zero requests are left out."""
        return {
            name: amount for name, amount in pod_requests(self.pod).items() if amount and is_scheduled_resource(name)
        }

    @cached_property
    def non_zero_requests(self) -> tuple[int, int]:
        """(cpu, memory) with the defaults for containers that ask for none: what scores go by."""
        requests = pod_requests(self.pod, non_missing=True)
        return requests.get(CPU, 0), requests.get(MEMORY, 0)

    @cached_property
    def scored_requests(self) -> dict[str, int]:
        """What the Pod counts for when NodeResourcesFit scores nodes for it.

        Not what it asks for as a whole, which counts once it is placed.
        Source: noderesources/resource_allocation.go, whose scorer of Fit is never told of pod-level resources.
        """
        return pod_requests(self.pod, non_missing=True, pod_level=False)

    @cached_property
    def host_ports(self) -> tuple[HostPort, ...]:
        """Of containers and sidecars. Source: pkg/scheduler/util/utils.go, GetHostPorts."""
        return tuple(
            (port.hostIP or "0.0.0.0", port.protocol or "TCP", port.hostPort)
            for port in lasting_ports(self.pod.spec)
            if port.hostPort
        )

    @cached_property
    def claims(self) -> tuple[str, ...]:
        """Keys of the claims it names. A claim made for the Pod is nobody else's."""
        volumes = [v.persistentVolumeClaim for v in self.pod.spec.volumes if v.persistentVolumeClaim is not None]
        return tuple(f"{self.pod.metadata.namespace}/{volume.claimName}" for volume in volumes)

    @cached_property
    def disks(self) -> tuple[Volume, ...]:
        """Its volumes of the kinds that two Pods of a node cannot always share."""
        return tuple(
            volume
            for volume in self.pod.spec.volumes
            if volume.gcePersistentDisk is not None
            or volume.awsElasticBlockStore is not None
            or volume.iscsi is not None
            or volume.rbd is not None
        )

    @cached_property
    def required_affinity(self) -> node_selector.RequiredAffinity:
        return node_selector.required_affinity(self.pod)

    @cached_property
    def pod_terms(self) -> PodTerms:
        """What it asks of other Pods; nothing when it cannot be understood (which the API server does not let in)."""
        try:
            return pod_terms(self.pod)
        except SelectorError:
            return NO_TERMS

    def newer(self, pod: Pod) -> PodInfo | None:
        """This Pod's next version, if it takes the same place on a node; then nothing is computed again.

        Most updates are of status: they must cost next to nothing. None when anything that counts may differ.
        """
        old, new = self.pod, pod
        if (
            old.metadata.labels != new.metadata.labels
            or (old.metadata.deletionTimestamp is None) != (new.metadata.deletionTimestamp is None)
            or old.spec.containers != new.spec.containers
            or old.spec.initContainers != new.spec.initContainers
            or old.spec.resources != new.spec.resources
            or _in_place_resources(old) != _in_place_resources(new)
        ):
            return None
        info = PodInfo(pod)
        for name in ("requests", "non_zero_requests", "host_ports", "pod_terms", "claims", "disks"):
            if name in self.__dict__:
                info.__dict__[name] = self.__dict__[name]
        return info

    @property
    def terminating(self) -> bool:
        return self.pod.metadata.deletionTimestamp is not None


def _in_place_resources(pod: Pod) -> list[object]:
    """What in the status counts for requests."""
    statuses = (*pod.status.initContainerStatuses, *pod.status.containerStatuses)
    return [(s.name, s.resources, s.allocatedResources) for s in statuses if s.resources is not None] + [
        c.reason for c in pod.status.conditions if c.type == "PodResizePending"
    ]


@dataclass(slots=True, eq=False)
class QueuedPodInfo:
    """A Pod in the scheduling queue, with the history of its attempts. Times are seconds since the epoch."""

    info: PodInfo
    timestamp_s: float
    """When it last entered a queue; the order among equal priorities."""
    sequence: int = 0
    attempts: int = 0
    unschedulable_count: int = 0
    consecutive_errors: int = 0
    backoff_until_s: float | None = None
    initial_attempt_s: float | None = None
    attempt_started_s: float = 0.0
    """On the clock of performance counters; 0 before the first attempt."""
    unschedulable_plugins: set[str] = field(default_factory=set)
    pending_plugins: set[str] = field(default_factory=set)
    gating_plugin: str = ""
    cause: Cause = field(default_factory=causes.current)
    """The write that brought the Pod here last: what the scheduler's own writes for it are caused by."""

    @property
    def pod(self) -> Pod:
        return self.info.pod

    @property
    def gated(self) -> bool:
        return bool(self.gating_plugin)

    @property
    def rejectors(self) -> set[str]:
        return self.unschedulable_plugins | self.pending_plugins
