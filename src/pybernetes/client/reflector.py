"""Keeps a Lister equal to the server's state: list, watch, resume, relist. Source: client-go/tools/cache/reflector.go.

One run of `run` never ends by itself: errors are answered with a back-off that grows to 30 s with
jitter, an expired resourceVersion with a fresh list.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Generic, Protocol

import msgspec

from pybernetes.apimachinery import errors
from pybernetes.client.client import Client, ListResult, WatchEvent
from pybernetes.client.objects import T
from pybernetes.host.random import Random

log = logging.getLogger(__name__)

_PAGE = 500
_FIRST_BACKOFF_S = 0.2
_MAX_BACKOFF_S = 30.0
_WATCH_TIMEOUT_S = 300


class Source(Protocol[T]):
    """What a reflector lists and watches."""

    name: str

    async def list(self, limit: int, continue_: str, resource_version: str) -> ListResult[T]: ...

    def watch(self, resource_version: str, timeout_s: int) -> AsyncIterator[WatchEvent[T]]: ...


class TypedSource(Generic[T]):
    """One resource, of one or all namespaces, perhaps selected."""

    def __init__(
        self, client: Client, cls: type[T], namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> None:
        self.name = cls.__name__
        self._client = client
        self._cls = cls
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector

    async def list(self, limit: int, continue_: str, resource_version: str) -> ListResult[T]:
        return await self._client.list(
            self._cls,
            self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            limit=limit,
            continue_=continue_,
            resource_version=resource_version,
        )

    def watch(self, resource_version: str, timeout_s: int) -> AsyncIterator[WatchEvent[T]]:
        return self._client.watch(
            self._cls,
            self._namespace,
            resource_version=resource_version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            timeout_s=timeout_s,
            read_only=True,
        )


class Reflector(Generic[T]):
    def __init__(
        self,
        source: Source[T],
        random: Random,
        on_replace: Callable[[list[T], str], None],
        on_event: Callable[[str, T], None],
    ) -> None:
        self._source = source
        self._random = random
        self._on_replace = on_replace
        self._on_event = on_event
        self.version = ""
        """Everything up to it has been told; "": nothing yet."""
        self._too_old = False
        self._heard = False
        """The watch that runs, or ended last, brought something."""
        self.lists = 0
        self.watches = 0

    async def run(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        must_list = True
        while True:
            try:
                if must_list:
                    await self._list()
                    must_list = False
                self._heard = False
                await self._watch()
                if self._heard:
                    backoff_s = _FIRST_BACKOFF_S
                    continue
            except (errors.Expired, errors.Gone) as error:
                log.info("%s: listing again: %s", self._source.name, error)
                self._too_old = must_list
                must_list = True
                if not self._too_old:
                    continue
            except (errors.StatusError, OSError, msgspec.DecodeError, ValueError) as error:
                log.info("%s: cannot list or watch, trying again: %s", self._source.name, error)
                if isinstance(error, errors.Timeout | errors.InternalError) and self.version and must_list:
                    self._too_old = True  # "resource version too large" after a store went back in time
            if self._heard:  # until it broke, the watch was well
                self._heard, backoff_s = False, _FIRST_BACKOFF_S
            await asyncio.sleep(backoff_s * self._random.uniform(1.0, 2.0))
            backoff_s = min(backoff_s * 2, _MAX_BACKOFF_S)

    async def _list(self) -> None:
        """From the server's cache if that is not older than what we know; after "too old", from the store itself."""
        version = "" if self._too_old else self.version or "0"
        items: list[T] = []
        token = ""
        while True:
            page = await self._source.list(_PAGE, token, "" if token else version)
            items += page.items
            token = page.continue_
            if not token:
                break
        self.lists += 1
        self._too_old = False
        self.version = page.resource_version
        for obj in items:
            obj.metadata.managedFields = []
        self._on_replace(items, page.resource_version)

    async def _watch(self) -> None:
        """Follows one watch to its end."""
        self.watches += 1
        events = self._source.watch(self.version, int(_WATCH_TIMEOUT_S * self._random.uniform(1.0, 2.0)))
        async with contextlib.aclosing(events) as stream:  # type: ignore[type-var]
            async for event in stream:
                self._heard = True
                obj = event.object
                if event.type != "BOOKMARK":
                    obj.metadata.managedFields = []
                    self._on_event(event.type, obj)
                self.version = obj.metadata.resourceVersion or self.version
