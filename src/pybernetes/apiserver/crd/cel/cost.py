"""What a rule can cost at most, from its syntax tree and the sizes that its schema allows.

An estimate of the same order as upstream's, which is enough to tell a loop over a list from a loop within a loop: every
node costs one, a loop costs its body times the most items there can be, a search in a text its length.
Source: cel-go/checker/cost.go, apiserver/pkg/apis/cel/config.go (limits).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pybernetes.apiserver.crd.cel.types import unescape
from pybernetes.apiserver.crd.structural import Structural

LIMIT_PER_RULE = 10_000_000
LIMIT_PER_DEFINITION = 100_000_000
CEILING = 10**30
_MAX_REQUEST_BYTES = 3 * 1024 * 1024
_TEXT_CALLS = {"matches": 10, "contains": 10, "find": 10, "findAll": 10, "startsWith": 10, "endsWith": 10, "_==_": 40}
"""Calls that read a text, and how many of its characters one unit of cost pays for."""

_LIST, _MAP = 9, 29
"""What making a list or a map costs, beyond the one of every node."""


def size_of(schema: Structural | None) -> int:
    """The most items, members or characters that a value can have."""
    if schema is None:
        return _MAX_REQUEST_BYTES
    tree = schema.tree
    if schema.type == "array":
        declared, least = tree.get("maxItems"), _least_bytes(schema.items) + 1
    elif schema.type == "object":
        declared, least = tree.get("maxProperties"), _least_bytes(schema.additional) + 6
    else:
        declared, least = tree.get("maxLength"), 1
        if tree.get("enum"):
            declared = max(len(str(option)) for option in tree["enum"])
    return int(declared) if declared is not None else max(1, _MAX_REQUEST_BYTES // least)


def _least_bytes(schema: Structural | None) -> int:
    """The fewest bytes of JSON that a value needs."""
    if schema is None:
        return 2
    match schema.type:
        case "boolean":
            return 4
        case "integer" | "number":
            return 1
        case "object":
            required = schema.tree.get("required") or ()
            return 2 + sum(len(n) + 3 + _least_bytes(schema.properties.get(n)) for n in required)
    return 2


def exceeded(what: str, spent: int, limit: int) -> str:
    factor = spent / limit
    shown = "more than 100x" if factor > 100 else f"{factor:.6f}x" if factor < 1.5 else f"{factor:.1f}x"
    return (
        f"{what} exceeds budget by factor of {shown} (try simplifying the rule, or adding maxItems, maxProperties, and "
        "maxLength where arrays, maps, and strings are declared)"
    )


def estimate(checked: bytes, schema: Structural) -> int:
    """The most that one evaluation of a serialized, checked expression costs."""
    body = _payload(checked)
    for number, value in _fields(body):
        if number == 4 and isinstance(value, bytes):
            return min(_Estimate().cost(value, {"self": schema, "oldSelf": schema, "oldSelfValue": schema}), CEILING)
    return 1


def _payload(wrapped: bytes) -> bytes:
    """The CheckedExpr in the Any that the library writes."""
    fields = dict(_fields(wrapped))
    kind, value = fields.get(1), fields.get(2)
    if isinstance(kind, bytes) and kind.startswith(b"type.googleapis.com/") and isinstance(value, bytes):
        return value
    return wrapped


Scope = Mapping[str, Structural | None]


class _Estimate:
    def cost(self, expr: bytes, scope: Scope) -> int:
        total = 1
        for number, value in _fields(expr):
            if not isinstance(value, bytes):
                continue
            match number:
                case 6:
                    total += self._call(value, scope)
                case 5:
                    total += sum(self.cost(v, scope) for n, v in _fields(value) if n == 1 and isinstance(v, bytes))
                case 3:
                    total -= 1  # a constant costs nothing
                case 7:
                    total += _LIST + sum(
                        self.cost(v, scope) for n, v in _fields(value) if n == 1 and isinstance(v, bytes)
                    )
                case 8:
                    total += _MAP + self._entries(value, scope)
                case 9 | 10:
                    total += self._comprehension(value, scope)
        return min(total, CEILING)

    def _call(self, call: bytes, scope: Scope) -> int:
        total, name = 0, ""
        operands = []
        for number, value in _fields(call):
            if not isinstance(value, bytes):
                continue
            if number == 2:
                name = value.decode()
            elif number in (1, 3):
                operands.append(value)
                total += self.cost(value, scope)
        if name in _TEXT_CALLS and operands:
            node = self._schema(operands[0], scope)
            if node is not None and node.type == "string":
                total += size_of(node) // _TEXT_CALLS[name]
        return total

    def _entries(self, value: bytes, scope: Scope) -> int:
        total = 0
        for number, entry in _fields(value):
            if number == 2 and isinstance(entry, bytes):
                total += sum(self.cost(v, scope) for n, v in _fields(entry) if n in (3, 4) and isinstance(v, bytes))
        return total

    def _comprehension(self, value: bytes, scope: Scope) -> int:
        parts = {n: v for n, v in _fields(value) if isinstance(v, bytes)}
        ranged = parts.get(2, b"")
        node = self._schema(ranged, scope)
        item = parts.get(1, b"").decode()
        # cel.bind is a comprehension over an empty list that runs its result once.
        once = self._is_empty_list(ranged)
        times = 1 if once else self._length(ranged, node)
        inside = dict(scope)
        inside[item] = (node.items or node.additional) if node is not None else None
        if node is not None and node.type == "object":
            inside[item] = None
        accumulator = parts.get(3, b"").decode()
        if once and 4 in parts:
            inside[accumulator] = self._schema(parts[4], scope)
        body = sum(self.cost(parts[n], inside) for n in (5, 6) if n in parts)
        rest = sum(self.cost(parts[n], inside) for n in (2, 4, 7) if n in parts)
        return min(times * body + rest, CEILING)

    def _length(self, expr: bytes, node: Structural | None) -> int:
        if node is not None:
            return size_of(node)
        for number, value in _fields(expr):
            if number in (7, 8) and isinstance(value, bytes):
                # A list's elements or a map's entries, written out.
                return sum(1 for n, _ in _fields(value) if n == (1 if number == 7 else 2))
        return _MAX_REQUEST_BYTES // 3

    def _is_empty_list(self, expr: bytes) -> bool:
        return any(number == 7 and value == b"" for number, value in _fields(expr))

    def _schema(self, expr: bytes, scope: Scope) -> Structural | None:
        """The schema of the value of an expression, where it is a path from a variable."""
        for number, value in _fields(expr):
            if not isinstance(value, bytes):
                continue
            parts = dict(_fields(value))
            if number == 4:
                name = parts.get(1)
                return scope.get(name.decode()) if isinstance(name, bytes) else None
            if number == 5:
                operand, field = parts.get(1), parts.get(2)
                if isinstance(operand, bytes) and isinstance(field, bytes):
                    outer = self._schema(operand, scope)
                    return outer.child(unescape(field.decode())) if outer is not None else None
            if number == 6 and parts.get(2) == b"_[_]":
                first = next((v for n, v in _fields(value) if n == 3), None)
                outer = self._schema(first, scope) if isinstance(first, bytes) else None
                return (outer.items or outer.additional) if outer is not None else None
        return None


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message, in order."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
        elif kind == 2:
            length, at = _varint(message, at)
            yield number, message[at : at + length]
            at += length
        else:
            at += 8 if kind == 1 else 4


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
