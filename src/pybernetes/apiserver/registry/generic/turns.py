"""Writers of one object take turns, within this apiserver.

A change that is decided while another write of the same object is under way is decided in vain: it fails the
compare-and-set and begins anew. So it waits for that write first. This is only about wasted work: the store's
compare-and-set is what keeps writes apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        """Those who wait, in order, by the key that is being written."""

    async def wait(self, key: str) -> None:
        """Returns when no write of `key` is under way."""
        while (waiting := self._waiting.get(key)) is not None:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting.append(turn)
            await turn

    @contextmanager
    def writing(self, key: str) -> Iterator[None]:
        """While a write of `key` is under way."""
        if key in self._waiting:
            yield  # another one is there already; the store decides between the two
            return
        self._waiting[key] = []
        try:
            yield
        finally:
            for turn in self._waiting.pop(key):
                if not turn.done():
                    turn.set_result(None)
