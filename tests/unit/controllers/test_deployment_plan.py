"""Sizes, proportions, templates and conditions of Deployments, as upstream's tables have them."""

from __future__ import annotations

import pytest

from pybernetes.api.core.v1 import ResourceRequirements
from pybernetes.apimachinery.fresh import fresh
from pybernetes.controllers.deployment import plan, progress, revisions, sizes, templates
from tests.unit.controllers.builders import NOW, deployment, replica_set


def rolling(surge: int | str, unavailable: int | str) -> dict[str, object]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "wanted"),
    [
        (10, "25%", "25%", (3, 2)),
        (2, "0%", "1%", (0, 1)),
        (1, 0, "1%", (0, 1)),
        (3, 1, 0, (1, 0)),
        (10, "1%", "1%", (1, 0)),
        (0, 0, 0, (0, 1)),
    ],
)
def test_fenceposts(replicas: int, surge: int | str, unavailable: int | str, wanted: tuple[int, int]) -> None:
    assert sizes.fenceposts(deployment(replicas=replicas, strategy=rolling(surge, unavailable))) == wanted


@pytest.mark.parametrize(
    ("wanted", "surge", "new", "old", "size"),
    [
        pytest.param(10, 0, 0, 10, 0, id="no surge, no room"),
        pytest.param(10, 2, 0, 10, 2, id="the surge"),
        pytest.param(10, 2, 5, 0, 10, id="never above what is wanted"),
        pytest.param(10, 5, 5, 5, 10, id="all of it"),
        pytest.param(10, 0, 5, 0, 10, id="old ones are gone"),
        pytest.param(5, 0, 7, 0, 5, id="too many"),
    ],
)
def test_the_new_replica_set_grows_as_far_as_the_surge(wanted: int, surge: int, new: int, old: int, size: int) -> None:
    d = deployment(replicas=wanted, strategy=rolling(surge, 1))
    new_set, old_set = replica_set("new", new), replica_set("old", old)
    assert plan.new_size(d, new_set, [new_set, old_set]) == size


def test_pods_that_an_old_replica_set_still_has_leave_no_room() -> None:
    d = deployment(replicas=10, strategy=rolling(2, 2))
    new_set, old_set = replica_set("new", 2), replica_set("old", 8)
    old_set.status.replicas = 10
    assert plan.new_size(d, new_set, [new_set, old_set]) == 2
    old_set.status.replicas = 8
    assert plan.new_size(d, new_set, [new_set, old_set]) == 4
    old_set.metadata.generation = 2
    assert plan.new_size(d, new_set, [new_set, old_set]) == 2, "that status is of before it shrank"


@pytest.mark.parametrize(
    ("wanted", "unavailable", "new", "new_available", "old", "old_available", "left"),
    [
        pytest.param(10, 0, 0, 0, 10, 10, None, id="nothing may be missed"),
        pytest.param(10, 2, 0, 0, 10, 10, 8, id="two may be missed"),
        pytest.param(10, 2, 0, 0, 10, 8, 8, id="the unhealthy first"),
        pytest.param(10, 2, 2, 0, 10, 10, 8, id="new ones not ready: only what may be missed"),
        pytest.param(10, 2, 5, 5, 8, 8, 3, id="new ones ready"),
        pytest.param(10, 2, 5, 0, 8, 7, None, id="13 - 8 - 5 leaves nothing to take"),
        pytest.param(10, 0, 10, 10, 1, 1, 0, id="the last"),
    ],
)
def test_old_replica_sets_shrink_by_what_may_be_missed(
    wanted: int, unavailable: int, new: int, new_available: int, old: int, old_available: int, left: int | None
) -> None:
    d = deployment(replicas=wanted, strategy=rolling(3, unavailable))
    steps = plan.scale_down_old(d, replica_set("new", new, new_available), [replica_set("old", old, old_available)])
    assert [s.replicas for s in steps] == ([] if left is None else [left])


@pytest.mark.parametrize(
    ("before", "wanted", "new", "old", "result"),
    [
        pytest.param(10, 12, None, [10], [12], id="one ReplicaSet gets it all"),
        pytest.param(10, 5, None, [10], [5], id="and gives it all"),
        pytest.param(10, 20, 5, [5], [10, 10], id="half and half"),
        pytest.param(10, 5, 5, [5], [3, 2], id="shrinks in proportion, the older first"),
        pytest.param(10, 0, 5, [5], [0, 0], id="to zero"),
        pytest.param(10, 6, 8, [2], [5, 1], id="larger gives more"),
    ],
)
def test_scaling_during_a_rollout_keeps_proportions(
    before: int, wanted: int, new: int | None, old: list[int], result: list[int]
) -> None:
    notes = {revisions.DESIRED_REPLICAS: str(before), revisions.MAX_REPLICAS: str(before)}
    d = deployment(replicas=wanted, strategy=rolling(0, 1))
    new_set = replica_set("new", new, new, created=100, annotations=notes) if new is not None else None
    old_sets = [replica_set(f"old{i}", n, n, created=i, annotations=notes) for i, n in enumerate(old)]
    steps = {s.replica_set.metadata.name: s.replicas for s in plan.scale(d, new_set, old_sets)}
    every = [*([new_set] if new_set else []), *old_sets]
    assert [steps.get(rs.metadata.name, rs.spec.replicas) for rs in every] == result


def test_history_keeps_the_newest_revisions() -> None:
    old = [replica_set(f"r{i}", 0, created=i, annotations={revisions.REVISION: str(i)}) for i in (3, 1, 2, 4)]
    old.append(replica_set("busy", 1, created=0, annotations={revisions.REVISION: "0"}))
    d = deployment(revisionHistoryLimit=2)
    assert [rs.metadata.name for rs in plan.cleanup(d, old)] == ["r1", "r2"]
    assert plan.cleanup(deployment(), old) == []


def test_a_revision_that_comes_back_is_remembered() -> None:
    d, rs = deployment(), replica_set("a", 1, annotations={revisions.REVISION: "1"})
    d.metadata.annotations = {"kubernetes.io/change-cause": "undo", revisions.REVISION: "2"}
    assert revisions.mark_new(d, rs, 3, exists=True)
    assert rs.metadata.annotations == {
        "kubernetes.io/change-cause": "undo",
        revisions.REVISION: "3",
        revisions.REVISION_HISTORY: "1",
    }
    assert not revisions.mark_new(d, rs, 3, exists=True)
    assert not revisions.mark_new(d, rs, 2, exists=True), "never back"


def test_templates_are_the_same_but_for_the_hash() -> None:
    d = deployment()
    hashed = templates.with_hash(d.spec.template, "abc")
    assert templates.same(hashed, d.spec.template)
    empty = fresh(d.spec.template)
    assert empty.spec is not None
    empty.spec.containers[0].resources = ResourceRequirements()
    assert templates.same(empty, d.spec.template), "resources: {} is no difference"
    assert not templates.same(deployment(image="other").spec.template, d.spec.template)


def test_the_hash_is_stable_and_counts_collisions() -> None:
    first = templates.template_hash(deployment().spec.template, None)
    assert first == templates.template_hash(deployment().spec.template, None)
    assert first == templates.template_hash(templates.with_hash(deployment().spec.template, first), None)
    assert len({first, templates.template_hash(deployment().spec.template, 1)}) == 2
    assert set(first) <= set("bcdfghjklmnpqrstvwxz2456789")


def test_progress_times_out_and_recovers() -> None:
    d, old = deployment(progressDeadlineSeconds=60), replica_set("web-1", 3)
    d.status.conditions = [progress.condition(progress.PROGRESSING, "True", progress.UPDATED, "", NOW)]
    d.status.replicas = d.status.updatedReplicas = 3
    early = progress.rollout_status(d, old, [], NOW + 59)
    assert progress.find(early.conditions, progress.PROGRESSING).reason == progress.UPDATED  # type: ignore[union-attr]
    assert progress.next_check_s(d, early, NOW + 20) == 41
    late = progress.rollout_status(d, old, [], NOW + 61)
    told = progress.find(late.conditions, progress.PROGRESSING)
    assert told is not None
    assert (told.status, told.reason) == ("False", "ProgressDeadlineExceeded")
    assert told.message == 'ReplicaSet "web-1" has timed out progressing.'
    d.status = late
    d.status.observedGeneration = 1
    done = progress.rollout_status(d, replica_set("web-1", 3, 3), [], NOW + 90)
    told = progress.find(done.conditions, progress.PROGRESSING)
    assert told is not None
    assert (told.status, told.reason) == ("True", "NewReplicaSetAvailable")
    assert progress.is_complete(d, done)


def test_availability_is_told() -> None:
    d = deployment(replicas=4, strategy=rolling(1, 1))
    bad = progress.status(d, replica_set("n", 4, 2), [], NOW)
    assert [(c.type, c.status, c.reason) for c in bad.conditions] == [
        ("Available", "False", "MinimumReplicasUnavailable")
    ]
    assert (bad.unavailableReplicas, bad.availableReplicas) == (2, 2)
    good = progress.status(d, replica_set("n", 4, 3), [], NOW)
    assert good.conditions[0].status == "True"
