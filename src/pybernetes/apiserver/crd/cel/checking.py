"""What is wrong with the rules of a new schema: they must compile, be of the right type and cost little enough.

Source: apiextensions-apiserver/pkg/apiserver/schema/cel/compilation.go,
pkg/apis/apiextensions/validation/{validation,cel_validation}.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.patience import TakesLongError, hurried
from pybernetes.apiserver.crd.cel import types
from pybernetes.apiserver.crd.cel.compiling import message_program, rule_program
from pybernetes.apiserver.crd.cel.rules import LONG, rules_length
from pybernetes.apiserver.crd.structural import Structural
from pybernetes.cel import costs
from pybernetes.cel.checking import Checked
from pybernetes.cel.estimates import estimate
from pybernetes.cel.names import escape
from pybernetes.cel.syntax import CelError

LIMIT_PER_RULE = 10_000_000
LIMIT_PER_DEFINITION = 100_000_000
_UNBOUNDED = -1


def check(schema: Structural, at: Path) -> list[FieldError]:
    """All that is wrong with the rules of a version."""
    if hurried() and rules_length(schema) > LONG:
        raise TakesLongError
    found: list[FieldError] = []
    spent = _Spent()
    for place in _places(schema, types.declared(schema, root=True), at, 1, None):
        rules_at = place.at.child("x-kubernetes-validations")
        if place.declared is None:
            why = "failed to construct type information for x-kubernetes-validations rules"
            said = f"internal error: {why}: unable to convert structural schema to CEL declarations"
            found.append(FieldError.internal(rules_at, said))
            continue
        for i, rule in enumerate(place.schema.rules):
            found += _Checking(rule, rules_at.index(i), place, place.declared, spent).all()
    return found + spent.problems(at)


class _Spent:
    """What all rules of a definition may cost."""

    def __init__(self) -> None:
        self._total = 0
        self._costly: list[tuple[int, Path]] = []

    def add(self, amount: int, path: Path) -> None:
        self._total = min(self._total + amount, costs.MOST)
        if amount >= LIMIT_PER_DEFINITION // 100:
            self._costly.append((amount, path))

    def problems(self, at: Path) -> list[FieldError]:
        if self._total <= LIMIT_PER_DEFINITION:
            return []
        why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
        self._costly.sort(key=lambda pair: -pair[0])
        what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        return [
            *(FieldError.forbidden(path, why) for _, path in self._costly[:4]),
            FieldError.forbidden(at, exceeded(what, self._total, LIMIT_PER_DEFINITION)),
        ]


def exceeded(what: str, spent: int, limit: int) -> str:
    factor = spent / limit
    shown = "more than 100x" if factor > 100 else f"{factor:.6f}x" if factor < 1.5 else f"{factor:.1f}x"
    return (
        f"{what} exceeds budget by factor of {shown} (try simplifying the rule, or adding maxItems, maxProperties, and "
        "maxLength where arrays, maps, and strings are declared)"
    )


@dataclass(slots=True)
class _Place:
    """A node that has rules, how often it can stand in one object, and what keeps its old value from being found."""

    schema: Structural
    declared: types.Declared | None
    at: Path
    times: int
    uncorrelatable: Path | None


def _places(
    node: Structural, declared: types.Declared | None, at: Path, times: int, lost: Path | None
) -> Iterator[_Place]:
    if node.rules:
        yield _Place(node, declared, at, times, lost)
    fields = declared.fields if declared is not None else {}
    element = declared.element if declared is not None else None
    for name, child in node.properties.items():
        below = fields.get(escape(name)) or types.declared(child, root=False)
        yield from _places(child, below, at.child("properties").key(name), times, lost)
    if node.additional is not None:
        below = element or types.declared(node.additional, root=False)
        many = _times(times, node.tree.get("maxProperties"))
        yield from _places(node.additional, below, at.child("additionalProperties"), many, lost)
    if node.items is not None:
        below = element or types.declared(node.items, root=False)
        unknown = lost or (at if node.list_type != "map" else None)
        yield from _places(node.items, below, at.child("items"), _times(times, node.tree.get("maxItems")), unknown)


def _times(times: int, most: int | None) -> int:
    return _UNBOUNDED if times == _UNBOUNDED or most is None else min(times * max(most, 0), costs.MOST)


class _Checking:
    """What is wrong with one rule."""

    def __init__(
        self, rule: Mapping[str, Any], path: Path, place: _Place, declared: types.Declared, spent: _Spent
    ) -> None:
        self._rule = rule
        self._path = path
        self._place = place
        self._declared = declared
        self._spent = spent
        self._environment = types.environment(declared, optional_old=bool(rule.get("optionalOldSelf")))
        self._found: list[FieldError] = []

    def all(self) -> list[FieldError]:
        rule = self._compiled(str(self._rule.get("rule") or ""))
        if rule is not None:
            self._message()
        self._old_self(rule)
        return self._found

    def _compiled(self, text: str) -> Checked | None:
        """The rule; None of one that is none."""
        at = self._path.child("rule")
        if not text.strip():
            return None
        try:
            found = rule_program(text, self._environment).checked
        except CelError as error:
            self._found.append(FieldError.invalid(at, self._as_told(), str(error)))
            return None
        often = self._place.times if self._place.times != _UNBOUNDED else self._declared.most_often
        amount = min(estimate(found, self._declared.most_elements).most * often, costs.MOST)
        if amount > LIMIT_PER_RULE:
            self._found.append(FieldError.forbidden(at, exceeded("estimated rule cost", amount, LIMIT_PER_RULE)))
        self._spent.add(amount, at)
        return found

    def _message(self) -> None:
        text = str(self._rule.get("messageExpression") or "")
        if not text:
            return
        at = self._path.child("messageExpression")
        try:
            found = message_program(text, self._environment).checked
        except CelError as error:
            self._found.append(FieldError.invalid(at, self._as_told(), str(error)))
            return
        amount = estimate(found, self._declared.most_elements).most
        if amount > LIMIT_PER_RULE:
            said = exceeded("estimated messageExpression cost", amount, LIMIT_PER_RULE)
            self._found.append(FieldError.forbidden(at, said))
        self._spent.add(amount, at)

    def _old_self(self, rule: Checked | None) -> None:
        if rule is not None and types.OLD_SELF in rule.variables:
            lost = self._place.uncorrelatable
            if lost is not None:
                why = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {lost}"
                self._found.append(FieldError.invalid(self._path.child("rule"), self._rule.get("rule"), why))
        elif (optional := self._rule.get("optionalOldSelf")) is not None:
            why = "may not be set if oldSelf is not used in rule"
            self._found.append(FieldError.invalid(self._path.child("optionalOldSelf"), optional, why))

    def _as_told(self) -> dict[str, Any]:
        """A rule as upstream shows it."""
        rule = self._rule
        return {
            "Rule": rule.get("rule", ""),
            "Message": rule.get("message", ""),
            "MessageExpression": rule.get("messageExpression", ""),
            "Reason": rule.get("reason"),
            "FieldPath": rule.get("fieldPath", ""),
            "OptionalOldSelf": rule.get("optionalOldSelf"),
        }
