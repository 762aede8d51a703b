"""Ports on the loopback for servers of tests that have to be told theirs."""

from __future__ import annotations

import contextlib
import os
import random
import socket

_LOWEST = 20_000 + 5_000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 2)
"""Of two processes with tests each has its own, so that none takes a port that the other just let go of."""


def free_ports(count: int) -> list[int]:
    """Below those of Services and those that the kernel hands out: no connection takes one while its server is away."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            one = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", _LOWEST + random.randrange(5_000)))
                found.append(one.getsockname()[1])
        return found
