"""From a text to its tree: the library parses, what it serializes is read here.

The grammar is cel-go's, and so are the messages of syntax errors; those of macros are said in cel-go's words.
Source: cel-spec/proto/cel/expr/syntax.proto (the numbers of fields), cel-go/parser.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Iterator
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_optional

from pybernetes.apimachinery.protobuf.wire import fields, packed, signed
from pybernetes.cel import macros
from pybernetes.cel.syntax import (
    ACCUMULATOR,
    Call,
    CelError,
    Entry,
    Field,
    Fold,
    Ident,
    ListOf,
    Literal,
    MapOf,
    Message,
    Node,
    Select,
    Source,
    Uint,
    walk,
)

_SAID_OTHERWISE = (
    (
        re.compile(r"\b(?:all|exists|exists_one)\(\) variable name must be a simple identifier"),
        "argument must be a simple name",
    ),
    (re.compile(r"\b(?:map|filter)\(\) variable name must be a simple identifier"), "argument is not an identifier"),
    (re.compile(r"has\(\) argument must be a field selection"), "invalid argument to has() macro"),
)
"""What the library says of macros, and what cel-go says of the same."""
_QUOTES = re.compile(r"""(?s)[rR]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|//[^\n]*|`""")
"""Texts and comments, and the quotes around names, which upstream's environments do not allow."""


@functools.cache
def _library(bindings: bool) -> Any:
    extensions: list[Any] = [ext_optional.ExtOptional()]
    if bindings:
        extensions.append(ext_bindings.ExtBindings())
    return cel.NewEnv(extensions=extensions)


def parsed(text: str, *, bindings: bool = False) -> tuple[Node, Source]:
    """The tree of a text, its macros expanded; `bindings` allows cel.bind. Raises CelError."""
    try:
        written = _library(bindings).compile(text, disable_check=True).serialize()
    except RuntimeError as error:
        if "\0" in text:
            raise CelError(_said_of_zeros(text, bindings)) from None
        raise CelError(_plain(str(error))) from None
    except UnicodeError:
        raise CelError("ERROR: <input>:1:1: Syntax error: invalid UTF-8") from None
    whole = _by_number(_by_number(written)[2])
    source = Source(text, _offsets(whole[3]))
    if quoted := [found.start() for found in _QUOTES.finditer(text) if found.group() == "`"][::2]:
        source.offsets = {-offset: offset for offset in quoted}
        raise CelError(source.shown((-offset, "unsupported syntax: '`'") for offset in quoted))
    tree = _node(whole[2])
    for node in walk(tree):
        if isinstance(node, Message):
            # Where its braces open.
            source.offsets[node.id] = text.find("{", source.offsets[node.id])
    return macros.expanded(tree, source), source


def _said_of_zeros(text: str, bindings: bool) -> str:
    """The library's messages end at a zero, so they are those of a text with another control character."""
    try:
        parsed(text.replace("\0", "\1"), bindings=bindings)
    except CelError as error:
        return str(error).replace("\1", "\0")
    return ""


def _plain(said: str) -> str:
    """The library's message without its codes, macros' mistakes as cel-go says them."""
    said = said.removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]").replace("'\\u003F'", "'?'")
    said = said.removesuffix("\nERROR: <input>:4294967295:0: <<nil>> parsetree")
    for pattern, in_go in _SAID_OTHERWISE:
        said = pattern.sub(in_go, said)
    return said


# -- the wire ------------------------------------------------------------------------------------


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Of messages whose types are known, for the library wrote them."""
    return fields(message)


def _by_number(message: bytes) -> dict[int, Any]:
    return dict(_fields(message))


def _offsets(info: bytes) -> dict[int, int]:
    pairs = (_by_number(value) for number, value in _fields(info) if number == 4)
    return {pair.get(1, 0): pair.get(2, 0) for pair in pairs}


def _node(message: bytes) -> Node:
    node_id = 0
    for number, value in _fields(message):
        match number:
            case 2:
                node_id = value
            case 3:
                return Literal(node_id, _literal(value))
            case 4:
                return Ident(node_id, _by_number(value)[1].decode())
            case 5:
                return _select(node_id, value)
            case 6:
                return _call(node_id, value)
            case 7:
                return _list(node_id, value)
            case 8:
                return _struct(node_id, value)
            case 9:
                return _fold(node_id, value)
    raise AssertionError("a node without a kind")


def _select(node_id: int, message: bytes) -> Node:
    parts = _by_number(message)
    return Select(node_id, _node(parts[1]), parts.get(2, b"").decode(), bool(parts.get(3)))


def _call(node_id: int, message: bytes) -> Node:
    target, name, args = None, "", []
    for number, value in _fields(message):
        if number == 1:
            target = _node(value)
        elif number == 2:
            name = value.decode()
        else:
            args.append(_node(value))
    return Call(node_id, name, target, args)


def _list(node_id: int, message: bytes) -> Node:
    elements = []
    optional: list[int] = []
    for number, value in _fields(message):
        if number == 1:
            elements.append(_node(value))
        else:
            optional += packed(value)
    return ListOf(node_id, elements, frozenset(optional))


def _struct(node_id: int, message: bytes) -> Node:
    name, entries, fields = "", [], []
    for number, value in _fields(message):
        if number == 1:
            name = value.decode()
            continue
        parts = _by_number(value)
        optional = bool(parts.get(5))
        if 3 in parts:
            entries.append(Entry(parts.get(1, 0), _node(parts[3]), _node(parts[4]), optional))
        else:
            fields.append(Field(parts.get(1, 0), parts.get(2, b"").decode(), _node(parts[4]), optional))
    return Message(node_id, name, fields) if name else MapOf(node_id, entries)


def _fold(node_id: int, message: bytes) -> Node:
    parts = _by_number(message)
    accumulator = parts[3].decode()
    return Fold(
        node_id,
        parts.get(1, b"").decode(),
        "",
        _node(parts[2]),
        ACCUMULATOR if accumulator == "__result__" else accumulator,
        *(_node(parts[number]) for number in (4, 5, 6, 7)),
    )


def _literal(message: bytes) -> Any:
    for number, value in _fields(message):
        match number:
            case 1:
                return None
            case 2:
                return bool(value)
            case 3:
                return signed(value)
            case 4:
                return Uint(value)
            case 5:
                return struct.unpack("<d", value)[0]
            case 6:
                return value.decode("utf-8", "surrogatepass")
            case 7:
                return value
    raise AssertionError("a literal without a value")
