"""All that containers of this node get besides what their spec says, in one place for the kubelet.

Devices of plugins are handed out when a pod is admitted; claims are prepared when it begins. Both end with the pod.

Source: pkg/kubelet/cm/container_manager_linux.go.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.api.core.v1 import Container, EphemeralContainer, Pod, ResourceHealth, ResourceStatus
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.kubelet.checkpoint import Checkpoint
from pybernetes.kubelet.claims.drivers import Drivers
from pybernetes.kubelet.claims.manager import ClaimError, ResourceClaims
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers.given import Given
from pybernetes.kubelet.devices.ledger import Ledger, healths
from pybernetes.kubelet.devices.manager import Devices
from pybernetes.kubelet.devices.plugins import DevicePlugins
from pybernetes.kubelet.node.status import Offer, read_machine
from pybernetes.kubelet.plugins.registration import PluginHandler
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.resources import cpus, memory
from pybernetes.kubelet.resources.allocation import Allocation, Provider
from pybernetes.kubelet.resources.cpu_topology import read_topology, text_of
from pybernetes.kubelet.resources.cpus import Cpus
from pybernetes.kubelet.resources.memory import Memory
from pybernetes.kubelet.resources.numa import NumaNode, only_node, read_nodes
from pybernetes.kubelet.resources.topology import closest, narrowest, options_of
from pybernetes.kubelet.tasks import Spawn

_LOG = logging.getLogger(__name__)
_RETRY_S = 5.0
_NEITHER = ("None", "none")


class Giving:
    """`changed(uids)`: what the node offers is other than before, or what these pods have; `capacity` of the node.

    Raises ValueError or OSError where CPUs or memory cannot be handed out as the configuration says.
    """

    def __init__(
        self,
        config: KubeletConfig,
        capacity: Mapping[str, str],
        client: Client | None,
        clock: Clock,
        spawn: Spawn,
        changed: Callable[[set[str]], None],
        cpus_changed: Callable[[], None],
    ) -> None:
        self._config = config
        root = Path(config.root_dir)
        self._spawn = spawn
        self._changed = changed
        self.ledger = Ledger()
        self._plugins = DevicePlugins(root / "device-plugins", self.ledger, clock, spawn, self._devices_changed)
        self.devices = Devices(root / "device-plugins", self.ledger, self._plugins, clock)
        self.claims: ResourceClaims | None = None
        if client is not None:
            drivers = Drivers(client, config.node_name, clock, spawn, self._health_changed)
            self.claims = ResourceClaims(root, client, drivers)
        self.cpus, self.memory, nodes = _managers(config, capacity, cpus_changed)
        candidates: tuple[Provider | None, ...] = (self.cpus, self.memory, self.devices)
        self.allocation = _allocation(config, [each for each in candidates if each is not None], nodes)

    async def start(self) -> None:
        """Raises ValueError where an earlier kubelet handed out CPUs or memory by other rules."""
        refuse_other_policies(self._config)
        self.devices.remember()
        for known in (self.cpus, self.memory):
            if known is not None:
                known.remember()
        if self.claims is not None:
            self.claims.remember()
            self.claims.drivers.begin()
        try:
            await self._plugins.start()
        except (OSError, RuntimeError) as error:
            _LOG.warning("device plugins cannot register: %s", error)

    async def stop(self) -> None:
        await self._plugins.stop()
        if self.claims is not None:
            await self.claims.drivers.close()

    def handlers(self) -> dict[str, PluginHandler]:
        """Of plugins that register in the folder of plugins, by their type."""
        found: dict[str, PluginHandler] = {"DevicePlugin": self._plugins}
        if self.claims is not None:
            found["DRAPlugin"] = self.claims.drivers
        return found

    def _devices_changed(self, resource: str) -> None:
        self.devices.keep()
        self._changed({h.pod for h in self.ledger.holdings.values() if h.resource == resource})

    def _health_changed(self, driver: str) -> None:
        assert self.claims is not None
        self._changed(self.claims.pods_with(driver))

    # The node.

    def offer(self) -> Offer:
        return Offer(self.ledger.capacity(), self.ledger.allocatable())

    # Pods.

    async def prepare(self, pod: Pod) -> None:
        """Raises ClaimError."""
        if self.claims is not None:
            await self.claims.prepare(pod)
            if pod.spec.resourceClaims:
                self._changed({uid_of(pod)})

    def cpu_owners(self, pod: Pod) -> set[str]:
        """The containers of the pod that have CPUs of their own."""
        names = (c.name for c in (*pod.spec.initContainers, *pod.spec.containers))
        return {name for name in names if self.cpus is not None and self.cpus.own(uid_of(pod), name)}

    async def give_back(self, uid: str) -> None:
        """Raises ClaimError."""
        if self.claims is not None:
            await self.claims.give_back(uid)

    def only(self, uids: set[str]) -> None:
        """These are all pods that there are: what others had is given back."""
        self.allocation.only(uids)
        for uid in self.claims.of_gone_pods(uids) if self.claims is not None else ():
            self._spawn(self._give_back_stray(uid), f"claims of {uid}")

    async def _give_back_stray(self, uid: str) -> None:
        while True:
            try:
                return await self.give_back(uid)
            except ClaimError as error:
                _LOG.warning("claims of pod %s, which is gone, stay for now: %s", uid, error)
            await asyncio.sleep(_RETRY_S)

    async def given(self, pod: Pod, container: Container | EphemeralContainer) -> Given:
        """Raises AllocationError."""
        given = await self.devices.given(pod, container)
        if self.cpus is not None:
            given.cpus = self.cpus.of(uid_of(pod), container.name)
            given.owns_cpus = bool(self.cpus.own(uid_of(pod), container.name))
        if self.memory is not None:
            given.memory_nodes = text_of(self.memory.nodes(uid_of(pod), container.name))
        if self.claims is not None:
            given.add_cdi(name for _, _, device in self.claims.devices(pod, container) for name in device.cdi)
        return given

    def health(self, pod: Pod) -> Mapping[str, list[ResourceStatus]]:
        """How well devices of containers are, by their names."""
        found = {}
        for container in pod.spec.containers:
            held = self.ledger.of_container(uid_of(pod), container.name)
            told = [_resource_status(name, pairs) for name, pairs in healths(held, self.ledger.resources).items()]
            told += self.claims.health(pod, container) if self.claims is not None else []
            if told:
                found[container.name] = told
        return found


class _Left(msgspec.Struct, rename="camel"):
    policy_name: str
    entries: dict[str, Any] = {}


def refuse_other_policies(config: KubeletConfig) -> None:
    """Raises ValueError where an earlier kubelet handed out CPUs or memory by another policy than this one is to.

    Source: pkg/kubelet/cm/cpumanager/state/state_checkpoint.go, pkg/kubelet/cm/memorymanager/state/state_checkpoint.go.
    """

    def check(policy: str, text: bytes) -> None:
        left = msgspec.json.decode(text, type=_Left)
        if left.entries and left.policy_name != policy:
            raise ValueError(f'configured policy "{policy}" differs from state checkpoint policy "{left.policy_name}"')

    for file, policy in ((cpus.FILE, config.cpu_manager_policy), (memory.FILE, config.memory_manager_policy)):
        Checkpoint(Path(config.root_dir, file), "what containers own").insist(functools.partial(check, policy))


def check_left(config: KubeletConfig) -> None:
    """Raises ValueError, with the way out, where containers have CPUs or memory by other rules than these."""
    refuse_other_policies(config)
    cpus, memory, _ = _managers(config, read_machine(config).capacity, lambda: None)
    for known in (cpus, memory):
        if known is not None:
            known.remember()


def check(config: KubeletConfig) -> None:
    """Raises ValueError or OSError where this machine cannot hand out what the configuration wants handed out."""
    _, _, nodes = _managers(config, read_machine(config).capacity, lambda: None)
    _allocation(config, [], nodes)


def _managers(
    config: KubeletConfig, capacity: Mapping[str, str], cpus_changed: Callable[[], None]
) -> tuple[Cpus | None, Memory | None, dict[int, NumaNode]]:
    cpus = Cpus(config, read_topology(), cpus_changed) if config.cpu_manager_policy == "static" else None
    policies = (config.memory_manager_policy, config.topology_manager_policy)
    nodes = read_nodes() or only_node(capacity) if policies != _NEITHER else {}
    return cpus, Memory(config, nodes, capacity) if config.memory_manager_policy == "Static" else None, nodes


def _allocation(config: KubeletConfig, providers: list[Provider], nodes: Mapping[int, NumaNode]) -> Allocation:
    """Raises ValueError on a machine with too many NUMA nodes."""
    policy, options = config.topology_manager_policy, options_of(config.topology_manager_policy_options)
    if policy != "none" and len(nodes) > options.most_nodes:
        raise ValueError(
            f"topologyManagerPolicy {policy}: unsupported on machines with more than {options.most_nodes} NUMA Nodes"
        )
    rank = closest({number: node.distances for number, node in nodes.items()}) if options.closest else narrowest
    return Allocation(providers, policy, config.topology_manager_scope, list(nodes), rank)


def _resource_status(name: str, devices: Iterable[tuple[str, str]]) -> ResourceStatus:
    return ResourceStatus(name=name, resources=[ResourceHealth(resourceID=d, health=health) for d, health in devices])
