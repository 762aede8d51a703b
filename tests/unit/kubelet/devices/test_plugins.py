"""Plugins that register and go, as processes of the node do: over gRPC on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from pybernetes.kubelet.devices import device_plugin_pb2 as untyped
from pybernetes.kubelet.devices import plugins
from pybernetes.kubelet.devices.ledger import GRACE_S, Ledger
from pybernetes.kubelet.devices.plugins import VERSION, DevicePlugins
from pybernetes.kubelet.rpc import serve

pb: Any = untyped
GPU = "example.com/gpu"
PATIENCE_S = 60.0


class Clock:
    now_s = 0.0

    def now(self) -> float:
        return self.now_s


def test_a_plugin_that_deregisters_is_waited_for_and_then_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, ledger = Clock(), Ledger()
    monkeypatch.setattr(plugins, "GRACE_S", -1)

    async def options(request: Any) -> Any:
        return pb.DevicePluginOptions()

    async def scene() -> None:
        tasks = set()
        changed: asyncio.Queue[str] = asyncio.Queue()

        def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
            task = asyncio.create_task(work, name=name)
            tasks.add(task)
            return task

        handler = DevicePlugins(tmp_path / "plugins", ledger, clock, spawn, changed.put_nowait)
        place = str(tmp_path / "gpu.sock")
        server = await serve(Path(place), "v1beta1.DevicePlugin", {"GetDevicePluginOptions": (options, pb.Empty)})
        await handler.register(GPU, place, [VERSION])
        ledger.told(GPU, [])
        await handler.deregister(GPU, place)
        assert await changed.get() == GPU and ledger.knows(GPU)
        clock.now_s = GRACE_S + 1
        async with asyncio.timeout(PATIENCE_S):
            while ledger.knows(GPU):
                await changed.get()
        await handler.stop()
        await server.stop()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scene())
    assert ledger.capacity() == {GPU: "0"}
