"""Runs a component until it ends or SIGTERM comes: the event loop, signals and logging of every process."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Coroutine
from typing import Any

from pybernetes.cluster.logs import log_to_stderr

_YOUNG_OBJECTS = 400_000
"""Objects made before the collector looks for cycles among them: more than a busy second leaves behind.

Next to none are in cycles; what stays is cached objects, and to look at 100,000 of these holds up the loop for 50 ms.
"""


def run_component(name: str, work: Coroutine[Any, Any, Any]) -> int:
    """The exit code: what the work returned if that is a number, else 0. Raises what it raised."""
    import uvloop

    log_to_stderr(name)
    gc.set_threshold(_YOUNG_OBJECTS, 5, 10)
    return uvloop.run(_until_told(work))


async def _until_told(work: Coroutine[Any, Any, Any]) -> int:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    told = False

    def end() -> None:
        nonlocal told
        told = True
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        result = await task
    except asyncio.CancelledError:
        if told:
            return 0
        raise
    return result if isinstance(result, int) else 0
