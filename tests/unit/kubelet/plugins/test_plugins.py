"""Plugins that register on sockets in a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from pybernetes.kubelet.plugins import plugin_registration_pb2 as untyped
from pybernetes.kubelet.plugins.registration import PluginError, Plugins

pb: Any = untyped
PATIENCE_S = 60.0


class Handler:
    """Notes what it is told; refuses the name "bad"."""

    def __init__(self) -> None:
        self.there: dict[str, tuple[str, list[str]]] = {}
        self.gone: asyncio.Queue[str] = asyncio.Queue()

    def check(self, name: str, endpoint: str, versions: list[str]) -> None:
        if name == "bad":
            raise PluginError("not this one")

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        self.there[name] = endpoint, versions

    async def deregister(self, name: str, endpoint: str) -> None:
        self.gone.put_nowait(name)


class Plugin:
    def __init__(self, socket: Path, kind: str, name: str, endpoint: str = "") -> None:
        self._info = pb.PluginInfo(type=kind, name=name, endpoint=endpoint, supported_versions=["1.0.0"])
        self.told: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()
        self._server = grpc.aio.server()
        handlers = {
            "GetInfo": _unary(self._get_info, pb.InfoRequest),
            "NotifyRegistrationStatus": _unary(self._notify, pb.RegistrationStatus),
        }
        service = grpc.method_handlers_generic_handler("pluginregistration.Registration", handlers)
        self._server.add_generic_rpc_handlers((service,))
        self._server.add_insecure_port(f"unix://{socket}")

    async def _get_info(self, request: Any, context: Any) -> Any:
        return self._info

    async def _notify(self, request: Any, context: Any) -> Any:
        self.told.put_nowait((request.plugin_registered, request.error))
        return pb.RegistrationStatusResponse()

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)


def _unary(method: Any, request: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(method, request.FromString, lambda made: made.SerializeToString())


def play(folder: Path, scene: Callable[[Handler], Awaitable[None]]) -> None:
    async def run() -> None:
        handler = Handler()
        plugins = asyncio.create_task(Plugins(folder, {"CSIPlugin": handler}).run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await scene(handler)
        finally:
            plugins.cancel()
            await asyncio.gather(plugins, return_exceptions=True)

    asyncio.run(run())


def test_a_plugin_comes_and_goes(tmp_path: Path) -> None:
    async def scene(handler: Handler) -> None:
        plugin = Plugin(tmp_path / "one.sock", "CSIPlugin", "one", "/elsewhere.sock")
        await plugin.start()
        assert await plugin.told.get() == (True, "")
        assert handler.there == {"one": ("/elsewhere.sock", ["1.0.0"])}
        await plugin.stop()
        (tmp_path / "one.sock").unlink(missing_ok=True)
        assert await handler.gone.get() == "one"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("kind", "name", "complaint"),
    [("CSIPlugin", "bad", "not this one"), ("Another", "one", "no handler registered for plugin type: Another")],
)
def test_a_plugin_is_told_why_it_is_not_taken(tmp_path: Path, kind: str, name: str, complaint: str) -> None:
    async def scene(handler: Handler) -> None:
        plugin = Plugin(tmp_path / "one.sock", kind, name)
        await plugin.start()
        taken, why = await plugin.told.get()
        assert not taken and complaint in why
        assert not handler.there
        await plugin.stop()

    play(tmp_path, scene)


def test_what_is_no_plugin_is_left_alone(tmp_path: Path) -> None:
    async def scene(handler: Handler) -> None:
        (tmp_path / "file.sock").write_text("")
        hidden = Plugin(tmp_path / ".hidden.sock", "CSIPlugin", "hidden")
        await hidden.start()
        plugin = Plugin(tmp_path / "one.sock", "CSIPlugin", "one")
        await plugin.start()
        assert await plugin.told.get() == (True, "")
        assert list(handler.there) == ["one"] and hidden.told.empty()
        await plugin.stop()
        await hidden.stop()

    play(tmp_path, scene)
