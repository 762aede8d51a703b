"""What selectors look at in an object's bytes: labels, and the fields its strategy names.

One function per resource, given to its watch cache, which calls it at most once an event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from pybernetes.apiserver.registry.generic.strategy import Strategy


@dataclass(slots=True, frozen=True)
class Attributes:
    labels: dict[str, str]
    fields: dict[str, str]


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}


class _Labelled(msgspec.Struct):
    metadata: _Meta


_labelled = msgspec.json.Decoder(_Labelled)


def attributes_function(strategy: Strategy, decode: Callable[[bytes], Any]) -> Callable[[bytes], Attributes]:
    """From served bytes of the storage version to what selectors match."""
    if not strategy.extra_fields:
        return _plain

    def full(value: bytes) -> Attributes:
        obj = decode(value)
        fields = strategy.fields(obj)
        fields["metadata.name"] = obj.metadata.name or ""
        fields["metadata.namespace"] = obj.metadata.namespace or ""
        return Attributes(obj.metadata.labels, fields)

    return full


def _plain(value: bytes) -> Attributes:
    meta = _labelled.decode(value).metadata
    return Attributes(meta.labels, {"metadata.name": meta.name, "metadata.namespace": meta.namespace})
