"""Features of kubelets that Pods, or changes of Pods, need: nodes declare which of them they have. Pure.

Source: component-helpers/nodedeclaredfeatures.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import PodSpec
from pybernetes.apimachinery.pods import restarts_all

RESTART_ALL_CONTAINERS = "RestartAllContainersOnContainerExits"
RESIZE_OF_PODS = "InPlacePodLevelResourcesVerticalScaling"
RESIZE_OF_INIT_CONTAINERS = "InPlacePodVerticalScalingInitContainers"
HOST_NETWORK_WITH_USERS = "UserNamespacesHostNetworkSupport"


def needed_to_run(spec: PodSpec) -> frozenset[str]:
    """What a node must have for the Pod to run there."""
    needed = set()
    if restarts_all(spec):
        needed.add(RESTART_ALL_CONTAINERS)
    if spec.hostNetwork and spec.hostUsers is False:
        needed.add(HOST_NETWORK_WITH_USERS)
    return frozenset(needed)


def needed_to_change(old: PodSpec, new: PodSpec) -> frozenset[str]:
    """What the node of a running Pod must have for the change; both have the same containers."""
    needed = set()
    if old.resources != new.resources:
        needed.add(RESIZE_OF_PODS)
    pairs = zip(old.initContainers, new.initContainers, strict=True)
    if any(before.restartPolicy != "Always" and before.resources != after.resources for before, after in pairs):
        needed.add(RESIZE_OF_INIT_CONTAINERS)
    return frozenset(needed)
