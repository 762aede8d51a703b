"""What is wrong with literals that an expression's types say nothing of: patterns, times, formats, mixed lists.

Source: cel-go/cel/validator.go, cel-go/ext/formatting.go (stringFormatValidator).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pybernetes.apimachinery import patterns
from pybernetes.cel import types
from pybernetes.cel.checking import Checked
from pybernetes.cel.functions import formatting
from pybernetes.cel.functions.times import read_duration, read_timestamp
from pybernetes.cel.syntax import Call, CelError, ListOf, Literal, MapOf, Node, children, walk

Mistake = tuple[int, str]
_CHECKED: dict[str, Callable[[str], bool]] = {
    "duration": lambda text: read_duration(text) is not None,
    "timestamp": lambda text: read_timestamp(text) is not None,
    "matches": lambda text: not patterns.problem(text),
}
_TAKES: dict[str, frozenset[str]] = {
    "s": frozenset(
        [
            "list",
            "map",
            "int",
            "uint",
            "double",
            "bool",
            "string",
            "timestamp",
            "bytes",
            "duration",
            "type",
            "null",
            "dyn",
        ]
    ),
    "d": frozenset(["int", "uint", "dyn"]),
    "f": frozenset(["double", "string", "dyn"]),
    "e": frozenset(["double", "string", "dyn"]),
    "b": frozenset(["int", "uint", "bool", "dyn"]),
    "x": frozenset(["int", "uint", "string", "bytes", "dyn"]),
    "X": frozenset(["int", "uint", "string", "bytes", "dyn"]),
    "o": frozenset(["int", "uint", "dyn"]),
}


def validate(checked: Checked) -> None:
    """Raises CelError with all that is wrong."""
    found = [*_texts(checked), *_mixed(checked, checked.tree), *_formats(checked)]
    if found:
        raise CelError(checked.source.shown(found))


def _texts(checked: Checked) -> Iterator[Mistake]:
    for node in walk(checked.tree):
        if isinstance(node, Call) and node.function in _CHECKED and node.args:
            arg = node.args[0]
            if isinstance(arg, Literal) and isinstance(arg.value, str) and not _CHECKED[node.function](arg.value):
                yield arg.id, f"invalid {node.function} argument"


def _mixed(checked: Checked, node: Node) -> Iterator[Mistake]:
    """Lists and maps that are written out must be of one type, but for what is given to format()."""
    if isinstance(node, ListOf):
        kinds = [(each.id, _held(checked, each, i in node.optional)) for i, each in enumerate(node.elements)]
        yield from list(_unlike(kinds))[:1]
    elif isinstance(node, MapOf):
        yield from _unlike([(e.key.id, checked.types[e.key.id]) for e in node.entries])
        yield from _unlike([(e.value.id, _held(checked, e.value, e.optional)) for e in node.entries])
    if not (isinstance(node, Call) and node.function == "format"):
        for child in children(node):
            yield from _mixed(checked, child)


def _held(checked: Checked, node: Node, optional: bool) -> types.Type:
    kind = checked.types[node.id]
    return types.unwrapped(kind) if optional else kind


def _unlike(kinds: list[tuple[int, types.Type]]) -> Iterator[Mistake]:
    for node, kind in kinds[1:]:
        if not _equivalent(kinds[0][1], kind):
            yield node, f"expected type '{kinds[0][1]}' but found '{kind}'"


def _equivalent(one: types.Type, other: types.Type) -> bool:
    return one == other or (one.kind == other.kind == "type")


def _formats(checked: Checked) -> Iterator[Mistake]:
    for node in walk(checked.tree):
        if not (isinstance(node, Call) and node.function == "format" and isinstance(node.target, Literal)):
            continue
        given, text = node.args[0], node.target.value
        if not isinstance(given, ListOf) or not isinstance(text, str):
            continue
        try:
            clauses = list(formatting.clauses(text))
            wrong = next(filter(None, (_argument(checked, c, given.elements, i) for i, c in enumerate(clauses))), None)
        except CelError as error:
            wrong = node.id, str(error)
        if wrong is None and len(given.elements) > len(clauses):
            counts = f"(expected {len(clauses)}, got {len(given.elements)})"
            wrong = node.id, f"too many arguments supplied to string.format {counts}"
        if wrong is not None:
            yield wrong


def _argument(checked: Checked, clause: re.Match[str] | None, given: list[Node], index: int) -> Mistake | None:
    """What is wrong with the argument of a clause. Raises CelError for the clause itself."""
    if clause is None:
        raise CelError("unexpected end of string")
    if index >= len(given):
        raise CelError(f"index {index} out of range")
    verb, _ = formatting.verb_of(clause)
    for node in walk(given[index]) if verb == "s" else [given[index]]:
        kind = checked.types[node.id]
        if kind.kind not in _TAKES[verb]:
            return node.id, f"error during formatting: {formatting.problem(verb, kind)}"
        if not isinstance(node, ListOf | MapOf):
            break
    return None
