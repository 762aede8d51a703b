"""Simulated nodes: a kubelet each, in one process, on surroundings that only pretend.

    Fleet ── which Nodes there are to be, which of those that there are it plays
      └─ Kubelet, a node ── NodeAgent (Node, Lease), PodRunner a pod ── SimulatedCri
             └─ Shared: one copy of Pods, Nodes, Services, ConfigMaps and Secrets for all

A Node that goes takes its kubelet with it, and so does one that an annotation switches off until it is taken away: then
nobody renews its Lease. What begins anew goes on with Pods as their status tells.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Node
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.kubelet import Kubelet
from pybernetes.kubelet.serving.server import KubeletServer, ServerConfig
from pybernetes.sim.script import PREFIX
from pybernetes.sim.serving import FleetHost
from pybernetes.sim.surroundings import OnBound, Shared, SimulatedSurroundings

_log = logging.getLogger(__name__)

SIMULATED_LABEL = "pybernetes.io/simulated"
OFF = f"{PREFIX}off"
"""Annotation of a Node whose machine is "true" to be as if it had no power."""
TAINT = (SIMULATED_LABEL, "true", "NoSchedule")
ADDRESS = "127.0.0.1"
_AT_ONCE = 32
"""Nodes that register side by side: fewer than the requests that an apiserver takes."""
_MANY = 100
"""More nodes than that record warnings alone."""
DEFAULT_CAPACITY = {"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}


@dataclass(frozen=True, slots=True)
class NodeWish:
    """A Node to register."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    pod_cidr: str = ""
    """"": the node IPAM controller gives one."""


@dataclass(frozen=True, slots=True)
class FleetConfig:
    wishes: Sequence[NodeWish] = ()
    capacity: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_CAPACITY))
    everything: bool = True
    """Whether every Node is simulated; otherwise those with SIMULATED_LABEL, which others keep off by its taint."""
    server: ServerConfig | None = None
    """None serves no logs."""


class SimulatedNodes:
    def __init__(
        self,
        client: Client,
        client_of: Callable[[str], Client],
        config: FleetConfig,
        clock: Clock,
        random: Random,
        on_bound: OnBound | None = None,
    ) -> None:
        """`client` reads everything, `client_of(node)` is that node's own."""
        self._client_of = client_of
        self._config = config
        self._clock = clock
        self._random = random
        self._shared = Shared(client, clock, random, on_bound)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._kubelets: dict[str, Kubelet] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._server_port = 0

    async def run(self) -> None:
        """Until cancelled."""
        server = self._server()
        if server is not None:
            await server.start()
            self._server_port = server.port
        try:
            async with asyncio.TaskGroup() as group:
                await self._shared.start(group)
                names = {wish.name for wish in self._config.wishes}
                mine = [node for node in self._shared.nodes.lister.list() if self._plays(node)]
                quiet = len(names | {node.metadata.name for node in mine}) > _MANY

                def begin(wish: NodeWish) -> None:
                    if wish.name not in self._tasks:
                        self._tasks[wish.name] = group.create_task(self._play(wish, quiet), name=wish.name)

                def end(node: Node) -> None:
                    if (task := self._tasks.pop(node.metadata.name or "", None)) is not None:
                        task.cancel()

                def switch(node: Node) -> None:
                    if _is_off(node):
                        end(node)
                    elif self._plays(node):
                        begin(_as_it_is(node))

                for wish in self._config.wishes:
                    known = self._shared.nodes.lister.get("", wish.name)
                    if known is None or not _is_off(known):
                        begin(wish)
                self._shared.nodes.add_handler(
                    on_add=switch,
                    on_update=lambda old, node: switch(node) if _is_off(old) != _is_off(node) else None,
                    on_delete=end,
                )
                await asyncio.Event().wait()
        finally:
            if server is not None:
                await server.stop()

    def _plays(self, node: Node) -> bool:
        return self._config.everything or node.metadata.labels.get(SIMULATED_LABEL) == "true"

    def _server(self) -> KubeletServer | None:
        config = self._config.server
        if config is None:
            return None
        return KubeletServer(FleetHost(self._shared, self._kubelets, self._clock), config, self._clock)

    async def _play(self, wish: NodeWish, quiet: bool) -> None:
        """One node until it is deleted or all ends; a failure is told and the node begun again."""
        while True:
            kubelet = self._kubelet(wish, quiet)
            self._kubelets[wish.name] = kubelet
            running = asyncio.ensure_future(kubelet.run())
            try:
                async with self._turns:
                    registered = asyncio.ensure_future(_registered(kubelet))
                    await asyncio.wait((running, registered), return_when=asyncio.FIRST_COMPLETED)
                    registered.cancel()
                await running
            except Exception:
                _log.exception("simulated node %s failed; it is begun again", wish.name)
                await asyncio.sleep(1)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                self._shared.feeds.pop(wish.name, None)
                self._kubelets.pop(wish.name, None)

    def _kubelet(self, wish: NodeWish, quiet: bool) -> Kubelet:
        config = KubeletConfig(
            node_name=wish.name,
            node_ip=ADDRESS,
            cri_endpoint="simulated://",
            root_dir="/nonexistent",
            pod_log_dir="/nonexistent",
            cgroups_per_qos=False,
            resolver_config="",
            enable_server=False,
            node_labels=wish.labels,
            register_with_taints=[] if self._config.everything else [TAINT],
            pod_cidr=wish.pod_cidr,
            serialize_image_pulls=False,
            image_gc_high_threshold_percent=100,
        )
        around = SimulatedSurroundings(self._shared, wish.name, self._clock, self._config.capacity, only_warnings=quiet)
        kubelet = Kubelet(self._client_of(wish.name), config, self._clock, self._random, around)
        kubelet.server_port = self._server_port
        return kubelet


async def _registered(kubelet: Kubelet) -> None:
    await kubelet.started.wait()
    if kubelet.agent is not None:
        await kubelet.agent.registered()


def _is_off(node: Node) -> bool:
    return node.metadata.annotations.get(OFF) == "true"


def _as_it_is(node: Node) -> NodeWish:
    return NodeWish(node.metadata.name or "")
