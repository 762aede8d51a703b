"""A copy of an object from a lister, free to be changed."""

from __future__ import annotations

from typing import TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def fresh(obj: S) -> S:
    """Encode and decode: several times faster than copy.deepcopy."""
    return msgspec.json.decode(msgspec.json.encode(obj), type=type(obj))
