"""The syntax tree of an expression, and where in the text its nodes stand.

Source: cel-go/common/ast/expr.go, cel-go/common/{error,errors}.go (how mistakes are shown).
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

ACCUMULATOR = "@result"


class Uint(int):
    """An unsigned integer, which is another type than an integer in CEL."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class Literal:
    """None, bool, int, Uint, float, str or bytes."""

    id: int
    value: Any


@dataclass(slots=True, eq=False)
class Ident:
    id: int
    name: str


@dataclass(slots=True, eq=False)
class Select:
    id: int
    operand: Node
    name: str
    test: bool = False


@dataclass(slots=True, eq=False)
class Call:
    id: int
    function: str
    target: Node | None
    args: list[Node]

    @property
    def operands(self) -> list[Node]:
        return self.args if self.target is None else [self.target, *self.args]


@dataclass(slots=True, eq=False)
class ListOf:
    id: int
    elements: list[Node]
    optional: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class Entry:
    id: int
    key: Node
    value: Node
    optional: bool = False


@dataclass(slots=True, eq=False)
class MapOf:
    id: int
    entries: list[Entry]


@dataclass(slots=True, eq=False)
class Field:
    id: int
    name: str
    value: Node
    optional: bool = False


@dataclass(slots=True, eq=False)
class Message:
    id: int
    name: str
    fields: list[Field]


@dataclass(slots=True, eq=False)
class Fold:
    """A comprehension; `variable2` is "" in those of one variable."""

    id: int
    variable: str
    variable2: str
    over: Node
    accumulator: str
    start: Node
    condition: Node
    step: Node
    result: Node

    @property
    def binds(self) -> bool:
        """Whether this is no loop, but a name for a value."""
        return (
            isinstance(self.over, ListOf)
            and not self.over.elements
            and isinstance(self.condition, Literal)
            and self.condition.value is False
            and self.accumulator != ACCUMULATOR
        )


Node = Literal | Ident | Select | Call | ListOf | MapOf | Message | Fold


def children(node: Node) -> list[Node]:
    match node:
        case Select():
            return [node.operand]
        case Call():
            return node.operands
        case ListOf():
            return node.elements
        case MapOf():
            return [part for entry in node.entries for part in (entry.key, entry.value)]
        case Message():
            return [each.value for each in node.fields]
        case Fold():
            return [node.over, node.start, node.condition, node.step, node.result]
    return []


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, outer ones first."""
    yield node
    for child in children(node):
        yield from walk(child)


def qualified_name(node: Node) -> str:
    """The dotted name that a chain of selections may be; "" for anything else."""
    match node:
        case Ident():
            return node.name
        case Select(test=False):
            outer = qualified_name(node.operand)
            return f"{outer}.{node.name}" if outer else ""
    return ""


class CelError(ValueError):
    """What is wrong with an expression, or went wrong as it was evaluated."""


_MOST_SHOWN = 100
_LONGEST_LINE = 16384


@dataclass(slots=True)
class Source:
    """An expression's text, and the offsets of its nodes in it."""

    text: str
    offsets: dict[int, int] = field(default_factory=dict)

    def shown(self, mistakes: Iterable[tuple[int, str]]) -> str:
        """Mistakes at nodes, with the lines they stand in."""
        placed = sorted(((*self._place(node), said) for node, said in mistakes), key=lambda each: each[:2])
        lines = [self._one(*each) for each in placed[:_MOST_SHOWN]]
        if len(placed) > _MOST_SHOWN:
            lines.append(f"{len(placed) - _MOST_SHOWN} more errors were truncated")
        return "\n".join(lines)

    def _place(self, node: int) -> tuple[int, int]:
        offset = self.offsets.get(node)
        if offset is None:
            return -1, -1
        starts = [0] + [i + 1 for i, c in enumerate(self.text) if c == "\n"]
        line = bisect.bisect_right(starts, offset)
        return line, offset - starts[line - 1]

    def _one(self, line: int, column: int, said: str) -> str:
        head = f"ERROR: <input>:{line}:{column + 1}: {said}"
        lines = self.text.split("\n")
        if not 0 < line <= len(lines) or len(lines[line - 1]) > _LONGEST_LINE:
            return head
        snippet = lines[line - 1].replace("\t", " ")
        before = "".join("\uff0e" if ord(c) > 127 else "." for c in snippet[:column])
        mark = "\uff3e" if ord(snippet[column : column + 1] or " ") > 127 else "^"
        return f"{head}\n | {snippet}\n | {before}{mark}"
