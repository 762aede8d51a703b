"""What a kubelet works with: its machine's facts, runtime, files, cgroups, probes and informers.

`Surroundings` is the real machine. `sim.surroundings` overrides it with one that only pretends, so that the same
kubelet runs on it: everything that touches the host goes through here.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Protocol

from pybernetes.api.core.v1 import LifecycleHandler, Node, Probe
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers import lifecycle
from pybernetes.kubelet.containers.configs import Configs
from pybernetes.kubelet.cri.client import CriClient
from pybernetes.kubelet.cri.events import ContainerEvents
from pybernetes.kubelet.eviction.signals import HostSignals, Signals
from pybernetes.kubelet.giving import Giving
from pybernetes.kubelet.node.status import Machine, read_machine
from pybernetes.kubelet.objects import Reference, ReferencedObjects
from pybernetes.kubelet.probes import prober
from pybernetes.kubelet.probes.turns import Turns
from pybernetes.kubelet.resources.cgroups import Cgroups
from pybernetes.kubelet.resources.requests import hugepages
from pybernetes.kubelet.shutdown.logind import Logind
from pybernetes.kubelet.volumes.csi.drivers import Drivers
from pybernetes.kubelet.volumes.csi.node_info import NodeInfo
from pybernetes.kubelet.volumes.csi.volumes import CsiVolumes
from pybernetes.kubelet.volumes.manager import Volumes
from pybernetes.kubelet.volumes.tokens import Tokens

_PROBES_AT_ONCE = 32
_PROBE_TURN_S = 0.1
_EXEC_TURN_S = 1.0


class Events(Protocol):
    """Tells what happens to containers until it is cancelled."""

    async def run(self) -> None: ...


class Surroundings:
    configs: type[Configs] = Configs
    """Describes pods and containers as the runtime takes them."""

    def machine(self, config: KubeletConfig) -> Machine:
        return read_machine(config)

    def make_folders(self, config: KubeletConfig) -> None:
        for folder in (Path(config.root_dir, "pods"), Path(config.pod_log_dir)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)

    def remove_stray_logs(self, config: KubeletConfig, known: set[str]) -> None:
        """Removes the log folders of pods that are not known by the name of their folder."""
        for folder in Path(config.pod_log_dir).iterdir():
            if folder.is_dir() and folder.name.count("_") == 2 and folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def runtime(self, config: KubeletConfig) -> CriClient:
        return CriClient(config.cri_endpoint)

    def events(self, cri: CriClient, on_change: Callable[[str, str], None], has_pods: Callable[[], bool]) -> Events:
        return ContainerEvents(cri, on_change, has_pods)

    def cgroups(self, config: KubeletConfig, machine: Machine) -> Cgroups | None:
        if not config.cgroups_per_qos:
            return None
        limit = config.pod_max_pids if config.pod_max_pids > 0 else None
        sizes = [size for size, _ in hugepages(machine.capacity)]
        protects = config.memory_reservation_policy == "TieredReservation"
        return Cgroups(config.cgroup_root, pod_pids_limit=limit, page_sizes=sizes, protects=protects)

    def tokens(self, client: Client | None, clock: Clock) -> Tokens | None:
        return Tokens(client, clock) if client is not None else None

    def objects(
        self, client: Client | None, on_change: Callable[[Reference, Iterable[str]], None]
    ) -> ReferencedObjects:
        return ReferencedObjects(client, on_change)

    def csi(
        self, client: Client, config: KubeletConfig, clock: Clock, node: Callable[[], Awaitable[Node]]
    ) -> CsiVolumes | None:
        """Volumes of CSI drivers; `node` waits for the registered Node. None has no drivers."""
        drivers = Drivers(NodeInfo(client, node))
        return CsiVolumes(Path(config.root_dir), client, drivers, Tokens(client, clock), config.node_name, clock)

    def volumes(
        self, config: KubeletConfig, objects: ReferencedObjects, tokens: Tokens | None, csi: CsiVolumes | None
    ) -> Volumes:
        return Volumes(Path(config.root_dir), objects, tokens, objects.client, csi)

    def giving(self) -> type[Giving] | None:
        """What makes the part that has device plugins and drivers of claims; None has none."""
        return Giving

    def grants_folder(self, volumes: Volumes) -> Callable[[str], Path] | None:
        """Where it is kept what a pod, by uid, was granted; None keeps it nowhere."""
        return volumes.pod_folder

    def signals(self, config: KubeletConfig, cri: CriClient, cgroups: Cgroups | None) -> Signals | None:
        """What tells when the node runs short of something; None: it never does."""
        return HostSignals(config, cri, cgroups)

    def logind(self, told: Callable[[bool], None]) -> Logind:
        """What tells that the machine shuts down; it is asked only where pods have time to end."""
        return Logind(told)

    def recorder(self, client: Client, config: KubeletConfig, clock: Clock) -> EventRecorder:
        return EventRecorder(client, "kubelet", config.node_name, clock)

    def informers(self, client: Client, clock: Clock, random: Random) -> InformerFactory:
        return InformerFactory(client, clock, random)

    async def probe(self, of: prober.Running, probe: Probe) -> prober.Answer:
        """Asks once, in turn. Raises ProbeError."""
        turns = self._exec_turns if probe.exec is not None else self._probe_turns
        async with turns.turn(of.pod.metadata.uid or ""):
            return await prober.probe(of, probe)

    @functools.cached_property
    def _probe_turns(self) -> Turns:
        return Turns(_PROBES_AT_ONCE, _PROBE_TURN_S)

    @functools.cached_property
    def _exec_turns(self) -> Turns:
        """A command costs its node some hundred times what a connection does."""
        return Turns(max(2, os.cpu_count() or 1), _EXEC_TURN_S)

    async def run_hook(self, of: prober.Running, handler: LifecycleHandler) -> None:
        """Runs one hook to its end. Raises HookError."""
        await lifecycle.run_hook(of, handler)


ProbeOnce = Callable[[prober.Running, Probe], Awaitable[prober.Answer]]
RunHook = Callable[[prober.Running, LifecycleHandler], Awaitable[None]]
