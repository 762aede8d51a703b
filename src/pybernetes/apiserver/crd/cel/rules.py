"""The rules of one version, compiled once and evaluated against objects.

Source: apiextensions-apiserver/pkg/apiserver/schema/cel/{compilation,validation}.go (order, messages, transition rules,
ratcheting, budgets).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import orjson

from pybernetes.apimachinery.field_errors import OMITTED, FieldError, Path
from pybernetes.apimachinery.patience import TakesLongError, hurried
from pybernetes.apimachinery.trees import equal
from pybernetes.apiserver.crd.cel import field_paths, types
from pybernetes.apiserver.crd.cel.compiling import message_program, rule_program
from pybernetes.apiserver.crd.cel.readers import reader
from pybernetes.apiserver.crd.structural import Structural
from pybernetes.cel.names import escape
from pybernetes.cel.planning import Program
from pybernetes.cel.running import MOST_WORK as MOST_WORK_PER_CALL
from pybernetes.cel.running import CostExceededError, Run
from pybernetes.cel.syntax import CelError
from pybernetes.cel.values import ABSENT, NOTHING, Optional

BUDGET = 10_000_000
"""What the rules of one object may cost together."""
MOST_WORK = 10_000_000
"""How many steps they may take together beyond that."""
_MAX_MESSAGE = 5 * 1024
_PATIENCE = 20_000
"""What of both an event loop waits for."""
_PER_EVALUATION = 20
LONG = 4_000
"""How many characters of rules an event loop waits for to be compiled."""
_OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"


class _StopError(Exception):
    """No further rules are evaluated."""


class Rule:
    def __init__(self, tree: Mapping[str, Any], root: types.Declared) -> None:
        self.tree = tree
        self.text = str(tree.get("rule") or "").strip()
        self.optional_old = bool(tree.get("optionalOldSelf"))
        self.problem = ""
        self.program: Program | None = None
        self.message_program: Program | None = None
        environment = types.environment(root, optional_old=self.optional_old)
        try:
            self.program = rule_program(str(tree.get("rule") or ""), environment)
        except CelError as error:
            self.problem = str(error)
            return
        if expression := tree.get("messageExpression"):
            with contextlib.suppress(CelError):
                self.message_program = message_program(expression, environment)

    @property
    def transition(self) -> bool:
        return self.program is not None and types.OLD_SELF in self.program.checked.variables

    @property
    def message(self) -> str:
        return self.shown if self.tree.get("message") else f"failed rule: {self.shown}"

    @property
    def shown(self) -> str:
        return str(self.tree.get("message") or self.text).strip()


class _Node:
    """The rules of a schema's node and of all below it; None stands for a branch without rules."""

    def __init__(self, schema: Structural, root: types.Declared, *, is_root: bool) -> None:
        self.schema = types.with_type_meta(schema) if is_root else schema
        self.read = reader(self.schema)
        self.rules = [Rule(rule, root) for rule in schema.rules if str(rule.get("rule") or "").strip()]
        nested = [
            rule for each in schema.tree.get("allOf") or () for rule in each.get("x-kubernetes-validations") or ()
        ]
        self.nested = [Rule(rule, root) for rule in nested]
        self.properties = {
            name: made
            for name, child in schema.properties.items()
            if (below := root.fields.get(escape(name)) or _unnamed(name, child)) and (made := _node(child, below))
        }
        element = root.element
        self.additional = _node(schema.additional, element) if schema.additional is not None and element else None
        self.items = _node(schema.items, element) if schema.items is not None and element else None

    @property
    def empty(self) -> bool:
        return not (self.rules or self.nested or self.properties or self.additional or self.items)


def _unnamed(name: str, schema: Structural) -> types.Declared | None:
    """What stands under a name that rules cannot say has rules of its own."""
    return None if escape(name) else types.declared(schema, root=False)


def _node(schema: Structural, root: types.Declared) -> _Node | None:
    node = _Node(schema, root, is_root=False)
    return None if node.empty else node


class Rules:
    """The rules of a schema; one that is no `root` is of a value within an object."""

    def __init__(self, schema: Structural, *, root: bool = True) -> None:
        if hurried() and rules_length(schema) > LONG:
            raise TakesLongError
        declared = types.declared(schema, root=root)
        self._root = _Node(schema, declared, is_root=root) if declared is not None else None

    def validate(self, tree: Any, old: Any | None, path: Path = Path()) -> list[FieldError]:  # noqa: B008
        """What the rules say of an object; `old` is the one before an update, `path` where the value stands."""
        if self._root is None:
            return []
        run = _Run()
        before = ABSENT if old is None else old
        with contextlib.suppress(_StopError):
            run.node(self._root, tree, before, path, _Correlated(self._root.schema, tree, before, None))
        return run.found


def rules_length(schema: Structural) -> int:
    """How many characters rules there are below a node."""
    below = [*schema.properties.values(), *filter(None, (schema.additional, schema.items))]
    own = sum(len(str(rule.get("rule") or "")) + len(rule.get("messageExpression") or "") for rule in schema.rules)
    return own + sum(map(rules_length, below))


class _Correlated:
    """A value and the one that it was before, if there is one to find; what was before around it otherwise.

    Source: apiserver/pkg/cel/common/equality.go.
    """

    __slots__ = ("_same", "around", "old", "schema", "value")

    def __init__(self, schema: Structural, value: Any, old: Any, around: _Correlated | None) -> None:
        self.schema = schema
        self.value = value
        self.old = old
        self.around = around
        self._same: bool | None = None

    @property
    def unchanged(self) -> bool:
        if self.old is ABSENT:
            return self.around is not None and self.around.unchanged
        if self._same is None:
            self._same = _same(self.schema, self.value, self.old)
        return self._same

    def below(self, schema: Structural, value: Any, old: Any) -> _Correlated:
        return _Correlated(schema, value, old, self if self.old is not ABSENT else self.around)


def _same(schema: Structural, value: Any, old: Any) -> bool:
    """Whether a value is what it was; what its schema does not name might be anything."""
    if isinstance(value, dict) and isinstance(old, dict):
        if len(value) != len(old):
            return False
        for name, child in value.items():
            below = schema.child(name)
            if below is None or name not in old or not _same(below, child, old[name]):
                return False
        return True
    if isinstance(value, list) and isinstance(old, list) and schema.list_type == "map" and schema.items is not None:
        before = _by_key(old, schema.list_keys)
        keys = [_key(item, schema.list_keys) for item in value]
        items = schema.items
        known = len(value) == len(old) and all(key in before for key in keys)
        return known and all(_same(items, item, before[key]) for item, key in zip(value, keys, strict=True))
    return equal(value, old)


class _Run:
    def __init__(self) -> None:
        self.found: list[FieldError] = []
        self._budget = BUDGET
        self._work = MOST_WORK
        self._hurried = hurried()
        self._patience = _PATIENCE

    def node(self, node: _Node, value: Any, old: Any, path: Path, correlated: _Correlated) -> None:
        if value is None:
            return
        if node.rules:
            self._evaluate(node, node.rules, value, old, path, correlated)
        if node.nested:
            alone = _Correlated(node.schema, value, ABSENT, correlated.around)
            self._evaluate(node, node.nested, value, old, path, alone)
        if isinstance(value, dict):
            self._members(node, value, old, path, correlated)
        elif isinstance(value, list) and node.items is not None:
            keys = node.schema.list_keys if node.schema.list_type == "map" else ()
            before = _by_key(old, keys) if keys else {}
            for i, item in enumerate(value):
                was = before.get(_key(item, keys), ABSENT) if keys else ABSENT
                self.node(node.items, item, was, path.index(i), correlated.below(node.items.schema, item, was))

    def _members(self, node: _Node, value: dict[str, Any], old: Any, path: Path, correlated: _Correlated) -> None:
        if not (node.properties or node.additional):
            return
        before = old if isinstance(old, dict) else {}
        for name, child in value.items():
            below = node.properties.get(name)
            at = path.child(name)
            if below is None and name not in node.schema.properties:
                below, at = node.additional, path.key(name)
            if below is not None:
                was = before.get(name, ABSENT)
                self.node(below, child, was, at, correlated.below(below.schema, child, was))

    def _evaluate(
        self, node: _Node, rules: list[Rule], value: Any, old: Any, path: Path, correlated: _Correlated
    ) -> None:
        at = path if path.text else Path("<nil>")
        if self._budget <= 0:
            self._stop(FieldError.invalid(at, node.schema.type, _OUT_OF_BUDGET))
        has_old = old is not ABSENT and old is not None
        try:
            data = {types.SELF: node.read(value), types.OLD_SELF: node.read(old) if has_old else ABSENT}
        except CelError as unreadable:
            said = (_failure(str(unreadable), rule) for rule in rules)
            self.found += [FieldError.invalid(at, node.schema.type, each) for each in said]
            return
        before = data[types.OLD_SELF]
        optional = {**data, types.OLD_SELF: Optional(before) if has_old else NOTHING}
        for rule in rules:
            if rule.transition and not has_old and not rule.optional_old:
                continue
            given = optional if rule.optional_old else data
            if self._holds(rule, given, node, at):
                continue
            error = self._failed(rule, data, node, value, path)
            if rule.transition or not correlated.unchanged:
                self.found.append(error)

    def _stop(self, error: FieldError) -> None:
        self.found.append(error)
        raise _StopError

    def _holds(self, rule: Rule, data: dict[str, Any], node: _Node, at: Path) -> bool:
        """Whether a rule's verdict is good; one that has none is said to have failed in its own way."""
        kind = node.schema.type
        if rule.program is None:
            self.found.append(FieldError.invalid(at, kind, f"rule compile error: {rule.problem}"))
            return True
        verdict, run = self._evaluated(rule.program, data)
        if run.cost > self._budget:
            self._stop(FieldError.invalid(at, kind, _OUT_OF_BUDGET))
        self._budget -= run.cost
        if isinstance(verdict, CostExceededError):
            why = "no further validation rules will be run due to call cost exceeds limit for rule"
            self._stop(FieldError.invalid(at, kind, f"'{verdict}': {why}: {rule.shown}"))
        if isinstance(verdict, CelError):
            self.found.append(FieldError.invalid(at, kind, _failure(str(verdict), rule)))
            return True
        return verdict is True

    def _evaluated(self, program: Program, data: dict[str, Any]) -> tuple[Any, Run]:
        """Raises TakesLongError when an event loop has waited long enough."""
        if not self._hurried:
            found, run = program.evaluate(data, most_work=min(self._work, MOST_WORK_PER_CALL))
        else:
            found, run = program.evaluate(data, self._patience, self._patience)
            self._patience -= run.cost + run.work + _PER_EVALUATION
            if self._patience <= 0:
                raise TakesLongError
        self._work = max(self._work - run.work, 0)
        return found, run

    def _failed(self, rule: Rule, data: dict[str, Any], node: _Node, value: Any, path: Path) -> FieldError:
        path = field_paths.joined(path, str(rule.tree.get("fieldPath") or ""), node.schema)
        path = path if path.text else Path("<nil>")
        detail = self._message(rule, data, node, path) or rule.message
        shown = OMITTED if node.schema.type in ("object", "array") else value
        reason = str(rule.tree.get("reason") or "")
        if reason in ("FieldValueRequired", "FieldValueForbidden"):
            return FieldError(reason, path.text, "", detail)
        if reason == "FieldValueDuplicate":
            return FieldError(reason, path.text, shown, "")
        return FieldError("FieldValueInvalid", path.text, shown, detail)

    def _message(self, rule: Rule, data: dict[str, Any], node: _Node, path: Path) -> str:
        """What the rule's own expression says; "" where it says nothing that can be shown."""
        if rule.message_program is None:
            return ""
        text, run = self._evaluated(rule.message_program, data)
        if run.cost > self._budget:
            why = "messageExpression evaluation failed due to running out of cost budget, no further validation rules"
            self._stop(FieldError.invalid(path, node.schema.type, f"{why} will be run"))
        if isinstance(text, CostExceededError):
            why = "no further validation rules will be run due to call cost exceeds limit for messageExpression"
            expression = orjson.dumps(rule.tree["messageExpression"]).decode()
            self._stop(FieldError.invalid(path, node.schema.type, f"{why}: {expression}"))
        self._budget -= run.cost
        if not isinstance(text, str):
            return ""
        text = text.strip()
        return "" if "\n" in text or len(text.encode("utf-8", "surrogatepass")) > _MAX_MESSAGE else text


def _failure(problem: str, rule: Rule) -> str:
    """Why a rule has no verdict: a missing key, a division by zero, an operator for other types."""
    if problem.startswith("no such overload"):
        why = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{problem}': {why}: {rule.shown}"
    return f"{problem} evaluating rule: {rule.shown}"


def _key(item: Any, keys: tuple[str, ...]) -> bytes:
    return orjson.dumps([item.get(k) for k in keys]) if isinstance(item, dict) else b""


def _by_key(items: Any, keys: tuple[str, ...]) -> dict[bytes, Any]:
    return {_key(item, keys): item for item in items if isinstance(item, dict)} if isinstance(items, list) else {}
