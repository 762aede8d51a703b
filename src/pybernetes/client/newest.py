"""An informer's objects, with what its owner knows better: its own writes and assumptions that the watch has not shown.

An object put here counts until the informer has a newer version of it, or says that it is gone.
Source: kube-scheduler util/assumecache; the caches of pkg/controller/volume/persistentvolume.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic

from pybernetes.client.informer import Informer
from pybernetes.client.objects import T, key_of, revision_of


class Newest(Generic[T]):
    def __init__(self, informer: Informer[T]) -> None:
        self._lister = informer.lister
        self._own: dict[str, T] = {}
        informer.add_handler(on_update=lambda old, new: self._seen(new), on_delete=self._gone)

    def get(self, key: str) -> T | None:
        own, seen = self._own.get(key), self._lister.by_key(key)
        if own is None:
            return seen
        if seen is not None and (own.metadata.uid != seen.metadata.uid or revision_of(seen) > revision_of(own)):
            return seen
        return own

    def put(self, obj: T) -> None:
        """The answer to a write, or an assumption about the version it has."""
        key = key_of(obj)
        seen = self._lister.by_key(key)
        if seen is None or (seen.metadata.uid == obj.metadata.uid and revision_of(seen) <= revision_of(obj)):
            self._own[key] = obj

    def restore(self, key: str) -> None:
        """Forgets an assumption: the informer's word counts again."""
        self._own.pop(key, None)

    def all(self) -> list[T]:
        return self.current(self._lister.list())

    def by_index(self, index: str, value: str) -> list[T]:
        """What the informer's index has, each at its newest."""
        return self.current(self._lister.by_index(index, value))

    def current(self, seen: Iterable[T]) -> list[T]:
        if not self._own:
            return list(seen)
        return [self.get(key_of(obj)) or obj for obj in seen]

    def _seen(self, obj: T) -> None:
        key = key_of(obj)
        own = self._own.get(key)
        if own is not None and (own.metadata.uid != obj.metadata.uid or revision_of(obj) > revision_of(own)):
            del self._own[key]

    def _gone(self, obj: T) -> None:
        self._own.pop(key_of(obj), None)
