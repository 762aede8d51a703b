"""What happens on each node: keep one, replace, surge."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.apps.v1 import DaemonSet
from pybernetes.api.core.v1 import Node, Pod
from pybernetes.controllers.daemonset import plan
from pybernetes.controllers.daemonset.placement import Placement
from tests.unit.controllers.builders import NOW, make, pod

OLD, NEW = {"controller-revision-hash": "old"}, {"controller-revision-hash": "new"}
NODES = [make(Node, {"metadata": {"name": f"n{number}"}}) for number in range(4)]


def daemon_set(surge: int | str = 0, unavailable: int | str = 1, **spec: Any) -> DaemonSet:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    return make(DaemonSet, {"metadata": {"name": "d", "generation": 3}, "spec": {"updateStrategy": strategy, **spec}})


def on(number: int, name: str, labels: dict[str, str], ready: bool = True, **facts: Any) -> Pod:
    if ready:
        facts["ready_s"] = 100
    return pod(name, node=f"n{number}", labels=labels, **facts)


def view(made: DaemonSet, *pods: Pod) -> plan.View:
    return plan.View(made, NODES, plan.by_node(pods), "new", Placement(made), NOW)


def names(pods: list[Pod]) -> list[str | None]:
    return [found.metadata.name for found in pods]


def test_nodes_without_a_pod_get_one_and_doubles_go() -> None:
    pods = [on(0, "a", NEW, created_s=10), on(0, "b", NEW, created_s=99), on(1, "c", NEW, deleted=True)]
    todo = plan.manage(view(daemon_set(), *pods), lambda node: 0.0)
    assert todo.create_on == ["n2", "n3"]
    assert names(todo.delete) == ["a"], "the oldest stays; the one that is going is waited for"


def test_finished_pods_are_replaced_when_their_time_has_come() -> None:
    pods = [on(n, f"p{n}", NEW, phase=phase) for n, phase in enumerate(["Failed", "Failed", "Succeeded", "Running"])]
    todo = plan.manage(view(daemon_set(), *pods), lambda node: 7.0 if node == "n1" else 0.0)
    assert (names(todo.failed), names(todo.succeeded), names(todo.delete)) == (["p0"], ["p2"], ["p0", "p2"])
    assert todo.wait_s == 7.0


def test_a_pod_pinned_to_a_node_that_is_gone_is_deleted() -> None:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["gone"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    lost = make(
        Pod,
        {"metadata": {"name": "lost"}, "spec": {"containers": [], "affinity": {"nodeAffinity": required}}},
    )
    todo = plan.manage(view(daemon_set(), lost, *(on(n, f"p{n}", NEW) for n in range(4))), lambda node: 0.0)
    assert names(todo.delete) == ["lost"]


@pytest.mark.parametrize(
    ("unavailable", "ready", "deleted"),
    [
        (1, [True] * 4, ["p0"]),
        (2, [True] * 4, ["p0", "p1"]),
        ("50%", [True] * 4, ["p0", "p1"]),
        (1, [True, False, True, True], ["p1"]),
        (2, [True, False, True, True], ["p1", "p0"]),
        (1, [False, False, True, True], ["p0", "p1"]),
    ],
)
def test_replacing(unavailable: int | str, ready: list[bool], deleted: list[str]) -> None:
    pods = [on(n, f"p{n}", OLD, ready=is_ready) for n, is_ready in enumerate(ready)]
    assert names(plan.roll(view(daemon_set(unavailable=unavailable), *pods)).delete) == deleted


def test_replacing_waits_for_what_is_on_its_way() -> None:
    pods = [on(0, "p0", NEW, ready=False), *(on(n, f"p{n}", OLD) for n in (1, 2, 3))]
    assert plan.roll(view(daemon_set(), *pods)).delete == []


def test_surging() -> None:
    made = daemon_set(surge=2, unavailable=0)
    old = [on(n, f"p{n}", OLD) for n in range(4)]
    assert plan.roll(view(made, *old)).create_on == ["n0", "n1"]
    waiting = plan.roll(view(made, *old, on(0, "q0", NEW, ready=False)))
    assert (waiting.create_on, waiting.delete) == (["n1"], [])
    done = plan.roll(view(made, *old, on(0, "q0", NEW)))
    assert (done.create_on, names(done.delete)) == (["n1", "n2"], ["p0"])


def test_a_new_pod_takes_over_at_once_where_the_old_one_is_not_ready() -> None:
    made = daemon_set(surge=1, unavailable=0)
    pods = [on(0, "old", OLD, ready=False), on(0, "new", NEW, ready=False), *(on(n, f"p{n}", NEW) for n in (1, 2, 3))]
    assert names(plan.manage(view(made, *pods), lambda node: 0.0).delete) == ["old"]


def test_status() -> None:
    pods = [on(0, "p0", NEW), on(1, "p1", OLD), on(2, "p2", NEW, ready=False)]
    found = plan.status(view(daemon_set(), *pods), observed=True)
    assert (found.desiredNumberScheduled, found.currentNumberScheduled, found.numberReady) == (4, 3, 2)
    assert (found.numberAvailable, found.numberUnavailable, found.updatedNumberScheduled) == (2, 2, 2)
    assert found.observedGeneration == 3
