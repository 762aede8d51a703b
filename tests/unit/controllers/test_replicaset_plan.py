"""Who is deleted first, and what a ReplicaSet's status says."""

from __future__ import annotations

import pytest

from pybernetes.api.core.v1 import ReplicationController, ReplicationControllerStatus
from pybernetes.controllers.replicaset import plan
from pybernetes.controllers.runtime.pods import DELETION_COST, by_deletion_preference
from tests.unit.controllers.builders import NOW, make, pod, replica_set, template


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(pod("u"), pod("a", node="n"), id="unassigned"),
        pytest.param(pod("p", node="n", phase="Pending"), pod("r", node="n"), id="pending"),
        pytest.param(pod("x", node="n", phase="Unknown"), pod("r", node="n"), id="unknown"),
        pytest.param(pod("n", node="n"), pod("r", node="n", ready_s=5), id="not ready"),
        pytest.param(
            pod("c", node="n", ready_s=500, annotations={DELETION_COST: "-1"}),
            pod("e", node="n", ready_s=5),
            id="cheaper",
        ),
        pytest.param(pod("s", node="n", ready_s=5), pod("l", node="n", ready_s=5000), id="ready for a shorter time"),
        pytest.param(
            pod("b", node="n", ready_s=5, uid="a"), pod("a", node="n", ready_s=6, uid="b"), id="about as long: by uid"
        ),
        pytest.param(pod("m", node="n", restarts=3), pod("f", node="n", restarts=1), id="more restarts"),
        pytest.param(pod("y", node="n", created_s=2), pod("o", node="n", created_s=2000), id="younger"),
    ],
)
def test_deletion_preference(first: object, second: object) -> None:
    for order in ([first, second], [second, first]):
        assert by_deletion_preference(order, [0, 0], NOW)[0] is first  # type: ignore[arg-type]


def test_pods_that_share_a_node_go_first() -> None:
    alone = pod("alone", node="a", ready_s=5)
    pair = [pod("one", node="b", ready_s=500), pod("two", node="b", ready_s=500)]
    assert plan.pods_to_delete([alone, *pair], [alone, *pair], 1, NOW)[0] in pair


@pytest.mark.parametrize("text", ["007", "+5", "1.5", "", "99999999999", "x"])
def test_a_bad_deletion_cost_is_no_cost(text: str) -> None:
    first, second = pod("a", node="n", annotations={DELETION_COST: "-1"}), pod("b", node="n")
    second.metadata.annotations[DELETION_COST] = text
    assert by_deletion_preference([second, first], [0, 0], NOW)[0] is first


def test_status_counts() -> None:
    rs = replica_set("a", 3, minReadySeconds=10)
    labels = {"app": "web", "pod-template-hash": "a"}
    pods = [pod("new", ready_s=3, labels=labels), pod("old", ready_s=60, labels=labels), pod("not")]
    status = plan.status(rs, pods, [pod("gone", deleted=True)], None, NOW)
    counts = (status.replicas, status.fullyLabeledReplicas, status.readyReplicas, status.availableReplicas)
    assert counts == (3, 2, 2, 1)
    assert status.terminatingReplicas == 1
    assert plan.next_availability_check_s(pods, 10, NOW) == 7


def test_a_failure_is_told_once_and_taken_back() -> None:
    rs = replica_set("a", 3)
    rs.status = plan.status(rs, [], [], RuntimeError("quota"), NOW)
    assert [(c.type, c.reason, c.message) for c in rs.status.conditions] == [
        ("ReplicaFailure", "FailedCreate", "quota")
    ]
    again = plan.status(rs, [], [], RuntimeError("other"), NOW + 60)
    assert again.conditions == rs.status.conditions
    assert plan.status(rs, [], [], None, NOW).conditions == []


def test_never_more_than_a_burst_at_once() -> None:
    assert plan.difference(replica_set("a", 10_000), []) == plan.BURST
    assert plan.difference(replica_set("a", 0), [pod("x")] * 600) == -plan.BURST


def test_a_replication_controller_is_planned_alike() -> None:
    spec = {"replicas": 2, "selector": {"app": "web"}, "template": template()}
    controller = make(ReplicationController, {"metadata": {"name": "a", "generation": 4}, "spec": spec})
    assert plan.difference(controller, [pod("one")]) == 1
    assert plan.selector_of(controller).matches({"app": "web", "more": "labels"})
    status = plan.status(controller, [pod("one", ready_s=1)], [], RuntimeError("quota"), NOW)
    assert isinstance(status, ReplicationControllerStatus)
    assert (status.replicas, status.fullyLabeledReplicas, status.readyReplicas, status.observedGeneration) == (
        1,
        1,
        1,
        4,
    )
    assert [(c.type, c.reason) for c in status.conditions] == [("ReplicaFailure", "FailedCreate")]
