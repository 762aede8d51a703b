"""Label selectors and field selectors: parsed from text or from the API's LabelSelector, matched against maps.

Source: apimachinery/pkg/labels/selector.go, apimachinery/pkg/fields/selector.go, apis/meta/v1/helpers.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api.meta import v1 as meta
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path, aggregate

_OPERATORS = ("in", "notin", "=", "==", "!=", "gt", "lt")
_TOKEN = re.compile(r"[ \t\r\n]*([=!<>]+|[(),]|[^ \t\r\n=!(),<>]+|$)")
_SYMBOLS = ("!=", "==", "=", "!", ">", "<")
_API_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
_WRITTEN = {"=": "=", "==": "==", "!=": "!=", "in": " in ", "notin": " notin ", "gt": ">", "lt": "<"}


class SelectorError(ValueError):
    """A selector that cannot be understood; the text is upstream's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. `operator` is one of in notin = == != exists ! gt lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "=" | "==" | "in":
                return value in self.values
            case "!=" | "notin":
                return value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
        limit = _int64(self.values[0]) if self.values else None
        number = None if value is None else _int64(value)
        if number is None or limit is None:
            return False
        return number > limit if self.operator == "gt" else number < limit

    def __str__(self) -> str:
        if self.operator in ("exists", "!"):
            return self.key if self.operator == "exists" else f"!{self.key}"
        values = ",".join(sorted(self.values))
        return self.key + _WRITTEN[self.operator] + (f"({values})" if self.operator in ("in", "notin") else values)


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements must hold. `nothing` selects no object (the selector of a null LabelSelector)."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """From the query form: `app=web,tier in (a,b),!old`. Raises SelectorError."""
        return cls(_sorted(_Parser(text).requirements())) if text else EVERYTHING

    @classmethod
    def of(cls, selector: meta.LabelSelector | Mapping[str, Any] | None) -> LabelSelector:
        """From the API type, as a Struct or a tree. None selects nothing, an empty one everything.

        Raises SelectorError for an unknown operator or bad values.
        """
        if selector is None:
            return NOTHING
        if isinstance(selector, meta.LabelSelector):
            labels: Mapping[str, str] = selector.matchLabels
            expressions = [(e.key, e.operator, e.values) for e in selector.matchExpressions]
        else:
            labels = selector.get("matchLabels") or {}
            expressions = [
                (e.get("key", ""), e.get("operator", ""), e.get("values") or [])
                for e in selector.get("matchExpressions") or []
            ]
        found = [checked(key, "=", [value]) for key, value in labels.items()]
        for key, operator, values in expressions:
            if operator not in _API_OPERATORS:
                raise SelectorError(f'"{operator}" is not a valid label selector operator')
            found.append(checked(key, _API_OPERATORS[operator], values))
        return cls(_sorted(found)) if found else EVERYTHING

    @classmethod
    def of_set(cls, labels: Mapping[str, str] | None) -> LabelSelector:
        """Every label must have its value (a Service's selector); None and {} select everything."""
        return cls(tuple(Requirement(k, "=", (v,)) for k, v in sorted((labels or {}).items())))

    @property
    def empty(self) -> bool:
        """Whether it restricts nothing."""
        return not self.requirements and not self.nothing

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        if self.nothing:
            return False
        found = labels or {}
        for requirement in self.requirements:  # noqa: SIM110 (of thousands of Pods, and a generator takes twice as long)
            if not requirement.matches(found):
                return False
        return True

    def exact(self, key: str) -> str | None:
        """The one value that the selector demands of a label, if it does."""
        for r in self.requirements:
            if r.key == key:
                return r.values[0] if r.operator in ("=", "==", "in") and len(r.values) == 1 else None
        return None

    def __str__(self) -> str:
        return ",".join(str(r) for r in self.requirements)


EVERYTHING = LabelSelector()
NOTHING = LabelSelector(nothing=True)


def checked(key: str, operator: str, values: Iterable[str]) -> Requirement:
    """A requirement whose key, operator and values fit together. Raises SelectorError."""
    wanted = tuple(values)
    problems: list[FieldError] = []
    if errors := names.label_key(key):
        problems.append(FieldError.invalid(Path("key"), key, "; ".join(errors)))
    at = Path("values")
    shown = list(wanted)
    if operator in ("in", "notin") and not wanted:
        problems.append(FieldError.invalid(at, shown, "for 'in', 'notin' operators, values set can't be empty"))
    elif operator in ("=", "==", "!=") and len(wanted) != 1:
        problems.append(FieldError.invalid(at, shown, "exact-match compatibility requires one single value"))
    elif operator in ("exists", "!") and wanted:
        problems.append(FieldError.invalid(at, shown, "values set must be empty for exists and does not exist"))
    elif operator in ("gt", "lt"):
        if len(wanted) != 1:
            problems.append(FieldError.invalid(at, shown, "for 'Gt', 'Lt' operators, exactly one value is required"))
        detail = "for 'Gt', 'Lt' operators, the value must be an integer"
        problems += [FieldError.invalid(at.index(i), v, detail) for i, v in enumerate(wanted) if _int64(v) is None]
    for i, value in enumerate(wanted):
        if errors := names.label_value(value):
            problems.append(FieldError.invalid(at.index(i).key(key), value, "; ".join(errors)))
    if problems:
        raise SelectorError(aggregate(problems))
    return Requirement(key, operator, wanted)


class _Parser:
    """Recursive descent over the tokens of a label selector."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.position = 0

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            token = self._peek()
            if token == "":
                return found
            if not (_identifier(token) or token == "!"):
                raise SelectorError(f"found '{token}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            token = self._next()
            if token == "":
                return found
            if token != ",":
                raise SelectorError(f"found '{token}', expected: ',' or 'end of string'")
            following = self._peek()
            if not (_identifier(following) or following == "!"):
                raise SelectorError(f"found '{following}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        token = self._next()
        absent = token == "!"
        key = self._next() if absent else token
        if not _identifier(key):
            raise SelectorError(f"found '{key}', expected: identifier")
        if errors := names.label_key(key):
            raise SelectorError(str(FieldError.invalid(Path("<nil>"), key, "; ".join(errors))))
        if absent:
            return checked(key, "!", [])
        if self._peek() in ("", ","):
            return checked(key, "exists", [])
        token = self._next()
        operator = {">": "gt", "<": "lt"}.get(token, token)
        if operator not in _OPERATORS:
            raise SelectorError(f"found '{token}', expected: {', '.join(_OPERATORS)}")
        values = self._values() if operator in ("in", "notin") else [self._exact_value()]
        return checked(key, operator, sorted(set(values)))

    def _exact_value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        token = self._next()
        if not _identifier(token):
            raise SelectorError(f"found '{token}', expected: identifier")
        return token

    def _values(self) -> list[str]:
        token = self._next()
        if token != "(":
            raise SelectorError(f"found '{token}' expected: '('")
        values: list[str] = []
        current = ""
        while True:
            token = self._next()
            if token in (",", ")"):
                values.append(current)
                current = ""
                if token == ")":
                    return values
            elif _identifier(token) and not current:
                current = token
            elif current:
                raise SelectorError(f"found '{token}', expected: ',' or ')'")
            else:
                raise SelectorError(f"found '{token}', expected: ',', ')' or identifier")

    def _peek(self) -> str:
        return self.tokens[self.position]

    def _next(self) -> str:
        token = self.tokens[self.position]
        if token:
            self.position += 1
        return token


def _tokens(text: str) -> list[str]:
    """The tokens of a selector; the last one is the empty string."""
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            break
        token = match.group(1)
        position = match.end()
        while token and token[0] in "=!<>":
            symbol = next(s for s in _SYMBOLS if token.startswith(s))
            found.append(symbol)
            token = token[len(symbol) :]
        if token:
            found.append(token)
    return [*found, ""]


def _identifier(token: str) -> bool:
    return token != "" and token[0] not in "=!<>(),"


def _sorted(requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
    return tuple(sorted(requirements, key=lambda r: r.key))


def _int64(text: str) -> int | None:
    if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII) is None:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """`operator` is "=" or "!="."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All requirements must hold; a field that an object lacks counts as empty."""

    requirements: tuple[FieldRequirement, ...] = field(default=())

    @classmethod
    def parse(cls, text: str) -> FieldSelector:
        """From the query form `spec.nodeName=a,status.phase!=Running`. Raises SelectorError."""
        found: list[FieldRequirement] = []
        for term in sorted(_split_terms(text)):
            if not term:
                continue
            match = re.search(r"!=|==|=", term)
            if match is None:
                raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")
            operator = "!=" if match.group() == "!=" else "="
            name, value = term[: match.start()], _unescaped(term[match.end() :])
            if name or value:
                found.append(FieldRequirement(name, operator, value))
        return cls(tuple(found))

    @property
    def empty(self) -> bool:
        return not self.requirements

    def matches(self, fields: Mapping[str, str]) -> bool:
        return all((fields.get(r.field, "") == r.value) is (r.operator == "=") for r in self.requirements)

    def exact(self, name: str) -> str | None:
        """The one value that the selector demands of a field, if it does."""
        return next((r.value for r in self.requirements if r.field == name and r.operator == "="), None)

    def transformed(self, convert: Callable[[str, str], tuple[str, str]]) -> FieldSelector:
        """With every (field, value) converted; a requirement converted to ("", "") is dropped."""
        found = [(convert(r.field, r.value), r.operator) for r in self.requirements]
        return FieldSelector(tuple(FieldRequirement(f, op, v) for (f, v), op in found if f or v))

    def __str__(self) -> str:
        return ",".join(f"{r.field}{r.operator}{escaped(r.value)}" for r in self.requirements)


def escaped(value: str) -> str:
    """A literal value as it stands in a field selector."""
    return re.sub(r"([\\,=])", r"\\\1", value)


def _split_terms(text: str) -> list[str]:
    return re.findall(r"(?:[^\\,]|\\.|\\$)+", text, re.DOTALL)


def _unescaped(value: str) -> str:
    if not re.search(r"[\\,=]", value):
        return value
    result: list[str] = []
    characters = iter(value)
    for c in characters:
        if c == "\\":
            following = next(characters, "")
            if following not in ("\\", ",", "="):
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{following}")
            result.append(following)
        elif c in ",=":
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(c)}")
        else:
            result.append(c)
    return "".join(result)
