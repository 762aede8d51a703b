"""The components of one process as tasks: each is started again, with back-off, when it fails."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 30.0
_STEADY_S = 60.0
_SWITCH_INTERVAL_S = 0.0002


async def load(module: str) -> None:
    """Imports a module in a thread, so that the event loop goes on serving meanwhile.

    The interpreter changes threads more often for that time: with its usual 5 ms, each step of a TLS handshake would
    wait that long for the import.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        await asyncio.to_thread(importlib.import_module, module)
    finally:
        sys.setswitchinterval(before)


async def keep(name: str, make: Callable[[], Awaitable[None]]) -> None:
    """Runs a component until cancelled. What it raises is logged, never raised: the others go on."""
    loop = asyncio.get_running_loop()
    delay_s = _FIRST_DELAY_S
    while True:
        began_s = loop.time()
        try:
            await make()
            log.warning("%s ended; starting it again", name)
        except Exception:
            log.exception("%s failed; starting it again in %.1f s", name, delay_s)
        if loop.time() - began_s > _STEADY_S:
            delay_s = _FIRST_DELAY_S
        await asyncio.sleep(delay_s)
        delay_s = min(delay_s * 2, _LONGEST_DELAY_S)
