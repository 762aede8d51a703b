"""The v2 document in the protobuf form that kubectl asks for, encoded by hand from a table of its messages.

Source: gnostic's openapiv2/OpenAPIv2.proto (message and field numbers). Only what a v2 document of this API holds is
in the table; anything else is a KeyError in the test, not a silent loss.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from pybernetes.apimachinery.protobuf.varint import varint
from pybernetes.apimachinery.scheme import RESOURCES, Resource
from pybernetes.apiserver.openapi import documents
from pybernetes.apiserver.openapi.definitions import Definitions

Tree = dict[str, Any]
_Encoder = Callable[[Any], bytes]


def v2_protobuf(definitions: Definitions, resources: Sequence[Resource] = RESOURCES) -> bytes:
    """The whole document."""
    out = bytearray(
        _text(1, "2.0") + _block(2, _text(1, documents.INFO["title"]) + _text(2, documents.INFO["version"]))
    )
    paths = bytearray()
    for item in documents.v2_paths(resources):
        paths += _named(2, item.path, path_item(documents.v2_path(item)))
    out += _block(8, paths)
    del paths
    schemas = bytearray()
    for name, tree in documents.v2_definitions(definitions, resources):
        schemas += _named(1, name, schema(tree))
    out += _block(9, schemas)
    parameters = b"".join(_named(1, name, parameter(tree)) for name, tree in documents.v2_parameters())
    out += _block(10, parameters)
    out += _block(12, _named(1, "BearerToken", b""))
    bearer = documents.BEARER["BearerToken"]
    key = _text(1, bearer["type"]) + _text(2, bearer["name"]) + _text(3, bearer["in"]) + _text(4, bearer["description"])
    out += _block(13, _named(1, "BearerToken", _block(2, key)))
    return bytes(out)


def addition(paths: Iterable[tuple[str, Tree]], definitions: Iterable[tuple[str, Tree]]) -> bytes:
    """More paths and definitions, to be appended to a document."""
    out = _block(8, b"".join(_named(2, path, path_item(tree)) for path, tree in paths))
    return out + _block(9, b"".join(_named(1, name, schema(tree)) for name, tree in definitions))


def schema(tree: Tree) -> bytes:
    """A Schema message."""
    return _message(tree, _SCHEMA, 31)


def path_item(tree: Tree) -> bytes:
    return _message(tree, _PATH_ITEM, 10)


def parameter(tree: Tree) -> bytes:
    """A Parameter message: of the body, of the query or of the path."""
    if tree["in"] == "body":
        return _block(1, _message(tree, _BODY, 6))
    number, fields = (3, _QUERY) if tree["in"] == "query" else (4, _PATH)
    return _block(2, _block(number, _message(tree, fields, 23 if number == 3 else 22)))


def _message(tree: Tree, fields: dict[str, tuple[int, _Encoder]], extensions: int) -> bytes:
    out = bytearray()
    for name, value in tree.items():
        if name.startswith("x-"):
            out += _block(extensions, _text(1, name) + _block(2, _text(2, orjson.dumps(value).decode() + "\n")))
        else:
            number, encode = fields[name]
            if isinstance(value, list) and encode is not _type_item and name not in ("default", "example"):
                for item in value:
                    out += _block(number, encode(item))
            elif encode in _WIRE_TYPES:
                out += _key(number, _WIRE_TYPES[encode]) + encode(value)
            else:
                out += _block(number, encode(value))
    return bytes(out)


def _string(value: str) -> bytes:
    return value.encode()


def _flag(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


def _count(value: int) -> bytes:
    return varint(value)


def _double(value: float) -> bytes:
    return struct.pack("<d", value)


def _any(value: Any) -> bytes:
    return _text(2, orjson.dumps(value).decode() + "\n")


_WIRE_TYPES: dict[_Encoder, int] = {_flag: 0, _count: 0, _double: 1}
"""Of the encoders whose fields carry no length."""


def _type_item(value: str | list[str]) -> bytes:
    return b"".join(_text(1, kind) for kind in ([value] if isinstance(value, str) else value))


def _external(tree: Tree) -> bytes:
    return _text(1, tree.get("description", "")) + _text(2, tree.get("url", ""))


def _properties(tree: Tree) -> bytes:
    return b"".join(_named(1, name, schema(value)) for name, value in tree.items())


def _items(tree: Tree) -> bytes:
    return _block(1, schema(tree))


def _additional_properties(value: Tree | bool) -> bytes:
    return _key(2, 0) + _flag(value) if isinstance(value, bool) else _block(1, schema(value))


def _parameters_item(tree: Tree) -> bytes:
    return _block(2, _text(1, tree["$ref"])) if "$ref" in tree else _block(1, parameter(tree))


def _responses(tree: Tree) -> bytes:
    return b"".join(_named(1, code, _block(1, _response(value))) for code, value in tree.items())


def _response(tree: Tree) -> bytes:
    out = _text(1, tree["description"])
    return out + _block(2, _block(1, schema(tree["schema"]))) if "schema" in tree else out


def _operation(tree: Tree) -> bytes:
    return _message(tree, _OPERATION, 13)


_SCHEMA: dict[str, tuple[int, _Encoder]] = {
    "$ref": (1, _string),
    "format": (2, _string),
    "title": (3, _string),
    "description": (4, _string),
    "default": (5, _any),
    "multipleOf": (6, _double),
    "maximum": (7, _double),
    "exclusiveMaximum": (8, _flag),
    "minimum": (9, _double),
    "exclusiveMinimum": (10, _flag),
    "maxLength": (11, _count),
    "minLength": (12, _count),
    "pattern": (13, _string),
    "maxItems": (14, _count),
    "minItems": (15, _count),
    "uniqueItems": (16, _flag),
    "maxProperties": (17, _count),
    "minProperties": (18, _count),
    "required": (19, _string),
    "enum": (20, _any),
    "additionalProperties": (21, _additional_properties),
    "type": (22, _type_item),
    "items": (23, _items),
    "properties": (25, _properties),
    "externalDocs": (29, _external),
    "example": (30, _any),
}
_BODY: dict[str, tuple[int, _Encoder]] = {
    "description": (1, _string),
    "name": (2, _string),
    "in": (3, _string),
    "required": (4, _flag),
    "schema": (5, schema),
}
_QUERY: dict[str, tuple[int, _Encoder]] = {
    "required": (1, _flag),
    "in": (2, _string),
    "description": (3, _string),
    "name": (4, _string),
    "type": (6, _string),
    "uniqueItems": (20, _flag),
}
_PATH: dict[str, tuple[int, _Encoder]] = {
    "required": (1, _flag),
    "in": (2, _string),
    "description": (3, _string),
    "name": (4, _string),
    "type": (5, _string),
    "uniqueItems": (19, _flag),
}
_OPERATION: dict[str, tuple[int, _Encoder]] = {
    "tags": (1, _string),
    "description": (3, _string),
    "operationId": (5, _string),
    "produces": (6, _string),
    "consumes": (7, _string),
    "parameters": (8, _parameters_item),
    "responses": (9, _responses),
    "schemes": (10, _string),
}
_PATH_ITEM: dict[str, tuple[int, _Encoder]] = {
    "get": (2, _operation),
    "put": (3, _operation),
    "post": (4, _operation),
    "delete": (5, _operation),
    "options": (6, _operation),
    "head": (7, _operation),
    "patch": (8, _operation),
    "parameters": (9, _parameters_item),
}


def _named(number: int, name: str, value: bytes) -> bytes:
    """A NamedX message: a name and a message."""
    return _block(number, _text(1, name) + _block(2, value))


def _text(number: int, value: str) -> bytes:
    return _block(number, value.encode())


def _block(number: int, value: bytes | bytearray) -> bytes:
    return _key(number, 2) + varint(len(value)) + value


def _key(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)
