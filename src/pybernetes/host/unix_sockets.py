"""Unix sockets by name, also where the name is longer than the 107 bytes that the kernel takes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

_MAX_PATH_BYTES = 107
_BACKLOG = 128


def connect(path: str) -> socket.socket:
    """It does not block: a listener whose queue is full refuses. Raises OSError."""
    return _made(path, lambda made, name: made.connect(name))


def listen(path: str) -> socket.socket:
    """Where there is nothing yet. Raises OSError."""

    def act(made: socket.socket, name: str) -> None:
        made.bind(name)
        made.listen(_BACKLOG)

    return _made(path, act)


def _made(path: str, act: Callable[[socket.socket, str], None]) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if len(os.fsencode(path)) <= _MAX_PATH_BYTES:
            act(made, path)
            return made
        folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # noqa: PTH120
        try:
            act(made, f"/proc/self/fd/{folder}/{os.path.basename(path)}")  # noqa: PTH119
        finally:
            os.close(folder)
    except BaseException:
        made.close()
        raise
    return made
