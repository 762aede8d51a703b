"""Controllers over a fake apiserver in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pybernetes.controllers.config import ControllerManagerConfig
from pybernetes.controllers.manager import ControllerManager
from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.sim.loop import run
from tests.fake_api import FakeApi


class World:
    """`start` runs the named controllers; `kill` ends them as SIGKILL would."""

    def __init__(self, *names: str, **config: Any) -> None:
        self.api = FakeApi()
        self.clock = LoopClock()
        self.config = ControllerManagerConfig(controllers=list(names), **config)
        self.manager: ControllerManager
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.manager = ControllerManager(lambda name: self.api.client(), self.config, self.clock, Random(1))
        self._task = asyncio.create_task(self.manager.run())
        await self.manager.started.wait()

    async def kill(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def settle(self) -> None:
        """Until the controllers have dealt with everything that is known; takes a moment of virtual time."""
        for _ in range(5):
            await asyncio.sleep(0.01)
            while not self.manager.idle:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.01)

    def writes(self, ending: str = "") -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.api.requests if "/events" not in path and ending in path]

    def events(self, reason: str) -> list[str]:
        return [event["message"] for event in self.api.all("events") if event["reason"] == reason]


def scenario(world: Callable[[], World], body: Callable[[World], Awaitable[None]], *, start: bool = True) -> None:
    async def main() -> None:
        made = world()
        if start:
            await made.start()
        try:
            await body(made)
        finally:
            await made.kill()

    run(main())
