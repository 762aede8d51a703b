"""Answers into Structs: the strict fast path, and the slow one that tolerates a newer server's fields."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec import Raw, Struct

from pybernetes.api.meta.v1 import ListMeta

T = TypeVar("T")

_SHARED = 256
"""More than a watch hands out at once of ordinary objects."""
_LARGEST_SHARED_BYTES = 64 * 1024
"""What is larger is not worth its memory: 256 of the largest objects would take more than all else."""


class ListEnvelope(Struct, Generic[T]):
    items: list[T] = []
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)


class EventEnvelope(Struct):
    type: str
    object: Raw


_events = msgspec.json.Decoder(EventEnvelope)


@functools.cache
def _decoder(cls: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cast(Any, cls))


@functools.cache
def _list_decoder(cls: Hashable) -> msgspec.json.Decoder[Any]:
    envelope: Any = ListEnvelope
    return msgspec.json.Decoder(envelope[cls])


def decode_object(cls: type[T], body: bytes | Raw) -> T:
    """Raises ValueError when the body is no such object at all."""
    try:
        found: T = _decoder(cast(Hashable, cls)).decode(body)
    except msgspec.ValidationError:
        return _tolerant(cls, msgspec.json.decode(body))
    return found


def decode_shared(cls: type[T], body: bytes | Raw) -> T:
    """The same Struct for all readers of the same bytes in this process, without managedFields; not to be changed.

    The informers of a process hear of a change one after the other, in the same turn, and who wrote it about then.
    """
    raw = bytes(body)
    decode = _shared if len(raw) <= _LARGEST_SHARED_BYTES else _without_managers
    found: T = decode(cast(Hashable, cls), raw)
    return found


def _without_managers(cls: Any, body: bytes) -> Any:
    found = decode_object(cls, body)
    found.metadata.managedFields = []
    return found


_shared = functools.lru_cache(_SHARED)(_without_managers)


def decode_list(cls: type[T], body: bytes) -> ListEnvelope[T]:
    try:
        found: ListEnvelope[T] = _list_decoder(cast(Hashable, cls)).decode(body)
    except msgspec.ValidationError:
        tree = msgspec.json.decode(body)
        metadata = msgspec.convert(tree.get("metadata") or {}, ListMeta)
        return ListEnvelope([_tolerant(cls, item) for item in tree.get("items") or []], metadata)
    return found


def decode_event(line: bytes) -> EventEnvelope:
    return _events.decode(line)


def _tolerant(cls: type[T], tree: Any) -> T:
    from pybernetes.apimachinery.decoding import from_tree  # only when a server is newer than we are

    found, _ = from_tree(tree, cast("type[Any]", cls), "Ignore")
    return cast("T", found)
