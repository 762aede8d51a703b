"""A feed: one resource's objects, listed and watched in-process, for what must follow them.

Authorizers, endpoint reconciliation and role aggregation are fed this way. Same data as any
watcher sees, without sockets; the objects come as served bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.registry.generic.interface import ListOptions, RequestContext, ResourceStorage, WatchFrame

log = logging.getLogger(__name__)

APISERVER = UserInfo("system:apiserver", groups=(SYSTEM_MASTERS, "system:authenticated"))
_RETRY_S = 1.0

Key = tuple[str, str]
Put = Callable[[Key, bytes], None]
Remove = Callable[[Key], None]


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Head(msgspec.Struct):
    metadata: _Meta


_heads = msgspec.json.Decoder(_Head)


def key_of(value: bytes) -> Key:
    """(namespace, name) of served bytes."""
    metadata = _heads.decode(value).metadata
    return metadata.namespace, metadata.name


class Feed:
    """Calls `put` for every object there is and every change, `remove` for every one that goes.

    Both are synchronous and quick. `synced` is set after the first list.
    """

    def __init__(self, storage: ResourceStorage, put: Put, remove: Remove) -> None:
        self._storage = storage
        self._put = put
        self._remove = remove
        self._keys: set[Key] = set()
        self.name = storage.resource.qualified
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Follows the resource until cancelled; lists again when a watch ends."""
        while True:
            try:
                await self._follow()
            except StatusError as error:
                log.warning("feed of %s: %s", self._storage.resource.qualified, error)
                await asyncio.sleep(_RETRY_S)

    async def _follow(self) -> None:
        resource = self._storage.resource
        listed = await self._storage.list(RequestContext(APISERVER, resource, "list"), ListOptions())
        seen = set()
        for value in listed.items:
            key = key_of(value)
            seen.add(key)
            self._put(key, value)
        for key in self._keys - seen:
            self._remove(key)
        self._keys = seen
        self.synced.set()
        options = ListOptions(resource_version=str(listed.revision))
        watch = await self._storage.watch(RequestContext(APISERVER, resource, "watch"), options)
        try:
            async for batch in watch:
                for frame in batch:
                    self._take(frame)
        finally:
            await watch.aclose()

    def _take(self, frame: WatchFrame) -> None:
        if frame.type in ("ADDED", "MODIFIED"):
            key = key_of(frame.value)
            self._keys.add(key)
            self._put(key, frame.value)
        elif frame.type == "DELETED":
            key = key_of(frame.value)
            self._keys.discard(key)
            self._remove(key)
