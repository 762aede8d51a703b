"""Drivers that have registered on this node, by name, and what they can do.

Source: pkg/volume/csi/csi_plugin.go RegistrationHandler, csi_client.go.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from contextlib import suppress
from typing import Any

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.metrics_text import Durations
from pybernetes.kubelet.plugins.registration import PluginError
from pybernetes.kubelet.rpc import RpcClient, RpcError, name_of_code
from pybernetes.kubelet.volumes.csi.node_info import NodeInfo
from pybernetes.kubelet.volumes.payload import VolumeError
from pybernetes.kubelet.volumes.stats import STORAGE_BOUNDS

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 120.0
_RETRY_S = 1.0
_MOMENT_S = 5.0
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?$")
Version = tuple[int, int, int]


class Driver(RpcClient):
    """Calls of a driver's Node service. Raises RpcError."""

    def __init__(self, name: str, endpoint: str, version: Version, took: Durations) -> None:
        super().__init__(endpoint)
        self._took = took
        self.name = name
        self.socket = endpoint
        self.version = version
        self._can: frozenset[int] | None = None

    @property
    def pb(self) -> Any:
        from pybernetes.kubelet.volumes.csi import csi_pb2

        return csi_pb2

    async def call(self, method: str, **fields: Any) -> Any:
        request, path = getattr(self.pb, f"{method}Request")(**fields), f"/csi.v1.Node/{method}"
        began_s, code = time.monotonic(), "Canceled"
        try:
            answer = await self.unary(path, request, getattr(self.pb, f"{method}Response"), _TIMEOUT_S)
            code = "OK"
            return answer
        except RpcError as error:
            code = name_of_code(error.code)
            raise
        finally:
            self._took.add(time.monotonic() - began_s, self.name, code, path, "false")

    async def can(self) -> frozenset[int]:
        """What the driver can do beyond publishing, by the protocol's numbers; asked once."""
        if self._can is None:
            answer = await self.call("NodeGetCapabilities")
            self._can = frozenset(each.rpc.type for each in answer.capabilities)
        return self._can


class Drivers:
    """The handler of plugins of the type CSIPlugin."""

    def __init__(self, node_info: NodeInfo) -> None:
        self._node_info = node_info
        self._drivers: dict[str, Driver] = {}
        self.took = Durations("driver_name", "grpc_status_code", "method_name", "migrated", bounds=STORAGE_BOUNDS)
        """How long drivers' answers took."""
        self._following: dict[str, asyncio.Task[None]] = {}
        """Asks drivers for their limits again, as their CSIDriver says."""
        self._news = asyncio.Event()

    def get(self, name: str) -> Driver:
        """Raises VolumeError."""
        found = self._drivers.get(name)
        if found is None:
            raise VolumeError(f"driver name {name} not found in the list of registered CSI drivers")
        return found

    async def wait_for(self, name: str) -> None:
        """Until the driver is registered, or a moment without it: drivers begin a little after a node."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT_S):
                while name not in self._drivers:
                    await self._news.wait()

    async def begin(self) -> None:
        """Makes what the API knows of the node's drivers; tries until it is there."""
        while True:
            try:
                await self._node_info.begin()
                return
            except (errors.StatusError, OSError) as error:
                _LOG.warning("the node's CSINode cannot be made yet: %s", error)
                await asyncio.sleep(_RETRY_S)

    def check(self, name: str, endpoint: str, versions: list[str]) -> None:
        about = f"for CSI driver {name} at endpoint {endpoint}"
        if not versions:
            raise PluginError(f"validation failed {about}: Plugin returned an empty list for supported versions")
        highest = highest_supported(versions)
        if highest is None:
            raise PluginError(f"validation failed {about}: None of the versions specified {versions} are supported")
        known = self._drivers.get(name)
        if known is not None and known.version >= highest:
            shown = ".".join(map(str, known.version))
            raise PluginError(
                f"validation failed {about}: Another driver with the same name is already registered with a higher "
                f'supported version: "{shown}"'
            )

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        version = highest_supported(versions)
        assert version is not None
        driver = Driver(name, endpoint, version, self.took)
        try:
            await self._install(driver)
        except (RpcError, errors.StatusError, OSError, ValueError) as error:
            await driver.close()
            raise PluginError(f"plugin registration failed with err: {error}") from None
        except BaseException:  # it is to stop
            await driver.close()
            raise
        before, self._drivers[name] = self._drivers.get(name), driver
        self._stop_following(name)
        self._following[name] = asyncio.create_task(self._follow(driver), name=f"limits of CSI driver {name}")
        self._news.set()
        self._news = asyncio.Event()
        if before is not None:
            await before.close()
        _LOG.info("CSI driver %s is registered", name)

    async def deregister(self, name: str, endpoint: str) -> None:
        driver = self._drivers.get(name)
        if driver is None or driver.socket != endpoint:
            return  # a newer one has taken its place
        del self._drivers[name]
        self._stop_following(name)
        await driver.close()
        try:
            await self._node_info.uninstall(name)
        except (errors.StatusError, OSError) as error:
            _LOG.warning("CSI driver %s cannot be taken off the node: %s", name, error)

    async def _install(self, driver: Driver) -> None:
        info = await driver.call("NodeGetInfo")
        segments = dict(info.accessible_topology.segments)
        await self._node_info.install(driver.name, info.node_id, info.max_volumes_per_node, segments)

    async def _follow(self, driver: Driver) -> None:
        asking: asyncio.Task[None] | None = None
        try:
            async for period_s in self._node_info.periods(driver.name):
                if asking is not None:
                    asking.cancel()
                asking = asyncio.create_task(self._ask_again(driver, period_s)) if period_s else None
        finally:
            if asking is not None:
                asking.cancel()

    async def _ask_again(self, driver: Driver, period_s: int) -> None:
        while True:
            await asyncio.sleep(period_s)
            try:
                await self._install(driver)
            except (RpcError, errors.StatusError, OSError, ValueError) as error:
                _LOG.warning("the limits of CSI driver %s are not known: %s", driver.name, error)

    def _stop_following(self, name: str) -> None:
        if (task := self._following.pop(name, None)) is not None:
            task.cancel()

    async def close(self) -> None:
        for name in list(self._following):
            self._stop_following(name)
        for driver in self._drivers.values():
            await driver.close()
        self._drivers.clear()


def highest_supported(versions: list[str]) -> Version | None:
    """The highest of the protocol's major version 1; None without one."""
    parsed = [tuple(int(part or 0) for part in match.groups()) for v in versions if (match := _VERSION.match(v))]
    found = [(major, minor, patch) for major, minor, patch in parsed if major == 1]
    return max(found, default=None)
