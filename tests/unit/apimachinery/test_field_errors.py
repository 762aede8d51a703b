from __future__ import annotations

import pytest

from pybernetes.api.core.v1 import ContainerPort
from pybernetes.apimachinery.field_errors import FieldError, Path, as_sent, invalid

AT = Path("spec").child("containers").index(0).key("x").child("name")


def test_paths() -> None:
    assert str(AT) == "spec.containers[0][x].name"
    assert Path("a", "b").child("c", "d") == Path("a.b.c.d")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FieldError.required(AT), "Required value"),
        (FieldError.required(AT, "must be set"), "Required value: must be set"),
        (FieldError.invalid(AT, "x y", "bad"), 'Invalid value: "x y": bad'),
        (FieldError.invalid(AT, -1, "must be >= 0"), "Invalid value: -1: must be >= 0"),
        (FieldError.invalid(AT, True, "no"), "Invalid value: true: no"),
        (FieldError.invalid(AT, None, "no"), "Invalid value: null: no"),
        (FieldError.invalid(AT, {"a": [1]}, "no"), 'Invalid value: {"a":[1]}: no'),
        (FieldError.invalid(AT, ContainerPort(containerPort=1), "no"), 'Invalid value: {"containerPort":1}: no'),
        (FieldError.not_supported(AT, "X", ["A", "B"]), 'Unsupported value: "X": supported values: "A", "B"'),
        (FieldError.duplicate(AT, "a"), 'Duplicate value: "a"'),
        (FieldError.not_found(AT, "a"), 'Not found: "a"'),
        (FieldError.forbidden(AT, "no"), "Forbidden: no"),
        (FieldError.too_long(AT, 1), "Too long: may not be more than 1 byte"),
        (FieldError.too_many(AT, 3, 2), "Too many: 3: must have at most 2 items"),
        (FieldError.too_many(AT, -1, 2), "Too many: must have at most 2 items"),
        (FieldError.internal(AT, "oops"), "Internal error: oops"),
    ],
)
def test_texts(error: FieldError, text: str) -> None:
    assert error.body == text
    assert str(error) == f"{AT}: {text}"


@pytest.mark.parametrize(
    ("value", "sent", "shown"),
    [
        (None, {}, "null"),
        (None, {"spec": {"c": [{"m": {}}]}}, "{}"),
        (None, {"spec": {"c": [{"m": []}]}}, "[]"),
        (None, {"spec": {"c": [{"m": ""}]}}, '""'),
        ({}, {"spec": {"c": [{"m": None}]}}, "null"),
        ([], {"spec": {"c": [{}]}}, "null"),
        ([], {"spec": {}}, "null"),
        ({}, {"spec": {"c": [{"m": {"a": 1}}]}}, "{}"),
        ({}, {"spec": {"c": []}}, "{}"),
        ("", {"spec": {"c": [{}]}}, '""'),
        (0, {}, "0"),
        ({"a": 1}, {}, '{"a":1}'),
    ],
)
def test_what_is_empty_is_shown_as_it_was_sent(value: object, sent: object, shown: str) -> None:
    error = FieldError.invalid(Path("spec", "c").index(0).child("m"), value, "no")
    assert as_sent([error], sent)[0].body == f"Invalid value: {shown}: no"


def test_keys_of_maps_are_found_in_what_was_sent() -> None:
    error = FieldError.invalid(Path("metadata", "annotations").key("a.io/b"), None, "no")
    assert as_sent([error], {"metadata": {"annotations": {"a.io/b": ""}}})[0].value == ""


def test_invalid_says_all_errors_and_each_as_a_cause() -> None:
    errors = [FieldError.required(Path("a")), FieldError.required(Path("a")), FieldError.invalid(Path("b"), 1, "no")]
    error = invalid("Deployment.apps", "web", errors)
    assert error.message == 'Deployment.apps "web" is invalid: [a: Required value, b: Invalid value: 1: no]'
    status = error.status
    assert (status.code, status.reason) == (422, "Invalid")
    assert status.details is not None
    assert (status.details.group, status.details.kind, status.details.name) == ("apps", "Deployment", "web")
    assert [(c.reason, c.field_) for c in status.details.causes][-1] == ("FieldValueInvalid", "b")
    assert invalid(("", "Pod"), "x", errors[:1]).message == 'Pod "x" is invalid: a: Required value'
