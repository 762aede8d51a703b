"""Follows the CustomResourceDefinitions: gives each its names and conditions, serves it, and cleans up after it.

Flow: feed of definitions → `put` → `naming.status_of` → status written; an established one gets a storage a version
in the
registry and its resources in the table that routing and discovery share. It is served before its status says so.
Source: apiextensions-apiserver/pkg/apiserver/customresource_handler.go, pkg/controller/{status,establish,finalizer}.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.apiextensions.v1 import CustomResourceDefinition, CustomResourceDefinitionCondition
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.scheme import find
from pybernetes.apiserver.feeds import APISERVER, Feed, Key
from pybernetes.apiserver.registry.generic.interface import DeleteOptions, ListOptions, RequestContext

if TYPE_CHECKING:
    from pybernetes.apiserver.crd.kinds import CustomKind
    from pybernetes.apiserver.endpoints.served import ServedResources
    from pybernetes.apiserver.registry.generic.registry import Registry
    from pybernetes.apiserver.registry.generic.storage import Storage

log = logging.getLogger(__name__)
_DEFINITIONS = find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
_RETRY_S = 1.0
_decoder = msgspec.json.Decoder(CustomResourceDefinition)


class CustomResources:
    def __init__(self, registry: Registry, served: ServedResources) -> None:
        self._registry = registry
        self._served = served
        self._definitions: dict[str, CustomResourceDefinition] = {}
        self._kinds: dict[str, CustomKind] = {}
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()
        self._cleaning: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.on_change: list[Callable[[], None]] = []

    @property
    def kinds(self) -> list[CustomKind]:
        """Those that are served, in order of name."""
        return [self._kinds[name] for name in sorted(self._kinds)]

    def feed(self) -> Feed:
        return Feed(self._storage, self.put, self.remove)

    @property
    def _storage(self) -> Storage:
        assert _DEFINITIONS is not None
        return self._registry.storage_for(_DEFINITIONS)

    async def run(self) -> None:
        """Writes statuses until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._dirty:
                    name = min(self._dirty)
                    self._dirty.discard(name)
                    try:
                        await self._settle(name)
                    except (errors.Conflict, errors.NotFound):
                        continue  # it changed or went: the feed tells
                    except errors.StatusError as error:
                        log.warning("definition %s: %s", name, error)
                        asyncio.get_running_loop().call_later(_RETRY_S, self._mark, name)
        finally:
            for task in (*self._cleaning.values(), *self._ending):
                task.cancel()

    # -- following -----------------------------------------------------------------------------------

    def put(self, key: Key, value: bytes) -> None:
        name = key[1]
        definition = _decoder.decode(value)
        self._definitions[name] = definition
        if condition_holds(definition.status.conditions, "Established"):
            self._install(name, definition)
        self._mark(name)

    def remove(self, key: Key) -> None:
        name = key[1]
        gone = self._definitions.pop(name, None)
        self._uninstall(name)
        task = self._cleaning.pop(name, None)
        if task is not None:
            task.cancel()
        if gone is not None:
            self._recheck(gone.spec.group)

    def _mark(self, name: str) -> None:
        self._dirty.add(name)
        self._wake.set()

    def _recheck(self, group: str) -> None:
        """Names may have become free: looks again at those of the group that wait for one."""
        for name, other in self._definitions.items():
            if other.spec.group == group and not condition_holds(other.status.conditions, "NamesAccepted"):
                self._mark(name)

    async def _settle(self, name: str) -> None:
        from pybernetes.apiserver.crd import naming

        definition = self._definitions.get(name)
        if definition is None:
            return
        if definition.metadata.deletionTimestamp is not None:
            self._start_cleaning(name, definition)
            return
        others = [d for n, d in self._definitions.items() if n != name and d.spec.group == definition.spec.group]
        status = naming.status_of(definition, others, self._registry.clock.now())
        if status is None:
            return
        wanted = _decoder.decode(msgspec.json.encode(definition))
        wanted.status = status
        if condition_holds(status.conditions, "Established"):
            self._install(name, wanted)
        freed = definition.status.acceptedNames != status.acceptedNames
        await self._write_status(wanted)
        self._definitions[name] = wanted
        if freed:
            self._recheck(definition.spec.group)

    async def _write_status(self, definition: CustomResourceDefinition) -> None:
        ctx = self._context("update", definition.metadata.name or "", subresource="status")
        await self._storage.subresources["status"].update(ctx, definition)

    def _context(self, verb: str, name: str = "", *, subresource: str = "") -> RequestContext:
        resource = self._storage.resource
        return RequestContext(
            APISERVER, resource, verb, name=name, subresource=subresource, user_agent="kube-apiserver"
        )

    # -- serving -------------------------------------------------------------------------------------

    def _install(self, name: str, definition: CustomResourceDefinition) -> None:
        held = self._kinds.get(name)
        if held is not None and _same(held.definition, definition):
            going = definition.metadata.deletionTimestamp is not None
            if going != held.terminating:
                held.terminating = going
                from pybernetes.apiserver.crd.kinds import CustomKind

                self._served.put(held.group, held.plural, CustomKind(definition).served)
            return
        from pybernetes.apiserver.crd.kinds import CustomKind
        from pybernetes.apiserver.crd.strategy import storages

        kind = CustomKind(definition)
        self._kinds[name] = kind
        self._registry.install(list(storages(self._registry, kind)))
        self._served.put(kind.group, kind.plural, kind.served)
        if held is not None:
            gone = [v for v in held.versions if v not in kind.versions]
            self._end(self._registry.uninstall(kind.stored, versions=gone))
        self._changed()

    def _uninstall(self, name: str) -> None:
        kind = self._kinds.pop(name, None)
        if kind is None:
            return
        self._served.put(kind.group, kind.plural, [])
        self._end(self._registry.uninstall(kind.stored, versions=list(kind.versions)))
        self._changed()

    def _end(self, ending: Coroutine[Any, Any, None]) -> None:
        """Lets watches of what is no more end on their own time."""
        task = asyncio.get_running_loop().create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _changed(self) -> None:
        for tell in self.on_change:
            tell()

    # -- cleaning up ---------------------------------------------------------------------------------

    def _start_cleaning(self, name: str, definition: CustomResourceDefinition) -> None:
        from pybernetes.apiserver.crd.kinds import CLEANUP_FINALIZER

        running = self._cleaning.get(name)
        if CLEANUP_FINALIZER not in definition.metadata.finalizers or (running is not None and not running.done()):
            return
        self._cleaning[name] = asyncio.get_running_loop().create_task(self._clean(name), name=f"clean {name}")

    async def _clean(self, name: str) -> None:
        """Deletes every object of a definition, waits until they are gone, and takes the finalizer off."""
        from pybernetes.apiserver.crd.kinds import CLEANUP_FINALIZER

        while True:
            try:
                latest = _decoder.decode(await self._storage.get(self._context("get", name)))
                kind = self._kinds.get(name)
                if kind is not None:
                    self._terminating(
                        latest, "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress"
                    )
                    await self._write_status(latest)
                    await self._delete_objects(kind)
                definition = self._definitions.get(name)
                if definition is None:
                    return
                latest = _decoder.decode(await self._storage.get(self._context("get", name)))
                if CLEANUP_FINALIZER not in latest.metadata.finalizers:
                    return
                if len(latest.metadata.finalizers) > 1:
                    self._terminating(latest, "False", "InstanceDeletionCompleted", "removed all instances")
                    await self._write_status(latest)
                latest.metadata.finalizers = [f for f in latest.metadata.finalizers if f != CLEANUP_FINALIZER]
                latest.metadata.resourceVersion = None
                await self._storage.update(self._context("update", name), latest)
                return
            except errors.NotFound:
                return
            except errors.StatusError as error:
                log.info("cleaning up after %s, trying again: %s", name, error)
                await asyncio.sleep(_RETRY_S)

    def _terminating(self, definition: CustomResourceDefinition, status: str, reason: str, message: str) -> None:
        from pybernetes.apiserver.crd import naming

        condition = CustomResourceDefinitionCondition(type="Terminating", status=status, reason=reason, message=message)
        naming.set_condition(definition.status, condition, self._registry.clock.now())

    async def _delete_objects(self, kind: CustomKind) -> None:
        storage = self._registry.storage_for(kind.stored)
        while True:
            listed = await storage.list(RequestContext(APISERVER, kind.stored, "list"), ListOptions())
            if not listed.items:
                return
            for value in listed.items:
                meta = storage.codec.decode_served(value).metadata
                ctx = RequestContext(APISERVER, kind.stored, "delete", namespace=meta.namespace or "", name=meta.name)
                try:
                    await storage.delete(ctx, DeleteOptions())
                except errors.NotFound:
                    continue
            await self._until_one_goes(storage, kind, listed.revision)

    async def _until_one_goes(self, storage: Storage, kind: CustomKind, revision: int) -> None:
        """Waits for a deletion; some objects are held by finalizers of their own."""
        ctx = RequestContext(APISERVER, kind.stored, "watch")
        watch = await storage.watch(ctx, ListOptions(resource_version=str(revision)))
        try:
            async for batch in watch:
                if any(frame.type == "DELETED" for frame in batch):
                    return
        finally:
            await watch.aclose()


def _same(held: CustomResourceDefinition, new: CustomResourceDefinition) -> bool:
    """Whether what is served stays as it is: nothing but metadata or conditions changed."""
    return (
        held.metadata.uid == new.metadata.uid
        and held.spec == new.spec
        and held.status.acceptedNames == new.status.acceptedNames
        and held.status.storedVersions == new.status.storedVersions
    )
