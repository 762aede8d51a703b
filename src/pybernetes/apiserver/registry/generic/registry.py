"""Every storage of one apiserver, made when it is first asked for, over watch caches started likewise.

Flow: endpoints → `Registry.storage_for(resource)` → Storage. Admission plugins and strategies read other
objects through `read` and `read_all`, which keep decoded objects by revision.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.scheme import Resource, find, resource_of
from pybernetes.apiserver.admission.chain import AdmissionChain, default_plugins
from pybernetes.apiserver.registry import strategies
from pybernetes.apiserver.registry.generic import keys, versions
from pybernetes.apiserver.registry.generic.attributes import Attributes, attributes_function
from pybernetes.apiserver.registry.generic.codec import Codec
from pybernetes.apiserver.registry.generic.interface import RequestContext, TokenIssuer
from pybernetes.apiserver.registry.generic.storage import Storage
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.turns import Turns
from pybernetes.apiserver.registry.generic.writing import OWN_WRITE, Current
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.storage.store import Store
from pybernetes.storage.watch_cache import WatchCache

if TYPE_CHECKING:
    from pybernetes.apiserver.webhooks.caller import Webhooks

T = TypeVar("T")
_DECODED_LIMIT = 1024
_FEW = 16


@dataclass(slots=True, frozen=True)
class RegistryConfig:
    service_cidr: str = "10.96.0.0/16"
    node_port_range: tuple[int, int] = (30000, 32767)
    """First and last, both included."""
    service_account_issuer_audience: str = "https://kubernetes.default.svc.cluster.local"
    features: FeatureGates = field(default_factory=FeatureGates)


class Registry:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        random: Random,
        config: RegistryConfig | None = None,
        *,
        token_issuer: TokenIssuer | None = None,
        admission: AdmissionChain | None = None,
    ) -> None:
        self.store = store
        self.turns = Turns()
        self.clock = clock
        self.random = random
        self.config = config or RegistryConfig()
        self.token_issuer = token_issuer
        self.admission = admission or AdmissionChain(default_plugins(self, random, self.config.features))
        self._storages: dict[tuple[str, str, str], Storage] = {}
        self._strategies: dict[tuple[str, str], Strategy] = {}
        self._caches: dict[str, WatchCache] = {}
        self._starting: dict[str, asyncio.Task[WatchCache]] = {}
        self._decoded: dict[str, tuple[int, Any]] = {}
        self._whole: dict[str, tuple[int, list[Any]]] = {}
        """By prefix, of what has few objects: all, as of the last change of one. Admission asks again and again."""

    async def start(self) -> None:
        """Starts the caches that nearly every request needs, and the Service allocators."""
        for plural in ("namespaces", "serviceaccounts"):
            await self.cache_for(_core(plural))

    async def stop(self) -> None:
        for task in self._starting.values():
            task.cancel()
        for cache in self._caches.values():
            await cache.stop()
        self._caches.clear()
        if "webhooks" in self.__dict__:
            await self.webhooks.close()

    @functools.cached_property
    def webhooks(self) -> Webhooks:
        """Asks other people's servers; made with the first that wants to."""
        from pybernetes.apiserver.webhooks.caller import Webhooks

        return Webhooks(self)

    # -- storages --------------------------------------------------------------------------------

    def storage_for(self, resource: Resource) -> Storage:
        """Raises KeyError for a resource without storage (reviews, bindings, component statuses)."""
        key = (resource.group, resource.version, resource.plural)
        found = self._storages.get(key)
        if found is None:
            if resource.custom or "list" not in resource.verbs or resource.plural == "componentstatuses":
                raise KeyError(resource.qualified)
            stored = versions.stored_as(resource)
            codec = Codec(resource, stored, versions.conversion_of(resource))
            codec.in_version = versions.in_version_of(resource)
            found = self._storages[key] = Storage(self, self._strategy(stored, resource), codec, keys.prefix(stored))
        return found

    def storage_for_struct(self, cls: Any) -> Storage:
        return self.storage_for(resource_of(cls))

    def install(self, storages: list[Storage]) -> None:
        """Storages of a custom resource, one a version; they replace those of the same versions."""
        for storage in storages:
            resource = storage.resource
            self._storages[(resource.group, resource.version, resource.plural)] = storage

    async def uninstall(self, stored: Resource, *, versions: list[str] | None = None) -> None:
        """Ends the watches of a custom resource; with `versions` those cannot be asked for any more."""
        for version in versions or ():
            self._storages.pop((stored.group, version, stored.plural), None)
        prefix = keys.prefix(stored)
        for key in [key for key in self._decoded if key.startswith(prefix)]:
            del self._decoded[key]
        cache = self._caches.pop(prefix, None)
        if cache is not None:
            await cache.stop()

    def _strategy(self, stored: Resource, served: Resource) -> Strategy:
        """One strategy a stored resource; a served version may lack or add subresources."""
        key = (stored.group, stored.plural)
        found = self._strategies.get(key)
        if found is None:
            found = self._strategies[key] = strategies.strategy_class(stored)(stored, self)
        if (served.group, served.plural) != key:
            return strategies.strategy_class(stored)(served, self)
        return found

    # -- caches ----------------------------------------------------------------------------------

    def running_cache(self, prefix: str) -> WatchCache | None:
        """The watch cache of a prefix when it can answer at once, else None: then `cache_for` waits for it."""
        cache = self._caches.get(prefix)
        return cache if cache is not None and cache.ready else None

    async def cache_for(self, stored: Resource) -> WatchCache:
        """The running watch cache of a stored resource."""
        prefix = keys.prefix(stored)
        cache = self._caches.get(prefix)
        if cache is not None:
            if not cache.ready:
                await cache.wait_ready()
            return cache
        task = self._starting.get(prefix)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._start_cache(stored, prefix), name=f"cache {prefix}")
            self._starting[prefix] = task
        return await asyncio.shield(task)

    async def _start_cache(self, stored: Resource, prefix: str) -> WatchCache:
        try:
            storage = self.storage_for(stored)
            strategy = storage.strategy
            cache = WatchCache(
                self.store,
                prefix,
                namespaced=stored.namespaced,
                attributes=attributes_function(strategy, storage.codec.decode),
                indexes=dict(strategy.indexes),
            )
            await cache.start()
            self._caches[prefix] = cache
            return cache
        finally:
            self._starting.pop(prefix, None)

    def attributes_of(self, stored: Resource, value: bytes) -> Attributes:
        storage = self.storage_for(stored)
        return attributes_function(storage.strategy, storage.codec.decode)(value)

    # -- reading other objects ---------------------------------------------------------------------

    async def read(self, cls: type[T], name: str, namespace: str = "") -> T | None:
        """One object as it is now; shared, so read-only."""
        storage = self.storage_for_struct(cls)
        key = keys.key(storage.prefix, storage.resource.namespaced, namespace, name)
        found = (self.running_cache(storage.prefix) or await storage.cache()).get(key)
        return None if found is None else cast(T, self._decode(storage, key, found.revision, found.value))

    async def wait_for(self, cls: type[T], name: str, namespace: str, timeout_s: float) -> T | None:
        """The object, as soon as there is one; None when the time is up."""
        storage = self.storage_for_struct(cls)
        key = keys.key(storage.prefix, storage.resource.namespaced, namespace, name)
        watcher = await (await storage.cache()).watch(None, key=key)
        try:
            async with asyncio.timeout(timeout_s):
                async for _ in watcher:
                    found = await self.read(cls, name, namespace)
                    if found is not None:
                        return found
        except TimeoutError:
            pass
        finally:
            watcher.close()
        return None

    async def read_all(self, cls: type[T], namespace: str = "") -> list[T]:
        """All objects, or those of a namespace; shared, so read-only."""
        storage = self.storage_for_struct(cls)
        cache = self.running_cache(storage.prefix) or await storage.cache()
        if cache.empty:
            return []
        known = self._whole.get(storage.prefix)
        if known is not None and known[0] == cache.last_change and not namespace:
            return list(known[1])
        items = cache.list(namespace).items
        found = [cast(T, self._decode(storage, s.key, s.revision, s.value)) for s in items]
        if not namespace and len(found) <= _FEW:
            self._whole[storage.prefix] = cache.last_change, found
        return list(found)

    async def change_status(self, ctx: RequestContext, obj: T, change: Callable[[T], None]) -> None:
        """Changes the status of another object as part of a request; nothing is stored in a dry run.

        `change` gets a fresh copy of the newest, and again when another write overtakes it. Raises NotFound,
        and what `change` raises.
        """
        storage = self.storage_for_struct(type(obj))
        inner = RequestContext(
            user=ctx.user,
            resource=storage.resource,
            verb="update",
            namespace=ctx.namespace,
            name=cast(Any, obj).metadata.name or "",
            subresource="status",
            user_agent=ctx.user_agent,
            dry_run=ctx.dry_run,
            traceparent=ctx.traceparent or storage.cause(ctx).traceparent,
            cause_revision=ctx.cause_revision,
        )

        def transform(old: T, current: Current) -> T:
            newest: T = storage.codec.decode(current.served)
            change(newest)
            return newest

        await storage.replace(inner, transform, OWN_WRITE)

    def _decode(self, storage: Storage, key: str, revision: int, value: bytes) -> Any:
        held = self._decoded.get(key)
        if held is not None and held[0] == revision:
            return held[1]
        if len(self._decoded) >= _DECODED_LIMIT:
            self._decoded.clear()
        obj = storage.codec.decode(value)
        self._decoded[key] = (revision, obj)
        return obj


def _core(plural: str) -> Resource:
    found = find("", "v1", plural)
    assert found is not None
    return found
