"""How tests of several parts run: a world that is started, lived in and stopped, and workers that go on for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar

from pybernetes.sim.loop import run


class Startable(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


W = TypeVar("W", bound=Startable)


def live_in(
    make: Callable[[], W], body: Callable[[W], Awaitable[None]], loop: Callable[[Coroutine[Any, Any, None]], None] = run
) -> None:
    """Runs `body` in a world that is stopped afterwards; in virtual time, unless another `loop` is given."""

    async def main() -> None:
        world = make()
        await world.start()
        try:
            await body(world)
        finally:
            await world.stop()

    loop(main())


async def work_until(
    enough: Callable[[], bool], workers: Iterable[Coroutine[Any, Any, None]], seconds: float, patience_s: float
) -> None:
    """Runs the workers for that long and until enough has come of it. Raises what one of them raises, TimeoutError."""
    tasks = [asyncio.create_task(worker) for worker in workers]
    time = asyncio.get_running_loop().time
    ends = time() + seconds
    async with asyncio.timeout(seconds + patience_s):
        while time() < ends or not enough():
            done, _ = await asyncio.wait(tasks, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
