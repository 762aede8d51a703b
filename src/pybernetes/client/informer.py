"""Shared informers: one reflector and one local copy a resource, however many handlers listen.

Handlers are called synchronously, in the order of events, with the event as the current cause
(`client.cause`). They must not block and must not change the objects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, cast

from pybernetes.client import cause
from pybernetes.client.client import Client
from pybernetes.client.lister import IndexFunction, Lister
from pybernetes.client.objects import T, key_of
from pybernetes.client.reflector import Reflector, Source, TypedSource
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Handler(Generic[T]):
    on_add: Callable[[T], None] | None
    on_update: Callable[[T, T], None] | None
    on_delete: Callable[[T], None] | None


class Informer(Generic[T]):
    def __init__(self, source: Source[T], random: Random | None = None) -> None:
        self.name = source.name
        self.lister: Lister[T] = Lister()
        self._handlers: list[_Handler[T]] = []
        self._synced = asyncio.Event()
        self.reflector = Reflector(source, random or Random(), self._replace, self._event)

    @property
    def has_synced(self) -> bool:
        return self._synced.is_set()

    @property
    def revision(self) -> int:
        """Every change up to it is in the lister."""
        return int(self.reflector.version or 0)

    async def wait_synced(self) -> None:
        """Until the first list is in the lister and every handler has seen it."""
        await self._synced.wait()

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        """Makes `lister.by_index(name, key)` work. Raises ValueError for the name of an index by another function."""
        self.lister.add_index(name, function)

    def add_handler(
        self,
        on_add: Callable[[T], None] | None = None,
        on_update: Callable[[T, T], None] | None = None,
        on_delete: Callable[[T], None] | None = None,
    ) -> None:
        """`on_update(old, new)`. What is already known is told to `on_add` at once."""
        handler = _Handler(on_add, on_update, on_delete)
        self._handlers.append(handler)
        if on_add is not None:
            for obj in self.lister.list():
                with cause.caused_by(cause.of_revision(obj.metadata.resourceVersion)):
                    on_add(obj)

    async def run(self) -> None:
        await self.reflector.run()

    def _replace(self, items: list[T], version: str) -> None:
        gone = dict.fromkeys(self.lister.keys())  # in order, so that a run can be replayed
        for obj in items:
            gone.pop(key_of(obj), None)
            self._put(obj)
        for key in gone:
            self._remove(key, version)
        self._synced.set()

    def _event(self, kind: str, obj: T) -> None:
        if kind == "DELETED":
            self._remove(key_of(obj), obj.metadata.resourceVersion or "", obj)
        else:
            self._put(obj)

    def _put(self, obj: T) -> None:
        version = obj.metadata.resourceVersion
        old = self.lister.put(obj)
        if old is None:
            calls = [(h.on_add, (obj,)) for h in self._handlers if h.on_add]
        elif old.metadata.uid != obj.metadata.uid:
            # Deleted and created again between two looks: nobody may miss the deletion.
            self._call([(h.on_delete, (old,)) for h in self._handlers if h.on_delete], version)
            calls = [(h.on_add, (obj,)) for h in self._handlers if h.on_add]
        elif old.metadata.resourceVersion == version:
            return
        else:
            self._call([(h.on_update, (old, obj)) for h in self._handlers if h.on_update], version)
            return
        self._call(calls, version)

    def _remove(self, key: str, version: str, last: T | None = None) -> None:
        old = self.lister.remove(key)
        if old is not None:
            self._call([(h.on_delete, (last or old,)) for h in self._handlers if h.on_delete], version)

    def _call(self, calls: list[tuple[Any, tuple[Any, ...]]], version: str | None) -> None:
        if not calls:
            return
        with cause.caused_by(cause.of_revision(version)):
            for function, arguments in calls:
                try:
                    function(*arguments)
                except Exception:
                    log.exception("a handler of %s failed", self.name)


class InformerFactory:
    """Informers by (type, namespace, selectors), each made once; and the tasks that run them."""

    def __init__(self, client: Client, clock: Clock, random: Random | None = None) -> None:
        self.client = client
        self.clock = clock
        self._random = random or Random()
        self._informers: dict[tuple[Any, ...], Informer[Any]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._group: asyncio.TaskGroup | None = None

    def informer(
        self, cls: type[T], namespace: str = "", field_selector: str = "", label_selector: str = ""
    ) -> Informer[T]:
        """The shared informer; one asked for after `start` runs at once."""
        key = (cls, namespace, field_selector, label_selector)
        found = self._informers.get(key)
        if found is None:
            source = TypedSource(self.client, cls, namespace, label_selector, field_selector)
            found = Informer(source, self._random)
            self._informers[key] = found
            if self._group is not None:
                self._run(self._group, found)
        return cast("Informer[T]", found)

    async def start(self, task_group: asyncio.TaskGroup) -> None:
        """Runs every informer in the group until `stop` or the group's end."""
        self._group = task_group
        for informer in self._informers.values():
            self._run(task_group, informer)

    async def wait_synced(self) -> None:
        for informer in list(self._informers.values()):
            await informer.wait_synced()

    def stop(self) -> None:
        self._group = None
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def _run(self, group: asyncio.TaskGroup, informer: Informer[Any]) -> None:
        self._tasks.append(group.create_task(informer.run(), name=f"informer of {informer.name}"))
