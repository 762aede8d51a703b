"""Who ends when."""

from __future__ import annotations

import pytest

from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.shutdown.groups import groups, periods

from ..pods import pod


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, [], id="nobody waits"),
        pytest.param({"shutdown_grace_period_s": 30}, [(0, 30), (2_000_000_000, 0)], id="no time for critical ones"),
        pytest.param(
            {"shutdown_grace_period_s": 30, "shutdown_grace_period_critical_pods_s": 10},
            [(0, 20), (2_000_000_000, 10)],
            id="the last part for critical ones",
        ),
        pytest.param(
            {"shutdown_grace_period_s": 30, "shutdown_grace_periods": {100: 5, -5: 7}}, [(-5, 7), (100, 5)], id="named"
        ),
    ],
)
def test_periods(settings: dict[str, object], expected: list[tuple[int, int]]) -> None:
    assert periods(KubeletConfig(node_name="n", **settings)) == expected  # type: ignore[arg-type]


def test_more_for_critical_ones_than_there_is() -> None:
    with pytest.raises(ValueError, match="critical pods cannot have more"):
        periods(KubeletConfig(node_name="n", shutdown_grace_period_s=1, shutdown_grace_period_critical_pods_s=2))


def test_a_pod_belongs_to_the_highest_period_that_it_reaches() -> None:
    pods = [pod(priority=priority) for priority in (-7, 0, 99, 100, 5000)]
    found = groups([(0, 20), (100, 10), (200, 5)], pods)
    assert [(group.priority, [p.spec.priority for p in group.pods]) for group in found] == [
        (0, [-7, 0, 99]),
        (100, [100]),
        (200, [5000]),
    ]


def test_a_pod_has_no_more_time_than_it_asks_for() -> None:
    found = groups([(0, 20)], [pod(terminationGracePeriodSeconds=5), pod(terminationGracePeriodSeconds=60)])
    assert [found[0].grace_period_s(each) for each in found[0].pods] == [5, 20]
