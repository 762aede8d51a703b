"""What ends while a stream of events is being opened is found at once, not at the next housekeeping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

from pybernetes.kubelet.cri import cri_pb2
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.cri.events import ContainerEvents
from pybernetes.sim import loop


class Runtime:
    """Its first stream breaks after ten seconds, the second stays; neither tells anything."""

    pb = cri_pb2

    def __init__(self) -> None:
        self.channel = SimpleNamespace(channel_ready=self._ready)
        self.opened = 0

    async def _ready(self) -> None:
        pass

    async def stream(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        self.opened += 1
        await asyncio.sleep(10 if self.opened == 1 else 1000)
        raise CriError("UNAVAILABLE", "Stream removed")
        yield


def test_all_is_looked_at_when_a_stream_opens_and_once_it_surely_tells() -> None:
    async def scenario() -> None:
        times: list[float] = []
        now = asyncio.get_running_loop().time
        began_s = now()

        def told(container_id: str, kind: str) -> None:
            assert (container_id, kind) == ("", "relist")
            times.append(round(now() - began_s, 1))

        events = ContainerEvents(cast(CriClient, Runtime()), told, lambda: True)
        running = asyncio.create_task(events.run())
        await asyncio.sleep(100)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert times == [0.0, 1.0, 10.2, 11.2]

    loop.run(scenario())


class Restarted(Runtime):
    """Each of its streams ends at once without an error, or after a while with one, in turn."""

    async def stream(self, method: str, *_: Any, **__: Any) -> AsyncIterator[Any]:
        self.opened += 1
        if self.opened % 2:
            return
        await asyncio.sleep(20)
        raise CriError("UNAVAILABLE", "error reading from server: EOF")
        yield


def test_a_runtime_that_was_restarted_often_has_events() -> None:
    async def scenario() -> None:
        runtime = Restarted()
        events = ContainerEvents(cast(CriClient, runtime), lambda *_: None, lambda: True)
        running = asyncio.create_task(events.run())
        await asyncio.sleep(400)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert runtime.opened > 20
        assert events.source == "cri"

    loop.run(scenario())


class Silent(Runtime):
    """Ends each stream of the CRI at once, as CRI-O does where events are off; has no containerd's."""

    async def stream(self, method: str, *_: Any, **__: Any) -> AsyncIterator[Any]:
        self.opened += 1
        if "containerd" in method:
            raise CriError("UNIMPLEMENTED", "unknown service containerd.services.events.v1.Events")
        return
        yield


def test_a_runtime_whose_events_are_off_is_asked_every_second() -> None:
    async def scenario() -> None:
        times: list[float] = []
        now = asyncio.get_running_loop().time
        runtime = Silent()
        events = ContainerEvents(cast(CriClient, runtime), lambda *_: times.append(now()), lambda: True)
        running = asyncio.create_task(events.run())
        await asyncio.sleep(100)
        began_s, before = now(), len(times)
        await asyncio.sleep(10)
        assert now() - began_s == 10
        assert len(times) - before == 10
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (events.source, runtime.opened) == ("relist", 4)

    loop.run(scenario())
