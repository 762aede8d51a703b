"""What is wrong with the rules of a new schema: they must compile, be of the right type and cost little enough.

Source: apiextensions-apiserver/pkg/apiserver/schema/cel/compilation.go,
pkg/apis/apiextensions/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cel_expr_python import cel

from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.crd.cel import cost, types
from pybernetes.apiserver.crd.cel.rules import expression_of, uses_old_self
from pybernetes.apiserver.crd.structural import Structural


def check(schema: Structural, at: Path) -> list[FieldError]:
    """All that is wrong with the rules of a version."""
    root = types.with_type_meta(schema)
    checker = types.Checker(root)
    places = list(_places(root, at, 1, None))
    for place in places:
        checker.prepare(place.schema)
    found: list[FieldError] = []
    total = 0
    costly: list[tuple[int, Path]] = []
    for place in places:
        rules_at = place.at.child("x-kubernetes-validations")
        if not types.exposed(place.schema):
            why = "failed to construct type information for x-kubernetes-validations rules"
            said = f"internal error: {why}: unable to convert structural schema to CEL declarations"
            found.append(FieldError.internal(rules_at, said))
            continue
        env = checker.environment(place.schema)
        for i, rule in enumerate(place.rules):
            path = rules_at.index(i)
            bound = checker.environment(place.schema, bindings=True) if rule.get("optionalOldSelf") else env
            errors, spent = _rule(rule, path, place, bound)
            found += errors
            total += sum(spent)
            costly += [(spent[0], path.child("rule")), (spent[1], path.child("messageExpression"))]
    if total > cost.LIMIT_PER_DEFINITION:
        why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
        costly.sort(key=lambda pair: -pair[0])
        found += [
            FieldError.forbidden(path, why) for spent, path in costly[:4] if spent >= cost.LIMIT_PER_DEFINITION // 100
        ]
        what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        found.append(FieldError.forbidden(at, cost.exceeded(what, total, cost.LIMIT_PER_DEFINITION)))
    return found


class _Place:
    """A node that has rules, how often it can stand in one object, and what keeps its old value from being found."""

    def __init__(self, schema: Structural, rules: list[Any], at: Path, times: int, uncorrelatable: Path | None) -> None:
        self.schema = schema
        self.rules = rules
        self.at = at
        self.times = times
        self.uncorrelatable = uncorrelatable


def _places(node: Structural, at: Path, times: int, lost: Path | None) -> Iterator[_Place]:
    if node.rules:
        yield _Place(node, node.rules, at, times, lost)
    for i, nested in enumerate(node.tree.get("allOf") or ()):
        if rules := nested.get("x-kubernetes-validations"):
            yield _Place(node, list(rules), at.child("allOf").index(i), times, lost)
    below = lost or (at if node.map_type == "atomic" else None)
    for name, child in node.properties.items():
        yield from _places(child, at.child("properties").key(name), times, below)
    if node.additional is not None:
        many = times * cost.size_of(node)
        yield from _places(node.additional, at.child("additionalProperties"), many, below)
    if node.items is not None:
        unknown = lost or (at if node.list_type != "map" else None)
        yield from _places(node.items, at.child("items"), times * cost.size_of(node), unknown)


def _rule(rule: Any, path: Path, place: _Place, env: Any) -> tuple[list[FieldError], tuple[int, int]]:
    """What is wrong with a rule, and what it and its message can cost."""
    found: list[FieldError] = []
    spent = said_spent = 0
    at = path.child("rule")
    try:
        compiled = env.compile(expression_of(rule))
    except RuntimeError as error:
        return [FieldError.invalid(at, _as_told(rule), f"compilation failed: {plain_error(error)}")], (0, 0)
    if compiled.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        found.append(FieldError.invalid(at, _as_told(rule), "cel expression must evaluate to a bool"))
    else:
        spent = min(cost.estimate(compiled.serialize(), place.schema) * place.times, cost.CEILING)
        if spent > cost.LIMIT_PER_RULE:
            said = cost.exceeded("estimated rule cost", spent, cost.LIMIT_PER_RULE)
            found.append(FieldError.forbidden(at, said))
    if rule.get("messageExpression"):
        message_at = path.child("messageExpression")
        try:
            message = env.compile(rule["messageExpression"])
            if message.return_type() not in (cel.Type.STRING, cel.Type.DYN):
                why = "messageExpression must evaluate to a string"
                found.append(FieldError.invalid(message_at, _as_told(rule), why))
            else:
                said_spent = min(cost.estimate(message.serialize(), place.schema) * place.times, cost.CEILING)
                if said_spent > cost.LIMIT_PER_RULE:
                    said = cost.exceeded("estimated messageExpression cost", said_spent, cost.LIMIT_PER_RULE)
                    found.append(FieldError.forbidden(message_at, said))
        except RuntimeError as error:
            why = f"messageExpression compilation failed: {plain_error(error)}"
            found.append(FieldError.invalid(message_at, _as_told(rule), why))
    if uses_old_self(str(rule.get("rule") or "")):
        if place.uncorrelatable is not None:
            why = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {place.uncorrelatable}"
            found.append(FieldError.invalid(at, rule.get("rule"), why))
    elif rule.get("optionalOldSelf") is not None:
        why = "may not be set if oldSelf is not used in rule"
        found.append(FieldError.invalid(path.child("optionalOldSelf"), rule["optionalOldSelf"], why))
    return found, (spent, said_spent)


def _as_told(rule: Any) -> dict[str, Any]:
    """A rule as upstream shows it."""
    return {
        "Rule": rule.get("rule", ""),
        "Message": rule.get("message", ""),
        "MessageExpression": rule.get("messageExpression", ""),
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath", ""),
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }


def plain_error(error: RuntimeError) -> str:
    """The compiler's message without the library's codes."""
    text = str(error).removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
    return re.sub(r"(undefined field '[^']*') not found in struct '[^']*'", r"\1", text)
