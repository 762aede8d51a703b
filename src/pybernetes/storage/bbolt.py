"""Writes a bbolt database: the file format of etcd's store, from sorted keys, in one pass.

Enough for `etcdctl snapshot restore` and etcd to read: pages of 4096 bytes, a B+ tree a bucket, a tree of buckets.
Source: go.etcd.io/bbolt internal/common (page.go, meta.go, bucket.go).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import BinaryIO

_PAGE = 4096
_HEADER = struct.Struct("<QHHI")
_LEAF = struct.Struct("<IIII")
_BRANCH = struct.Struct("<IIQ")
_META = struct.Struct("<IIIIQQQQQ")
_BUCKET = struct.Struct("<QQ")
_IS_BRANCH, _IS_LEAF, _IS_META, _IS_FREELIST = 0x01, 0x02, 0x04, 0x10
_BUCKET_FLAG = 0x01
_MAGIC, _VERSION = 0xED0CDAED, 2
_MOST = 0xFFFE
"""Elements a page can count."""

Pairs = Iterable[tuple[bytes, bytes]]


def write(target: BinaryIO, buckets: Mapping[bytes, Pairs]) -> None:
    """`buckets`: name -> its pairs in order of key. The file must be empty and can be sought."""
    pages = _Pages(target)
    roots = [(name, _BUCKET.pack(pages.tree(pairs, 0), 0)) for name, pairs in sorted(buckets.items())]
    root = pages.tree(roots, _BUCKET_FLAG)
    freelist = pages.add(_IS_FREELIST, 0, b"")
    target.seek(0)
    for number in (0, 1):
        head = _META.pack(_MAGIC, _VERSION, _PAGE, 0, root, 0, freelist, pages.count, number)
        page = _HEADER.pack(number, _IS_META, 0, 0) + head + struct.pack("<Q", _fnv1a(head))
        target.write(page.ljust(_PAGE, b"\0"))
    target.seek(0, 2)


class _Pages:
    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self.count = 2
        target.write(bytes(2 * _PAGE))

    def add(self, kind: int, elements: int, body: bytes) -> int:
        """The number of the page, which may take the place of several."""
        number, size = self.count, _HEADER.size + len(body)
        taken = -(-size // _PAGE)
        self._target.write((_HEADER.pack(number, kind, elements, taken - 1) + body).ljust(taken * _PAGE, b"\0"))
        self.count += taken
        return number

    def tree(self, pairs: Pairs, flags: int) -> int:
        """The root page of the tree that holds them."""
        level: list[tuple[bytes, int]] = []
        some: list[tuple[bytes, bytes]] = []
        size = _HEADER.size
        for key, value in pairs:
            more = _LEAF.size + len(key) + len(value)
            if some and (size + more > _PAGE or len(some) == _MOST):
                level.append((some[0][0], self._leaf(some, flags)))
                some, size = [], _HEADER.size
            some.append((key, value))
            size += more
        if some or not level:
            level.append((some[0][0] if some else b"", self._leaf(some, flags)))
        while len(level) > 1:
            level = self._branches(level)
        return level[0][1]

    def _leaf(self, pairs: list[tuple[bytes, bytes]], flags: int) -> int:
        heads, data = bytearray(), bytearray()
        for number, (key, value) in enumerate(pairs):
            at = (len(pairs) - number) * _LEAF.size + len(data)
            heads += _LEAF.pack(flags, at, len(key), len(value))
            data += key + value
        return self.add(_IS_LEAF, len(pairs), bytes(heads + data))

    def _branches(self, level: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        above: list[tuple[bytes, int]] = []
        some: list[tuple[bytes, int]] = []
        size = _HEADER.size
        for key, page in level:
            more = _BRANCH.size + len(key)
            if len(some) >= 2 and size + more > _PAGE:
                above.append((some[0][0], self._branch(some)))
                some, size = [], _HEADER.size
            some.append((key, page))
            size += more
        above.append((some[0][0], self._branch(some)))
        return above

    def _branch(self, children: list[tuple[bytes, int]]) -> int:
        heads, data = bytearray(), bytearray()
        for number, (key, page) in enumerate(children):
            heads += _BRANCH.pack((len(children) - number) * _BRANCH.size + len(data), len(key), page)
            data += key
        return self.add(_IS_BRANCH, len(children), bytes(heads + data))


def _fnv1a(data: bytes) -> int:
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest
