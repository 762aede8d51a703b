"""The rules of one version, compiled once and evaluated against objects.

Source: apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go (order, messages, transition rules, ratcheting).
Differs: the budget is the library's (iterations an evaluation) and the number of rules evaluated for an object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from pybernetes.apimachinery.field_errors import OMITTED, FieldError, Path
from pybernetes.apimachinery.trees import equal
from pybernetes.apiserver.crd.cel import environment, field_paths, types
from pybernetes.apiserver.crd.structural import Structural

ABSENT: Any = object()
MAX_EVALUATIONS = 100_000
"""Rules evaluated for one object; more is a schema that costs too much."""
_MAX_MESSAGE = 5 * 1024


def uses_old_self(rule: str) -> bool:
    return re.search(r"\boldSelf\b", re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "''", rule)) is not None


def expression_of(rule: Mapping[str, Any]) -> str:
    """The text that is compiled: a rule with optionalOldSelf sees an optional."""
    text = str(rule.get("rule") or "")
    if rule.get("optionalOldSelf"):
        return f"cel.bind(oldSelf, hasOldSelf ? optional.of(oldSelfValue) : optional.none(), ({text}))"
    return text


class Rule:
    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.tree = tree
        self.text = str(tree.get("rule") or "").strip()
        self.transition = uses_old_self(self.text)
        self.optional_old = bool(tree.get("optionalOldSelf"))
        self.problem = ""
        self.message_expression: Any = None
        env = environment.evaluating()
        try:
            self.compiled = env.compile(expression_of(tree), disable_check=False)
            if tree.get("messageExpression"):
                self.message_expression = env.compile(tree["messageExpression"])
        except RuntimeError as error:
            self.compiled = None
            self.problem = str(error)

    @property
    def message(self) -> str:
        return str(self.tree.get("message") or "").strip() or f"failed rule: {self.text}"

    @property
    def shown(self) -> str:
        return str(self.tree.get("message") or "").strip() or self.text


class _Node:
    """The rules of a schema's node and of all below it; None stands for a branch without rules."""

    def __init__(self, schema: Structural, *, root: bool) -> None:
        self.schema = types.with_type_meta(schema) if root else schema
        every = [*schema.rules]
        for nested in schema.tree.get("allOf") or ():
            every += nested.get("x-kubernetes-validations") or ()
        self.rules = [Rule(rule) for rule in every]
        self.properties = {name: made for name, child in schema.properties.items() if (made := _node(child))}
        self.additional = _node(schema.additional) if schema.additional is not None else None
        self.items = _node(schema.items) if schema.items is not None else None

    @property
    def empty(self) -> bool:
        return not (self.rules or self.properties or self.additional or self.items)


def _node(schema: Structural) -> _Node | None:
    node = _Node(schema, root=False)
    return None if node.empty else node


class Rules:
    """The rules of a schema; one that is no `root` is of a value within an object."""

    def __init__(self, schema: Structural, *, root: bool = True) -> None:
        self._root = _Node(schema, root=root)

    def validate(self, tree: Any, old: Any | None, path: Path = Path()) -> list[FieldError]:  # noqa: B008
        """What the rules say of an object; `old` is the one before an update, `path` where the value stands."""
        run = _Run()
        run.node(self._root, tree, ABSENT if old is None else old, path)
        return run.found


class _Run:
    def __init__(self) -> None:
        self.found: list[FieldError] = []
        self._evaluations = 0
        self._over = False

    def node(self, node: _Node, value: Any, old: Any, path: Path) -> None:
        if value is None or self._over:
            return
        if node.rules:
            self._evaluate(node, value, old, path)
        if isinstance(value, dict):
            correlated = old if isinstance(old, dict) and node.schema.map_type != "atomic" else {}
            for name, child in value.items():
                below = node.properties.get(name)
                at = path.child(name)
                if below is None and name not in node.schema.properties:
                    below, at = node.additional, path.key(name)
                if below is not None:
                    self.node(below, child, correlated.get(name, ABSENT), at)
        elif isinstance(value, list) and node.items is not None:
            keys = node.schema.list_keys if node.schema.list_type == "map" else ()
            before = _by_key(old, keys) if keys else {}
            for i, item in enumerate(value):
                self.node(node.items, item, before.get(_key(item, keys), ABSENT) if keys else ABSENT, path.index(i))

    def _evaluate(self, node: _Node, value: Any, old: Any, path: Path) -> None:
        has_old = old is not ABSENT and old is not None
        unchanged = has_old and equal(value, old)
        data: dict[str, Any] = {"self": types.value_of(value, node.schema), "hasOldSelf": has_old}
        data["oldSelf"] = data["oldSelfValue"] = types.value_of(old, node.schema) if has_old else None
        for rule in node.rules:
            if rule.transition and not has_old and not rule.optional_old:
                continue
            self._evaluations += 1
            if self._evaluations > MAX_EVALUATIONS:
                why = "validation failed due to running out of cost budget, no further validation rules will be run"
                self.found.append(FieldError.invalid(path, node.schema.type, why))
                self._over = True
                return
            error = self._one(rule, data, node, value, path)
            if error is not None and not (unchanged and not rule.transition):
                self.found.append(error)
            if self._over:
                return

    def _one(self, rule: Rule, data: dict[str, Any], node: _Node, value: Any, path: Path) -> FieldError | None:
        at = path if path.text else Path("<nil>")
        if rule.compiled is None:
            return FieldError.invalid(at, node.schema.type, f"rule compile error: {rule.problem}")
        try:
            result = rule.compiled.eval(data=data)
            verdict = result.value()
        except RuntimeError as error:
            if "budget" in str(error):
                self._over = True
                why = (
                    "'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to "
                    f"call cost exceeds limit for rule: {rule.shown}"
                )
                return FieldError.invalid(at, node.schema.type, why)
            return FieldError.invalid(at, node.schema.type, f"{error} evaluating rule: {rule.shown}")
        if verdict is True:
            return None
        if verdict is not False:
            return FieldError.invalid(at, node.schema.type, _failure(str(verdict), rule))
        return self._failed(rule, data, node, value, path)

    def _failed(self, rule: Rule, data: dict[str, Any], node: _Node, value: Any, path: Path) -> FieldError:
        detail = rule.message
        if rule.message_expression is not None:
            try:
                text = rule.message_expression.eval(data=data).value()
                if isinstance(text, str) and text.strip() and "\n" not in text and len(text) <= _MAX_MESSAGE:
                    detail = text.strip()
            except RuntimeError:
                pass
        path = field_paths.joined(path, str(rule.tree.get("fieldPath") or ""), node.schema)
        shown = OMITTED if isinstance(value, dict | list) else value
        text = path.text or "<nil>"
        reason = str(rule.tree.get("reason") or "")
        if reason in ("FieldValueRequired", "FieldValueForbidden"):
            return FieldError(reason, text, "", detail)
        if reason == "FieldValueDuplicate":
            return FieldError(reason, text, shown, "")
        return FieldError("FieldValueInvalid", text, shown, detail)


def _failure(problem: str, rule: Rule) -> str:
    """Why a rule has no verdict: a missing key, a division by zero, an operator for other types."""
    if "No matching overloads" in problem:
        return (
            f"'no such overload: {problem.partition(': ')[2]}': call arguments did not match a supported operator, "
            f"function or macro signature for rule: {rule.shown}"
        )
    found = re.search(r'Key not found in map : "([^"]*)"', problem)
    if found:
        return f"no such key: {found[1]} evaluating rule: {rule.shown}"
    return f"{problem.partition(': ')[2] or problem} evaluating rule: {rule.shown}"


def _key(item: Any, keys: tuple[str, ...]) -> bytes:
    return orjson.dumps([item.get(k) for k in keys]) if isinstance(item, dict) else b""


def _by_key(items: Any, keys: tuple[str, ...]) -> dict[bytes, Any]:
    return {_key(item, keys): item for item in items if isinstance(item, dict)} if isinstance(items, list) else {}
