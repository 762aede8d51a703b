"""The scheduler against a fake apiserver, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pybernetes.host.clock import LoopClock
from pybernetes.host.random import Random
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.scheduler import Scheduler
from tests.fake_api import FakeApi
from tests.worlds import live_in


class World:
    def __init__(self) -> None:
        self.api = FakeApi()
        self.scheduler: Scheduler
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.scheduler = Scheduler(self.api.client(), SchedulerConfig(), LoopClock(), Random(1))
        self._task = asyncio.create_task(self.scheduler.run())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def pod(self, name: str = "web") -> dict[str, Any]:
        return self.api.get("pods", name, "default")

    def node_of(self, name: str = "web") -> str:
        return str(self.pod(name)["spec"].get("nodeName", ""))

    def events(self, reason: str) -> list[str]:
        return [event["message"] for event in self.api.all("events") if event["reason"] == reason]

    def bindings(self) -> list[str]:
        return [path for method, path in self.api.requests if path.endswith("/binding")]


def scenario(body: Callable[[World], Awaitable[None]]) -> None:
    live_in(World, body)


async def until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
