"""The next steps of a StatefulSet."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.apps.v1 import ControllerRevision, StatefulSet
from pybernetes.api.core.v1 import Pod
from pybernetes.controllers.runtime.revisions import data_of, new_revision, template_of
from pybernetes.controllers.statefulset import plan
from tests.unit.controllers.builders import NOW, make, pod, template


def stateful_set(replicas: int = 3, current_replicas: int = 0, **spec: Any) -> StatefulSet:
    return make(
        StatefulSet,
        {
            "metadata": {"name": "db", "namespace": "default", "uid": "set", "generation": 4},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "db"}},
                "template": template("new", app="db"),
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                **spec,
            },
            "status": {"replicas": 0, "currentReplicas": current_replicas},
        },
    )


def revision(name: str) -> ControllerRevision:
    data = data_of(make(StatefulSet, {"spec": {"template": template(name, app="db")}}).spec.template)
    return make(ControllerRevision, {"metadata": {"name": name}, "data": data, "revision": 1})


def member(ordinal: int, of: str = "new", **facts: Any) -> Pod:
    name = f"db-{ordinal}"
    labels = {"app": "db", "statefulset.kubernetes.io/pod-name": name, "controller-revision-hash": of}
    facts.setdefault("ready_s", 60)
    return pod(name, labels=labels, **facts)


def view(set_: StatefulSet, *pods: Pod) -> plan.View:
    return plan.View(set_, pods, revision("old"), revision("new"), lambda name: None, NOW)


def steps(set_: StatefulSet, *pods: Pod) -> list[str]:
    found = plan.plan(view(set_, *pods))
    everything = [step for of_pod in [*found.replicas, *found.surplus] for step in of_pod] + found.update
    return [f"{step.action.value} {step.pod.metadata.name}" for step in everything]


PARALLEL = {"podManagementPolicy": "Parallel"}
NOT_READY: dict[str, Any] = {"ready_s": None}


@pytest.mark.parametrize(
    ("set_", "pods", "expected"),
    [
        (stateful_set(), [], ["create db-0"]),
        (stateful_set(**PARALLEL), [], ["create db-0", "create db-1", "create db-2"]),
        (stateful_set(), [member(0), member(2)], ["create db-1"]),
        (stateful_set(), [member(0, **NOT_READY)], []),
        (stateful_set(), [member(0, deleted=True)], []),
        (stateful_set(), [member(0, phase="Failed")], ["delete db-0"]),
        (stateful_set(minReadySeconds=90), [member(0)], []),
        (stateful_set(1), [member(n) for n in range(3)], ["delete db-2"]),
        (stateful_set(1), [member(0), member(1, **NOT_READY), member(2)], ["delete db-2"]),
        (stateful_set(1), [member(0), member(1, **NOT_READY), member(2, **NOT_READY)], []),
        (stateful_set(1), [member(0), member(1), member(2, **NOT_READY)], ["delete db-2"]),
        (stateful_set(1), [member(0), member(1), member(2, deleted=True)], []),
        (stateful_set(1, **PARALLEL), [member(n) for n in range(3)], ["delete db-2", "delete db-1"]),
        (stateful_set(2, ordinals={"start": 1}), [member(0), member(1)], ["create db-2"]),
        (stateful_set(2, ordinals={"start": 1}), [member(n) for n in range(3)], ["delete db-0"]),
        (stateful_set(), [member(n, "old") for n in range(3)], ["delete db-2"]),
        (stateful_set(), [member(0, "old"), member(1, "old"), member(2)], ["delete db-1"]),
        (stateful_set(0), [], []),
    ],
)
def test_steps(set_: StatefulSet, pods: list[Pod], expected: list[str]) -> None:
    assert steps(set_, *pods) == expected


@pytest.mark.parametrize(
    ("rolling", "old", "expected"),
    [
        ({"partition": 2}, [0, 1, 2, 3], ["delete db-3"]),
        ({"partition": 2}, [0, 1], []),
        ({"maxUnavailable": 2}, [0, 1, 2, 3], ["delete db-3", "delete db-2"]),
        ({"maxUnavailable": "50%", "partition": 3}, [0, 1, 2, 3], ["delete db-3"]),
        ({"maxUnavailable": "1%"}, [0, 1, 2, 3], ["delete db-3"]),
    ],
)
def test_updates(rolling: dict[str, Any], old: list[int], expected: list[str]) -> None:
    set_ = stateful_set(4, updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    assert steps(set_, *(member(n, "old" if n in old else "new") for n in range(4))) == expected


def test_on_delete_touches_nothing() -> None:
    assert steps(stateful_set(updateStrategy={"type": "OnDelete"}), *(member(n, "old") for n in range(3))) == []


def test_a_set_that_is_deleted_does_nothing_more() -> None:
    set_ = stateful_set()
    set_.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    assert steps(set_) == []


@pytest.mark.parametrize(
    ("strategy", "current_replicas", "images"),
    [
        ({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}, 0, ["old", "old", "new"]),
        ({"type": "RollingUpdate"}, 1, ["old", "new", "new"]),
        ({"type": "OnDelete"}, 3, ["new", "new", "new"]),
    ],
)
def test_missing_pods_come_back_at_their_revision(
    strategy: dict[str, Any], current_replicas: int, images: list[str]
) -> None:
    made = plan.replicas(view(stateful_set(3, current_replicas, updateStrategy=strategy)))
    assert [p.spec.containers[0].image for p in made] == images
    assert [p.metadata.labels["controller-revision-hash"] for p in made] == images


def test_status_counts_by_revision_and_completes() -> None:
    halfway = plan.status(view(stateful_set(2), member(0, "old"), member(1)), 0, 0)
    assert (halfway.currentReplicas, halfway.updatedReplicas, halfway.currentRevision) == (1, 1, "old")
    replaced = plan.status(view(stateful_set(2), member(0, "old"), member(1)), 0, 1)
    assert replaced.currentReplicas is None
    done = plan.status(view(stateful_set(2), member(0), member(1)), 0, 0)
    assert (done.currentReplicas, done.currentRevision, done.updateRevision) == (2, "new", "new")
    assert (done.readyReplicas, done.availableReplicas, done.observedGeneration) == (2, 2, 4)


def test_a_revision_brings_its_template_back_and_is_named_by_it() -> None:
    first, other = stateful_set(), stateful_set(template=template("other", app="db"))
    made = new_revision(first, 1, 0, "hash", {"note": "x"})
    assert template_of(made) == first.spec.template
    assert made.metadata.name == new_revision(first, 7, 0, "hash", {}).metadata.name
    names = {made.metadata.name, new_revision(first, 1, 1, "hash", {}).metadata.name}
    assert len(names | {new_revision(other, 1, 0, "hash", {}).metadata.name}) == 3


def test_the_data_of_a_revision_is_to_the_byte_what_gos_encoder_writes() -> None:
    made = stateful_set(template={"spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "B"}]}]}})
    assert msgspec.json.encode(data_of(made.spec.template)) == (
        b'{"spec":{"template":{"$patch":"replace","metadata":{},"spec":{"containers":'
        b'[{"env":[{"name":"B"}],"image":"i","name":"c","resources":{}}]}}}}'
    )
