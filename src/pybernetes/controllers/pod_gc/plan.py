"""Which Pods nobody else will ever delete. Pure. Source: pkg/controller/podgc/gc_controller.go."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.apimachinery.pods import is_finished
from pybernetes.controllers.runtime import nodes

QUARANTINE_S = 40.0
"""How long a node must be missing before its Pods are orphans."""


def terminated(pods: Sequence[Pod], threshold: int) -> list[Pod]:
    """The finished Pods beyond the threshold: evicted ones first, then the oldest."""
    finished = [pod for pod in pods if is_finished(pod)]
    surplus = len(finished) - threshold
    if threshold <= 0 or surplus <= 0:
        return []
    return sorted(finished, key=_age)[:surplus]


def _age(pod: Pod) -> tuple[bool, str, str]:
    evicted = pod.status.phase == "Failed" and pod.status.reason == "Evicted"
    return (not evicted, pod.metadata.creationTimestamp or "", pod.metadata.name or "")


def is_unscheduled_terminating(pod: Pod) -> bool:
    return pod.metadata.deletionTimestamp is not None and not pod.spec.nodeName


def is_out_of_service(pod: Pod, node: Node | None) -> bool:
    """It terminates on a node that is not ready and that an admin has declared gone."""
    if pod.metadata.deletionTimestamp is None or node is None:
        return False
    return not nodes.is_ready(node) and nodes.is_out_of_service(node)
