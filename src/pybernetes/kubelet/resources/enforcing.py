"""Holds cgroups to their part of the node: that of all pods, those of what the node is reserved for.

Source: pkg/kubelet/cm/node_container_manager_linux.go enforceNodeAllocatableCgroups.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from pybernetes.apimachinery.features import FeatureGates
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.node.usage import most_processes
from pybernetes.kubelet.resources import node_allocatable as n
from pybernetes.kubelet.resources.cgroups import Cgroups

_LOG = logging.getLogger(__name__)
_RETRY_S = 60.0


def hold_reserved(cgroups: Cgroups, config: KubeletConfig) -> None:
    """Raises OSError where a cgroup that is to be held to its part cannot be."""
    parts = (
        (n.SYSTEM, config.system_reserved_cgroup, config.system_reserved),
        (n.KUBE, config.kube_reserved_cgroup, config.kube_reserved),
    )
    for name, group, amounts in parts:
        for enforced in (name, name + n.COMPRESSIBLE):
            if enforced in config.enforce_node_allocatable:
                values = n.limits(amounts, compressible=enforced != name)
                if FeatureGates(config.feature_gates).enabled("MemoryQoS"):
                    values = replace(values, memory_min_bytes=values.memory_limit_bytes)
                _warn_of(cgroups.hold(group, values), group)


async def hold_pods(
    cgroups: Cgroups, config: KubeletConfig, capacity: Mapping[str, str], tell: Callable[[str, str, str], None]
) -> None:
    """Returns once pods together have at most what is not reserved; what they have already may be in the way."""
    amounts = {**capacity, "pid": str(most_processes())}
    if n.PODS in config.enforce_node_allocatable:
        amounts = n.left(amounts, (config.system_reserved, config.kube_reserved))
    while True:
        try:
            _warn_of(cgroups.hold(cgroups.of_pods, n.limits(amounts)), cgroups.of_pods)
        except OSError as error:
            text = f'Failed to update Node Allocatable Limits "{cgroups.of_pods}": {error.strerror}'
            tell("Warning", "FailedNodeAllocatableEnforcement", text)
            await asyncio.sleep(_RETRY_S)
        else:
            return tell("Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods")


def _warn_of(lacking: set[str], group: str) -> None:
    if lacking:
        _LOG.warning("cgroup %s is not limited in %s: this machine's cgroups cannot", group, ", ".join(sorted(lacking)))
