"""Canonical bytes: how an object lies at rest, and how its resourceVersion gets in and out.

Canonical JSON of any object starts with apiVersion, kind, metadata in this order, metadata is not
empty and has no resourceVersion. So the version is put in with one copy of the bytes and no parse.
"""

from __future__ import annotations

_MARK = b'"metadata":{'
_SERVED_MARK = b'"metadata":{"resourceVersion":"'


def with_resource_version(value: bytes, revision: int) -> bytes:
    """The bytes as served: `"metadata":{"resourceVersion":"42",…`.

    `_MARK` cannot occur earlier: before metadata come only apiVersion and kind, whose values
    hold no braces.
    """
    return value.replace(_MARK, b'%b"resourceVersion":"%d",' % (_MARK, revision), 1)


def replace_resource_version(served: bytes, revision: int) -> bytes:
    """Served bytes with another version in the place of the one they carry."""
    start = served.index(_SERVED_MARK) + len(_SERVED_MARK)
    end = served.index(b'"', start)
    return b"%b%d%b" % (served[:start], revision, served[end:])


def without_resource_version(served: bytes) -> bytes:
    """Served bytes as they lie in the store: the inverse of `with_resource_version`."""
    start = served.index(_SERVED_MARK)
    end = served.index(b'",', start + len(_SERVED_MARK)) + 2
    return served[: start + len(_MARK)] + served[end:]
