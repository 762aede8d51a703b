"""The drivers of dynamic resources on this node: plugins of the type DRAPlugin.

A driver that can tell of its devices' health is listened to. The ResourceSlices of one that went away and does not come
back in time are deleted: nothing can be prepared from them.

Source: pkg/kubelet/cm/dra/plugin (dra_plugin_manager.go, dra_plugin.go), healthinfo.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from pybernetes.api.resource.v1 import ResourceSlice
from pybernetes.apimachinery import errors
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.kubelet.plugins.registration import PluginError
from pybernetes.kubelet.rpc import RpcClient, RpcError
from pybernetes.kubelet.tasks import Spawn

_LOG = logging.getLogger(__name__)
_SERVICES = {
    "v1.DRAPlugin": "k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin",
    "v1beta1.DRAPlugin": "k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin",
}
"""What drivers say they offer and its name on the wire; the messages of both are the same. The best first."""
_HEALTH = "v1alpha1.DRAResourceHealth"
_TIMEOUT_S = 45.0
_WIPE_AFTER_S = 30.0
_HEALTH_LASTS_S = 30.0
_LISTEN_AGAIN_S = 5.0
_HEALTHS = ("Unknown", "Healthy", "Unhealthy")


class DriverError(Exception):
    """A driver is not there, or refuses."""


class Driver(RpcClient):
    def __init__(self, name: str, endpoint: str, versions: Iterable[str]) -> None:
        super().__init__(endpoint)
        self.name = name
        self.socket = endpoint
        self._service = next(wire for offered, wire in _SERVICES.items() if offered in versions)
        self.tells_health = _HEALTH in versions
        self.task: asyncio.Task[None] | None = None

    @property
    def pb(self) -> Any:
        from pybernetes.kubelet.claims import dra_pb2

        return dra_pb2

    async def call(self, method: str, claims: Iterable[tuple[str, str, str]]) -> Any:
        """NodePrepareResources or NodeUnprepareResources of claims: namespace, name, uid. Raises RpcError."""
        pb = self.pb
        asked = [pb.Claim(namespace=namespace, name=name, uid=uid) for namespace, name, uid in claims]
        request = getattr(pb, f"{method}Request")(claims=asked)
        return await self.unary(f"/{self._service}/{method}", request, getattr(pb, f"{method}Response"), _TIMEOUT_S)

    def health(self) -> AsyncIterator[Any]:
        """What NodeWatchResources tells. Raises RpcError."""
        from pybernetes.kubelet.claims import dra_health_pb2

        pb: Any = dra_health_pb2
        request, response = pb.NodeWatchResourcesRequest(), pb.NodeWatchResourcesResponse
        return self.stream(f"/{_HEALTH}/NodeWatchResources", request, response)


class Drivers:
    """`changed(driver)` is called when the health of its devices is another."""

    def __init__(
        self,
        client: Client,
        node_name: str,
        clock: Clock,
        spawn: Spawn,
        changed: Callable[[str], None],
    ) -> None:
        self._client = client
        self._node_name = node_name
        self._clock = clock
        self._spawn = spawn
        self._changed = changed
        self._drivers: dict[str, Driver] = {}
        self._health: dict[tuple[str, str, str], tuple[str, str, float]] = {}
        """Health, message and until when it holds, by driver, pool and device."""

    def get(self, name: str) -> Driver:
        """Raises DriverError."""
        found = self._drivers.get(name)
        if found is None:
            raise DriverError(f"DRA driver {name} is not registered")
        return found

    def health_of(self, driver: str, pool: str, device: str) -> tuple[str, str]:
        health, message, until_s = self._health.get((driver, pool, device), ("Unknown", "", 0.0))
        return (health, message) if self._clock.now() <= until_s else ("Unknown", "")

    def begin(self) -> None:
        """Slices of an earlier life are left for as long as drivers need to come back."""
        self._spawn(self._wipe_later(""), "resource slices")

    def check(self, name: str, endpoint: str, versions: list[str]) -> None:
        if not any(offered in versions for offered in _SERVICES):
            offered, known = " ".join(versions), " ".join(_SERVICES)
            raise PluginError(
                f"invalid supported gRPC versions of DRA driver plugin {name} at endpoint {endpoint}: none of services "
                f"supported by the plugin ([{offered}]) are supported by the kubelet ([{known}])"
            )

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        before = self._drivers.get(name)
        driver = self._drivers[name] = Driver(name, endpoint, versions)
        if before is not None:
            await self._close(before)
        if driver.tells_health:
            driver.task = self._spawn(self._listen(driver), f"health of {name}")
        _LOG.info("DRA driver %s is registered", name)

    async def deregister(self, name: str, endpoint: str) -> None:
        driver = self._drivers.get(name)
        if driver is None or driver.socket != endpoint:
            return  # a newer one has taken its place
        del self._drivers[name]
        await self._close(driver)
        self._spawn(self._wipe_later(name), f"resource slices of {name}")

    async def close(self) -> None:
        for driver in self._drivers.values():
            await self._close(driver)
        self._drivers.clear()

    async def _close(self, driver: Driver) -> None:
        if driver.task is not None:
            driver.task.cancel()
        await driver.close()

    async def _wipe_later(self, name: str) -> None:
        """Of one driver; of every one that is not there by then where none is named."""
        await asyncio.sleep(_WIPE_AFTER_S)
        if name in self._drivers:
            return
        of_node = f"spec.nodeName={self._node_name}"
        try:
            if name:
                await self._client.delete_collection(ResourceSlice, field_selector=f"{of_node},spec.driver={name}")
                return
            page = await self._client.list(ResourceSlice, field_selector=of_node)
            for driver in {each.spec.driver for each in page.items} - self._drivers.keys():
                await self._client.delete_collection(ResourceSlice, field_selector=f"{of_node},spec.driver={driver}")
        except (errors.StatusError, OSError) as error:
            _LOG.warning("resource slices of drivers that are gone stay for now: %s", error)

    # Health.

    async def _listen(self, driver: Driver) -> None:
        while True:
            try:
                async for told in driver.health():
                    self._told(driver.name, told.devices)
            except RpcError as error:
                if error.unimplemented:
                    return
            await asyncio.sleep(_LISTEN_AGAIN_S)

    def _told(self, driver: str, devices: Iterable[Any]) -> None:
        now = self._clock.now()
        changed = False
        for each in devices:
            lasts_s = each.health_check_timeout_seconds if each.health_check_timeout_seconds > 0 else _HEALTH_LASTS_S
            where = driver, each.device.pool_name, each.device.device_name
            health = _HEALTHS[each.health] if each.health < len(_HEALTHS) else "Unknown"
            changed = changed or self.health_of(*where) != (health, each.message)
            self._health[where] = health, each.message, now + lasts_s
            asyncio.get_running_loop().call_later(lasts_s + 0.1, self._may_have_expired, *where)
        if changed:
            self._changed(driver)

    def _may_have_expired(self, driver: str, pool: str, device: str) -> None:
        told = self._health.get((driver, pool, device))
        if told is not None and told[2] < self._clock.now():
            del self._health[driver, pool, device]
            self._changed(driver)
