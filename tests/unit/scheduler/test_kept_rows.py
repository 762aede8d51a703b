"""What is kept of a vector is mended where rows changed, from what is known of rows in the same state."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.kept_rows import KeptRows


class Rows:
    """Numbers, a vector of their squares, and which rows were computed."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = np.array(numbers)
        self._changed: list[int] = []
        self._kept = KeptRows()
        self.computed: list[int] = []

    def set(self, row: int, number: int) -> None:
        self._numbers[row] = number
        self._changed.append(row)

    def squares(self, *, by_state: bool = True) -> list[int]:
        state = self._state if by_state else None
        changes = len(self._changed)
        return list(self._kept.get("squares", len(self._numbers), changes, self._since, self._compute, state))

    def expected(self) -> list[int]:
        return [number * number for number in self._numbers]

    def _since(self, changes: int) -> Ints:
        return np.array(sorted(set(self._changed[changes:])))

    def _compute(self, rows: Ints) -> Ints:
        self.computed += rows.tolist()
        return np.asarray(self._numbers[rows] * self._numbers[rows])

    def _state(self, row: int) -> Hashable:
        return int(self._numbers[row])


def test_a_state_that_was_seen_is_not_computed_again() -> None:
    rows = Rows(1, 1, 1)
    rows.squares()
    rows.computed.clear()
    rows.set(0, 2)
    assert rows.squares() == [4, 1, 1]
    rows.set(1, 2)
    assert rows.squares() == [4, 4, 1]
    assert rows.computed == [0]


def test_without_a_state_each_change_is_computed() -> None:
    rows = Rows(1, 1, 1)
    rows.squares(by_state=False)
    rows.computed.clear()
    rows.set(0, 2)
    rows.squares(by_state=False)
    rows.set(1, 2)
    assert rows.squares(by_state=False) == [4, 4, 1]
    assert rows.computed == [0, 1]


@given(st.lists(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3)), max_size=8), max_size=20))
def test_what_is_kept_is_what_would_be_computed(turns: list[list[tuple[int, int]]]) -> None:
    rows = Rows(*range(8))
    for changes in turns:
        for row, number in changes:
            rows.set(row, number)
        assert rows.squares() == rows.expected()
