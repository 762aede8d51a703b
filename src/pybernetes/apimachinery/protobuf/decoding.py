"""Objects from protobuf into JSON trees, by the tables in `messages` (read when a kind first comes).

An envelope `k8s\\0` holds a runtime.Unknown: apiVersion, kind and the message itself. Fields that a
Go server would leave out of its JSON (empty, with omitempty) are left out here too.
Source: apimachinery/pkg/runtime/serializer/protobuf, pkg/runtime/generated.proto.
"""

from __future__ import annotations

import base64
import functools
import importlib
import json
import struct
from typing import Any, NamedTuple

from pybernetes.apimachinery.protobuf.wire import ProtobufError, fields, packed, signed
from pybernetes.apimachinery.scheme import RESOURCES
from pybernetes.apimachinery.times import format_duration, format_micros, format_time

MAGIC = b"k8s\0"
_META_KINDS = (
    "APIGroup", "APIGroupList", "APIResourceList", "APIVersions", "CreateOptions", "DeleteOptions",
    "PartialObjectMetadata", "PartialObjectMetadataList", "PatchOptions", "Status", "UpdateOptions",
)  # fmt: skip
_ZERO_TIME_S = -62135596800
_DEPTH = 64


class Field(NamedTuple):
    name: str
    """"" for a message whose fields are its parent's in JSON."""
    shape: str
    """"" one value, "[" a list, "{" a map from text."""
    code: str
    omit: bool


def decode(data: bytes) -> dict[str, Any]:
    """The tree of an enveloped object. Raises ProtobufError."""
    if not data.startswith(MAGIC):
        raise ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    api_version = kind = ""
    raw = b""
    for number, value in fields(memoryview(data)[len(MAGIC) :]):
        if number == 1:
            for inner, text in fields(_bytes(value)):
                if inner == 1:
                    api_version = _text(text)
                elif inner == 2:
                    kind = _text(text)
        elif number == 2:
            raw = bytes(_bytes(value))
        elif number == 3 and bytes(_bytes(value)):
            raise ProtobufError("content encodings are not supported")
    message = message_of(api_version, kind)
    tree = _message(memoryview(raw), message, 0)
    return {"apiVersion": api_version, "kind": kind, **tree}


def message_of(api_version: str, kind: str) -> str:
    """The name of a kind's message in the tables ("core.v1.Pod"). Raises ProtobufError."""
    group, _, version = api_version.rpartition("/")
    if kind in _META_KINDS:
        return f"meta.v1.{kind}"
    package = "apiserverinternal" if group == "internal.apiserver.k8s.io" else group.split(".")[0] if group else "core"
    message = f"{package}.{version}.{kind}"
    try:
        if group not in _groups():
            raise KeyError(group)
        table_of(message)
    except KeyError:
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"') from None
    return message


@functools.cache
def _groups() -> frozenset[str]:
    return frozenset(resource.group for resource in RESOURCES)


@functools.cache
def table_of(message: str) -> dict[int, Field]:
    """The fields of a message by number. Raises KeyError."""
    package, _, name = message.rpartition(".")
    module = package.replace(".", "_")
    if not module.isidentifier():
        raise KeyError(message)
    try:
        texts = importlib.import_module(f"pybernetes.apimachinery.protobuf.messages.{module}").MESSAGES
    except ModuleNotFoundError:
        raise KeyError(message) from None
    found: dict[int, Field] = {}
    for text in filter(None, texts[name].split("|")):
        number, field, code = text.split(" ")
        omit = code.endswith("?")
        code = code.rstrip("?")
        shape = code[0] if code[0] in "[{" else ""
        found[int(number)] = Field(field, shape, code[len(shape) :], omit)
    return found


def _message(data: memoryview, message: str, depth: int) -> dict[str, Any]:
    if depth > _DEPTH:
        raise ProtobufError("the object is nested too deeply")
    table = table_of(message)
    tree: dict[str, Any] = {}
    for number, value in fields(data):
        field = table.get(number)
        if field is None:
            continue
        if field.shape == "{":
            key, item = _entry(_bytes(value), field.code, depth)
            tree.setdefault(field.name, {})[key] = item
        elif field.shape == "[":
            items = tree.setdefault(field.name, [])
            if field.code in ("i", "b") and not isinstance(value, int):
                items += [_value(each, field.code, depth) for each in packed(_bytes(value))]
            else:
                items.append(_value(value, field.code, depth))
        elif not field.name:
            tree.update(_message(_bytes(value), field.code, depth + 1))
        else:
            read = _value(value, field.code, depth)
            if not (field.omit and _empty(read)) and not (read is None and field.code in "TM"):
                tree[field.name] = read
    return tree


def _empty(value: Any) -> bool:
    """What omitempty leaves out; not an empty object, as in Go."""
    return value is None or value == "" or value == [] or (not isinstance(value, dict) and value == 0)


def _entry(data: memoryview, code: str, depth: int) -> tuple[str, Any]:
    key, item = "", _nothing(code)
    for number, value in fields(data):
        if number == 1:
            key = _text(value)
        elif number == 2:
            item = _value(value, code, depth)
    return key, item


def _nothing(code: str) -> Any:
    return {"s": "", "y": "", "i": 0, "b": False, "X": [], "Q": "0"}.get(code, {} if "." in code else None)


def _value(value: int | memoryview, code: str, depth: int) -> Any:
    if code == "s":
        return _text(value)
    if code == "i":
        return signed(value)
    if code == "b":
        return bool(value)
    if code == "y":
        return base64.b64encode(_bytes(value)).decode()
    if code == "d":
        return struct.unpack("<d", _bytes(value))[0]
    if code in _SPECIAL:
        return _SPECIAL[code](_bytes(value), depth)
    return _message(_bytes(value), code, depth + 1)


def _parts(data: memoryview) -> dict[int, int | memoryview]:
    return dict(fields(data))


def _quantity(data: memoryview, depth: int) -> Any:
    return _text(_parts(data).get(1, memoryview(b"0")))


def _time(data: memoryview, depth: int) -> Any:
    seconds = signed(_parts(data).get(1, _ZERO_TIME_S))
    return None if seconds == _ZERO_TIME_S else format_time(seconds)


def _micro_time(data: memoryview, depth: int) -> Any:
    parts = _parts(data)
    seconds = signed(parts.get(1, _ZERO_TIME_S))
    if seconds == _ZERO_TIME_S:
        return None
    return format_micros(round(seconds) * 1_000_000 + signed(parts.get(2, 0)) // 1000)


def _duration(data: memoryview, depth: int) -> Any:
    return format_duration(signed(_parts(data).get(1, 0)) / 1_000_000_000)


def _int_or_string(data: memoryview, depth: int) -> Any:
    parts = _parts(data)
    return _text(parts.get(3, memoryview(b""))) if parts.get(1) else signed(parts.get(2, 0))


def _raw(data: memoryview, depth: int) -> Any:
    """Bytes that are JSON already, or an enveloped object again."""
    raw = bytes(_bytes(_parts(data).get(1, memoryview(b""))))
    if not raw:
        return None
    if raw.startswith(MAGIC):
        return decode(raw)
    try:
        return json.loads(raw)
    except ValueError:
        raise ProtobufError("an embedded object is neither JSON nor protobuf") from None


def _text_list(data: memoryview, depth: int) -> Any:
    return [_text(value) for number, value in fields(data) if number == 1]


def _schema_or_bool(data: memoryview, depth: int) -> Any:
    parts = _parts(data)
    return _schema(parts[2], depth) if 2 in parts else bool(parts.get(1))


def _schema_or_array(data: memoryview, depth: int) -> Any:
    several = [_schema(value, depth) for number, value in fields(data) if number == 2]
    return several or _schema(_parts(data).get(1, memoryview(b"")), depth)


def _schema_or_texts(data: memoryview, depth: int) -> Any:
    texts = [_text(value) for number, value in fields(data) if number == 2]
    return texts or _schema(_parts(data).get(1, memoryview(b"")), depth)


def _schema(value: int | memoryview, depth: int) -> Any:
    return _message(_bytes(value), "apiextensions.v1.JSONSchemaProps", depth + 1)


_SPECIAL = {
    "Q": _quantity,
    "T": _time,
    "M": _micro_time,
    "D": _duration,
    "I": _int_or_string,
    "R": _raw,
    "X": _text_list,
    "A": _schema_or_bool,
    "O": _schema_or_array,
    "P": _schema_or_texts,
}


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ProtobufError("proto: wrong wireType for bytes")
    return value


def _text(value: int | memoryview) -> str:
    try:
        return str(_bytes(value), "utf-8")
    except UnicodeDecodeError:
        raise ProtobufError("proto: invalid UTF-8") from None
