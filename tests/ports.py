"""Ports on the loopback for servers of tests that have to be told theirs."""

from __future__ import annotations

import contextlib
import random
import socket


def free_ports(count: int) -> list[int]:
    """Below those of Services and those that the kernel hands out: no connection takes one while its server is away."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            one = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", random.randrange(20_000, 30_000)))
                found.append(one.getsockname()[1])
        return found
