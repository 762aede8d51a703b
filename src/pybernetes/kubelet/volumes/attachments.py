"""Which volumes are attached to the node, as its Node in the API says, and which it uses.

A volume that is attached is detached when the node's status does not name it as used. So it is named first, then
waited for, and named until it is unmounted. Source: pkg/kubelet/volumemanager/reconciler/reconciler.go,
pkg/volume/util/operationexecutor GenerateVerifyControllerAttachedVolumeFunc.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pybernetes.api.core.v1 import Node

_PATIENCE_S = 123.0


class Attachments:
    """`changed` is called when the node's status has something new to tell."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._in_use: set[str] = set()
        self._attached: frozenset[str] = frozenset()
        self._news = asyncio.Event()

    @property
    def in_use(self) -> list[str]:
        """For the node's status."""
        return sorted(self._in_use)

    def use(self, name: str) -> None:
        if name not in self._in_use:
            self._in_use.add(name)
            self.changed()

    def leave(self, name: str) -> None:
        if name in self._in_use:
            self._in_use.discard(name)
            self.changed()

    def node_seen(self, node: Node) -> None:
        told = set(node.status.volumesInUse or ())
        self._attached = frozenset(each.name for each in node.status.volumesAttached or () if each.name in told)
        self._news.set()
        self._news = asyncio.Event()

    async def attached(self, name: str) -> None:
        """Returns when the API says that the volume is used and attached here. Raises TimeoutError."""
        self.use(name)
        async with asyncio.timeout(_PATIENCE_S):
            while name not in self._attached:
                await self._news.wait()
