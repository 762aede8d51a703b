"""The types of expressions, and what may stand for what.

Source: cel-go/common/types/types.go, cel-go/checker/{types,format,mapping}.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Type:
    """`kind` is what it is, `name` what it is called: of a message, an opaque type or a parameter."""

    kind: str
    name: str = ""
    parameters: tuple[Type, ...] = ()

    def __str__(self) -> str:
        """The type as compilers' messages show it."""
        if self.kind in _SHORT:
            return _SHORT[self.kind]
        name = self.name or self.kind
        return f"{name}({', '.join(map(str, self.parameters))})" if self.parameters else name

    @property
    def runtime_name(self) -> str:
        """The type as messages of evaluations show it."""
        return _RUNTIME.get(self.kind, self.name or self.kind)


_SHORT = {"error": "!error!", "null": "null"}
_RUNTIME = {
    "duration": "google.protobuf.Duration",
    "timestamp": "google.protobuf.Timestamp",
    "null": "null_type",
}

BOOL, INT, UINT, DOUBLE, STRING, BYTES = (Type(k) for k in ("bool", "int", "uint", "double", "string", "bytes"))
NULL, DYN, ERROR, DURATION, TIMESTAMP = (Type(k) for k in ("null", "dyn", "error", "duration", "timestamp"))
TYPE = Type("type")
OPTIONAL = "optional_type"
QUANTITY = Type("struct", "kubernetes.Quantity")
URL = Type("struct", "kubernetes.URL")
SEMVER = Type("struct", "kubernetes.Semver")
FORMAT = Type("struct", "kubernetes.NamedFormat")
IP = Type("opaque", "net.IP")
CIDR = Type("opaque", "net.CIDR")
_NULLABLE = frozenset({"opaque", "struct", "duration", "timestamp"})


def list_of(element: Type) -> Type:
    return Type("list", "", (element,))


def map_of(key: Type, value: Type) -> Type:
    return Type("map", "", (key, value))


def type_of(kind: Type) -> Type:
    return Type("type", "", (kind,))


def optional_of(value: Type) -> Type:
    return Type("opaque", OPTIONAL, (value,))


def parameter(name: str) -> Type:
    return Type("parameter", name)


LIST, MAP = list_of(DYN), map_of(DYN, DYN)
NAMED: Mapping[str, Type] = {
    "bool": BOOL,
    "bytes": BYTES,
    "double": DOUBLE,
    "int": INT,
    "uint": UINT,
    "string": STRING,
    "null_type": NULL,
    "list": LIST,
    "map": MAP,
    "type": TYPE,
    "google.protobuf.Duration": DURATION,
    "google.protobuf.Timestamp": TIMESTAMP,
    "optional_type": optional_of(DYN),
    "net.IP": IP,
    "net.CIDR": CIDR,
}
"""The types that expressions can name."""


def is_optional(kind: Type) -> bool:
    return kind.kind == "opaque" and kind.name == OPTIONAL


def unwrapped(kind: Type) -> Type:
    """What an optional may hold; any other type itself."""
    return kind.parameters[0] if is_optional(kind) else kind


def signature(types: list[Type], *, member: bool) -> str:
    shown = [str(each) for each in types]
    return f"{shown[0]}.({', '.join(shown[1:])})" if member else f"({', '.join(shown)})"


def _less_specific(one: Type, other: Type) -> bool:
    """Whether `one` equals `other` or says less."""
    if one.kind in ("dyn", "parameter"):
        return True
    if other.kind in ("dyn", "parameter") or one.kind != other.kind:
        return False
    if one.kind in ("opaque", "list", "map"):
        same = one.name == other.name and len(one.parameters) == len(other.parameters)
        return same and all(map(_less_specific, one.parameters, other.parameters))
    return one.kind == "type" or one == other


def most_general(one: Type, other: Type) -> Type:
    return one if _less_specific(one, other) else other


class Mappings:
    """What the parameters of types have turned out to be."""

    def __init__(self) -> None:
        self._known: dict[Type, Type] = {}

    def accepts(self, wanted: Iterable[Type], given: Iterable[Type]) -> bool:
        """Whether each type can stand for the other; what follows for parameters is kept if so."""
        before = dict(self._known)
        wanted, given = tuple(wanted), tuple(given)
        if len(wanted) == len(given) and all(map(self._assignable, wanted, given)):
            return True
        self._known = before
        return False

    def resolved(self, kind: Type, *, finally_dyn: bool = False) -> Type:
        """A type with its parameters replaced; `finally_dyn` makes those that are still open dyn."""
        while kind.kind == "parameter" and kind in self._known:
            kind = self._known[kind]
        if kind.kind == "parameter":
            return DYN if finally_dyn else kind
        if not kind.parameters:
            return kind
        return Type(
            kind.kind, kind.name, tuple(self.resolved(each, finally_dyn=finally_dyn) for each in kind.parameters)
        )

    def _assignable(self, one: Type, other: Type) -> bool:
        if other.kind == "parameter":
            valid, known = self._substitutes(one, other)
            if valid or known:
                return valid
        if one.kind == "parameter":
            return self._substitutes(other, one)[0]
        if one.kind in ("dyn", "error") or other.kind in ("dyn", "error"):
            return True
        if one.kind == "null" or other.kind == "null":
            rest = other if one.kind == "null" else one
            return rest.kind in _NULLABLE or rest.kind == "null"
        if one.kind != other.kind:
            return False
        if one.kind in ("opaque", "list", "map"):
            same = one.name == other.name and len(one.parameters) == len(other.parameters)
            return same and all(map(self._assignable, one.parameters, other.parameters))
        return one.kind == "type" or one == other

    def _substitutes(self, one: Type, unknown: Type) -> tuple[bool, bool]:
        """(whether a parameter may be this type, whether it was something before)"""
        if one == unknown:
            return True, True
        known = self._known.get(unknown)
        if known is not None:
            if one == known:
                return True, True
            if not self._assignable(one, known):
                return False, True
            wider = most_general(one, known)
            if self._apart(unknown, wider):
                self._known[unknown] = wider
            return True, True
        if self._apart(unknown, one):
            self._known[unknown] = one
            return True, False
        return False, False

    def _apart(self, unknown: Type, kind: Type) -> bool:
        """Whether a parameter does not occur in a type."""
        if unknown == kind:
            return False
        if kind.kind == "parameter":
            return kind not in self._known or self._apart(unknown, self._known[kind])
        return all(self._apart(unknown, each) for each in kind.parameters)


def replaced(kind: Type, change: Callable[[Type], Type]) -> Type:
    """A type with its parameters changed."""
    if kind.kind == "parameter":
        return change(kind)
    if not kind.parameters:
        return kind
    return Type(kind.kind, kind.name, tuple(replaced(each, change) for each in kind.parameters))
