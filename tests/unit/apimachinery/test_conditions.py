"""One condition of a type, whose time tells when its status changed."""

from __future__ import annotations

from pybernetes.api.meta.v1 import Condition
from pybernetes.apimachinery.conditions import condition_holds, condition_of, with_condition
from pybernetes.apimachinery.times import format_time


def told(kind: str, status: str, reason: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message="")


def test_a_condition_keeps_its_place_always_and_its_time_while_its_status_holds() -> None:
    first = with_condition([], told("Ready", "True", "a"), 10)
    other = with_condition(first, told("Able", "True", "x"), 15)
    second = with_condition(other, told("Ready", "True", "b"), 20)
    third = with_condition(second, told("Ready", "False", "c"), 30)
    assert [[c.reason for c in each] for each in (first, other, second, third)] == [
        ["a"],
        ["a", "x"],
        ["b", "x"],
        ["c", "x"],
    ]
    assert [each[0].lastTransitionTime for each in (first, second, third)] == [format_time(at) for at in (10, 10, 30)]


def test_conditions_are_found_by_their_type() -> None:
    known = [told("Ready", "True", "a"), told("Able", "False", "b"), told("Ready", "False", "c")]
    found = condition_of(known, "Ready")
    assert found is known[0]
    assert condition_of(known, "Odd") is None
    assert [condition_holds(known, kind) for kind in ("Ready", "Able", "Odd")] == [True, False, False]
