"""JSON trees into protobuf, by the same tables as decoding: what Go clients of built-in kinds ask for.

A message's encoder is made of closures the first time one of its kind is written. Field order follows the tree:
readers take any. What the tables do not know (a custom resource) is not written: `known` says so beforehand.
Source: apimachinery/pkg/runtime/serializer/protobuf, pkg/runtime/generated.proto.
"""

from __future__ import annotations

import base64
import functools
import struct
from collections.abc import Callable
from typing import Any

import orjson

from pybernetes.apimachinery.protobuf.decoding import MAGIC, message_of, table_of
from pybernetes.apimachinery.protobuf.varint import SHORT, varint
from pybernetes.apimachinery.protobuf.wire import ProtobufError
from pybernetes.apimachinery.times import duration_nanos, parse_micros, parse_time

Encode = Callable[[Any], bytes]
_VARINT, _FIXED64, _BYTES = 0, 1, 2
_REMEMBERED, _REMEMBERED_BYTES = 2048, 8192


@functools.lru_cache(1024)
def known(api_version: str, kind: str) -> bool:
    """Whether objects of this kind have a form in protobuf."""
    try:
        message_of(api_version, kind)
    except ProtobufError:
        return False
    return True


def encode(tree: dict[str, Any]) -> bytes:
    """An enveloped object from its tree. Raises ProtobufError for a kind without tables."""
    api_version, kind = tree.get("apiVersion") or "", tree.get("kind") or ""
    return envelope(api_version, kind, message(message_of(api_version, kind))(tree))


def encode_json(value: bytes) -> bytes:
    """The message alone (no envelope) of an object's JSON bytes. Raises ProtobufError."""
    return _of_json(value)[2]


def enveloped_json(value: bytes) -> bytes:
    """An enveloped object from its JSON bytes. Raises ProtobufError."""
    return envelope(*_of_json(value))


def _of_json(value: bytes) -> tuple[str, str, bytes]:
    """apiVersion, kind and message; of objects that were asked for lately without writing them again."""
    return _remembered(value) if len(value) <= _REMEMBERED_BYTES else _written(value)


def _written(value: bytes) -> tuple[str, str, bytes]:
    tree = orjson.loads(value)
    api_version, kind = tree.get("apiVersion") or "", tree.get("kind") or ""
    return api_version, kind, message(message_of(api_version, kind))(tree)


_remembered = functools.lru_cache(_REMEMBERED)(_written)
"""Keyed by the served bytes themselves, which the watch cache holds anyway."""


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    """`k8s\\0` and a runtime.Unknown."""
    head = _head(api_version, kind)
    return b"".join((head, varint(len(raw)), raw, b"\x1a\x00\x22\x00"))


def list_message(metadata: dict[str, Any], items: list[bytes]) -> bytes:
    """The message of a List of encoded messages."""
    parts = [_field(1, message("meta.v1.ListMeta")(metadata))]
    for item in items:
        parts += (_item_head(len(item)), item)
    return b"".join(parts)


@functools.lru_cache(4096)
def _item_head(size: int) -> bytes:
    """Tag and length of a list's item."""
    return b"\x12" + varint(size)


def watch_frame(type_: str, enveloped: bytes) -> bytes:
    """One event of a watch: four bytes of length, a meta.v1.WatchEvent without envelope."""
    event = b"".join((_field(1, type_.encode()), _field(2, _field(1, enveloped))))
    return struct.pack(">I", len(event)) + event


@functools.cache
def message(name: str) -> Encode:
    """From a tree to the bytes of the message `name` ("core.v1.Pod")."""
    fields: dict[str, Encode] = {}
    inline: list[Encode] = []
    filled = False

    def fill() -> None:
        nonlocal filled
        for number, field in table_of(name).items():
            if field.name:
                fields[field.name] = _field_encoder(number, field.shape, field.code)
            else:
                inline.append(_field_encoder(number, "", field.code))
        filled = True

    def encode(tree: Any) -> bytes:
        if not filled:
            fill()
        parts = []
        for key, value in tree.items():
            if value is not None and key in fields:
                parts.append(fields[key](value))
        for part in inline:
            parts.append(part(tree))
        return b"".join(parts)

    return encode


def _field_encoder(number: int, shape: str, code: str) -> Encode:
    """Tag and value of one field."""
    if shape == "{":
        return _map(number, code)
    one = _one(number, code)
    if shape == "[":
        return lambda values: b"".join([one(value) for value in values])
    return one


def _one(number: int, code: str) -> Encode:
    if code == "s":
        return _text(_tag(number, _BYTES))
    if code in ("i", "b"):
        tag = _tag(number, _VARINT)
        return lambda value: tag + varint(int(value))
    if code == "d":
        fixed = _tag(number, _FIXED64)
        return lambda value: fixed + struct.pack("<d", value)
    payload = _SPECIAL.get(code) or message(code)
    tag = _tag(number, _BYTES)

    def encode(value: Any) -> bytes:
        raw = payload(value)
        size = len(raw)
        return tag + (SHORT[size] if size < 128 else varint(size)) + raw

    return encode


def _text(tag: bytes) -> Encode:
    def encode(value: str) -> bytes:
        raw = value.encode()
        size = len(raw)
        return tag + (SHORT[size] if size < 128 else varint(size)) + raw

    return encode


def _map(number: int, code: str) -> Encode:
    tag, key_of, value_of = _tag(number, _BYTES), _text(_tag(1, _BYTES)), _one(2, code)

    def encode(values: dict[str, Any]) -> bytes:
        parts: list[bytes] = []
        for key, value in values.items():
            entry = key_of(key) + (value_of(value) if value is not None else b"")
            parts += (tag, varint(len(entry)), entry)
        return b"".join(parts)

    return encode


# types with a form of their own


def _quantity(value: Any) -> bytes:
    return _field(1, str(value).encode())


@functools.lru_cache(512)
def _time(value: str) -> bytes:
    return _moment(round(parse_time(value) // 1), 0)


def _micro_time(value: str) -> bytes:
    micros = parse_micros(value)
    return _moment(micros // 1_000_000, micros % 1_000_000 * 1000)


def _moment(seconds: int, nanos: int) -> bytes:
    return b"\x08" + varint(seconds) + b"\x10" + varint(nanos)


def _duration(value: str) -> bytes:
    return b"\x08" + varint(duration_nanos(value))


def _int_or_string(value: int | str) -> bytes:
    if isinstance(value, str):
        return b"\x08\x01\x10\x00" + _field(3, value.encode())
    return b"\x08\x00\x10" + varint(value) + b"\x1a\x00"


def _raw(value: Any) -> bytes:
    return _field(1, orjson.dumps(value))


def _bytes(value: str) -> bytes:
    return base64.b64decode(value)


def _texts(values: list[str]) -> bytes:
    return b"".join([_field(1, value.encode()) for value in values])


def _schema(value: Any) -> bytes:
    return message("apiextensions.v1.JSONSchemaProps")(value)


def _schema_or_bool(value: Any) -> bytes:
    return b"\x08" + varint(int(value)) if isinstance(value, bool) else b"\x08\x01" + _field(2, _schema(value))


def _schema_or_array(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join([_field(2, _schema(each)) for each in value])
    return _field(1, _schema(value))


def _schema_or_texts(value: Any) -> bytes:
    return b"".join([_field(2, v.encode()) for v in value]) if isinstance(value, list) else _field(1, _schema(value))


_SPECIAL: dict[str, Encode] = {
    "y": _bytes,
    "Q": _quantity,
    "T": _time,
    "M": _micro_time,
    "D": _duration,
    "I": _int_or_string,
    "R": _raw,
    "X": _texts,
    "A": _schema_or_bool,
    "O": _schema_or_array,
    "P": _schema_or_texts,
}


# the wire format


@functools.lru_cache(1024)
def _head(api_version: str, kind: str) -> bytes:
    """Everything before the length of the object itself."""
    return MAGIC + _field(1, _field(1, api_version.encode()) + _field(2, kind.encode())) + b"\x12"


def _tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def _field(number: int, raw: bytes) -> bytes:
    return _tag(number, _BYTES) + varint(len(raw)) + raw
