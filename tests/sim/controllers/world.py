"""A whole control plane in virtual time: apiserver, every controller, scheduler, and kubelets on simulated nodes.

Controllers speak to the apiserver through faults, and are begun again whenever they die.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping

import msgspec

from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo, service_account_groups
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport, RawResponse
from pybernetes.controllers.config import ControllerManagerConfig
from pybernetes.controllers.manager import ControllerManager
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.sim.nodes import FleetConfig, NodeWish, SimulatedNodes
from pybernetes.storage.memory import MemoryStore
from tests.sim.controllers.faults import Faults, FaultyTransport, Life
from tests.sim.controllers.history import Change

NODES = ("n1", "n2", "n3")
_ADMIN = UserInfo("kubernetes-admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
_START_S = 0.5
"""How long a process takes to start: what the last one sent has been done by then."""
_PREFIX = "/registry/"
_WITHOUT = ("events", "leases")
"""Kinds whose changes tell nothing."""


class _Cable(LocalTransport):
    """A node's line to the apiserver, which can be pulled."""

    pulled = False

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", timeout_s: float | None = None
    ) -> RawResponse:
        if self.pulled:
            raise ConnectionResetError("no route to the apiserver")
        return await super().request(method, target, headers, body, timeout_s)


class World:
    def __init__(self, seed: int, faults: Faults) -> None:
        self.clock = LoopClock()
        self.random = Random(seed)
        self.faults = faults
        self.store = MemoryStore(self.clock)
        self.api = ApiServer(ApiServerConfig(bind_addresses=(), port=-1), self.store, self.clock, self.random)
        self.client = Client(LocalTransport(self.api.handler, _ADMIN), "test")
        self.lives = 0
        self._config = ControllerManagerConfig(root_ca_pem="the CA")
        self._cables: dict[str, _Cable] = {}
        self._manager: ControllerManager | None = None

    @property
    def idle(self) -> bool:
        return self._manager is not None and self._manager.idle

    def lose(self, node: str) -> None:
        self._cables[node].pulled = True

    def find(self, node: str) -> None:
        self._cables[node].pulled = False

    async def run_controllers(self) -> None:
        """One life after another, until cancelled."""
        while True:
            self.lives += 1
            life = Life()
            self._manager = manager = ControllerManager(
                lambda name, life=life: self._controller(name, life), self._config, self.clock, self.random
            )
            running = asyncio.create_task(manager.run())
            try:
                await life.dead.wait()
            finally:
                life.dead.set()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            await asyncio.sleep(_START_S)

    def _controller(self, account: str, life: Life) -> Client:
        name = f"system:serviceaccount:kube-system:{account}" if account else "system:kube-controller-manager"
        groups = service_account_groups("kube-system") if account else ()
        user = UserInfo(name, groups=(*groups, AUTHENTICATED))
        return Client(FaultyTransport(self.api.handler, user, self.faults, life), account or "kube-controller-manager")

    def _kubelet(self, node: str) -> Client:
        cable = _Cable(self.api.handler, UserInfo(f"system:node:{node}", groups=("system:nodes", AUTHENTICATED)))
        self._cables[node] = cable
        return Client(cable, "kubelet")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.api.start()
        wishes = [NodeWish(name, {}, f"240.0.{index}.0/24") for index, name in enumerate(NODES)]
        nodes = SimulatedNodes(self.client, self._kubelet, FleetConfig(wishes), self.clock, self.random)
        scheduler = Client(LocalTransport(self.api.handler, UserInfo("system:kube-scheduler", groups=(AUTHENTICATED,))))
        parts = [
            asyncio.create_task(nodes.run()),
            asyncio.create_task(Scheduler(scheduler, SchedulerConfig(), self.clock, self.random).run()),
            asyncio.create_task(self.run_controllers()),
        ]
        try:
            yield
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await self.api.stop()

    async def history(self) -> list[Change]:
        users = {entry.revision: entry.user for entry in await self.store.journal(limit=10**9)}
        return list(self._changes(await self.store.changes(_PREFIX, 0, limit=10**9), users))

    def _changes(self, found: list[object], users: dict[int, str]) -> Iterator[Change]:
        for change in found:
            if change.key.removeprefix(_PREFIX).partition("/")[0] in _WITHOUT:
                continue
            tree = msgspec.json.decode(change.value)
            yield Change(change.revision, tree["kind"], tree, change.kind == "delete", users.get(change.revision, ""))
