"""Wall time. Timers and monotonic time come from the event loop, which a simulation replaces."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...


class SystemClock:
    def now(self) -> float:
        return time.time()


class LoopClock:
    """Wall time that follows the running loop: `epoch_s` at loop time 0. For virtual time."""

    def __init__(self, epoch_s: float = 1_767_225_600.0) -> None:
        self._epoch_s = epoch_s

    def now(self) -> float:
        return self._epoch_s + asyncio.get_running_loop().time()
