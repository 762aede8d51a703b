"""The watch cache: one resource's objects as served bytes, with the recent events.

Between the store and every read: get, list and watch are answered from memory. The cache is
told of a commit before the write is answered (`Store.subscribe`), so over an embedded store it
is never behind; over a remote one `await cache.wait_until(revision)` or `await cache.sync()` first.

How the registry and the endpoints use it::

    cache = WatchCache(store, "/registry/pods/", attributes=pod_attributes,
                       indexes={"spec.nodeName": node_name_of})
    await cache.start()

    stored = cache.get("/registry/pods/default/web")      # Stored | None; .value is what GET serves
    listing = cache.list("default", limit=500)            # Listing: .items .revision .more .remaining
    listing = await cache.list_at(revision, "default", start=next_key, limit=500)    # the next page

    watcher = await cache.watch(after_revision, "default", matches=selector_matches)
    try:
        async for batch in watcher:                       # list[WatchEvent], never empty
            yield b"".join([event.line for event in batch])
    finally:
        watcher.close()

* Bytes: `Stored.value` and `WatchEvent.value` hold metadata.resourceVersion; `WatchEvent.line` is
  the event as JSON with a newline, encoded once and shared by every watcher. Never decode here.
* `matches(attributes) -> bool` decides for watchers and lists with a selector. `attributes(value)`,
  given once per cache, turns served bytes into what `matches` wants (labels, fields); it is called
  at most once per event, whatever the number of watchers. Without it, `matches` gets the bytes.
* `indexes`: functions from served bytes to one text. `list(index=(name, value))` and
  `watch(index=(name, value))` touch only the objects with this value (pods of a node).
* A change that moves an object in or out of a watcher's selection becomes ADDED or DELETED.
* A watcher that falls behind its queue is ended (the iteration stops); the client watches again.
* `Compacted` (410 for the client) when the events after a revision are no longer known.

It must not: know kinds, encode objects, write.

Source: staging/src/k8s.io/apiserver/pkg/storage/cacher (watch_cache.go, cache_watcher.go).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sortedcontainers import SortedList

from pybernetes.storage.canonical import with_resource_version
from pybernetes.storage.hub import prefix_end
from pybernetes.storage.recent import Recent, RecentEvents, Selection, WatchEvent, from_change
from pybernetes.storage.store import Change, Compacted, Page, Store, Stored, StoreError
from pybernetes.storage.watcher import Watcher

__all__ = ["Listing", "WatchCache", "WatchEvent", "Watcher"]

_log = logging.getLogger(__name__)
_LOAD_PAGE = 1000
_HISTORY_LIMIT = 20_000

# Said outside the class, in which `list` is the method.
Changes = list[Change]
Watchers = list[Watcher]
Recents = list[Recent]
Items = list[Stored]


class Listing(msgspec.Struct, frozen=True, gc=False):
    items: list[Stored]
    """In order of key."""
    revision: int
    """resourceVersion of the list."""
    more: bool
    remaining: int
    """Keys after this page; only known (not 0) without `matches` and `index`."""


class WatchCache:
    def __init__(
        self,
        store: Store,
        prefix: str,
        *,
        namespaced: bool = True,
        attributes: Callable[[bytes], Any] | None = None,
        indexes: dict[str, Callable[[bytes], str]] | None = None,
        recent_events: int = 2048,
        recent_bytes: int = 16 << 20,
        queue_limit: int = 8192,
    ) -> None:
        """`prefix` ends with a slash; keys under it are `namespace/name`, or `name` if not namespaced."""
        assert prefix.endswith("/")
        self.prefix = prefix
        self._store = store
        self._namespaced = namespaced
        self._attributes = attributes
        self._index_functions = indexes or {}
        self._queue_limit = queue_limit
        self._entries: dict[str, Stored] = {}
        self._keys: SortedList[str] = SortedList()
        """Of the entries; a write costs the same among a thousand and among a hundred thousand."""
        self._indexed: dict[str, dict[str, set[str]]] = {name: {} for name in self._index_functions}
        self._recent = RecentEvents(recent_events, recent_bytes)
        self._watchers: dict[tuple[str, str], dict[Watcher, None]] = {}
        """By the narrowest scope that holds all they can see: ("", ""), ("/namespace", ns), ("/key", key), index."""
        self._backlog: Changes | None = []
        self.last_change = 0
        """The revision of the newest change of any object."""
        self._ready = asyncio.Event()
        self._unsubscribe: Callable[[], None] | None = None
        self._reload: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Reads the prefix and follows it from then on. Raises StoreError."""
        self._backlog = []
        self._unsubscribe = self._store.subscribe(self.prefix, self._deliver, self._lost)
        page = await self._store.range(self.prefix, limit=_LOAD_PAGE)
        revision = page.revision
        self._load(page)
        while page.more:
            start = page.items[-1].key + "\0"
            page = await self._store.range(self.prefix, start=start, limit=_LOAD_PAGE, revision=revision)
            self._load(page)
        self._keys.update(self._entries)
        self._recent.restart(revision)
        self.last_change = revision
        backlog, self._backlog = self._backlog, None
        self._deliver([change for change in backlog or () if change.revision > revision])
        self._ready.set()

    async def stop(self) -> None:
        if self._reload is not None:
            self._reload.cancel()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._end_watchers()

    @property
    def revision(self) -> int:
        """The revision that answers are up to date with."""
        return self._store.current_revision()

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    @property
    def empty(self) -> bool:
        """Whether there is no object at all."""
        return not self._keys

    @property
    def watcher_count(self) -> int:
        return sum(len(watchers) for watchers in self._watchers.values())

    async def wait_ready(self) -> None:
        """Waits while the cache reads again after a gap in a remote store's stream."""
        await self._ready.wait()

    async def wait_until(self, revision: int) -> None:
        """Returns once answers include the write `revision`."""
        await self._store.wait(revision)
        await self._ready.wait()

    async def sync(self) -> int:
        """Returns once answers include every write acknowledged before, by any apiserver."""
        revision = await self._store.sync()
        await self._ready.wait()
        return revision

    def get(self, key: str) -> Stored | None:
        """`value` is what GET serves."""
        return self._entries.get(key)

    def count(self, namespace: str = "") -> int:
        low, high = self._span(self._scope_prefix(namespace), "")
        return high - low

    def list(
        self,
        namespace: str = "",
        *,
        start: str = "",
        limit: int = 0,
        index: tuple[str, str] | None = None,
        matches: Callable[[Any], bool] | None = None,
        needles: Sequence[bytes] = (),
    ) -> Listing:
        """The objects as they are now, in order of key, from key `start` on, at most `limit` (0: all).

        After a page with `more`, the next one starts at `page.items[-1].key + "\\0"`. `needles` stand in the bytes of
        every object that `matches`; the others are passed over undecoded.
        """
        scope = self._scope_prefix(namespace)
        revision = self.revision
        if index is not None:
            found = sorted(self._indexed[index[0]].get(index[1], ()))
            keys = [key for key in found if key.startswith(scope) and key >= start]
        else:
            low, high = self._span(scope, start)
            if matches is None:
                end = min(high, low + limit) if limit else high
                items = list(map(self._entries.__getitem__, self._keys.islice(low, end)))
                return Listing(items, revision, end < high, high - end)
            keys = list(self._keys.islice(low, high))
        found_entries: Iterable[Stored] = map(self._entries.__getitem__, keys)
        for needle in needles:
            found_entries = _containing(found_entries, needle)
        return _select(found_entries, limit, self._matcher(matches), revision)

    async def list_at(
        self,
        revision: int,
        namespace: str = "",
        *,
        start: str = "",
        limit: int = 0,
        matches: Callable[[Any], bool] | None = None,
    ) -> Listing:
        """The same at an earlier revision (a continue token's): memory if nothing changed, else the store.

        Raises Compacted, FutureRevision, StoreError.
        """
        if self.last_change <= revision <= self.revision:
            listing = self.list(namespace, start=start, limit=limit, matches=matches)
            return msgspec.structs.replace(listing, revision=revision)
        scope = self._scope_prefix(namespace)
        accept = self._matcher(matches)
        items: list[Stored] = []
        while True:
            page = await self._store.range(scope, start=start, limit=limit, revision=revision)
            for stored in page.items:
                served = _served(stored)
                if limit and len(items) == limit:
                    return Listing(items, revision, True, 0)
                if accept is None or accept(served.value):
                    items.append(served)
            if not page.more or (accept is None and limit):
                return Listing(items, revision, page.more, page.remaining)
            start = page.items[-1].key + "\0"

    async def watch(
        self,
        after_revision: int | None,
        namespace: str = "",
        *,
        key: str = "",
        index: tuple[str, str] | None = None,
        matches: Callable[[Any], bool] | None = None,
        needles: Sequence[bytes] = (),
        initial_end: bool = False,
        bookmark_every_s: float = 0,
        queue_limit: int = 0,
    ) -> Watcher:
        """The events after a revision; None: first an ADDED for every object there is.

        `key` narrows to one object, `needles` are as in `list`. `initial_end` puts an event of type INITIAL_END
        after the objects that exist (the bookmark of streaming lists; the caller words it).
        `bookmark_every_s` asks for events of type BOOKMARK (value b"", only `revision` says
        something). Raises Compacted; close the watcher when done.
        """
        selection = Selection(
            prefix=key or self._scope_prefix(namespace),
            exact=bool(key),
            index=(self._index_functions[index[0]], index[1]) if index else None,
            matches=matches,
            needles=needles,
        )
        older: list[Recent] = []
        position = after_revision or 0
        await self._ready.wait()
        # While history is read the recent events may begin anew, or the cache be read again.
        while after_revision is not None and position < self._recent.complete_after:
            more, position = await self._from_history(position, len(older))
            older += more
            await self._ready.wait()
        watcher = Watcher(
            selection,
            position=lambda: self._store.current_revision(),
            closed=self._forget,
            queue_limit=queue_limit or self._queue_limit,
            bookmark_every_s=bookmark_every_s,
        )
        watcher.scope = _scope_of(namespace, key, index)
        if after_revision is None:
            listing = self.list(namespace, index=index) if not key else Listing(self._one(key), self.revision, False, 0)
            watcher.begin(_initial(listing, self._matcher(matches), initial_end))
        else:
            replay = [*older, *self._recent.after(position)]
            watcher.begin(e for recent in replay if (e := selection.event_of(recent, self._attributes)) is not None)
            watcher.not_before(after_revision)
        self._watchers.setdefault(watcher.scope, {})[watcher] = None
        return watcher

    # -- following the store

    def _load(self, page: Page) -> None:
        for stored in page.items:
            entry = _served(stored)
            self._entries[entry.key] = entry
            for name, function in self._index_functions.items():
                self._indexed[name].setdefault(function(entry.value), set()).add(entry.key)

    def _deliver(self, changes: Changes) -> None:
        if self._backlog is not None:
            self._backlog.extend(changes)
            return
        for change in changes:
            recent = self._apply(change)
            self._recent.add(recent)
            self.last_change = change.revision
            if self._watchers:
                for watcher in self._concerned(recent):
                    watcher.offer(recent, self._attributes)
                recent.forget_encoded()

    def _apply(self, change: Change) -> Recent:
        key = change.key
        before = self._entries.get(key)
        value = with_resource_version(change.value, change.revision)
        recent = Recent(change.kind == "put", key, value, before.value if before else None, change.revision)
        if recent.put:
            self._entries[key] = Stored(key, value, change.revision, change.create_revision)
            if before is None:
                self._keys.add(key)
        elif before is not None:
            del self._entries[key]
            self._keys.remove(key)
        for name, function in self._index_functions.items():
            old = function(before.value) if before else None
            new = function(value) if recent.put else None
            if recent.index_values is None:
                recent.index_values = {}
            recent.index_values[name] = (old, new)
            if old != new:
                indexed = self._indexed[name]
                if old is not None:
                    indexed[old].discard(key)
                    if not indexed[old]:
                        del indexed[old]
                if new is not None:
                    indexed.setdefault(new, set()).add(key)
        return recent

    def _concerned(self, recent: Recent) -> Watchers:
        watchers = self._watchers
        found = list(watchers.get(("", ""), ()))
        if self._namespaced:
            found += watchers.get(("/namespace", recent.key[len(self.prefix) :].partition("/")[0]), ())
        found += watchers.get(("/key", recent.key), ())
        for name, (old, new) in (recent.index_values or {}).items():
            for value in {old, new} - {None}:
                found += watchers.get((name, value or ""), ())
        return found

    async def _from_history(self, after_revision: int, known: int) -> tuple[Recents, int]:
        """What happened after a revision older than the recent events, up to where those begin now; and that place.

        Raises Compacted when it is too much, together with what is `known`.
        """
        found: list[Recent] = []
        position, until = after_revision, self._recent.complete_after
        while position < until:
            changes = await self._store.changes(self.prefix, position)
            found += [from_change(change) for change in changes]
            if known + len(found) > _HISTORY_LIMIT:
                raise Compacted(until)
            if not changes:
                return found, until
            position = changes[-1].revision
        return found, position

    def _lost(self) -> None:
        """The stream has a gap: watchers end, everything is read again."""
        self._ready.clear()
        self._end_watchers()
        self._entries.clear()
        self._keys.clear()
        self._indexed = {name: {} for name in self._index_functions}
        self._unsubscribe = None
        self._reload = asyncio.get_running_loop().create_task(self._read_again(), name=f"watch cache {self.prefix}")

    async def _read_again(self) -> None:
        delay_s = 0.1
        while True:
            try:
                await self.start()
                return
            except (StoreError, Compacted) as error:
                _log.warning("reading %s again failed, next try in %.1f s: %s", self.prefix, delay_s, error)
                if self._unsubscribe is not None:
                    self._unsubscribe()
                self._entries.clear()
                self._keys.clear()
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 5.0)

    def _end_watchers(self) -> None:
        for watchers in list(self._watchers.values()):
            for watcher in list(watchers):
                watcher.end()
        self._watchers.clear()

    def _forget(self, watcher: Watcher) -> None:
        watchers = self._watchers.get(watcher.scope)
        if watchers is not None:
            watchers.pop(watcher, None)
            if not watchers:
                del self._watchers[watcher.scope]

    # -- selecting

    def _scope_prefix(self, namespace: str) -> str:
        return f"{self.prefix}{namespace}/" if namespace else self.prefix

    def _span(self, scope: str, start: str) -> tuple[int, int]:
        low = self._keys.bisect_left(max(start, scope))
        return low, max(low, self._keys.bisect_left(prefix_end(scope)))

    def _one(self, key: str) -> Items:
        entry = self._entries.get(key)
        return [entry] if entry is not None else []

    def _matcher(self, matches: Callable[[Any], bool] | None) -> Callable[[bytes], bool] | None:
        attributes = self._attributes
        if matches is None or attributes is None:
            return matches
        return lambda value: matches(attributes(value))


def _served(stored: Stored) -> Stored:
    value = with_resource_version(stored.value, stored.revision)
    return Stored(stored.key, value, stored.revision, stored.create_revision)


def _scope_of(namespace: str, key: str, index: tuple[str, str] | None) -> tuple[str, str]:
    if key:
        return ("/key", key)
    if index is not None:
        return index
    return ("/namespace", namespace) if namespace else ("", "")


def _containing(entries: Iterable[Stored], needle: bytes) -> Iterator[Stored]:
    return (entry for entry in entries if needle in entry.value)


def _select(entries: Iterable[Stored], limit: int, accept: Callable[[bytes], bool] | None, revision: int) -> Listing:
    items: list[Stored] = []
    for entry in entries:
        if accept is None or accept(entry.value):
            if limit and len(items) == limit:
                return Listing(items, revision, True, 0)
            items.append(entry)
    return Listing(items, revision, False, 0)


def _initial(listing: Listing, accept: Callable[[bytes], bool] | None, initial_end: bool) -> Iterator[WatchEvent]:
    for entry in listing.items:
        if accept is None or accept(entry.value):
            yield WatchEvent("ADDED", entry.key, entry.value, entry.revision)
    if initial_end:
        yield WatchEvent("INITIAL_END", "", b"", listing.revision)
