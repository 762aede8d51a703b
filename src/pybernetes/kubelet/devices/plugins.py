"""The device plugins of a node: they register at the kubelet's socket, tell of their devices and hand them out.

Each plugin is followed for as long as its stream lasts: when it ends, the devices count as ill, and the resource goes
with the last of them if no plugin registers for it in time. Plugins watch the kubelet's socket and register again when
it is made anew.

Source: pkg/kubelet/cm/devicemanager/plugin/v1beta1 (server.go, handler.go, client.go), endpoint.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from pybernetes.apimachinery import extended_resources
from pybernetes.host.clock import Clock
from pybernetes.http.grpc_server import GrpcServer
from pybernetes.kubelet.devices.ledger import GRACE_S, Device, Ledger
from pybernetes.kubelet.plugins.registration import PluginError
from pybernetes.kubelet.resources.allocation import AllocationError
from pybernetes.kubelet.rpc import RpcClient, RpcError, serve
from pybernetes.kubelet.tasks import Spawn

_LOG = logging.getLogger(__name__)
VERSION = "v1beta1"
SOCKET = "kubelet.sock"
_PRE_START_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 10.0


class _Plugin(RpcClient):
    def __init__(self, resource: str, socket: str, pb: Any) -> None:
        super().__init__(socket)
        self.resource = resource
        self.socket = socket
        self.pb = pb
        self.options: Any = pb.DevicePluginOptions()
        self.task: asyncio.Task[None] | None = None

    async def call(self, method: str, request: Any, response: Any, timeout_s: float | None = None) -> Any:
        return await self.unary(f"/v1beta1.DevicePlugin/{method}", request, response, timeout_s)

    def devices(self) -> AsyncIterator[Any]:
        """What ListAndWatch tells. Raises RpcError."""
        return self.stream("/v1beta1.DevicePlugin/ListAndWatch", self.pb.Empty(), self.pb.ListAndWatchResponse)


class DevicePlugins:
    """`changed(resource)` is called when its devices are others. Handler of plugins of the type DevicePlugin, too."""

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        clock: Clock,
        spawn: Spawn,
        changed: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._clock = clock
        self._spawn = spawn
        self._changed = changed
        self._plugins: dict[str, _Plugin] = {}
        self._server: GrpcServer | None = None

    @property
    def pb(self) -> Any:
        from pybernetes.kubelet.devices import device_plugin_pb2

        return device_plugin_pb2

    async def start(self) -> None:
        """Listens; sockets of an earlier life go, which plugins take as the sign to register again. Raises OSError."""
        for entry in self._folder.iterdir() if self._folder.is_dir() else ():
            if entry.is_socket():
                entry.unlink(missing_ok=True)
        methods = {"Register": (self._register, self.pb.RegisterRequest)}
        self._server = await serve(self._folder / SOCKET, "v1beta1.Registration", methods)
        for resource in self._ledger.resources:
            self._spawn(self._forget_later(resource), f"plugin of {resource}")

    async def stop(self) -> None:
        for plugin in list(self._plugins.values()):
            await self._close(plugin)
        if self._server is not None:
            await self._server.stop()

    # Registration.

    async def _register(self, request: Any) -> Any:
        try:
            self.check(request.resource_name, request.endpoint, [request.version])
            await self._connect(request.resource_name, str(self._folder / request.endpoint))
        except PluginError as error:
            _LOG.warning("a device plugin for %s is not registered: %s", request.resource_name, error)
            raise RpcError("UNKNOWN", str(error)) from None
        return self.pb.Empty()

    def check(self, name: str, endpoint: str, versions: list[str]) -> None:
        if VERSION not in versions:
            raise PluginError(
                f'requested API version "{", ".join(versions)}" is not supported by kubelet. '
                f'Supported version is ["{VERSION}"]'
            )
        if not extended_resources.is_extended(name):
            raise PluginError(f'the ResourceName "{name}" is invalid')

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        await self._connect(name, endpoint)

    async def deregister(self, name: str, endpoint: str) -> None:
        plugin = self._plugins.get(name)
        if plugin is not None and plugin.socket == endpoint:
            self._gone(plugin)
            await self._close(plugin)
            self._spawn(self._forget_later(name), f"plugin of {name}")

    async def _connect(self, resource: str, socket: str) -> None:
        plugin = _Plugin(resource, socket, self.pb)
        try:
            plugin.options = await plugin.call(
                "GetDevicePluginOptions", self.pb.Empty(), self.pb.DevicePluginOptions, _CONNECT_TIMEOUT_S
            )
        except RpcError as error:
            await plugin.close()
            raise PluginError(f"failed to get device plugin options: {error}") from None
        except BaseException:  # who registered it has gone
            await plugin.close()
            raise
        before = self._plugins.get(resource)
        self._plugins[resource] = plugin
        if before is not None:
            await self._close(before)
        plugin.task = self._spawn(self._follow(plugin), f"device plugin of {resource}")
        _LOG.info("a device plugin offers %s", resource)

    async def _close(self, plugin: _Plugin) -> None:
        if plugin.task is not None:
            plugin.task.cancel()
        await plugin.close()

    async def _follow(self, plugin: _Plugin) -> None:
        resource = plugin.resource
        try:
            async for told in plugin.devices():
                devices = [Device(d.ID, d.health, tuple(n.ID for n in d.topology.nodes)) for d in told.devices]
                if self._ledger.told(resource, devices):
                    self._changed(resource)
        except RpcError as error:
            _LOG.warning("the device plugin of %s is gone: %s", resource, error)
        finally:
            self._gone(plugin)
        await plugin.close()
        await self._forget_later(resource)

    def _gone(self, plugin: _Plugin) -> None:
        if self._plugins.get(plugin.resource) is plugin:
            del self._plugins[plugin.resource]
            self._ledger.plugin_gone(plugin.resource, self._clock.now())
            self._changed(plugin.resource)

    async def _forget_later(self, resource: str) -> None:
        await asyncio.sleep(GRACE_S + 1)
        if resource in self._ledger.forget_expired(self._clock.now()):
            self._changed(resource)

    # What they are asked.

    def _plugin(self, resource: str) -> _Plugin:
        plugin = self._plugins.get(resource)
        if plugin is None:
            raise AllocationError(f"endpoint of device plugin {resource} has been stopped")
        return plugin

    async def preferred(self, resource: str, available: list[str], included: list[str], size: int) -> list[str]:
        """What the plugin would choose, nothing where it does not mind. Raises AllocationError."""
        plugin, pb = self._plugin(resource), self.pb
        if not plugin.options.get_preferred_allocation_available:
            return []
        asked = pb.ContainerPreferredAllocationRequest(
            available_deviceIDs=available, must_include_deviceIDs=included, allocation_size=size
        )
        request = pb.PreferredAllocationRequest(container_requests=[asked])
        try:
            answer = await plugin.call("GetPreferredAllocation", request, pb.PreferredAllocationResponse)
        except RpcError as error:
            raise AllocationError(f"device plugin GetPreferredAllocation rpc failed with err: {error}") from None
        return list(answer.container_responses[0].deviceIDs) if answer.container_responses else []

    async def allocate(self, resource: str, devices: Iterable[str]) -> bytes:
        """What a container that has the devices is to be made with. Raises AllocationError."""
        plugin, pb = self._plugin(resource), self.pb
        asked = pb.AllocateRequest(container_requests=[pb.ContainerAllocateRequest(devices_ids=devices)])
        try:
            answer = await plugin.call("Allocate", asked, pb.AllocateResponse)
        except RpcError as error:
            raise AllocationError(str(error)) from None
        if not answer.container_responses:
            raise AllocationError(f"no containers return in allocation response {answer}".rstrip())
        told: bytes = answer.container_responses[0].SerializeToString()
        return told

    async def before_start(self, resource: str, devices: Iterable[str]) -> None:
        """Lets the plugin make the devices ready, where it wants to. Raises AllocationError."""
        plugin, pb = self._plugins.get(resource), self.pb
        if plugin is None:
            raise AllocationError(f"endpoint not found in cache for a registered resource: {resource}")
        if not plugin.options.pre_start_required:
            return
        request = pb.PreStartContainerRequest(devices_ids=devices)
        try:
            await plugin.call("PreStartContainer", request, pb.PreStartContainerResponse, _PRE_START_TIMEOUT_S)
        except RpcError as error:
            raise AllocationError(f"device plugin PreStartContainer rpc failed with err: {error}") from None
