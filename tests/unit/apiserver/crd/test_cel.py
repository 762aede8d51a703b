"""CEL rules: what they say of objects, what is wrong with them, what they may cost."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from pybernetes.apimachinery.field_errors import Path
from pybernetes.apimachinery.patience import patiently
from pybernetes.apiserver.crd.cel.checking import check
from pybernetes.apiserver.crd.cel.rules import Rules
from pybernetes.apiserver.crd.structural import Structural
from pybernetes.cel.names import escape

Tree = dict[str, Any]
PROPERTIES: Tree = {
    "replicas": {"type": "integer"},
    "max": {"type": "integer"},
    "ratio": {"type": "number"},
    "names": {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 10}},
    "many": {"type": "array", "items": {"type": "string"}},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "size": {"type": "string", "maxLength": 100},
    "x-y": {"type": "integer"},
    "namespace": {"type": "string"},
    "at": {"type": "string", "format": "date-time"},
    "wait": {"type": "string", "format": "duration"},
    "port": {"x-kubernetes-int-or-string": True},
    "raw": {"type": "string", "format": "byte"},
    "empty": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}


def schema(rule: str, **more: Any) -> Structural:
    rules = [{"rule": rule, **more}]
    spec = {"type": "object", "properties": PROPERTIES, "x-kubernetes-validations": rules}
    return Structural({"type": "object", "properties": {"spec": spec}})


def said(rule: str, spec: Tree, old: Tree | None = None, **more: Any) -> list[str]:
    made = schema(rule, **more)
    assert [str(e) for e in check(made, Path("schema"))] == []
    before = None if old is None else {"spec": old}
    return [str(e) for e in Rules(made).validate({"spec": spec}, before)]


HOLD: dict[str, Tree] = {
    "self.replicas <= self.max": {"replicas": 1, "max": 2},
    "self.ratio > 1 && self.ratio < 2.5": {"ratio": 2},
    "!has(self.size)": {},
    "self.names.all(n, n.startsWith('a')) && self.names.size() == 2": {"names": ["a", "ab"]},
    "self.labels.all(k, self.labels[k] != k)": {"labels": {"a": "b"}},
    "self.x__dash__y == 3 && self.__namespace__ == 'n'": {"x-y": 3, "namespace": "n"},
    "self.at < timestamp('2030-01-01T00:00:00Z')": {"at": "2024-01-01T00:00:00Z"},
    "self.wait > duration('1m')": {"wait": "1h"},
    "self.port == 80 || self.port == 'http'": {"port": "http"},
    "self.raw == b'abc'": {"raw": "YWJj"},
    "quantity(self.size).isLessThan(quantity('2Gi'))": {"size": "1Gi"},
    "quantity('1').add(quantity('500m')).compareTo(quantity('1500m')) == 0 && isQuantity('1k')": {},
    "url('https://a.b:80/c?x=1').getHost() == 'a.b:80' && url('/c').getEscapedPath() == '/c' && !isURL('a b')": {},
    "url('https://a/?x=1&x=2').getQuery()['x'] == ['1', '2'] && url('https://[::1]:8').getHostname() == '::1'": {},
    "ip('10.0.0.1').family() == 4 && isIP('::1') && !isIP('10.0.0') && ip('127.0.0.1').isLoopback()": {},
    "cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))": {},
    "cidr('10.1.2.3/8').masked().prefixLength() == 8 && isCIDR('::/0')": {},
    "'abc 123 456'.find('[0-9]+') == '123' && 'a1b2'.findAll('[0-9]') == ['1', '2']": {},
    "[1, 2].sum() == 3 && [3, 1].min() == 1 && [1, 2].isSorted() && self.names.indexOf('b') == 1": {
        "names": ["a", "b"]
    },
    "self.names.join('-') == 'a-b'": {"names": ["a", "b"]},
    "sets.contains([1, 2], [1]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])": {},
    "'%s-%d-%.1f'.format(['a', 3, 1.25]) == 'a-3-1.2' && 'a,b'.split(',') == ['a', 'b']": {},
    "'Ab'.lowerAscii() == 'ab' && ' x '.trim() == 'x'": {},
    "'abc'.substring(1, 2) == 'b' && 'aXa'.replace('X', '') == 'aa'": {},
    "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('v1.2', true).minor() == 2 && isSemver('1.0.0-rc.1')": {},
    "!format.dns1123Label().validate('a-b').hasValue()": {},
    "self.?size.orValue('none') == 'none'": {},
    "[3, 1, 3].distinct().sort() == [1, 3] && [1, 2, 3].slice(1, 2) == [2] && [[1], [2]].flatten() == [1, 2]": {},
    "[1, 2].reverse() == [2, 1] && lists.range(3) == [0, 1, 2]": {},
    "'A'.matches('(?i)a') && ('x' + 'ab').find('(?i)[[:upper:]]b?$') == 'ab'": {},
}


@pytest.mark.parametrize("rule", HOLD)
def test_rules_that_hold(rule: str) -> None:
    assert said(rule, HOLD[rule]) == []


def test_messages() -> None:
    spec = {"replicas": 3, "max": 2, "names": ["x"]}
    assert said("self.replicas <= self.max", spec) == ["spec: Invalid value: failed rule: self.replicas <= self.max"]
    assert said("self.replicas <= self.max", spec, message="no") == ["spec: Invalid value: no"]
    expression = "'at most %d'.format([self.max])"
    assert said("self.replicas <= self.max", spec, messageExpression=expression) == ["spec: Invalid value: at most 2"]
    refused = said("self.replicas <= self.max", spec, message="no", reason="FieldValueForbidden", fieldPath=".replicas")
    assert refused == ["spec.replicas: Forbidden: no"]
    assert said("self.size == 'a'", spec) == [
        "spec: Invalid value: \"object\": no such key: size evaluating rule: self.size == 'a'"
    ]


def test_transition_rules() -> None:
    rule = "self.replicas >= oldSelf.replicas"
    assert said(rule, {"replicas": 1}) == []
    assert said(rule, {"replicas": 2}, {"replicas": 1}) == []
    assert said(rule, {"replicas": 1}, {"replicas": 2}) == [f"spec: Invalid value: failed rule: {rule}"]
    optional = "oldSelf.hasValue() || self.replicas == 1"
    assert said(optional, {"replicas": 1}, optionalOldSelf=True) == []
    assert len(said(optional, {"replicas": 2}, optionalOldSelf=True)) == 1
    assert said(optional, {"replicas": 2}, {"replicas": 1}, optionalOldSelf=True) == []


def test_a_rule_that_failed_before_may_go_on_failing() -> None:
    wrong = {"replicas": 3, "max": 2}
    assert said("self.replicas <= self.max", wrong, dict(wrong)) == []
    assert len(said("self.replicas <= self.max", {**wrong, "size": "1"}, wrong)) == 1


WRONG: dict[str, tuple[Tree, str]] = {
    "another library": ({"rule": "math.greatest([1, 5]) == 5"}, "undeclared reference to 'math'"),
    "bindings": ({"rule": "cel.bind(x, 2, x * x) == 4"}, "undeclared reference to 'cel'"),
    "what the schema does not name": ({"rule": "has(self.empty.a)"}, "undefined field 'a'"),
    "unknown field": ({"rule": "self.nothing == 1"}, "undefined field 'nothing'"),
    "syntax": ({"rule": "self.replicas =="}, "compilation failed: ERROR: <input>:1:17: Syntax error"),
    "type": ({"rule": "self.replicas + 'a' == 'b'"}, "found no matching overload for '_+_'"),
    "no boolean": ({"rule": "self.replicas"}, "cel expression must evaluate to a bool"),
    "no string": ({"rule": "true", "messageExpression": "1"}, "messageExpression must evaluate to a string"),
    "no old self": ({"rule": "true", "optionalOldSelf": True}, "may not be set if oldSelf is not used in rule"),
    "cost": (
        {"rule": "self.many.all(x, self.many.all(y, x != y || x == y))"},
        "estimated rule cost exceeds budget by factor of more than 100x",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_rules_that_are_refused(case: str) -> None:
    rule, message = WRONG[case]
    found = [str(e) for e in check(schema(**rule), Path("schema"))]
    assert found and message in found[0]


def test_loops_over_bounded_lists_cost_little() -> None:
    assert check(schema("self.names.all(x, self.names.exists_one(y, x == y))"), Path("s")) == []
    assert check(schema("self.many.all(x, x != 'a')"), Path("s")) == []


def test_an_evaluation_that_takes_too_long_ends() -> None:
    made = schema("self.many.all(x, self.many.all(y, self.many.all(z, x + y + z != 'q')))")
    found = [str(e) for e in Rules(made).validate({"spec": {"many": ["a"] * 100}}, None)]
    assert len(found) == 1 and "cost exceeds limit" in found[0]


def test_old_self_where_there_is_none_to_find() -> None:
    rules = [{"rule": "self != oldSelf"}]
    items = {"type": "string", "maxLength": 5, "x-kubernetes-validations": rules}
    made = Structural({"type": "object", "properties": {"a": {"type": "array", "maxItems": 5, "items": items}}})
    found = [str(e) for e in check(made, Path("schema"))]
    assert "oldSelf cannot be used on the uncorrelatable portion of the schema within schema.properties[a]" in found[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a", "a"),
        ("a-b", "a__dash__b"),
        ("a.b/c", "a__dot__b__slash__c"),
        ("a__b", "a__underscores__b"),
        ("namespace", "__namespace__"),
        ("a b", ""),
    ],
)
def test_names_that_cannot_be_said_as_they_are(name: str, said: str) -> None:
    assert escape(name) == said


def many(count: int) -> Tree:
    return {"spec": {"many": ["a"] * count}}


def test_a_long_evaluation_leaves_the_event_loop() -> None:
    made = Rules(schema("self.many.all(x, x == 'a' && x != 'b')"))

    async def ask(count: int) -> tuple[bool, list[str]]:
        threads: list[threading.Thread] = []

        def work() -> list[str]:
            threads.append(threading.current_thread())
            return [str(e) for e in made.validate(many(count), None)]

        found = await patiently(work)
        return threads[-1] is threading.main_thread(), found

    assert asyncio.run(ask(10)) == (True, [])
    assert asyncio.run(ask(4_000)) == (False, [])
    assert asyncio.run(ask(10_000)) == (False, [])


def test_rules_of_one_object_share_a_budget() -> None:
    rule = {"rule": "self.many.map(x, x + 'b').size() < lists.range(800000).size()"}
    spec = {"type": "object", "properties": PROPERTIES, "x-kubernetes-validations": [rule] * 14}
    rules = Rules(Structural({"type": "object", "properties": {"spec": spec}}))
    found = [str(e) for e in rules.validate(many(1), None)]
    why = "validation failed due to running out of cost budget, no further validation rules will be run"
    assert found == [f'spec: Invalid value: "object": {why}']


def test_what_fails_below_what_did_not_change_is_let_pass() -> None:
    item = {"type": "integer", "x-kubernetes-validations": [{"rule": "self > 1"}]}
    properties = {"l": {"type": "array", "items": item}, "o": {"type": "integer"}}
    rules = Rules(Structural({"type": "object", "properties": properties}), root=False)
    assert rules.validate({"l": [1], "o": 2}, {"l": [1], "o": 1}) == []
    assert len(rules.validate({"l": [1, 1], "o": 2}, {"l": [1], "o": 1})) == 2


@pytest.mark.parametrize(
    ("rule", "given", "said"),
    [
        ("oldSelf.startsWith('a') || self == 'b'", "string", "no such overload"),
        ("oldSelf.trim() == 'a'", "string", "no such overload: trim(int)"),
        ("oldSelf.split(',', 2).join() == 'a'", "string", "no such overload: split(int, string, int)"),
        ("self.x.reverse() == []", "unknown", "no such overload: reverse(int)"),
        ("self.x.slice(0, 1) == []", "unknown", "no such overload: slice(int, int, int)"),
        ("self.x.join(self.x) == ''", "unknown", "no such overload: join(int, int)"),
        ("sets.contains(self.x, self.x)", "unknown", "no such overload: sets.contains(int, int)"),
    ],
)
def test_values_of_other_types_than_a_function_takes_are_told(rule: str, given: str, said: str) -> None:
    told = {"x-kubernetes-validations": [{"rule": rule}]}
    x = {"x-kubernetes-int-or-string": True}
    node = {"type": "string"} if given == "string" else {"type": "object", "properties": {"x": x}}
    rules = Rules(Structural({**node, **told}), root=False)
    value, old = ("a", 5) if given == "string" else ({"x": 5}, {"x": 4})
    (found,) = rules.validate(value, old)
    assert f"'{said}': call arguments did not match" in str(found)
