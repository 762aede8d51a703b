"""Schema validation in upstream's words, and that the compiled schema and the walk agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.apimachinery import patterns
from pybernetes.apimachinery.formats import FORMATS
from pybernetes.apimachinery.trees import go_float
from pybernetes.apiserver.crd.validation import ABSENT, SchemaValidator, _Walk
from tests.schema_strategies import schemas, spoiled, value_for

Tree = dict[str, Any]
CASES: dict[str, tuple[Tree, Any, list[str]]] = {
    "type": ({"type": "integer"}, "a", ['x: Invalid value: "string": x in body must be of type integer: "string"']),
    "whole floats are integers": ({"type": "integer"}, 3.0, []),
    "integers are numbers": ({"type": "number"}, 3, []),
    "null": ({"type": "string"}, None, ['x: Invalid value: "null": x in body must be of type string: "null"']),
    "nullable": ({"type": "string", "nullable": True, "minLength": 1}, None, []),
    "minimum": (
        {"type": "integer", "minimum": 1},
        0,
        ["x: Invalid value: 0: x in body should be greater than or equal to 1"],
    ),
    "exclusive": (
        {"type": "number", "maximum": 1.5, "exclusiveMaximum": True},
        1.5,
        ["x: Invalid value: 1.5: x in body should be less than 1.5"],
    ),
    "whole numbers against the whole part of a bound": ({"type": "number", "minimum": 1.5}, 1, []),
    "no whole number is a multiple of a fraction": (
        {"type": "number", "multipleOf": 0.5},
        1,
        ["x: Invalid value: 0: factor MultipleOf declared for x must be positive: 0"],
    ),
    "a float beyond what floats hold exactly is no integer": (
        {"type": "integer"},
        1e20,
        [
            'x: Invalid value: "number": x in body must be of type integer: "number"',
            '<nil>: Invalid value: "": Checked value must be of type integer (default format) in x',
        ],
    ),
    "multiple": ({"type": "integer", "multipleOf": 5}, 7, ["x: Invalid value: 7: x in body should be a multiple of 5"]),
    "too long": ({"type": "string", "maxLength": 2}, "abc", ["x: Too long: may not be more than 2 bytes"]),
    "too short": (
        {"type": "string", "minLength": 2},
        "a",
        ['x: Invalid value: "a": x in body should be at least 2 chars long'],
    ),
    "pattern": ({"type": "string", "pattern": "^a+$"}, "b", ["x: Invalid value: \"b\": x in body should match '^a+$'"]),
    "enum": ({"type": "string", "enum": ["a", "b"]}, "c", ['x: Unsupported value: "c": supported values: "a", "b"']),
    "too many items": (
        {"type": "array", "items": {"type": "integer"}, "maxItems": 1},
        [1, 2],
        ["x: Too many: 2: must have at most 1 item"],
    ),
    "item": (
        {"type": "array", "items": {"type": "integer"}},
        [1, "a"],
        ['x[1]: Invalid value: "string": x[1] in body must be of type integer: "string"'],
    ),
    "required": ({"type": "object", "required": ["a"]}, {}, ["x.a: Required value"]),
    "int or string": ({"x-kubernetes-int-or-string": True}, "80%", []),
    "neither int nor string": (
        {"x-kubernetes-int-or-string": True},
        True,
        ['x: Invalid value: "boolean": x in body must be of type integer,string: "boolean"'],
    ),
    "one of": (
        {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {}, "b": {}}},
        {},
        [
            '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid',
            "x.a: Required value",
        ],
    ),
    "any of": (
        {"type": "integer", "anyOf": [{"minimum": 5}, {"multipleOf": 2}]},
        3,
        [
            '<nil>: Invalid value: "": "x" must validate at least one schema (anyOf)',
            "x: Invalid value: 3: x in body should be greater than or equal to 5",
        ],
    ),
    "not": (
        {"type": "integer", "not": {"enum": [3]}},
        3,
        ['<nil>: Invalid value: "": "x" must not validate the schema (not)'],
    ),
    "format": (
        {"type": "string", "format": "ipv4"},
        "x",
        ['x: Invalid value: "x": x in body must be of type ipv4: "x"'],
    ),
    "format and pattern": (
        {"type": "string", "format": "ipv4", "pattern": "^a"},
        "x",
        [
            "x: Invalid value: \"x\": x in body should match '^a'",
            'x: Invalid value: "x": x in body must be of type ipv4: "x"',
        ],
    ),
    "a format without a type": (
        {"format": "ipv4"},
        True,
        ['x: Invalid value: "": x in body must be of type ipv4: ""'],
    ),
    "unknown format": ({"type": "string", "format": "something"}, "x", []),
}


@pytest.mark.parametrize("case", CASES)
def test_messages(case: str) -> None:
    schema, value, wanted = CASES[case]
    whole = {"type": "object", "properties": {"x": schema}}
    assert [str(e) for e in SchemaValidator(whole).validate({"x": value})] == wanted


def test_what_was_wrong_and_stays_is_let_pass() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "maxLength": 1}, "b": {"type": "integer", "minimum": 1}},
    }
    validator = SchemaValidator(schema)
    old = {"a": "too long", "b": 1}
    assert validator.validate({"a": "too long", "b": 2}, "", old) == []
    assert len(validator.validate({"a": "other", "b": 0}, "", old)) == 2


GOOD = {
    "date-time": "2024-02-29T23:59:59.5Z",
    "date": "2024-02-29",
    "duration": "1h30m",
    "ipv6": "::1",
    "cidr": "10.0.0.0/8",
    "uri": "https://a.b/c",
    "email": "a@b.c",
    "hostname": "a.b-c",
    "mac": "00:11:22:aa:bb:cc",
    "uuid4": "9b2f4f52-5f0a-4c1b-9d3a-0a1b2c3d4e5f",
    "isbn13": "978-0321751041",
    "isbn10": "0321751043",
    "creditcard": "4111 1111 1111 1111",
    "byte": "YWJj",
    "hexcolor": "#FFF",
    "rgbcolor": "rgb(255,0,1)",
    "k8s-short-name": "a-b",
}


@pytest.mark.parametrize("name", GOOD)
def test_formats(name: str) -> None:
    assert FORMATS[name](GOOD[name])
    assert not FORMATS[name]("no such thing!")


PATTERNS = {
    "(": "error parsing regexp: missing closing ): `(`",
    "(?=a)": "error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
    "a**": "error parsing regexp: invalid nested repetition operator: `**`",
    "a{1001}": "error parsing regexp: invalid repeat count: `{1001}`",
    "a\\": "error parsing regexp: trailing backslash at end of expression",
    "^(a+)+$": "",
    "(?i)A": "",
    r"^\p{L}+[[:digit:]]?\z": "",
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_are_those_of_go(pattern: str) -> None:
    assert patterns.problem(pattern) == PATTERNS[pattern]


def test_patterns_run_in_linear_time() -> None:
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert len(SchemaValidator(schema).validate("a" * 5000 + "b", "x")) == 1
    assert SchemaValidator({"type": "string", "pattern": "(?i)^A"}).validate("ab", "x") == []


@pytest.mark.parametrize(
    ("number", "text"), [(1.5, "1.5"), (2.0**31, "2.147483648e+09"), (1e-9, "1e-09"), (-0.25, "-0.25"), (0.0, "0")]
)
def test_floats_as_go_prints_them(number: float, text: str) -> None:
    assert go_float(number) == text


@settings(max_examples=150, deadline=None)
@given(schemas() | spoiled(), st.data())
def test_nothing_passes_that_the_walk_would_refuse(schema: Tree, data: st.DataObject) -> None:
    compiled = SchemaValidator(schema)._compiled
    for _ in range(4):
        value = value_for(data.draw, schema)
        if compiled is not None and compiled.is_valid(value):
            assert _Walk().node(value, schema, "x", ABSENT) == []
