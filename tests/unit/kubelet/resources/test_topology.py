"""Hints of several, merged by each policy."""

from __future__ import annotations

import pytest

from pybernetes.kubelet.resources.topology import ANYWHERE, Hint, Hints, Options, closest, hints_for, merge, options_of

BOTH = [0, 1]
LOW, HIGH, WIDE = Hint(0b01), Hint(0b10), Hint(0b11, False)


@pytest.mark.parametrize(
    ("policy", "provided", "expected"),
    [
        pytest.param("none", [{"cpu": []}], (Hint(None, False), True), id="none asks nobody"),
        pytest.param("best-effort", [], (Hint(0b11), True), id="nobody minds"),
        pytest.param("best-effort", [{"cpu": [LOW, HIGH]}], (LOW, True), id="the lowest of equals"),
        pytest.param("best-effort", [{"cpu": [LOW, HIGH, WIDE]}, {"gpu": [HIGH, WIDE]}], (HIGH, True), id="together"),
        pytest.param("best-effort", [{"cpu": [LOW]}, {"gpu": [HIGH]}], (Hint(0b11, False), True), id="apart"),
        pytest.param("restricted", [{"cpu": [LOW]}, {"gpu": [HIGH]}], (Hint(0b11, False), False), id="refused apart"),
        pytest.param("restricted", [{"cpu": [WIDE]}], (Hint(0b11, False), False), id="not preferred"),
        pytest.param("restricted", [{"cpu": [Hint(0b11)]}], (Hint(0b11), True), id="wide, but no narrower is possible"),
        pytest.param("restricted", [{"gpu": []}], (Hint(0b11, False), False), id="nowhere"),
        pytest.param("restricted", [{"gpu": None}, {"cpu": [HIGH]}], (HIGH, True), id="one does not mind"),
        pytest.param("single-numa-node", [{"cpu": [Hint(0b11)]}], (Hint(None, False), False), id="too wide"),
        pytest.param("single-numa-node", [{"cpu": [LOW, WIDE]}], (LOW, True), id="one node"),
        pytest.param("single-numa-node", [{"gpu": None}], (ANYWHERE, True), id="one node, nobody minds"),
        pytest.param(
            "best-effort", [{"a": [WIDE, Hint(0b01, False)]}], (Hint(0b01, False), True), id="as narrow as can be"
        ),
        pytest.param(
            "best-effort",
            [{"a": [Hint(0b11, False)]}, {"b": [Hint(0b01, False), Hint(0b11, False)]}],
            (Hint(0b11, False), True),
            id="as wide as the one that needs most",
        ),
    ],
)
def test_merged(policy: str, provided: list[Hints], expected: tuple[Hint, bool]) -> None:
    assert merge(policy, BOTH, provided) == expected


def test_preferred_are_the_sets_as_small_as_an_idle_machine_needs() -> None:
    idle, free = {0: 4, 1: 4}, {0: 1, 1: 3}

    def has(amounts: dict[int, int], mask: int) -> bool:
        return sum(amount for node, amount in amounts.items() if mask >> node & 1) >= 4

    assert hints_for(BOTH, lambda mask: has(idle, mask), lambda mask: has(free, mask)) == [Hint(0b11, False)]


def test_of_as_many_nodes_the_nearest_are_chosen_where_that_is_asked_for() -> None:
    """Nodes 0 and 3 are near to each other, as are 1 and 2."""
    rows = {0: (10, 31, 21, 11), 1: (31, 10, 11, 21), 2: (21, 11, 10, 31), 3: (11, 21, 31, 10)}
    pairs = [Hint(mask) for mask in (0b0011, 0b0101, 0b0110, 0b1001, 0b1100)]
    assert merge("best-effort", range(4), [{"cpu": pairs}]) == (Hint(0b0011), True)
    assert merge("restricted", range(4), [{"cpu": pairs}], closest(rows)) == (Hint(0b0110), True)
    assert merge("restricted", range(4), [{"cpu": [*pairs, Hint(0b1000)]}], closest(rows)) == (Hint(0b1000), True)
    one = [Hint(0b0010), Hint(0b0100)]
    assert merge("single-numa-node", range(4), [{"cpu": one}], closest(rows)) == (Hint(0b0010), True)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, Options()),
        ({"prefer-closest-numa-nodes": "true", "max-allowable-numa-nodes": "12"}, Options(True, 12)),
        ({"prefer-closest-numa-nodes": "maybe"}, "is true or false, not 'maybe'"),
        ({"max-allowable-numa-nodes": "7"}, "is a number of 8 or more, not '7'"),
        ({"max-allowable-numa-nodes": "-9"}, "is a number of 8 or more, not '-9'"),
        ({"nearest": "true"}, "'nearest' is none of prefer-closest-numa-nodes, max-allowable-numa-nodes"),
    ],
)
def test_options(said: dict[str, str], expected: Options | str) -> None:
    if isinstance(expected, Options):
        assert options_of(said) == expected
        return
    with pytest.raises(ValueError, match=expected):
        options_of(said)
