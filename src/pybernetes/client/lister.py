"""The local copy of one resource: objects by key, and indexes over them. Objects are read-only.

Source: client-go/tools/cache/thread_safe_store.go.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import Generic, Protocol

from pybernetes.client.objects import T, key_of


class Selector(Protocol):
    def matches(self, labels: dict[str, str]) -> bool: ...


IndexFunction = Callable[[T], Iterable[str]]


class Lister(Generic[T]):
    """What informers fill and everything else reads."""

    def __init__(self) -> None:
        self._items: dict[str, T] = {}
        self._namespaces: dict[str, dict[str, T]] = {}
        self._index_functions: dict[str, IndexFunction[T]] = {}
        self._indexes: dict[str, dict[str, dict[str, T]]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def get(self, namespace: str, name: str) -> T | None:
        return self._items.get(f"{namespace}/{name}" if namespace else name)

    def by_key(self, key: str) -> T | None:
        return self._items.get(key)

    def list(self, namespace: str = "", selector: Selector | None = None) -> builtins.list[T]:
        """All objects, or those of a namespace, whose labels match; in no order."""
        found = self._namespaces.get(namespace, {}) if namespace else self._items
        if selector is None:
            return list(found.values())
        return [obj for obj in found.values() if selector.matches(obj.metadata.labels)]

    def by_index(self, index: str, key: str) -> builtins.list[T]:
        """The objects for which the index's function gave `key`. Raises KeyError for an unknown index."""
        return list(self._indexes[index].get(key, {}).values())

    def keys(self) -> builtins.list[str]:
        return list(self._items)

    # For the informer.

    def add_index(self, index: str, function: IndexFunction[T]) -> None:
        known = self._index_functions.get(index)
        if known == function:
            return
        if known is not None:
            raise ValueError(f"there is an index {index!r} already, by another function")
        self._index_functions[index] = function
        self._indexes[index] = {}
        for key, obj in self._items.items():
            for value in function(obj):
                self._indexes[index].setdefault(value, {})[key] = obj

    def put(self, obj: T) -> T | None:
        """Stores the object and returns the one it replaces."""
        key = key_of(obj)
        old = self._items.get(key)
        if old is not None:
            self._unindex(key, old)
        self._items[key] = obj
        if obj.metadata.namespace:
            self._namespaces.setdefault(obj.metadata.namespace, {})[key] = obj
        for index, function in self._index_functions.items():
            for value in function(obj):
                self._indexes[index].setdefault(value, {})[key] = obj
        return old

    def remove(self, key: str) -> T | None:
        old = self._items.pop(key, None)
        if old is None:
            return None
        self._unindex(key, old)
        if (namespace := old.metadata.namespace) and (group := self._namespaces.get(namespace)) is not None:
            group.pop(key, None)
            if not group:
                del self._namespaces[namespace]
        return old

    def _unindex(self, key: str, old: T) -> None:
        for index, function in self._index_functions.items():
            for value in function(old):
                group = self._indexes[index].get(value)
                if group is not None:
                    group.pop(key, None)
                    if not group:
                        del self._indexes[index][value]
