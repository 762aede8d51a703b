"""What a budget expects, allows and forgets."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.policy.v1 import PodDisruptionBudget
from pybernetes.apimachinery.times import format_time
from pybernetes.controllers.disruption import plan
from pybernetes.controllers.disruption.plan import Owner
from tests.unit.controllers.builders import NOW, make, pod


def budget(status: dict[str, Any] | None = None, **spec: Any) -> PodDisruptionBudget:
    meta = {"name": "b", "namespace": "default", "generation": 2}
    return make(PodDisruptionBudget, {"metadata": meta, "spec": spec, "status": status or {}})


PODS = [pod(f"p{n}", ready_s=10) for n in range(4)]


@pytest.mark.parametrize(
    ("spec", "owners", "expected"),
    [
        ({"minAvailable": 2}, [], (4, 2)),
        ({"minAvailable": "50%"}, [Owner("a", 5)], (5, 3)),
        ({"minAvailable": "100%"}, [Owner("a", 5), Owner("b", 2)], (7, 7)),
        ({"maxUnavailable": 1}, [Owner("a", 5), Owner("a", 5)], (5, 4)),
        ({"maxUnavailable": "1%"}, [Owner("a", 5)], (5, 4)),
        ({"maxUnavailable": 9}, [Owner("a", 5)], (5, 0)),
        ({}, [], (0, 0)),
    ],
    ids=["number", "percentage", "two owners", "one owner twice", "rounded up", "more than all", "nothing"],
)
def test_counts(spec: dict[str, Any], owners: list[Owner], expected: tuple[int, int]) -> None:
    assert plan.counts(budget(**spec), PODS, owners) == expected


def test_pods_granted_leave_the_count_until_they_are_given_up() -> None:
    granted = {
        "p0": format_time(NOW - 30),
        "p1": format_time(NOW - 121),
        "p2": format_time(NOW - 5),
        "gone": format_time(NOW),
    }
    pods = [PODS[0], PODS[1], pod("p2", ready_s=1, deleted=True), PODS[3]]
    found = plan.disrupted(budget({"disruptedPods": granted}), pods, NOW)
    assert found.pods == {"p0": granted["p0"]}
    assert [p.metadata.name for p in found.not_deleted] == ["p1"]
    assert found.recheck_s == 90
    assert plan.healthy(pods, found.pods, NOW) == 2


@pytest.mark.parametrize(
    ("current", "desired", "expected", "allowed", "reason"),
    [(4, 3, 4, 1, "SufficientPods"), (3, 3, 4, 0, "InsufficientPods"), (1, 0, 0, 0, "InsufficientPods")],
)
def test_status(current: int, desired: int, expected: int, allowed: int, reason: str) -> None:
    found = plan.status(budget(), current, desired, expected, {}, NOW)
    assert (found.disruptionsAllowed, found.observedGeneration) == (allowed, 2)
    assert [(c.type, c.reason, c.observedGeneration) for c in found.conditions] == [("DisruptionAllowed", reason, 2)]


def test_the_condition_keeps_its_time_while_its_value_stays() -> None:
    first = plan.status(budget(), 1, 3, 3, {}, NOW)
    known = budget()
    known.status = first
    second = plan.status(known, 2, 3, 3, {}, NOW + 60)
    assert second.conditions[0].lastTransitionTime == format_time(NOW)
    third = plan.status(known, 4, 3, 3, {}, NOW + 60)
    assert third.conditions[0].lastTransitionTime == format_time(NOW + 60)


def test_a_failure_allows_nothing_and_keeps_the_figures() -> None:
    found = plan.failed_status(budget({"currentHealthy": 3, "disruptionsAllowed": 2}), "why", NOW)
    assert (found.currentHealthy, found.disruptionsAllowed) == (3, 0)
    assert (found.conditions[0].reason, found.conditions[0].message) == ("SyncFailed", "why")


@pytest.mark.parametrize(
    ("facts", "condition", "wait_s"),
    [
        ({}, {}, 120 - 20),
        ({}, {"lastTransitionTime": format_time(NOW - 500)}, 0),
        ({}, {"status": "False"}, None),
        ({}, {"reason": "TerminationByKubelet"}, None),
        ({"deleted": True}, {}, None),
        ({"phase": "Failed"}, {}, None),
    ],
    ids=["fresh", "stale", "taken back", "kubelet", "deleted", "finished"],
)
def test_when_a_disruption_target_is_stale(
    facts: dict[str, Any], condition: dict[str, Any], wait_s: float | None
) -> None:
    told = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": format_time(NOW - 20), **condition}
    assert plan.stale_condition_in(pod("p", conditions=[told], **facts), NOW) == wait_s
