"""CBOR as Kubernetes speaks it: trees of JSON's types in and out, in the strict form of client-go's serializer.

Written are the self-described tag, byte strings for all text, sorted keys and the shortest numbers. Read is whatever
means the same; refused are what JSON cannot say (NaN, infinities, undefined, big numbers), members that stand twice,
keys that are no text, and anything behind the first item.
Source: apimachinery/pkg/runtime/serializer/cbor, RFC 8949 (4.2.1 deterministic encoding, 3.4.5 and 3.4.6 tags).
"""

from __future__ import annotations

import base64
import datetime
import io
import math
from collections.abc import Iterator
from typing import Any

import cbor2

SELF_DESCRIBED = b"\xd9\xd9\xf7"
_MAX_DEPTH = 10_000
_INT64 = 1 << 63
_TAGS_KNOWN = (
    *range(6), 21, 22, 23, 24, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799,
)  # fmt: skip
"""Tags that the library would turn into objects of its own."""


class CborError(ValueError):
    """The bytes are no CBOR, or say what JSON cannot."""


def encode(tree: Any) -> bytes:
    """The bytes of a JSON tree, behind the self-described tag."""
    return SELF_DESCRIBED + encode_item(tree)


def encode_item(tree: Any) -> bytes:
    """The same without the tag: a part of a greater item."""
    return cbor2.dumps(_written(tree), canonical=True)


def list_of(api_version: str, kind: str, metadata: dict[str, Any], items: list[bytes]) -> bytes:
    """A List of encoded items, its members in their order."""
    head = cbor2.dumps([None] * len(items))[: -len(items) or None]
    parts = [SELF_DESCRIBED, b"\xa4", encode_item("kind"), encode_item(kind), encode_item("items"), head, *items]
    parts += [encode_item("metadata"), encode_item(metadata), encode_item("apiVersion"), encode_item(api_version)]
    return b"".join(parts)


def items(sequence: bytes) -> Iterator[bytes]:
    """The items of a sequence that we wrote, each as its bytes."""
    stream = io.BytesIO(sequence)
    decoder = cbor2.CBORDecoder(stream, read_size=1)
    start = 0
    while start < len(sequence):
        decoder.decode()
        yield sequence[start : stream.tell()]
        start = stream.tell()


def decode(body: bytes) -> Any:
    """The JSON tree of one item. Raises CborError."""
    stream = io.BytesIO(body)
    decoder = cbor2.CBORDecoder(
        stream,
        read_size=1,  # nothing is read ahead: what is left in the stream is what is left of the body
        tag_hook=lambda tag, _: _untagged(tag.tag, tag.value),
        semantic_decoders=_SEMANTIC,
        max_depth=_MAX_DEPTH,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
    )
    try:
        found = _read(decoder.decode())
    except cbor2.CBORDecodeError as error:
        raise CborError(str(error) or "unexpected EOF") from None
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise CborError(str(error)) from None
    rest = len(body) - stream.tell()
    if rest:
        raise CborError(f"cbor: {rest} bytes of extraneous data starting at index {stream.tell()}")
    return found


def _written(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return value.encode()
    if isinstance(value, dict):
        return {key.encode(): _written(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_written(inner) for inner in value]
    if kind is int and not -_INT64 <= value < _INT64:
        return float(value)
    return value


def _read(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is bytes:
        return value.decode()
    if kind is dict:
        tree = {_key(key): _read(inner) for key, inner in value.items()}
        if len(tree) != len(value):
            raise CborError("cbor: found duplicate map key")
        return tree
    if kind is list:
        return [_read(inner) for inner in value]
    if kind is int:
        if not -_INT64 <= value < _INT64:
            raise CborError(f"cbor: cannot unmarshal integer {value}: it overflows int64")
        return value
    if kind is float:
        if not math.isfinite(value):
            raise CborError("cbor: cannot unmarshal NaN or an infinity")
        return value
    raise CborError(f"cbor: cannot unmarshal {kind.__name__} into a JSON value")


def _key(key: Any) -> str:
    if isinstance(key, bytes):
        return key.decode()
    if not isinstance(key, str):
        raise CborError(f"cbor: cannot unmarshal a map key of type {type(key).__name__} into a string")
    return key


def _untagged(tag: int, value: Any) -> Any:
    """What a tagged item means."""
    if tag in (2, 3):
        raise CborError("cbor: cannot unmarshal bignum")
    if tag == 0:
        return _moment(value)
    if tag == 1:
        return _epoch(value)
    if isinstance(value, bytes):
        if tag == 21:
            return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
        if tag == 22:
            return base64.b64encode(value).decode()
        if tag == 23:
            return value.hex().upper()
    return value


def _moment(value: Any) -> str:
    text = value.decode() if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise CborError("cbor: tag number 0 must be followed by text")
    datetime.datetime.fromisoformat(text)
    return text


def _epoch(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CborError("cbor: tag number 1 must be followed by a number")
    moment = datetime.datetime.fromtimestamp(value, datetime.UTC)
    return moment.isoformat().removesuffix("+00:00") + "Z"


_SEMANTIC = {tag: (lambda value, _, tag=tag: _untagged(tag, value)) for tag in _TAGS_KNOWN}
