"""What the kernel tells of changes through a netlink socket, as an iterator: nothing is asked for again and again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

_SETTLE_S = 0.05
"""Several changes at once, as tools make them, are one."""


async def notices(listener: socket.socket, matters: Callable[[bytes], bool]) -> AsyncIterator[None]:
    """One item after messages that matter, and after such as the socket could not hold. Never ends."""
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def received() -> None:
        try:
            message = listener.recv(65536)
        except BlockingIOError:
            return
        except OSError:  # more than the buffer holds: something certainly changed
            changed.set()
            return
        if matters(message):
            changed.set()

    loop.add_reader(listener, received)
    try:
        while True:
            await changed.wait()
            await asyncio.sleep(_SETTLE_S)
            changed.clear()
            yield
    finally:
        loop.remove_reader(listener)
