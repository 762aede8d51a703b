"""The checker of histories finds what it must, and lets pass what it must."""

from __future__ import annotations

import math
import random

import pytest

from tests.sim.store.registers import Op, linearizable, violations


def op(kind: str, value: str | None, start: float, end: float, outcome: str = "ok", expected: str | None = None) -> Op:
    return Op(0, "k", kind, value, expected, start, end, outcome)  # type: ignore[arg-type]


def unknown(kind: str, value: str | None, start: float, expected: str | None = None) -> Op:
    return op(kind, value, start, math.inf, "unknown", expected)


CASES = {
    "one after another": (True, [op("create", "a", 0, 1), op("get", "a", 2, 3), op("delete", None, 4, 5)]),
    "a stale read": (
        False,
        [op("create", "a", 0, 1), op("update", "b", 2, 3, expected="a"), op("get", "a", 4, 5)],
    ),
    "a read beside the write sees either": (
        True,
        [op("create", "a", 0, 5), op("get", None, 1, 2), op("get", "a", 3, 4)],
    ),
    "a read that goes back": (False, [op("create", "a", 0, 9), op("get", "a", 1, 2), op("get", None, 3, 4)]),
    "a lost write": (False, [op("create", "a", 0, 1), op("get", None, 2, 3)]),
    "a write without an answer may come late": (
        True,
        [unknown("create", "a", 0), op("get", None, 5, 6), op("get", "a", 7, 8)],
    ),
    "but only once": (
        False,
        [unknown("create", "a", 0), op("get", "a", 1, 2), op("delete", None, 3, 4), op("get", "a", 5, 6)],
    ),
    "two that won": (
        False,
        [op("create", "a", 0, 1), op("update", "b", 2, 4, expected="a"), op("update", "c", 2, 4, expected="a")],
    ),
    "two that created": (False, [op("create", "a", 0, 3), op("create", "b", 1, 4)]),
    "a conflict for no reason": (False, [op("create", "a", 0, 1), op("update", "b", 2, 3, "conflict", "a")]),
    "a conflict for a reason": (
        True,
        [op("create", "a", 0, 1), unknown("put", "x", 1), op("update", "b", 2, 3, "conflict", "a")],
    ),
}


@pytest.mark.parametrize(("expected", "history"), CASES.values(), ids=CASES)
def test_histories(expected: bool, history: list[Op]) -> None:
    assert linearizable(history) is expected


def test_revisions_follow_time() -> None:
    first, second = op("create", "a", 0, 1), op("delete", None, 2, 3)
    first.revision, second.revision = 5, 6
    assert not violations([first, second])
    first.revision = 7
    assert "against time" in violations([first, second])[0]


def test_random_histories_of_a_right_register_pass_and_of_a_wrong_one_do_not() -> None:
    rng = random.Random(1)
    wrong = 0
    for _ in range(200):
        history, state = [], None
        for number in range(30):
            at = number + rng.random()
            start, end = at - rng.random() * 3, at + rng.random() * 3
            kind = rng.choice(("put", "get", "delete", "create"))
            if kind == "get":
                history.append(op("get", state, start, end))
            elif kind == "create":
                history.append(op("create", str(number), start, end, "ok" if state is None else "exists"))
                state = state or str(number)
            else:
                history.append(op(kind, str(number), start, end, "ok" if state else "missing"))
                if state:
                    state = str(number) if kind == "put" else None
        assert linearizable(history)
        read = rng.choice([one for one in history if one.kind == "get"])
        read.value = "never written"
        wrong += not linearizable(history)
    assert wrong == 200
