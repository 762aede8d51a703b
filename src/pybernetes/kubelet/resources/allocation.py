"""Hands out what containers get whole: devices, CPUs. Asked before a pod is admitted, one pod at a time.

Those who hand out say which NUMA nodes would suit; the policy chooses among what suits all, for each container or for
the whole pod, and everybody gives from there.

Source: pkg/kubelet/cm/topologymanager (topology_manager.go, scope_container.go, scope_pod.go), cm/admission/errors.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from pybernetes.api.core.v1 import Container, Pod
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.resources.admission import Rejection
from pybernetes.kubelet.resources.topology import ANYWHERE, Hint, Hints, Rank, merge, narrowest


class AllocationError(Exception):
    """A container cannot have what it asks for; the text says why. `reason` "" is an error that nobody expects."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class Provider(Protocol):
    def concerns(self, pod: Pod) -> bool:
        """Whether the pod asks for anything of it."""

    def hints(self, pod: Pod, container: Container | None) -> Hints:
        """For one container, or for the whole pod."""

    async def allocate(self, pod: Pod, container: Container, affinity: Hint) -> None:
        """Raises AllocationError."""

    def release(self, uid: str) -> None:
        """The pod has ended."""

    def only(self, uids: set[str]) -> None:
        """These are all pods that there are."""


class Allocation:
    def __init__(
        self,
        providers: Sequence[Provider],
        policy: str,
        scope: str,
        numa_nodes: Sequence[int],
        rank: Rank = narrowest,
    ) -> None:
        self._providers = providers
        self._policy = policy
        self._scope = scope
        self._numa_nodes = numa_nodes
        self._rank = rank
        self._one_at_a_time = asyncio.Lock()

    def concerns(self, pod: Pod) -> bool:
        return any(provider.concerns(pod) for provider in self._providers)

    async def allocate(self, pod: Pod) -> Rejection | None:
        """Gives all containers of a pod what they ask for, or says why not; then nothing is kept."""
        async with self._one_at_a_time:
            try:
                await self._allocate(pod)
            except AllocationError as error:
                self.release(uid_of(pod))
                if error.reason:
                    return Rejection(error.reason, str(error))
                return Rejection("UnexpectedAdmissionError", f"Allocate failed due to {error}, which is unexpected")
            return None

    async def _allocate(self, pod: Pod) -> None:
        of_pod = self._affinity(pod, None) if self._scope == "pod" else ANYWHERE
        for container in (*pod.spec.initContainers, *pod.spec.containers):
            affinity = of_pod if self._scope == "pod" else self._affinity(pod, container)
            for provider in self._providers:
                await provider.allocate(pod, container, affinity)

    def _affinity(self, pod: Pod, container: Container | None) -> Hint:
        hints = [provider.hints(pod, container) for provider in self._providers] if self._policy != "none" else []
        best, taken = merge(self._policy, self._numa_nodes, hints, self._rank)
        if not taken:
            raise AllocationError("Resources cannot be allocated with Topology locality", "TopologyAffinityError")
        return best

    def release(self, uid: str) -> None:
        for provider in self._providers:
            provider.release(uid)

    def only(self, uids: Iterable[str]) -> None:
        """What other pods had is given back: they are gone since an earlier kubelet."""
        for provider in self._providers:
            provider.only(set(uids))
