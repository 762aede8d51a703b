"""Query strings and bodies of API requests: pure."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from pybernetes.api.meta.v1 import DeleteOptions, Preconditions

_PLAIN = re.compile(r"[a-z0-9/.-]*", re.ASCII)
"""Paths of nearly all objects: nothing to escape."""
PATCH_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


def target(path: str, **params: str | int | bool) -> str:
    """Path and query; empty, zero and False parameters are left out. Names as on the wire, continue_ for continue."""
    chosen = {
        name.rstrip("_"): ("true" if value is True else str(value))
        for name, value in params.items()
        if value not in ("", 0, False)
    }
    escaped = path if _PLAIN.fullmatch(path) else quote(path, safe="/:@!$&'()*+,;=~-._")
    return f"{escaped}?{urlencode(chosen)}" if chosen else escaped


def body_of(content: Any) -> bytes:
    """Bytes as they are; Structs and trees as JSON."""
    return content if isinstance(content, bytes) else msgspec.json.encode(content)


def delete_options(
    *, uid: str = "", resource_version: str = "", grace_period_s: int | None = None, propagation: str = ""
) -> bytes:
    """The body of a delete; b"" when there is nothing to say."""
    options = DeleteOptions(gracePeriodSeconds=grace_period_s, propagationPolicy=propagation or None)
    if uid or resource_version:
        options.preconditions = Preconditions(uid=uid or None, resourceVersion=resource_version or None)
    if options == DeleteOptions():
        return b""
    return msgspec.json.encode(options)
