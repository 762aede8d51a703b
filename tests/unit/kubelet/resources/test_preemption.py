"""Room for critical pods."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.kubelet.resources.admission import Shortage, admit
from pybernetes.kubelet.resources.preemption import NoVictims, victims

from ..pods import pod

CRITICAL = pod([{"name": "c", "image": "i"}], priority=2_000_000_000)


def asks(name: str, cpu: str = "", *, guaranteed: bool = False, **more: Any) -> Pod:
    resources: dict[str, Any] = {"requests": {"cpu": cpu}} if cpu else {}
    if guaranteed:
        resources = {"limits": {"cpu": cpu, "memory": "1Mi"}, "requests": {"cpu": cpu, "memory": "1Mi"}}
    made = pod([{"name": "c", "image": "i", "resources": resources}], **more)
    made.metadata.uid = made.metadata.name = name
    return made


@pytest.mark.parametrize(
    ("pods", "short", "expected"),
    [
        pytest.param([asks("a", "100m"), asks("b", "500m")], 400, ["b"], id="the one that is enough"),
        pytest.param([asks("a", "300m"), asks("b", "200m")], 400, ["a", "b"], id="nearest first"),
        pytest.param(
            [asks("g", "500m", guaranteed=True), asks("b", "500m")],
            500,
            ["b"],
            id="guaranteed pods stay where they can",
        ),
        pytest.param([asks("big", "900m"), asks("small", "500m")], 400, ["small"], id="the smaller of two that do"),
    ],
)
def test_victims(pods: list[Pod], short: int, expected: list[str]) -> None:
    found = victims(CRITICAL, pods, [Shortage("cpu", short, 1000, 1000)])
    assert [p.metadata.name for p in found] == expected


def test_critical_pods_are_no_victims_of_each_other() -> None:
    other = asks("other", "500m", priority=2_000_000_000)
    with pytest.raises(
        NoVictims, match=r"no set of running pods found to reclaim resources: \[\(res: cpu, q: 100\), \]"
    ):
        victims(CRITICAL, [other], [Shortage("cpu", 100, 1000, 1000)])


def test_only_resources_are_a_reason_to_preempt() -> None:
    node = Node()
    node.metadata.labels = {"disk": "ssd"}
    allocatable = {"cpu": "1", "pods": "1"}
    wanted = asks("p", "2")
    refused = admit(wanted, [asks("o", "500m")], node, allocatable)
    assert refused is not None
    assert [s.missing for s in refused.short] == [1, 1500]
    assert (refused.reason, refused.message) == (
        "OutOfpods",
        "Node didn't have enough resource: pods, requested: 1, used: 1, capacity: 1",
    )
    elsewhere = asks("p", "2", nodeSelector={"disk": "none"}, priority=2_000_000_000)
    refused = admit(elsewhere, [], node, allocatable)
    assert refused is not None
    assert (refused.reason, refused.short) == ("NodeAffinity", ())
