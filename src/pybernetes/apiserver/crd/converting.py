"""Custom resources whose versions a webhook converts: the one place where serving an object may have to ask somebody.

What comes out of the store is brought into the version of the request before anything looks at it, and what is
written is brought into the storage version last; all between works on the request's version alone. Lists and
watches are converted in batches, and remember what they converted until the definition changes; a GET and a
write ask anew.
Source: apiextensions-apiserver/pkg/apiserver/{conversion/*.go,customresource_handler.go}.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.managed_fields import gvk_text
from pybernetes.apimachinery.schema import Schema
from pybernetes.apiserver.crd import conversion, structural
from pybernetes.apiserver.crd.strategy import CustomResourceStrategy, CustomStorage
from pybernetes.apiserver.crd.tree_codec import CustomObject, encoded
from pybernetes.apiserver.registry.generic import selection
from pybernetes.apiserver.registry.generic.attributes import attributes_function
from pybernetes.apiserver.registry.generic.interface import ListOptions, ListResult, RequestContext, Watch, WatchFrame
from pybernetes.apiserver.registry.generic.storage import CacheWatch, Values, check_list_options
from pybernetes.apiserver.registry.generic.writing import Current, Transform, UpdateRules
from pybernetes.apiserver.webhooks.caller import CallError
from pybernetes.storage.canonical import replace_resource_version, with_resource_version
from pybernetes.storage.recent import WatchEvent

if TYPE_CHECKING:
    from pybernetes.apiserver.crd.kinds import CustomKind, CustomVersion
    from pybernetes.apiserver.registry.generic.registry import Registry
    from pybernetes.storage.watch_cache import WatchCache
    from pybernetes.storage.watcher import Watcher

_BATCH = 500
"""Objects a review."""
_REMEMBERED = 20_000
_VERSIONS_REMEMBERED = 256
Tree = dict[str, Any]


class Converter:
    """Asks one definition's webhook."""

    def __init__(self, registry: Registry, kind: CustomKind) -> None:
        self._registry = registry
        self._kind = kind
        webhook = kind.definition.spec.conversion.webhook if kind.definition.spec.conversion is not None else None
        assert webhook is not None
        assert webhook.clientConfig is not None
        self._config = webhook.clientConfig
        self._review_versions = webhook.conversionReviewVersions

    async def convert(self, values: Sequence[bytes], version: CustomVersion, *, defaults: bool = True) -> list[bytes]:
        """Objects of any versions in `version`, pruned and with its defaults. Raises StatusError."""
        api_version = version.resource.api_version
        trees: list[Tree] = [orjson.loads(value) for value in values]
        foreign = [i for i, tree in enumerate(trees) if tree.get("apiVersion") != api_version]
        for start in range(0, len(foreign), _BATCH):
            batch = foreign[start : start + _BATCH]
            made = await self._ask([values[i] for i in batch], [trees[i] for i in batch], api_version)
            for i, tree in zip(batch, made, strict=True):
                trees[i] = tree
        return [_in_form(tree, version, defaults=defaults) for tree in trees]

    async def _ask(self, values: list[bytes], originals: list[Tree], api_version: str) -> list[Tree]:
        began = time.perf_counter()
        problem: conversion.Failure | None = None
        try:
            for tree in originals:
                self._check_version(tree)
            uid = self._registry.random.uid()
            version = conversion.review_version(self._review_versions)
            review = conversion.request(version, uid, api_version, values)
            try:
                answer = await self._registry.webhooks.ask(self._config, review)
            except CallError as error:
                why = f"conversion webhook for {gvk_text(originals[0])} failed: {error}"
                raise conversion.Failure("conversion_webhook_call_failure", why) from None
            return conversion.converted(answer, version, uid, api_version, originals)
        except conversion.Failure as error:
            problem = error
            raise errors.Unknown(str(error)) from None
        finally:
            versions = originals[0].get("apiVersion", "").rpartition("/")[2], api_version.rpartition("/")[2]
            name = self._kind.definition.metadata.name or ""
            _metrics().observe(name, versions, problem, time.perf_counter() - began)

    def _check_version(self, tree: Tree) -> None:
        group, _, version = str(tree.get("apiVersion") or "").rpartition("/")
        if group != self._kind.group or version not in self._kind.versions:
            why = f"request to convert CR from an invalid group/version: {group}/{version}"
            raise conversion.Failure("conversion_webhook_invalid_converted_object_failure", why)


class ConvertingStorage(CustomStorage):
    """One version of such a kind. Its codec knows this version alone."""

    def __init__(
        self,
        registry: Registry,
        strategy: CustomResourceStrategy,
        codec: Any,
        prefix: str,
        converter: Converter,
    ) -> None:
        super().__init__(registry, strategy, codec, prefix)
        self._converter = converter
        self._stored = strategy.kind.versions[strategy.kind.stored.version]
        self._head = b'{"apiVersion":"%b"' % self.resource.api_version.encode()
        self._as_is = strategy.kind.pristine
        """Objects that lie here in this version were written under its schema of now."""
        self._known: dict[bytes, bytes] = {}
        self._in_versions: dict[tuple[bytes, str], Tree] = {}
        codec.in_version = self._in_version

    # -- other versions of one object, which managers of its fields wrote in --------------------------

    def _in_version(self, tree: Tree, api_version: str) -> tuple[Tree, Schema] | None:
        """Raises _Wanted when the webhook must be asked first: `_replace_once` does, and begins again."""
        group, _, name = api_version.rpartition("/")
        version = self.strategy.kind.versions.get(name)
        if version is None or group != self.resource.group:
            return None
        if tree.get("apiVersion") == api_version:
            return tree, version.apply_schema
        key = (orjson.dumps(tree), name)
        found = self._in_versions.get(key)
        if found is None:
            raise _Wanted(key)
        return found, version.apply_schema

    async def _replace_once(
        self, ctx: RequestContext, key: str, current: Current, transform: Transform, rules: UpdateRules
    ) -> bytes:
        warned = len(ctx.warnings)
        while True:
            try:
                return await super()._replace_once(ctx, key, current, transform, rules)
            except _Wanted as wanted:
                del ctx.warnings[warned:]
                value, name = wanted.key
                made = await self._converter.convert([value], self.strategy.kind.versions[name])
                if len(self._in_versions) > _VERSIONS_REMEMBERED:
                    self._in_versions.clear()
                self._in_versions[wanted.key] = orjson.loads(made[0])

    # -- the border to the store -------------------------------------------------------------------

    async def cache(self) -> WatchCache:
        return await self.registry.cache_for(self.strategy.kind.stored)

    async def current(self, key: str) -> Current | None:
        found = await super().current(key)
        if found is None:
            return None
        return Current(await self.answer(found.served), found.revision, found.served)

    async def at_rest(self, obj: CustomObject) -> bytes:
        value = self.codec.encode(obj)
        if self._stored.resource.version == self.resource.version:
            return value
        return (await self._converter.convert([value], self._stored))[0]

    async def answer(self, value: bytes) -> bytes:
        if self._as_is and value.startswith(self._head):
            return value
        made = (await self._converter.convert([value], self.strategy.version))[0]
        self._remember({value: made})
        return made

    def _remember(self, made: dict[bytes, bytes]) -> None:
        if len(self._known) + len(made) > _REMEMBERED:
            self._known.clear()
        self._known |= made

    async def answers(self, values: Values) -> Values:
        known = self._known
        wanted = [v for v in values if v not in known and not (self._as_is and v.startswith(self._head))]
        if wanted:
            wanted = list(dict.fromkeys(wanted))
            made = await self._converter.convert(wanted, self.strategy.version)
            known = {**known, **dict(zip(wanted, made, strict=True))}
            self._remember({value: known[value] for value in wanted})
        return [known.get(v, v) for v in values]

    # -- reading -----------------------------------------------------------------------------------

    async def get(self, ctx: RequestContext, resource_version: str = "") -> bytes:
        self._warn(ctx)
        cache = await self.cache()
        await self._catch_up(cache, resource_version)
        found = cache.get(self.key(ctx, ctx.name))
        if found is None:
            raise errors.not_found(self.resource.group, self.resource.plural, ctx.name)
        return await self.answer(found.value)

    async def list(self, ctx: RequestContext, options: ListOptions) -> ListResult:
        wanted = selection.parse(options, self._selectable)
        if wanted.everything:
            return await super().list(ctx, options)
        self._warn(ctx)
        return await self._list_selected(ctx, options, wanted)

    async def _list_selected(
        self, ctx: RequestContext, options: ListOptions, wanted: selection.Selection
    ) -> ListResult:
        """Selectors look at what the webhook made of each object, so all of them are converted."""
        check_list_options(options)
        cache = await self.cache()
        namespace = ctx.namespace if self.resource.namespaced else ""
        matches, attributes = wanted.matches, attributes_function(self.strategy, self.codec.decode)
        assert matches is not None
        listing, revision = await self._listing(cache, namespace, selection.EVERYTHING, options)
        scope = f"{self.prefix}{namespace}/" if namespace else self.prefix
        result = ListResult([], revision)
        last = ""
        while True:
            made = await self.answers([stored.value for stored in listing.items])
            for stored, value in zip(listing.items, made, strict=True):
                if not matches(attributes(value)):
                    continue
                if options.limit and len(result.items) == options.limit:
                    result.continue_ = selection.encode_continue(last + "\0", scope, revision)
                    return result
                result.items.append(value)
                last = stored.key
            if not listing.more or not listing.items:
                return result
            start = listing.items[-1].key + "\0"
            listing = await cache.list_at(revision, namespace, start=start, limit=max(options.limit, _BATCH))

    async def watch(self, ctx: RequestContext, options: ListOptions) -> Watch:
        self._warn(ctx)
        wanted = selection.parse(options, self._selectable)
        return _ConvertingWatch(self, await self.watcher(ctx, options, wanted, None), wanted)


class _Wanted(Exception):
    """An object is needed in another version before its write can go on."""

    def __init__(self, key: tuple[bytes, str]) -> None:
        super().__init__(key[1])
        self.key = key


class _ConvertingWatch(CacheWatch):
    """The events of a watch in another version, selected by what they are there."""

    _storage: ConvertingStorage

    def __init__(self, storage: ConvertingStorage, watcher: Watcher, wanted: selection.Selection) -> None:
        super().__init__(storage, watcher)
        self._matches = wanted.matches
        self._attributes = attributes_function(storage.strategy, storage.codec.decode)

    async def __anext__(self) -> Sequence[WatchFrame]:
        while True:
            batch = await anext(self._watcher)
            frames = await self._converted(batch)
            if frames:
                return frames

    async def _converted(self, batch: Sequence[WatchEvent]) -> list[WatchFrame]:
        told = [event for event in batch if event.value]
        before = [event.previous for event in told if event.previous] if self._matches is not None else []
        values = [event.value for event in told]
        made = dict(zip(values + before, await self._storage.answers(values + before), strict=True))
        found = (self._frame(event, made) if event.value else self._storage.frame(event) for event in batch)
        return [frame for frame in found if frame is not None]

    def _frame(self, event: WatchEvent, made: dict[bytes, bytes]) -> WatchEvent | None:
        kind, value = event.type, made[event.value]
        if self._matches is not None:
            new = kind != "DELETED" and self._selected(value)
            if kind == "DELETED":
                old = self._selected(value)
            else:
                old = bool(event.previous) and self._selected(made[event.previous or b""])
            if not new and not old:
                return None
            if not new and kind != "DELETED":
                kind, value = "DELETED", replace_resource_version(made[event.previous or b""], event.revision)
            elif new:
                kind = "MODIFIED" if old else "ADDED"
        return WatchEvent(kind, event.key, value, event.revision)

    def _selected(self, value: bytes) -> bool:
        return self._matches is None or self._matches(self._attributes(value))


def _in_form(tree: Tree, version: CustomVersion, *, defaults: bool) -> bytes:
    """Canonical bytes, pruned by the version's schema and with its defaults."""
    content = {k: v for k, v in tree.items() if k not in structural.META_FIELDS}
    structural.prune(content, version.structural)
    if defaults:
        structural.default(content, version.structural)
    metadata = msgspec.convert(tree["metadata"], ObjectMeta)
    revision, metadata.resourceVersion = metadata.resourceVersion, None
    value = encoded(version.resource.api_version, tree["kind"], metadata, content)
    return with_resource_version(value, int(revision)) if revision else value


class _Metrics:
    """Source: conversion/metrics.go."""

    def __init__(self) -> None:
        # Imported with the first conversion: nothing at the start needs it.
        from prometheus_client import Counter, Histogram

        labels = ("result", "failure_type")
        self._requests = Counter(
            "apiserver_conversion_webhook_request",
            "Requests to conversion webhooks by outcome.",
            labels,
        )
        self._seconds = Histogram(
            "apiserver_conversion_webhook_duration_seconds",
            "How long conversion webhooks took, by outcome.",
            labels,
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60),
        )
        self._by_definition = Histogram(
            "apiserver_crd_conversion_webhook_duration_seconds",
            "How long conversions took, by definition and versions.",
            ("crd_name", "from_version", "to_version", "succeeded"),
            buckets=[0.001 * 2**i for i in range(15)],
        )

    def observe(self, name: str, versions: tuple[str, str], problem: conversion.Failure | None, took_s: float) -> None:
        outcome = ("success", "") if problem is None else ("failure", problem.kind)
        self._requests.labels(*outcome).inc()
        self._seconds.labels(*outcome).observe(took_s)
        self._by_definition.labels(name, *versions, "true" if problem is None else "false").observe(took_s)


@functools.cache
def _metrics() -> _Metrics:
    return _Metrics()
