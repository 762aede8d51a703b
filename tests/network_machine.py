"""Machines for tests of the network: threads, each in a network namespace of its own, which ends with it."""

from __future__ import annotations

import ctypes
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

_NEW_NETWORK = 0x40000000
_T = TypeVar("_T")


class Machine:
    """What runs in it sees its links, addresses and rules alone. Skips the test without the right to make one."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        if self.run(ctypes.CDLL(None, use_errno=True).unshare, _NEW_NETWORK) != 0:
            self._pool.shutdown()
            pytest.skip("needs root for a network namespace")
        self.thread = self.run(threading.get_native_id)
        """By which links are moved into it."""
        self.ip("link set lo up")

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def run(self, function: Callable[..., _T], *args: Any) -> _T:
        return self._pool.submit(function, *args).result()

    def ip(self, *commands: str) -> None:
        """Commands of iproute2."""
        for command in commands:
            self.run(lambda words: subprocess.run(words, check=True), ["ip", *command.split()])
