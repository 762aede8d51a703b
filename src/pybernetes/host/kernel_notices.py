"""What the kernel tells of changes through a netlink socket, as an iterator: nothing is asked for again and again.

Source: include/uapi/linux/netlink.h (struct nlattr).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator

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


def attributes(message: bytes, begin: int) -> Iterator[tuple[int, bytes]]:
    """Kind and value of each attribute from a position on; one that is broken or cut off ends them."""
    while begin + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, begin)
        if length < 4 or begin + length > len(message):
            return
        yield kind, message[begin + 4 : begin + length]
        begin += length + 3 & ~3
