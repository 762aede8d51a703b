"""Keeps running containers on the CPUs that are theirs: those that share follow when others get some of their own.

Source: pkg/kubelet/cm/cpumanager/cpu_manager.go reconcileState.
Differs: at once when something changes, not every ten seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.worker.shell import PodRunner

_LOG = logging.getLogger(__name__)


class Pinning:
    """`cpus_of` a container by pod's uid and name, as the runtime takes them."""

    def __init__(self, cri: CriClient, runners: Mapping[str, PodRunner], cpus_of: Callable[[str, str], str]) -> None:
        self._cri = cri
        self._runners = runners
        self._cpus_of = cpus_of
        self._one_at_a_time = asyncio.Lock()
        self._pinned: dict[str, str] = {}
        """What containers were told, by id."""

    async def follow(self) -> None:
        """Tells those containers of which it is not known that they have what is theirs."""
        async with self._one_at_a_time:
            running = {c.id: (uid, c.name) for uid, r in self._runners.items() for c in r.worker.runtime.running()}
            self._pinned = {key: cpus for key, cpus in self._pinned.items() if key in running}
            for container_id, owner in running.items():
                cpus = self._cpus_of(*owner)
                if self._pinned.get(container_id) == cpus:
                    continue
                try:
                    resources = self._cri.pb.LinuxContainerResources(cpuset_cpus=cpus)
                    await self._cri.update_container_resources(container_id, resources)
                    self._pinned[container_id] = cpus
                except CriError as error:
                    _LOG.warning("container %s cannot be moved to CPUs %s: %s", container_id, cpus, error)
