"""All verbs of one resource in one version: reads from the watch cache, writes through the pipeline.

Flow: endpoints.<verb> → here → watch cache (get, list, watch) or writing.py (the rest) → store.
Source: apiserver/pkg/registry/generic/registry/store.go, storage/cacher.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apiserver.registry.generic import patching, selection
from pybernetes.apiserver.registry.generic.interface import (
    Body,
    Column,
    DeleteOptions,
    ListOptions,
    ListResult,
    PatchType,
    RequestContext,
    Subresource,
    Watch,
    WatchFrame,
    Written,
)
from pybernetes.apiserver.registry.generic.subresources import StatusSubresource, SubresourceBase
from pybernetes.apiserver.registry.generic.writing import Current, Writer
from pybernetes.storage.recent import WatchEvent
from pybernetes.storage.store import Compacted, FutureRevision

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.codec import Codec
    from pybernetes.apiserver.registry.generic.registry import Registry
    from pybernetes.apiserver.registry.generic.strategy import Strategy
    from pybernetes.storage.watch_cache import Listing, WatchCache
    from pybernetes.storage.watcher import Watcher

BOOKMARK_EVERY_S = 60.0
_DELETED_AT_ONCE = 16
"""Of a collection: as many as share a commit well, and leave places for others."""
CONTINUED_S = 300.0
"""How long a list can be continued as it was at its beginning; upstream compacts every five minutes."""
Values = list[bytes]
_METADATA_FIELDS = ("metadata.name", "metadata.namespace")


class Storage(Writer):
    """The `ResourceStorage` of every resource; see interface.py for what its methods promise."""

    def __init__(self, registry: Registry, strategy: Strategy, codec: Codec, prefix: str) -> None:
        super().__init__(registry, strategy, codec, prefix)
        metadata = _METADATA_FIELDS if self.resource.namespaced else _METADATA_FIELDS[:1]
        self._selectable = {name: name for name in metadata} | strategy.selectable_fields()
        self._subresources: dict[str, SubresourceBase] = {
            name: make(self) for name, make in strategy.subresources().items()
        }
        if strategy.has_status and "status" not in self._subresources:
            self._subresources["status"] = StatusSubresource(self)

    async def cache(self) -> WatchCache:
        return await self.registry.cache_for(self.codec.stored)

    async def current(self, key: str) -> Current | None:
        cache = self.registry.running_cache(self.prefix) or await self.cache()
        if self.registry.store.shared:
            await cache.sync()
        found = cache.get(key)
        return None if found is None else Current(found.value, found.revision)

    # -- reading ---------------------------------------------------------------------------------

    @property
    def columns(self) -> Sequence[Column]:
        return self.strategy.columns

    def row(self, value: bytes, now: float) -> list[Any]:
        obj = self.codec.to_storage(self.codec.decode_served(value))
        return self.strategy.row(obj, now)

    def row_conditions(self, value: bytes) -> list[dict[str, str]]:
        return self.strategy.row_conditions(value)

    @property
    def subresources(self) -> Mapping[str, Subresource]:
        return self._subresources

    async def get(self, ctx: RequestContext, resource_version: str = "") -> bytes:
        cache = self.registry.running_cache(self.prefix) or await self.cache()
        await self._catch_up(cache, resource_version)
        found = cache.get(self.key(ctx, ctx.name))
        if found is None:
            raise errors.not_found(self.resource.group, self.resource.plural, ctx.name)
        return self.codec.serve(found.value)

    async def list(self, ctx: RequestContext, options: ListOptions) -> ListResult:
        wanted = selection.parse(options, self._selectable)
        check_list_options(options)
        cache = await self.cache()
        namespace = ctx.namespace if self.resource.namespaced else ""
        name = ctx.name or wanted.name
        if name and (namespace or not self.resource.namespaced) and not options.continue_:
            return await self._list_one(ctx, cache, name, wanted, options)
        listing, revision = await self._listing(cache, namespace, wanted, options)
        scope = f"{self.prefix}{namespace}/" if namespace else self.prefix
        result = ListResult(await self.answers([stored.value for stored in listing.items]), revision)
        if listing.more and listing.items:
            result.continue_ = selection.encode_continue(listing.items[-1].key + "\0", scope, revision)
            if wanted.everything:
                result.remaining = listing.remaining or None
        return result

    async def _listing(
        self, cache: WatchCache, namespace: str, wanted: selection.Selection, options: ListOptions
    ) -> tuple[Listing, int]:
        matches, limit = wanted.matches, options.limit
        if options.continue_:
            scope = f"{self.prefix}{namespace}/" if namespace else self.prefix
            start, revision = selection.decode_continue(options.continue_, scope)
            if revision <= 0:
                revision = cache.revision
            try:
                await self._check_age(revision)
                return await cache.list_at(revision, namespace, start=start, limit=limit, matches=matches), revision
            except Compacted:
                raise _list_expired(selection.encode_continue(start, scope, -1)) from None
            except FutureRevision:
                raise _too_large(revision, cache.revision) from None
        if not options.resource_version:
            await self._catch_up(cache, "")
        elif options.resource_version == "0":
            limit = 0  # whatever is known is told at once: reflectors begin so
        else:
            revision = _revision(options.resource_version)
            exact = options.resource_version_match == "Exact" or (limit and not options.resource_version_match)
            if exact:
                return await self._list_at(cache, revision, namespace, limit, matches), revision
            await self._wait_for(cache, revision)
        index = next(
            ((name, value) for name in self.strategy.indexes if (value := wanted.fields.exact(name)) is not None), None
        )
        listing = cache.list(namespace, limit=limit, index=index, matches=matches, needles=wanted.needles)
        return listing, listing.revision

    async def _check_age(self, revision: int) -> None:
        """A list is continued consistently for some minutes, however long versions are kept. Raises Compacted."""
        registry = self.registry
        oldest = await registry.store.revision_at(registry.clock.now() - CONTINUED_S)
        if revision < oldest:
            raise Compacted(oldest)

    async def _list_at(self, cache: WatchCache, revision: int, namespace: str, limit: int, matches: Any) -> Listing:
        try:
            return await cache.list_at(revision, namespace, limit=limit, matches=matches)
        except Compacted:
            raise errors.Expired(f"The resourceVersion for the provided list is too old: {revision}") from None
        except FutureRevision:
            raise _too_large(revision, cache.revision) from None

    async def _list_one(
        self, ctx: RequestContext, cache: WatchCache, name: str, wanted: selection.Selection, options: ListOptions
    ) -> ListResult:
        await self._catch_up(cache, options.resource_version)
        found = cache.get(self.key(ctx, name))
        result = ListResult([], cache.revision)
        if found is not None:
            matches = wanted.matches
            if matches is None or matches(self.registry.attributes_of(self.codec.stored, found.value)):
                result.items.append(self.codec.serve(found.value))
        return result

    async def answers(self, values: Values) -> Values:
        """`answer` of many objects at once."""
        return values if self.codec.same_version else list(map(self.codec.serve, values))

    async def watch(self, ctx: RequestContext, options: ListOptions) -> Watch:
        wanted = selection.parse(options, self._selectable)
        return CacheWatch(self, await self.watcher(ctx, options, wanted, wanted.matches, wanted.needles))

    async def watcher(
        self,
        ctx: RequestContext,
        options: ListOptions,
        wanted: selection.Selection,
        matches: Any,
        needles: Sequence[bytes] = (),
    ) -> Watcher:
        """The cache's watcher for a request; `matches` says which objects it is to see, `needles` as in its `list`."""
        _check_watch_options(options)
        cache = await self.cache()
        namespace = ctx.namespace if self.resource.namespaced else ""
        name = ctx.name or wanted.name
        after: int | None = None
        if options.resource_version and options.resource_version != "0":
            after = _revision(options.resource_version)
        elif not options.resource_version:
            await self._catch_up(cache, "")
        if options.send_initial_events:
            if after is not None:
                await self._wait_for(cache, after)
            after = None
        elif options.send_initial_events is False and after is None:
            after = cache.revision
        if after is not None and after > cache.revision:
            await self._wait_for(cache, after)
        key = self.key(ctx, name) if name and (namespace or not self.resource.namespaced) else ""
        index = next(
            ((name, value) for name in self.strategy.indexes if (value := wanted.fields.exact(name)) is not None), None
        )
        try:
            return await cache.watch(
                after,
                namespace,
                key=key,
                index=None if key else index,
                matches=matches,
                needles=needles,
                initial_end=bool(options.send_initial_events and options.allow_watch_bookmarks),
                bookmark_every_s=BOOKMARK_EVERY_S if options.allow_watch_bookmarks else 0,
            )
        except Compacted as error:
            raise errors.Expired(f"too old resource version: {after} ({error.compact_revision})") from None

    def frame(self, event: WatchEvent) -> WatchEvent:
        if event.value:
            return WatchEvent(event.type, event.key, self.codec.serve(event.value), event.revision)
        end = b',"annotations":{"k8s.io/initial-events-end":"true"}' if event.type == "INITIAL_END" else b""
        resource = self.resource
        value = b'{"kind":"%b","apiVersion":"%b","metadata":{"resourceVersion":"%d"%b}}' % (
            resource.kind.encode(),
            resource.api_version.encode(),
            event.revision,
            end,
        )
        return WatchEvent("BOOKMARK", "", value, event.revision)

    async def _catch_up(self, cache: WatchCache, resource_version: str) -> None:
        """Until answers are as new as asked for; without a version, as every write acknowledged anywhere before."""
        if not resource_version:
            if self.registry.store.shared:
                await cache.sync()
        elif resource_version != "0":
            await self._wait_for(cache, _revision(resource_version))

    async def _wait_for(self, cache: WatchCache, revision: int) -> None:
        """Waits a little for a revision that has not happened yet, as upstream's cache does."""
        if revision <= cache.revision:
            return
        try:
            await asyncio.wait_for(cache.wait_until(revision), 3.0)
        except TimeoutError:
            raise _too_large(revision, cache.revision) from None

    # -- writing ---------------------------------------------------------------------------------

    async def update(self, ctx: RequestContext, body: Body) -> Written:
        return await self.put(ctx, body, self.rules)

    async def patch(self, ctx: RequestContext, patch_type: PatchType, body: Body) -> Written:
        return await patching.patch(self, ctx, patch_type, body, self.rules)

    async def delete_collection(
        self, ctx: RequestContext, list_options: ListOptions, options: DeleteOptions
    ) -> ListResult:
        """Many at once, so that they share commits; the first error is raised when all of those have come to an end."""
        self.warn_of_orphans(ctx, options)
        listed = await self.list(ctx, list_options)
        values = iter(listed.items)

        async def some() -> None:
            for value in values:
                meta = self.codec.decode_served(value).metadata
                one = RequestContext(
                    user=ctx.user,
                    resource=ctx.resource,
                    verb=ctx.verb,
                    namespace=meta.namespace or "",
                    name=meta.name,
                    user_agent=ctx.user_agent,
                    dry_run=ctx.dry_run,
                    traceparent=ctx.traceparent or self.cause(ctx).traceparent,
                    cause_revision=ctx.cause_revision,
                    warnings=ctx.warnings,
                )
                with contextlib.suppress(errors.NotFound):
                    await self.delete(one, options)

        ends = await asyncio.gather(*(some() for _ in range(_DELETED_AT_ONCE)), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        return listed


class CacheWatch:
    """The frames of one watch; closes the cache's watcher even when nothing was read."""

    def __init__(self, storage: Storage, watcher: Watcher) -> None:
        self._storage = storage
        self._watcher = watcher
        self._same = storage.codec.same_version

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[WatchFrame]:
        batch = await anext(self._watcher)
        if self._same and all(event.value for event in batch):
            return batch
        return [self._storage.frame(event) for event in batch]

    @property
    def fell_behind(self) -> bool:
        return self._watcher.fell_behind

    def end(self) -> None:
        self._watcher.end()

    async def aclose(self) -> None:
        self._watcher.close()


def _list_expired(continue_: str) -> errors.Expired:
    """Source: apiserver/pkg/storage/etcd3/errors.go."""
    return errors.Expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
        "the results. Continuing with the provided token results in an inconsistent list - objects that were "
        "created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        continue_=continue_,
    )


def _revision(text: str) -> int:
    if not text.isdecimal() or len(text) > 20:
        at = Path("resourceVersion")
        why = FieldError.invalid(at, text, f'strconv.ParseUint: parsing "{text}": invalid syntax')
        raise errors.BadRequest(f"invalid resource version: {why}")
    return int(text)


def _too_large(revision: int, current: int) -> errors.Timeout:
    from pybernetes.api.meta.v1 import StatusCause

    cause = StatusCause(reason="ResourceVersionTooLarge", message="Too large resource version")
    message = f"Timeout: Too large resource version: {revision}, current: {current}"
    return errors.Timeout(message, causes=[cause], retry_after_s=1)


def check_list_options(options: ListOptions) -> None:
    """Source: apimachinery/pkg/apis/meta/internalversion/validation."""
    found = []
    match = options.resource_version_match
    at = Path("resourceVersionMatch")
    if options.send_initial_events is not None:
        why = "sendInitialEvents is forbidden for list"
        found.append(FieldError.forbidden(Path("sendInitialEvents"), why))
    if match:
        if not options.resource_version:
            why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            found.append(FieldError.forbidden(at, why))
        if options.continue_:
            found.append(FieldError.forbidden(at, "resourceVersionMatch is forbidden when continue is provided"))
        if match not in ("Exact", "NotOlderThan"):
            found.append(FieldError.not_supported(at, match, ("Exact", "NotOlderThan", "")))
        if match == "Exact" and options.resource_version == "0":
            why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            found.append(FieldError.forbidden(at, why))
    if found:
        raise invalid(("meta.k8s.io", "ListOptions"), "", found)
    if options.continue_ and options.resource_version and options.resource_version != "0":
        raise errors.BadRequest("specifying resource version is not allowed when using continue")


def _check_watch_options(options: ListOptions) -> None:
    found = []
    match, initial = options.resource_version_match, options.send_initial_events
    at = Path("resourceVersionMatch")
    if initial is not None:
        if match != "NotOlderThan":
            why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            found.append(FieldError.forbidden(at, why))
    elif match:
        found.append(
            FieldError.forbidden(at, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        )
    if options.continue_:
        found.append(FieldError.forbidden(Path("continue"), "continue is forbidden for watch"))
    if found:
        raise invalid(("meta.k8s.io", "ListOptions"), "", found)
