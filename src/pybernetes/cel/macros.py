"""Macros that the library's parser leaves as calls: comprehensions with two variables, and sortBy.

They become the same nodes that cel-go makes of them, because what an expression costs follows from those.
Source: cel-go/ext/comprehensions.go, cel-go/ext/lists.go (sortBy), cel-go/parser/macro.go.
"""

from __future__ import annotations

from collections.abc import Callable

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
    walk,
)

MAP_INSERT = "cel.@mapInsert"
SORT_BY_KEYS = "@sortByAssociatedKeys"
_SORTED = "@__sortBy_input__"


class _MacroError(Exception):
    """(the node, what is wrong with it)"""


def expanded(tree: Node, source: Source) -> Node:
    """A tree with its macros expanded; new nodes stand where the call stood. Raises CelError."""
    expander = _Expander(source, max(node.id for node in walk(tree)) + 1)
    found = expander.visit(tree)
    if expander.mistakes:
        raise CelError(source.shown(expander.mistakes))
    return found


class _Expander:
    def __init__(self, source: Source, free: int) -> None:
        self._source = source
        self._free = free
        self._at = 0
        self.mistakes: list[tuple[int, str]] = []

    def visit(self, node: Node) -> Node:
        match node:
            case Select():
                return Select(node.id, self.visit(node.operand), node.name, node.test)
            case Call():
                target = self.visit(node.target) if node.target is not None else None
                call = Call(node.id, node.function, target, [self.visit(arg) for arg in node.args])
                return self._call(call)
            case ListOf():
                return ListOf(node.id, [self.visit(each) for each in node.elements], node.optional)
            case MapOf():
                entries = (Entry(e.id, self.visit(e.key), self.visit(e.value), e.optional) for e in node.entries)
                return MapOf(node.id, list(entries))
            case Message():
                return Message(
                    node.id, node.name, [Field(f.id, f.name, self.visit(f.value), f.optional) for f in node.fields]
                )
            case Fold():
                parts = (node.start, node.condition, node.step, node.result)
                return Fold(
                    node.id,
                    node.variable,
                    node.variable2,
                    self.visit(node.over),
                    node.accumulator,
                    *(self.visit(part) for part in parts),
                )
        return node

    def _call(self, call: Call) -> Node:
        make = _MACROS.get((call.function, len(call.args)))
        if make is None or call.target is None:
            return call
        self._at = self._source.offsets.get(call.id, 0)
        try:
            return make(self, call.id, call.target, call.args)
        except _MacroError as error:
            self.mistakes.append(error.args)
            return call

    # -- making nodes ----------------------------------------------------------------------------

    def _id(self) -> int:
        self._free += 1
        self._source.offsets[self._free] = self._at
        return self._free

    def _ident(self, name: str) -> Ident:
        return Ident(self._id(), name)

    def _accumulator(self) -> Ident:
        return self._ident(ACCUMULATOR)

    def _literal(self, value: bool | int) -> Literal:
        return Literal(self._id(), value)

    def _made(self, function: str, *args: Node) -> Call:
        return Call(self._id(), function, None, list(args))

    def _if(self, condition: Node, step: Node) -> Node:
        return self._made("_?_:_", condition, step, self._accumulator())

    def _two(
        self, node_id: int, target: Node, names: tuple[str, str], start: Node, step: Node, condition: Node | None = None
    ) -> Fold:
        loop = condition if condition is not None else self._literal(True)
        return Fold(node_id, *names, target, ACCUMULATOR, start, loop, step, self._accumulator())

    # -- macros ----------------------------------------------------------------------------------

    def all(self, node_id: int, target: Node, args: list[Node]) -> Node:
        names = _variables(args)
        condition = self._made("@not_strictly_false", self._accumulator())
        step = self._made("_&&_", self._accumulator(), args[2])
        return self._two(node_id, target, names, self._literal(True), step, condition)

    def exists(self, node_id: int, target: Node, args: list[Node]) -> Node:
        names = _variables(args)
        condition = self._made("@not_strictly_false", self._made("!_", self._accumulator()))
        step = self._made("_||_", self._accumulator(), args[2])
        return self._two(node_id, target, names, self._literal(False), step, condition)

    def exists_one(self, node_id: int, target: Node, args: list[Node]) -> Node:
        names = _variables(args)
        more = self._made("_+_", self._accumulator(), self._literal(1))
        found = self._two(node_id, target, names, self._literal(0), self._if(args[2], more))
        found.result = self._made("_==_", found.result, self._literal(1))
        return found

    def transform_list(self, node_id: int, target: Node, args: list[Node]) -> Node:
        names = _variables(args)
        step: Node = self._made("_+_", self._accumulator(), ListOf(self._id(), [args[-1]]))
        if len(args) == 4:
            step = self._if(args[2], step)
        return self._two(node_id, target, names, ListOf(self._id(), []), step)

    def transform_map(self, node_id: int, target: Node, args: list[Node]) -> Node:
        names = _variables(args)
        return self._into_map(node_id, target, names, args, [self._ident(names[0]), args[-1]])

    def transform_map_entry(self, node_id: int, target: Node, args: list[Node]) -> Node:
        return self._into_map(node_id, target, _variables(args), args, [args[-1]])

    def _into_map(
        self, node_id: int, target: Node, names: tuple[str, str], args: list[Node], inserted: list[Node]
    ) -> Node:
        step: Node = self._made(MAP_INSERT, self._accumulator(), *inserted)
        if len(args) == 4:
            step = self._if(args[2], step)
        return self._two(node_id, target, names, MapOf(self._id(), []), step)

    def sort_by(self, node_id: int, target: Node, args: list[Node]) -> Node:
        if not isinstance(target, ListOf | Select | Ident | Fold | Call):
            why = "sortBy can only be applied to a list, identifier, comprehension, call or select expression"
            raise _MacroError(target.id, why)
        name = _variable(args[0], "argument is not an identifier")
        step = self._made("_+_", self._accumulator(), ListOf(self._id(), [args[1]]))
        keys = self._two(self._id(), self._ident(_SORTED), (name, ""), ListOf(self._id(), []), step)
        ordered = Call(self._id(), SORT_BY_KEYS, self._ident(_SORTED), [keys])
        nothing = ListOf(self._id(), [])
        return Fold(
            node_id, "#unused", "", nothing, _SORTED, target, self._literal(False), self._ident(_SORTED), ordered
        )


def _variables(args: list[Node]) -> tuple[str, str]:
    why = "argument must be a simple name"
    first, second = _variable(args[0], why), _variable(args[1], why)
    if first == second:
        raise _MacroError(args[1].id, f"duplicate variable name: {first}")
    return first, second


def _variable(node: Node, why: str) -> str:
    if not isinstance(node, Ident):
        raise _MacroError(node.id, why)
    if node.name in (ACCUMULATOR, "__result__"):
        raise _MacroError(node.id, "iteration variable overwrites accumulator variable")
    return node.name


_Macro = Callable[[_Expander, int, Node, list[Node]], Node]
_MACROS: dict[tuple[str, int], _Macro] = {
    ("all", 3): _Expander.all,
    ("exists", 3): _Expander.exists,
    ("existsOne", 3): _Expander.exists_one,
    ("exists_one", 3): _Expander.exists_one,
    ("transformList", 3): _Expander.transform_list,
    ("transformList", 4): _Expander.transform_list,
    ("transformMap", 3): _Expander.transform_map,
    ("transformMap", 4): _Expander.transform_map,
    ("transformMapEntry", 3): _Expander.transform_map_entry,
    ("transformMapEntry", 4): _Expander.transform_map_entry,
    ("sortBy", 2): _Expander.sort_by,
}
"""By name and number of arguments; all are called on a value."""
