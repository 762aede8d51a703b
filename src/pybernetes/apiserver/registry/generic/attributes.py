"""What selectors look at in an object's bytes: labels, and the fields its strategy names.

Given to the watch cache of a resource, which makes one an event, whatever the number of watchers;
each half is read when a selector first asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from pybernetes.apiserver.registry.generic.strategy import Strategy

FieldsOf = Callable[[bytes], dict[str, str]]


class SelectedMeta(msgspec.Struct):
    """What selectors look at of every object."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}


class _Labelled(msgspec.Struct):
    metadata: SelectedMeta


_labelled = msgspec.json.Decoder(_Labelled)


class Attributes:
    __slots__ = ("_fields", "_fields_of", "_labels", "_value")

    def __init__(self, value: bytes, fields_of: FieldsOf) -> None:
        self._value = value
        self._fields_of = fields_of
        self._labels: dict[str, str] | None = None
        self._fields: dict[str, str] | None = None

    @property
    def labels(self) -> dict[str, str]:
        found = self._labels
        if found is None:
            found = self._labels = _labelled.decode(self._value).metadata.labels
        return found

    @property
    def fields(self) -> dict[str, str]:
        found = self._fields
        if found is None:
            found = self._fields = self._fields_of(self._value)
        return found


def attributes_function(strategy: Strategy, decode: Callable[[bytes], Any]) -> Callable[[bytes], Attributes]:
    """From served bytes of the storage version to what selectors match."""
    if strategy.selected is not None:
        decode = msgspec.json.Decoder(strategy.selected).decode

    def all_fields(value: bytes) -> dict[str, str]:
        obj = decode(value)
        fields = strategy.fields(obj)
        fields["metadata.name"] = obj.metadata.name or ""
        fields["metadata.namespace"] = obj.metadata.namespace or ""
        return fields

    fields_of = all_fields if strategy.extra_fields else metadata_fields
    return lambda value: Attributes(value, fields_of)


def metadata_fields(value: bytes) -> dict[str, str]:
    """The two fields that every object can be selected by."""
    meta = _labelled.decode(value).metadata
    return {"metadata.name": meta.name, "metadata.namespace": meta.namespace}
