"""Stabilization, rates and limits; cases of upstream's horizontal_test.go."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.autoscaling.v2 import HorizontalPodAutoscalerBehavior
from pybernetes.controllers.horizontalpodautoscaler import behavior
from pybernetes.controllers.horizontalpodautoscaler.behavior import History
from tests.unit.controllers.builders import NOW, make


def rules(*policies: tuple[str, int, int], select: str = "Max", window_s: int | None = None) -> dict[str, Any]:
    listed = [{"type": kind, "value": value, "periodSeconds": period_s} for kind, value, period_s in policies]
    window = {} if window_s is None else {"stabilizationWindowSeconds": window_s}
    return {"policies": listed, "selectPolicy": select, **window}


UP_USUAL = rules(("Pods", 4, 15), ("Percent", 100, 15), window_s=0)
DOWN_USUAL = rules(("Percent", 100, 15), window_s=300)


def by(up: dict[str, Any] = UP_USUAL, down: dict[str, Any] = DOWN_USUAL) -> HorizontalPodAutoscalerBehavior:
    return make(HorizontalPodAutoscalerBehavior, {"scaleUp": up, "scaleDown": down})


@pytest.mark.parametrize(
    ("current", "desired", "low", "high", "expected"),
    [
        (5, 7, 3, 8, (7, False, "DesiredWithinRange")),
        (3, 1, 2, 8, (2, True, "TooFewReplicas")),
        (1, 0, 0, 10, (0, False, "DesiredWithinRange")),
        (20, 1000, 1, 10, (10, True, "TooManyReplicas")),
        (3, 1000, 1, 2000, (6, True, "ScaleUpLimit")),
        (1, 1000, 1, 2000, (4, True, "ScaleUpLimit")),
    ],
    ids=["within", "too few", "to zero", "too many", "doubled", "four at least"],
)
def test_without_a_behavior(current: int, desired: int, low: int, high: int, expected: tuple[int, bool, str]) -> None:
    found = behavior.normalized(History(), current, desired, low, high, 300, NOW)
    assert (found.replicas, found.limited, found.limit[0]) == expected
    assert found.able[0] == "ReadyForNewScale"


def test_without_a_behavior_it_stays_as_large_as_was_recommended_lately() -> None:
    history = History()
    history.begin(8, NOW - 700)
    assert behavior.normalized(history, 8, 5, 1, 10, 300, NOW - 299).replicas == 5
    found = behavior.normalized(history, 5, 2, 1, 10, 300, NOW)
    assert (found.replicas, found.able[0]) == (5, "ScaleDownStabilized")
    assert behavior.normalized(history, 5, 2, 1, 10, 300, NOW + 2).replicas == 2
    assert len(history.recommendations) == 2, "what no longer matters is forgotten"


@pytest.mark.parametrize(
    ("up", "current", "ups", "downs", "expected"),
    [
        (rules(("Pods", 2, 60), ("Percent", 50, 60), select="Min"), 1, [], [], 2),
        (rules(("Pods", 2, 60), ("Percent", 50, 60)), 10, [], [], 15),
        (rules(("Pods", 2, 60), ("Percent", 50, 60), select="Min"), 10, [], [], 12),
        (rules(("Pods", 2, 60), select="Disabled"), 10, [], [], 10),
        (rules(("Pods", 5, 60)), 10, [(NOW - 30, 3)], [], 12),
        (rules(("Pods", 5, 60)), 10, [(NOW - 61, 3)], [], 15),
        (rules(("Pods", 5, 60)), 10, [(NOW - 30, 9)], [], 10),
        (rules(("Pods", 5, 60)), 10, [], [(NOW - 30, 2)], 17),
        (rules(("Percent", 100, 60)), 10, [(NOW - 30, 5)], [], 10),
        (rules(("Percent", 10, 60)), 5, [], [], 6),
    ],
    ids=[
        "least of policies", "most of policies", "pods are less", "disabled", "some were added", "added long ago",
        "too many were added", "some went", "doubled already", "rounded up",
    ],
)  # fmt: skip
def test_how_fast_up(up: dict[str, Any], current: int, ups: Any, downs: Any, expected: int) -> None:
    history = History(ups=ups, downs=downs)
    found = behavior.normalized_by(
        by(up={**up, "stabilizationWindowSeconds": 0}), history, current, 100, 1, 200, 300, NOW
    )
    assert (found.replicas, found.limit[0], found.limited) == (expected, "ScaleUpLimit", True)


@pytest.mark.parametrize(
    ("down", "current", "downs", "expected"),
    [
        (rules(("Pods", 2, 60), ("Percent", 50, 60), select="Min"), 5, [], 3),
        (rules(("Pods", 2, 60), ("Percent", 50, 60)), 100, [], 50),
        (rules(("Percent", 20, 60)), 6, [], 4),
        (rules(("Pods", 1, 60), select="Disabled"), 6, [], 6),
        (rules(("Pods", 5, 60)), 10, [(NOW - 30, 3)], 8),
        (rules(("Pods", 5, 60)), 10, [(NOW - 30, 5)], 10),
    ],
    ids=["least of policies", "most of policies", "rounded down", "disabled", "some went", "all went that may"],
)
def test_how_fast_down(down: dict[str, Any], current: int, downs: Any, expected: int) -> None:
    made = by(down={**down, "stabilizationWindowSeconds": 0})
    found = behavior.normalized_by(made, History(downs=downs), current, 1, 1, 200, 300, NOW)
    assert (found.replicas, found.limit[0], found.limited) == (expected, "ScaleDownLimit", True)


@pytest.mark.parametrize(
    ("current", "desired", "recommended", "up_s", "down_s", "expected"),
    [
        (10, 20, [(NOW - 20, 12)], 60, 300, (12, "ScaleUpStabilized")),
        (10, 20, [(NOW - 90, 12)], 60, 300, (20, "ReadyForNewScale")),
        (10, 20, [(NOW - 20, 4)], 60, 300, (10, "ScaleUpStabilized")),
        (10, 2, [(NOW - 200, 7)], 0, 300, (7, "ScaleDownStabilized")),
        (10, 2, [(NOW - 400, 7)], 0, 300, (2, "ReadyForNewScale")),
        (10, 2, [(NOW - 10, 50)], 0, 300, (10, "ScaleDownStabilized")),
        (10, 2, [(NOW - 10, 50)], 0, 0, (2, "ReadyForNewScale")),
    ],
    ids=["least lately", "long ago", "not down for it", "most lately", "long ago down", "not up for it", "no window"],
)
def test_stabilization(
    current: int, desired: int, recommended: Any, up_s: int, down_s: int, expected: tuple[int, str]
) -> None:
    made = by(
        up={**UP_USUAL, "stabilizationWindowSeconds": up_s}, down={**DOWN_USUAL, "stabilizationWindowSeconds": down_s}
    )
    found = behavior.normalized_by(made, History(recommended), current, desired, 1, 100, 300, NOW)
    assert (found.replicas, found.able[0]) == expected


def test_the_window_of_the_flag_holds_where_the_behavior_names_none() -> None:
    down = {key: value for key, value in DOWN_USUAL.items() if key != "stabilizationWindowSeconds"}
    history = History([(NOW - 50, 9)])
    assert behavior.normalized_by(by(down=down), history, 10, 2, 1, 100, 60, NOW).replicas == 9
    assert behavior.normalized_by(by(down=down), History([(NOW - 50, 9)]), 10, 2, 1, 100, 40, NOW).replicas == 2


def test_changes_are_kept_for_the_longest_period() -> None:
    made, history = by(up=rules(("Pods", 1, 15), ("Pods", 1, 60))), History()
    history.scaled(made, 1, 3, NOW - 70)
    history.scaled(made, 3, 4, NOW - 30)
    history.scaled(made, 4, 2, NOW - 20)
    history.scaled(made, 2, 5, NOW)
    assert history.ups == [(NOW - 30, 1), (NOW, 3)]
    assert history.downs == [(NOW - 20, 2)]
    history.scaled(None, 5, 9, NOW)
    assert len(history.ups) == 2, "without a behavior nothing asks for it"
