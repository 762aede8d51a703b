"""Facts about Pods that several parts of a cluster go by. Pure.

Source: core/v1/types.go, pkg/api/v1/pod/util.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api.core.v1 import Container, ContainerPort, EphemeralContainer, Pod, PodSpec
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.field_errors import Path

AnyContainer = Container | EphemeralContainer

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
"""On what stands in the API for a Pod that a node runs by itself."""
RESTART_ALL = "RestartAllContainers"
"""The action of a restart rule."""


def is_finished(pod: Pod) -> bool:
    """None of it will run again."""
    return is_terminal(pod.status.phase)


def is_terminal(phase: str | None) -> bool:
    return phase in ("Succeeded", "Failed")


def is_ready(pod: Pod) -> bool:
    return condition_holds(pod.status.conditions, "Ready")


def restarts_all(spec: PodSpec) -> bool:
    """Whether the end of one of its containers can restart all of the Pod."""
    containers = (*spec.initContainers, *spec.containers)
    return any(rule.action == RESTART_ALL for c in containers for rule in c.restartPolicyRules)


def containers_of(spec: PodSpec) -> list[AnyContainer]:
    """Those of all three kinds, in the order in which they begin."""
    return [*spec.initContainers, *spec.containers, *spec.ephemeralContainers]


def lasting_ports(spec: PodSpec) -> Iterator[ContainerPort]:
    """What containers that run as long as the Pod declare: its containers and sidecars."""
    for container in (*spec.containers, *(c for c in spec.initContainers if c.restartPolicy == "Always")):
        yield from container.ports


def containers_with_paths(spec: PodSpec, path: Path) -> Iterator[tuple[AnyContainer, Path]]:
    """The same, each with where it is below `path`, the spec's."""
    for name in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(getattr(spec, name)):
            yield container, path.child(name).index(index)
