"""The types of an expression's nodes: what they are, and what of them cannot be.

Source: cel-go/checker/{checker,errors}.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybernetes.cel import types
from pybernetes.cel.declarations import Functions, Overload
from pybernetes.cel.syntax import (
    Call,
    CelError,
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
    qualified_name,
)
from pybernetes.cel.types import BOOL, DYN, ERROR, INT, STRING, Type

Structs = Mapping[str, Mapping[str, Type]]
"""The fields of messages, by the names of those."""
_LITERALS: Mapping[type, Type] = {
    type(None): types.NULL,
    bool: BOOL,
    int: INT,
    Uint: types.UINT,
    float: types.DOUBLE,
    str: STRING,
    bytes: types.BYTES,
}


@dataclass(slots=True)
class Checked:
    """An expression whose types are known."""

    tree: Node
    source: Source
    types: dict[int, Type]
    overloads: dict[int, tuple[str, ...]]
    """Of calls: those that its arguments may lead to."""
    constants: dict[int, Type]
    """Names that are types."""
    variables: frozenset[str]
    """The variables that are read."""

    @property
    def gives(self) -> Type:
        return self.types[self.tree.id]


def checked(
    tree: Node, source: Source, variables: Mapping[str, Type], functions: Functions, structs: Structs
) -> Checked:
    """Raises CelError with all that is wrong."""
    checker = _Checker(variables, functions, structs)
    tree = checker.check(tree)
    if checker.mistakes:
        raise CelError(source.shown(checker.mistakes))
    final = {node: checker.mappings.resolved(kind, finally_dyn=True) for node, kind in checker.types.items()}
    return Checked(tree, source, final, checker.overloads, checker.constants, frozenset(checker.read))


class _Checker:
    def __init__(self, variables: Mapping[str, Type], functions: Functions, structs: Structs) -> None:
        self._scopes: list[Mapping[str, Type]] = [variables]
        self._functions = functions
        self._structs = structs
        self.mappings = types.Mappings()
        self.types: dict[int, Type] = {}
        self.overloads: dict[int, tuple[str, ...]] = {}
        self.constants: dict[int, Type] = {}
        self.read: set[str] = set()
        self.mistakes: list[tuple[int, str]] = []
        self._made = 0

    def check(self, node: Node) -> Node:
        """The node as it is to be evaluated: dotted names that are one name are one node."""
        match node:
            case Literal():
                return self._typed(node, _LITERALS[type(node.value)])
            case Ident():
                if not self._named(node, node.name):
                    self._undeclared(node, node.name)
                return Ident(node.id, node.name.removeprefix("."))
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListOf():
                return self._list(node)
            case MapOf():
                return self._map(node)
            case Message():
                return self._message(node)
        return self._fold(node)

    # -- names -----------------------------------------------------------------------------------

    def _lookup(self, name: str) -> Type | None:
        name = name.removeprefix(".")
        for i in range(len(self._scopes) - 1, -1, -1):
            if name in self._scopes[i]:
                if i == 0:
                    self.read.add(name)
                return self._scopes[i][name]
        return None

    def _named(self, node: Node, name: str) -> bool:
        kind = self._lookup(name)
        if kind is None and (constant := types.NAMED.get(name.removeprefix("."))) is not None:
            self.constants[node.id] = constant
            kind = types.type_of(constant)
        if kind is None:
            return False
        self.types[node.id] = kind
        return True

    def _undeclared(self, node: Node, name: str) -> None:
        self.types[node.id] = ERROR
        self._wrong(node, f"undeclared reference to '{name}' (in container '')")

    def _wrong(self, node: Node, said: str) -> None:
        self.mistakes.append((node.id, said))

    def _typed(self, node: Node, kind: Type) -> Node:
        self.types[node.id] = kind
        return node

    def _type(self, node: Node) -> Type:
        return self.types[node.id]

    def _fresh(self) -> Type:
        self._made += 1
        return types.parameter(f"_var{self._made - 1}")

    # -- selections ------------------------------------------------------------------------------

    def _select(self, node: Select) -> Node:
        if (name := qualified_name(node)) and self._named(node, name):
            return Ident(node.id, name.removeprefix("."))
        operand, kind = self._field(node, node.operand, node.name)
        self.types[node.id] = self.mappings.resolved(BOOL if node.test else kind)
        return Select(node.id, operand, node.name, node.test)

    def _field(self, node: Node, operand: Node, name: str, *, optional: bool = False) -> tuple[Node, Type]:
        operand = self.check(operand)
        whole = self.mappings.resolved(self._type(operand))
        target = types.unwrapped(whole)
        match target.kind:
            case "map":
                found = target.parameters[1]
            case "struct":
                found = self._struct_field(node, target, name)
            case "parameter":
                self.mappings.accepts([DYN], [target])
                found = DYN
            case _:
                if target.kind not in ("dyn", "error"):
                    self._wrong(node, f"type '{target}' does not support field selection")
                found = DYN
        return operand, types.optional_of(found) if optional or types.is_optional(whole) else found

    def _struct_field(self, node: Node, target: Type, name: str) -> Type:
        fields = self._structs.get(target.name)
        if fields is None:
            self._wrong(node, f"unexpected failed resolution of '{target.name}'")
            return ERROR
        if name not in fields:
            self._wrong(node, f"undefined field '{name}'")
            return ERROR
        return fields[name]

    def _optional_select(self, node: Call) -> Node:
        operand, field = node.args
        assert isinstance(field, Literal)
        self.types[field.id] = STRING
        made, kind = self._field(node, operand, str(field.value), optional=True)
        self.types[node.id] = self.mappings.resolved(kind)
        self.overloads[node.id] = ("select_optional_field",)
        return Call(node.id, node.function, None, [made, field])

    # -- calls -----------------------------------------------------------------------------------

    def _call(self, node: Call) -> Node:
        if node.function == "_?._":
            return self._optional_select(node)
        args = [self.check(arg) for arg in node.args]
        if node.target is None:
            name = node.function.removeprefix(".")
            made = Call(node.id, name, None, args)
            if name not in self._functions:
                self._undeclared(node, node.function)
            else:
                self._resolve(made)
            return made
        prefix = qualified_name(node.target).removeprefix(".")
        if prefix and f"{prefix}.{node.function}" in self._functions:
            made = Call(node.id, f"{prefix}.{node.function}", None, args)
            self._resolve(made)
            return made
        made = Call(node.id, node.function, self.check(node.target), args)
        if node.function in self._functions:
            self._resolve(made)
        else:
            self._undeclared(node, node.function)
        return made

    def _resolve(self, call: Call) -> None:
        given = [self._type(each) for each in call.operands]
        overloads = self._functions[call.function]
        if call.function in ("_&&_", "_||_"):
            self._logical(call, given, overloads[0])
            return
        found: Type | None = None
        ids = []
        for overload in overloads:
            if overload.member != (call.target is not None):
                continue
            takes, gives = self._instance(overload)
            if not self.mappings.accepts(given, takes):
                continue
            ids.append(overload.id)
            gives = self.mappings.resolved(gives)
            if found is None:
                found = gives
            elif found.kind != "dyn" and gives != found:
                found = DYN
        if found is None:
            shown = [self.mappings.resolved(each, finally_dyn=True) for each in given]
            applied = types.signature(shown, member=call.target is not None)
            self._wrong(call, f"found no matching overload for '{call.function}' applied to '{applied}'")
            found = ERROR
        self.overloads[call.id] = tuple(ids)
        self.types[call.id] = found

    def _logical(self, call: Call, given: list[Type], overload: Overload) -> None:
        kind = BOOL
        for arg, each in zip(call.args, given, strict=True):
            if not self.mappings.accepts([each], [BOOL]):
                self._wrong(arg, f"expected type 'bool' but found '{each}'")
                kind = ERROR
        self.overloads[call.id] = (overload.id,)
        self.types[call.id] = kind

    def _instance(self, overload: Overload) -> tuple[list[Type], Type]:
        """An overload's types with parameters of their own."""
        own: dict[Type, Type] = {}

        def fresh(kind: Type) -> Type:
            if kind not in own:
                own[kind] = self._fresh()
            return own[kind]

        takes = [types.replaced(each, fresh) for each in overload.takes]
        return takes, types.replaced(overload.gives, fresh)

    # -- literals of many ------------------------------------------------------------------------

    def _element(self, node: Node, *, optional: bool) -> Type:
        kind = self._type(node)
        if not optional:
            return kind
        if not types.is_optional(kind) and kind.kind != "dyn":
            self._wrong(node, f"expected type '{types.optional_of(kind)}' but found '{kind}'")
        return types.unwrapped(kind)

    def _joined(self, before: Type | None, kind: Type) -> Type:
        if before is None:
            return kind
        return types.most_general(before, kind) if self.mappings.accepts([before], [kind]) else DYN

    def _list(self, node: ListOf) -> Node:
        elements = [self.check(each) for each in node.elements]
        kind: Type | None = None
        for i, each in enumerate(elements):
            kind = self._joined(kind, self._element(each, optional=i in node.optional))
        return self._typed(ListOf(node.id, elements, node.optional), types.list_of(kind or self._fresh()))

    def _map(self, node: MapOf) -> Node:
        key_kind: Type | None = None
        value_kind: Type | None = None
        entries = []
        for entry in node.entries:
            key, value = self.check(entry.key), self.check(entry.value)
            key_kind = self._joined(key_kind, self._type(key))
            value_kind = self._joined(value_kind, self._element(value, optional=entry.optional))
            entries.append(type(entry)(entry.id, key, value, entry.optional))
        made = types.map_of(key_kind or self._fresh(), value_kind or self._fresh())
        return self._typed(MapOf(node.id, entries), made)

    def _message(self, node: Message) -> Node:
        name = node.name.removeprefix(".")
        known = self._lookup(name)
        if known is None and name not in types.NAMED and name not in self._structs:
            self._undeclared(node, node.name)
        elif known is not None:
            self._wrong(node, f"'{known}' is not a type")
            self.types[node.id] = ERROR
        else:
            self._wrong(node, f"'{name}' is not a message type")
            self.types[node.id] = ERROR
        return node

    # -- comprehensions --------------------------------------------------------------------------

    def _fold(self, node: Fold) -> Node:
        over, start = self.check(node.over), self.check(node.start)
        kind = self.mappings.resolved(self._type(over))
        first, second = self._iterated(over, kind, two=bool(node.variable2))
        self._scopes.append({node.accumulator: self._type(start)})
        names = {node.variable: first} | ({node.variable2: second} if node.variable2 else {})
        self._scopes.append(names)
        condition = self.check(node.condition)
        self._assert(condition, BOOL)
        step = self.check(node.step)
        self._assert(step, self._type(start))
        self._scopes.pop()
        result = self.check(node.result)
        self._scopes.pop()
        made = Fold(node.id, node.variable, node.variable2, over, node.accumulator, start, condition, step, result)
        return self._typed(made, self.mappings.resolved(self._type(result)))

    def _iterated(self, over: Node, kind: Type, *, two: bool) -> tuple[Type, Type]:
        match kind.kind:
            case "list":
                return (INT, kind.parameters[0]) if two else (kind.parameters[0], ERROR)
            case "map":
                return kind.parameters[0], kind.parameters[1]
            case "dyn" | "error" | "parameter":
                self.mappings.accepts([DYN], [kind])
                return DYN, DYN
        why = "cannot be range of a comprehension (must be list, map, or dynamic)"
        self._wrong(over, f"expression of type '{kind}' {why}")
        return ERROR, ERROR

    def _assert(self, node: Node, kind: Type) -> None:
        if not self.mappings.accepts([kind], [self._type(node)]):
            self._wrong(node, f"expected type '{kind}' but found '{self._type(node)}'")
