"""JSON values: which are equal, and what equal ones have in common."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from pybernetes.apimachinery.trees import equal, identity

HUGE = 2**70
VALUES: list[tuple[Any, ...]] = [
    (None,), (True,), (False,), (0, 0.0), (1, 1.0), ("1",), ("",), (HUGE,), ([],), ({},),
    ([1, [True]], [1.0, [True]]), ([1, [1]],), ([HUGE, 1],), ([HUGE, True],),
    ({"a": 1, "b": [0]}, {"b": [0.0], "a": 1}), ({"a": True, "b": [0]},), ({"a": 1, "b": [False]},), ({"a": 1},),
]  # fmt: skip
"""Those that are equal stand together."""


@pytest.mark.parametrize(("left", "right"), list(product(range(len(VALUES)), repeat=2)))
def test_equal_values_have_one_identity(left: int, right: int) -> None:
    for one, other in product(VALUES[left], VALUES[right]):
        assert equal(one, other) is (left == right)
        assert (identity(one) == identity(other)) is (left == right)
