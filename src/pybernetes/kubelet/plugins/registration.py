"""Plugins that register themselves: each leaves a socket in a folder, on which it is asked who it is.

The folder is watched. A plugin whose socket appears is asked and told how it went, one whose socket goes is given up;
what a plugin is for is its handler's.

Source: pkg/kubelet/pluginmanager (pluginwatcher, reconciler, operationexecutor/operation_generator.go).
Differs: sockets lie in the folder itself, not in folders below it.
"""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from pybernetes.host.inotify import FolderWatch
from pybernetes.kubelet.rpc import RpcClient, RpcError

_LOG = logging.getLogger(__name__)
_CALL_TIMEOUT_S = 10.0
_RETRY_S, _MOST_RETRY_S = 0.5, 122.0
_Identity = tuple[int, int]
"""A socket's inode and when it was made: another one of the same name is another plugin."""


class PluginError(Exception):
    """A plugin is not taken; the text is what it is told."""


class PluginHandler(Protocol):
    def check(self, name: str, endpoint: str, versions: list[str]) -> None:
        """Raises PluginError."""

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        """Raises PluginError."""

    async def deregister(self, name: str, endpoint: str) -> None: ...


class Plugins:
    def __init__(self, folder: Path, handlers: Mapping[str, PluginHandler]) -> None:
        """`handlers` by the type of plugin."""
        self._folder = folder
        self._handlers = handlers
        self._known: dict[Path, tuple[_Identity, asyncio.Task[None]]] = {}
        self._registered: dict[Path, tuple[PluginHandler, str, str]] = {}

    async def run(self) -> None:
        """Until it is cancelled. Raises OSError where the folder cannot be watched."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        with FolderWatch(self._folder) as watch:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._look(group)
                    await watch.wait()

    async def _look(self, group: asyncio.TaskGroup) -> None:
        found = _sockets(self._folder)
        for socket, (identity, task) in list(self._known.items()):
            if found.get(socket) != identity:
                task.cancel()
                del self._known[socket]
                await self._give_up(socket)
        for socket, identity in found.items():
            if socket not in self._known:
                self._known[socket] = identity, group.create_task(self._take(socket), name=f"plugin {socket.name}")

    async def _give_up(self, socket: Path) -> None:
        if (known := self._registered.pop(socket, None)) is not None:
            handler, name, endpoint = known
            _LOG.info("plugin %s is gone", name)
            await handler.deregister(name, endpoint)

    async def _take(self, socket: Path) -> None:
        delay_s = _RETRY_S
        while True:
            try:
                await self._register(socket)
                return
            except (PluginError, RpcError) as error:
                _LOG.warning("the plugin at %s is not registered: %s", socket, error)
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _MOST_RETRY_S)

    async def _register(self, socket: Path) -> None:
        from pybernetes.kubelet.plugins import plugin_registration_pb2 as messages

        pb: Any = messages
        async with RpcClient(str(socket)) as plugin:

            async def ask(method: str, request: Any, response: Any) -> Any:
                return await plugin.unary(
                    f"/pluginregistration.Registration/{method}", request, response, _CALL_TIMEOUT_S
                )

            async def tell(problem: str) -> None:
                status = pb.RegistrationStatus(plugin_registered=not problem, error=problem)
                await ask("NotifyRegistrationStatus", status, pb.RegistrationStatusResponse)

            info = await ask("GetInfo", pb.InfoRequest(), pb.PluginInfo)
            endpoint, versions = info.endpoint or str(socket), list(info.supported_versions)
            try:
                handler = self._handlers.get(info.type)
                if handler is None:
                    raise PluginError(f"no handler registered for plugin type: {info.type} at socket {socket}")
                handler.check(info.name, endpoint, versions)
                await handler.register(info.name, endpoint, versions)
            except PluginError as error:
                await tell(f"RegisterPlugin error -- {error}")
                raise
            self._registered[socket] = handler, info.name, endpoint
            try:
                await tell("")
            except RpcError:
                await self._give_up(socket)
                raise


def _sockets(folder: Path) -> dict[Path, _Identity]:
    found = {}
    for entry in folder.iterdir():
        with suppress(FileNotFoundError):
            what = entry.lstat()
            if stat.S_ISSOCK(what.st_mode) and not entry.name.startswith("."):
                found[entry] = what.st_ino, what.st_ctime_ns
    return found
