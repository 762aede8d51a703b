"""What an expression can cost at most, from the sizes that its variables can have.

A size or a cost is a pair: the least and the most. Values whose size nobody knows may be as large as a number can say.
Source: cel-go/checker/cost.go, apiserver/pkg/cel/library/cost.go, cel-go/ext/{lists,sets}.go.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pybernetes.cel import costs, types
from pybernetes.cel.checking import Checked
from pybernetes.cel.costs import MOST, PATTERN, TRAVERSAL
from pybernetes.cel.syntax import (
    ACCUMULATOR,
    Call,
    Fold,
    Ident,
    ListOf,
    Literal,
    MapOf,
    Message,
    Node,
    Select,
)
from pybernetes.cel.types import Type

Path = tuple[str, ...]
"""A variable and the way from it: names of fields, @items, @keys, @values, @indices."""
MostElements = Callable[[Path], int | None]
"""How many items, entries or characters what stands at a path can have; None where nobody knows."""


class Range(NamedTuple):
    least: int
    most: int

    def plus(self, other: Range) -> Range:
        return Range(min(self.least + other.least, MOST), min(self.most + other.most, MOST))

    def by(self, other: Range) -> Range:
        return Range(min(self.least * other.least, MOST), min(self.most * other.most, MOST))

    def times(self, factor: float) -> Range:
        return Range(costs.times(self.least, factor), costs.times(self.most, factor))

    def union(self, other: Range) -> Range:
        return Range(min(self.least, other.least), max(self.most, other.most))


NONE, ONE, UNKNOWN = Range(0, 0), Range(1, 1), Range(0, MOST)
_IP_BYTES = Range(4, 16)


def fixed(value: int) -> Range:
    return Range(value, value)


@dataclass(slots=True)
class _Entries:
    """The sizes of a list's or a map's keys and values."""

    container: str
    key: Range
    value: Range


@dataclass(slots=True)
class _Local:
    path: Path
    size: Range | None
    entries: _Entries | None = None


@dataclass(slots=True)
class _Given:
    """A target or an argument of a call."""

    node: Node | None
    kind: Type
    path: Path
    size: Range | None


Estimated = tuple[Range, Range | None]
"""What a call costs, and the size of what it gives."""


def estimate(expression: Checked, most_elements: MostElements) -> Range:
    return _Estimate(expression, most_elements).cost(expression.tree)


class _Estimate:
    def __init__(self, expression: Checked, most_elements: MostElements) -> None:
        self._expression = expression
        self._most = most_elements
        self._paths: dict[int, Path] = {}
        self._sizes: dict[int, Range] = {}
        self._entries: dict[int, _Entries] = {}
        self._locals: dict[str, list[_Local]] = {}

    # -- nodes -----------------------------------------------------------------------------------

    def cost(self, node: Node) -> Range:
        match node:
            case Ident():
                local = self._local(node.name)
                self._paths[node.id] = local.path if local is not None else (node.name,)
                return fixed(costs.READ)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListOf():
                return self._list(node)
            case MapOf():
                return self._map(node)
            case Message():
                return self._sum([each.value for each in node.fields]).plus(fixed(costs.NEW_MESSAGE))
            case Fold():
                return self._bind(node) if node.binds else self._fold(node)
        return NONE

    def _sum(self, nodes: list[Node]) -> Range:
        found = NONE
        for node in nodes:
            found = found.plus(self.cost(node))
        return found

    def _select(self, node: Select) -> Range:
        found = self.cost(node.operand)
        if node.test:
            return found
        if self._type(node.operand).kind in ("map", "struct", "parameter"):
            found = found.plus(fixed(costs.READ))
        self._paths[node.id] = (*self._path(node.operand), node.name)
        return found

    def _list(self, node: ListOf) -> Range:
        found = self._sum(node.elements)
        item = self._united(node.elements)
        self._entries[node.id] = _Entries("list", ONE, item)
        return found.plus(fixed(costs.NEW_LIST))

    def _map(self, node: MapOf) -> Range:
        found = self._sum([part for entry in node.entries for part in (entry.key, entry.value)])
        key = self._united([entry.key for entry in node.entries])
        value = self._united([entry.value for entry in node.entries])
        self._entries[node.id] = _Entries("map", key, value)
        return found.plus(fixed(costs.NEW_MAP))

    def _united(self, nodes: list[Node]) -> Range:
        found = Range(MOST if nodes else 0, 0)
        for node in nodes:
            found = found.union(self._size_or_unknown(node))
        return found

    def _bind(self, node: Fold) -> Range:
        found = self.cost(node.over).plus(self.cost(node.start))
        self._push(node.accumulator, self._bound(node.start))
        found = found.plus(self.cost(node.result))
        self._locals[node.accumulator].pop()
        if (size := self._size(node.result)) is not None:
            self._sizes[node.id] = size
        if (entries := self._entry_sizes(node.result)) is not None:
            self._entries[node.id] = entries
        return found

    def _fold(self, node: Fold) -> Range:
        found = self.cost(node.over).plus(self.cost(node.start))
        self._push(node.accumulator, self._bound(node.start))
        names = self._push_variables(node)
        each = self.cost(node.condition).plus(self.cost(node.step))
        for name in names:
            self._locals[name].pop()
        found = found.plus(self.cost(node.result))
        self._locals[node.accumulator].pop()
        rounds = self._size_or_unknown(node.over)
        found = found.plus(rounds.by(each))
        if isinstance(node.start, Literal):
            if (size := self._size(node.start)) is not None:
                self._sizes[node.id] = size
        elif isinstance(node.start, ListOf | MapOf):
            self._sizes[node.id] = rounds
            if (entries := self._entry_sizes(node.step)) is not None:
                self._entries[node.id] = entries
        return found

    def _push_variables(self, node: Fold) -> tuple[str, ...]:
        entries = self._entry_sizes(node.over)
        is_list = (entries.container if entries is not None else self._type(node.over).kind) == "list"
        path = self._path(node.over)
        key = entries.key if entries is not None else None
        value = entries.value if entries is not None else None
        if node.variable2:
            self._push(node.variable, _Local((*path, "@indices" if is_list else "@keys"), key))
            self._push(node.variable2, _Local((*path, "@items" if is_list else "@values"), value))
            return node.variable, node.variable2
        self._push(node.variable, _Local((*path, "@items" if is_list else "@keys"), value if is_list else key))
        return (node.variable,)

    def _push(self, name: str, local: _Local) -> None:
        self._locals.setdefault(name, []).append(local)

    def _bound(self, node: Node) -> _Local:
        return _Local(self._path(node), self._size(node), self._entry_sizes(node))

    # -- sizes -----------------------------------------------------------------------------------

    def _local(self, name: str) -> _Local | None:
        known = self._locals.get(name)
        return known[-1] if known else None

    def _type(self, node: Node) -> Type:
        return self._expression.types.get(node.id, types.DYN)

    def _path(self, node: Node) -> Path:
        if isinstance(node, Ident) and (local := self._local(node.name)) is not None:
            return local.path
        return self._paths.get(node.id, ())

    def _size(self, node: Node) -> Range | None:
        if (known := self._sizes.get(node.id)) is not None:
            return known
        match node:
            case Literal():
                return fixed(len(node.value) if isinstance(node.value, str | bytes) else 1)
            case ListOf():
                return fixed(len(node.elements))
            case MapOf():
                return fixed(len(node.entries))
        path = self._path(node)
        if (declared := self._declared(path)) is not None:
            self._sizes[node.id] = declared
            return declared
        if _scalar(self._type(node)):
            return ONE
        if isinstance(node, Ident) and (local := self._local(node.name)) is not None:
            return local.size
        return None

    def _declared(self, path: Path) -> Range | None:
        if not path:
            return None
        most = self._most(path)
        return None if most is None else Range(0, most)

    def _size_or_unknown(self, node: Node) -> Range:
        size = self._size(node)
        return UNKNOWN if size is None else size

    def _entry_sizes(self, node: Node) -> _Entries | None:
        if (known := self._entries.get(node.id)) is not None:
            return known
        if isinstance(node, Ident) and (local := self._local(node.name)) is not None:
            return local.entries
        return None

    def _given(self, node: Node) -> _Given:
        path = self._path(node)
        if path and path[0] == ACCUMULATOR:
            path = ()
        return _Given(node, self._type(node), path, self._size(node))

    def _known(self, given: _Given) -> Range:
        """The size of an argument, from its node or from where it stands."""
        if given.size is not None:
            return given.size
        declared = self._declared(given.path)
        return UNKNOWN if declared is None else declared

    def _items(self, given: _Given) -> _Given | None:
        """An item of a list; None of a text."""
        if not given.kind.parameters:
            return None
        return _Given(None, given.kind.parameters[0], (*given.path, "@items") if given.path else (), None)

    # -- calls -----------------------------------------------------------------------------------

    def _call(self, node: Call) -> Range:
        if node.function == "dyn":
            found = self.cost(node.args[0]).plus(ONE)
            if (size := self._size(node.args[0])) is not None:
                self._sizes[node.id] = size
            if (entries := self._entry_sizes(node.args[0])) is not None:
                self._entries[node.id] = entries
            return found
        spent = [self.cost(arg) for arg in node.args]
        args = [self._given(arg) for arg in node.args]
        overloads = self._expression.overloads.get(node.id, ())
        if not overloads:
            return NONE
        before, target = NONE, None
        if node.target is not None:
            before = self.cost(node.target)
            target = self._given(node.target)
        worst = Range(MOST, 0)
        result: Range | None = None
        for overload in overloads:
            own, size = self._overload(node, overload, target, args, spent)
            worst = worst.union(own)
            if size is not None:
                result = size if result is None else result.union(size)
            if overload in ("index_list", "index_map"):
                inner = self._entry_sizes(node.args[0])
                result = inner.value if inner is not None else None
                step = "@items" if overload == "index_list" else "@values"
                self._paths[node.id] = (*self._path(node.args[0]), step)
            if result is None:
                result = self._size(node)
        if result is not None:
            self._sizes[node.id] = result
        return before.plus(worst)

    def _overload(
        self, node: Call, overload: str, target: _Given | None, args: list[_Given], spent: list[Range]
    ) -> Estimated:
        """What a call costs with its arguments."""
        total = NONE
        for each in spent:
            total = total.plus(each)
        if (found := self._of_lists(overload, target, args)) is None:
            found = self._of_library(node.function, overload, target, args)
        if found is not None:
            return found[0].plus(total), found[1]
        match overload:
            case "logical_or" | "logical_and":
                return Range(spent[0].least, spent[0].plus(spent[1]).most), None
            case "conditional":
                return self._conditional(node, args, spent)
            case "add_string" | "add_bytes" | "add_list":
                own, size = self._addition(node, overload, args)
                return own.plus(total), size
        own, size = self._of_language(overload, target, args)
        return own.plus(total), size

    def _conditional(self, node: Call, args: list[_Given], spent: list[Range]) -> Estimated:
        size = _or_unknown(args[1]).union(_or_unknown(args[2]))
        left, right = self._entry_sizes(node.args[1]), self._entry_sizes(node.args[2])
        if left is not None and right is not None:
            self._entries[node.id] = _united(left, right)
        return spent[0].plus(spent[1].union(spent[2])), size

    def _addition(self, node: Call, overload: str, args: list[_Given]) -> Estimated:
        size = _or_unknown(args[0]).plus(_or_unknown(args[1]))
        left, right = self._entry_sizes(node.args[0]), self._entry_sizes(node.args[1])
        if left is not None and right is not None:
            self._entries[node.id] = _united(left, right)
        return ONE if overload == "add_list" else size.times(TRAVERSAL), size

    def _of_language(self, overload: str, target: _Given | None, args: list[_Given]) -> Estimated:
        match overload:
            case "string_format" if target is not None:
                return _or_unknown(target).times(TRAVERSAL), None
            case "string_to_bytes":
                size = _or_unknown(args[0])
                return size.times(TRAVERSAL), Range(size.least, size.most * 4 & MOST)
            case "bytes_to_string":
                size = _or_unknown(args[0])
                return size.times(TRAVERSAL), Range(size.least // 4, size.most)
            case "strings_quote":
                size = _or_unknown(args[0])
                return size.times(TRAVERSAL), Range(size.least + 2, size.most * 2 + 2 & MOST)
            case "starts_with_string" | "ends_with_string":
                return _or_unknown(args[0]).times(TRAVERSAL), None
            case "in_list":
                return _or_unknown(args[1]).times(1), None
            case "matches_string" if target is not None:
                return self._pattern(_or_unknown(target), _or_unknown(args[0])), None
            case "contains_string" if target is not None:
                return _or_unknown(target).times(TRAVERSAL).by(_or_unknown(args[0]).times(TRAVERSAL)), None
        if overload in costs.ORDERS:
            shorter = min(_or_unknown(args[0]).most, _or_unknown(args[1]).most)
            return Range(1 if shorter > 0 else 0, shorter).times(TRAVERSAL), None
        return ONE, None

    def _pattern(self, text: Range, pattern: Range) -> Range:
        return text.plus(ONE).times(TRAVERSAL).by(pattern.times(PATTERN))

    def _of_library(self, function: str, overload: str, target: _Given | None, args: list[_Given]) -> Estimated | None:
        """Kubernetes's own figures; None of a function that it has none for."""
        if function in costs.ONE:
            return ONE, None
        if function in _READS_ARGUMENT and args:
            size = self._known(args[0])
            return size.times(_READS_ARGUMENT[function]), size if function == "url" else None
        match function:
            case "check":
                return fixed(costs.CHECK), None
            case "fieldSelector" | "labelSelector":
                size = self._known(args[0])
                return Range(costs.selector(size.least), costs.selector(size.most)), None
            case "ip":
                return (ONE if overload == "cidr_ip" else self._known(args[0]).times(TRAVERSAL)), None
            case "containsIP" | "containsCIDR":
                return self._within(function, overload, args[0]), None
            case "validate":
                factor = costs.LONGEST_FORMAT_PATTERN * PATTERN
                return self._known(args[0]).times(TRAVERSAL).times(factor), None
            case "_==_":
                return self._same(args)
        return self._of_texts(function, target, args) if target is not None else None

    def _of_texts(self, function: str, target: _Given, args: list[_Given]) -> Estimated | None:
        size = self._known(target)
        if function in costs.OVER_LIST:
            item = self._items(target)
            if item is None:
                return size.times(TRAVERSAL), None
            each = ONE
            if item.kind.kind in ("string", "bytes"):
                each = each.plus(self._known(item).times(TRAVERSAL))
            return size.by(each), None
        match function:
            case "lowerAscii" | "upperAscii" | "substring" | "trim":
                return size.times(TRAVERSAL), size
            case "replace":
                replaced = _replaced(size, self._known(args[0]), self._known(args[1]))
                return size.times(2 * TRAVERSAL), replaced
            case "split":
                most = size.most
                if len(args) > 1 and isinstance(limit := args[1].node, Literal) and isinstance(limit.value, int):
                    most = limit.value & MOST
                return size.times(2 * TRAVERSAL), Range(0, most)
            case "join":
                joined = self._joined(target, size, args)
                return joined.times(TRAVERSAL), joined
            case "find" | "findAll":
                return self._pattern(size, self._known(args[0])), Range(0, size.most)
        return None

    def _joined(self, target: _Given, size: Range, args: list[_Given]) -> Range:
        item = self._items(target)
        joined = size.by(self._known(item)) if item is not None else NONE
        if args:
            between = Range(max(size.least - 1, 0), max(size.most - 1, 0))
            joined = joined.plus(self._known(args[0]).by(between))
        return joined

    def _within(self, function: str, overload: str, other: _Given) -> Range:
        found = _IP_BYTES.plus(_IP_BYTES).times(TRAVERSAL)
        if function == "containsCIDR":
            found = found.plus(_IP_BYTES.times(TRAVERSAL)).plus(ONE)
        if overload.endswith("_string"):
            found = found.plus(self._known(other).times(TRAVERSAL))
        return found

    def _same(self, args: list[_Given]) -> Estimated | None:
        kind = args[0].kind
        if kind != args[1].kind:
            return None
        if kind in (types.IP, types.CIDR, types.QUANTITY, types.SEMVER):
            return ONE, None
        if kind == types.FORMAT:
            return Range(1, costs.LONGEST_FORMAT).times(TRAVERSAL), None
        if kind == types.URL:
            size = args[1].size
            return Range(1, 1 if size is None else size.most).times(TRAVERSAL), None
        return None

    def _of_lists(self, overload: str, target: _Given | None, args: list[_Given]) -> Estimated | None:
        """Functions whose figures are their library's."""
        if overload.startswith("list_sets_"):
            factor = 2 if overload == "list_sets_equivalent_list" else 1
            return self._known(args[0]).by(self._known(args[1])).times(factor).plus(ONE), None
        if overload == "lists_range":
            return _allocated(1, fixed(_whole(args[0], MOST)))
        if target is None:
            return None
        if overload.endswith("_sort"):
            return self._sorted(target, overload)
        if overload.endswith("_sortByAssociatedKeys"):
            return self._sorted(args[0], overload)
        match overload:
            case "list_slice":
                size = self._known(target)
                return _allocated(1, fixed(_whole(args[1], size.most) - _whole(args[0], 0) & MOST))
            case "list_flatten":
                return _allocated(1, self._known(target))
            case "list_flatten_int":
                return _allocated(_whole(args[0], MOST), self._known(target))
            case "list_reverse":
                return _allocated(1, self._known(target))
            case "list_distinct":
                size = self._known(target)
                return _allocated(2, size.by(size))
        return None

    def _sorted(self, by: _Given, overload: str) -> Estimated:
        size = self._known(by)
        texts = overload.startswith(("list_string_", "list_bytes_"))
        return _allocated(2 + TRAVERSAL if texts else 2, size.by(size))


_READS_ARGUMENT = {
    **dict.fromkeys(
        ("url", "cidr", "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver"),
        TRAVERSAL,
    ),
    "ip.isCanonical": 2 * TRAVERSAL,
}
"""Functions that read their first argument, and what a character of it costs."""


def _allocated(factor: float, size: Range) -> Estimated:
    return size.times(factor).plus(ONE).plus(fixed(costs.NEW_LIST)), size


def _whole(given: _Given, otherwise: int) -> int:
    """A number that is written out."""
    node = given.node
    if isinstance(node, Literal) and type(node.value) is int:
        return max(node.value, 0)
    return otherwise


def _or_unknown(given: _Given) -> Range:
    return UNKNOWN if given.size is None else given.size


def _united(one: _Entries, other: _Entries) -> _Entries:
    return _Entries(one.container, one.key.union(other.key), one.value.union(other.value))


def _scalar(kind: Type) -> bool:
    if types.is_optional(kind):
        return _scalar(kind.parameters[0])
    return kind.kind in ("bool", "double", "duration", "int", "timestamp", "uint")


def _replaced(size: Range, old: Range, new: Range) -> Range:
    """The size of a text in which texts of one size were replaced by ones of another."""
    if old.least == 0:
        most, kept_most = min(size.most + 1, MOST), size.most
    elif new.most <= old.least:
        most, kept_most = 0, size.most
    else:
        most, kept_most = math.ceil(size.most / old.least), 0
    if old.most == 0:
        least, kept_least = min(size.least + 1, MOST), size.least
    elif old.most <= new.least:
        least, kept_least = 0, size.least
    else:
        least, kept_least = math.ceil(size.least / old.most), 0
    return Range(least, most).by(new).plus(Range(kept_least, kept_most))
