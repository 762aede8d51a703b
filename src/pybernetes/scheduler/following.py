"""What the views of other objects share: telling the queue of changes, and waiting for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from pybernetes.scheduler.events import Action, ClusterEvent, EventResource

Move = Callable[[ClusterEvent, Any, Any], None]


class Waiters:
    """Whoever waits for objects to change, by their keys."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    async def change(self, keys: Iterable[str]) -> None:
        """Until one of these is woken."""
        changed = asyncio.Event()
        waited = list(keys)
        for key in waited:
            self._waiting.setdefault(key, set()).add(changed)
        try:
            await changed.wait()
        finally:
            for key in waited:
                self._waiting[key].discard(changed)
                if not self._waiting[key]:
                    del self._waiting[key]

    def wake(self, key: str) -> None:
        for changed in self._waiting.get(key, ()):
            changed.set()

    def wake_all(self) -> None:
        for key in list(self._waiting):
            self.wake(key)


def handlers(resource: EventResource, move: Move, seen: Callable[[Any, Any], None]) -> tuple[Any, Any, Any]:
    """Of an informer: `seen(old, new)` first, then the queue hears of it."""

    def added(obj: Any) -> None:
        seen(None, obj)
        move(ClusterEvent(resource, Action.ADD), None, obj)

    def updated(old: Any, new: Any) -> None:
        seen(old, new)
        move(ClusterEvent(resource, Action.UPDATE), old, new)

    def deleted(obj: Any) -> None:
        seen(obj, None)
        move(ClusterEvent(resource, Action.DELETE), obj, None)

    return added, updated, deleted
