"""Jobs: indexes, back-off, policies, verdicts, counting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.batch.v1 import Job, PodFailurePolicy, SuccessPolicy
from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.times import format_time
from pybernetes.controllers.job import backoff, indexes, plan, policies, tracking
from pybernetes.controllers.job.pods import COMPLETION_INDEX, INDEX_FAILURES, TRACKING
from tests.unit.controllers.builders import NOW, job, make, pod


def job_pod(name: str, phase: str = "Running", index: int | None = None, code: int | None = None, **facts: Any) -> Pod:
    notes = dict(facts.pop("annotations", {}))
    if index is not None:
        notes[COMPLETION_INDEX] = str(index)
    finished = facts.pop("finished_s", 0)
    if code is not None:
        ended = {"exitCode": code, "finishedAt": format_time(NOW - finished)}
        facts["statuses"] = [
            {
                "name": "c",
                "image": "",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"terminated": ended},
            }
        ]
    return pod(name, phase=phase, annotations=notes, finalizers=[TRACKING], **facts)


def view_of(a_job: Job, *pods: Pod, record: backoff.Record | None = None) -> plan.View:
    return plan.observe(a_job, list(pods), set(), record or backoff.Record(), NOW)


@pytest.mark.parametrize(
    ("text", "found"),
    [("", set()), ("0", {0}), ("0,1", {0, 1}), ("1-3,7", {1, 2, 3, 7}), ("x,2,4-y", {2}), ("8-20", {8, 9})],
)
def test_parsing_indexes(text: str, found: set[int]) -> None:
    assert indexes.parse(text, 10) == found


@given(st.sets(st.integers(0, 60)))
def test_indexes_as_text_and_back(chosen: set[int]) -> None:
    text = indexes.text_of(chosen)
    assert indexes.parse(text, 61) == chosen
    assert all("-" not in part or int(part.split("-")[1]) > int(part.split("-")[0]) + 1 for part in text.split(","))


def test_back_off_doubles_from_ten_seconds() -> None:
    assert [backoff.remaining_s(n, NOW, NOW) for n in (0, 1, 2, 3, 7, 40)] == [0, 10, 20, 40, 600, 600]
    assert backoff.remaining_s(2, NOW - 15, NOW) == 5
    failed = [job_pod("a", "Failed", code=1, finished_s=30), job_pod("b", "Failed", code=1, finished_s=10)]
    record = backoff.Record().after([], failed)
    assert record == backoff.Record(2, NOW - 10)
    succeeded = [job_pod("c", "Succeeded", code=0, finished_s=20)]
    assert record.after(succeeded, failed) == backoff.Record(1, NOW - 10)
    assert record.after(succeeded, []) == backoff.Record()


POLICY = make(
    PodFailurePolicy,
    {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42], "containerName": "c"}},
            {"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [1]}},
        ]
    },
)


def test_pod_failure_policy() -> None:
    evicted = job_pod("e", "Failed", code=42, conditions=[{"type": "DisruptionTarget", "status": "True"}])
    assert policies.judge(POLICY, evicted) == policies.Verdict(False, "Ignore")
    verdict = policies.judge(POLICY, job_pod("f", "Failed", code=42))
    assert verdict.message == "Container c for pod default/f failed with exit code 42 matching FailJob rule at index 1"
    assert policies.judge(POLICY, job_pod("c", "Failed", code=7)).action == "Count"
    assert policies.judge(POLICY, job_pod("n", "Failed", code=1)) == policies.Verdict()


def test_success_policy() -> None:
    policy = make(
        SuccessPolicy, {"rules": [{"succeededIndexes": "0,4-5"}, {"succeededIndexes": "0-9", "succeededCount": 4}]}
    )
    assert policies.matched_success_rule(policy, 10, {0, 1}) is None
    assert policies.matched_success_rule(policy, 10, {0, 4, 5}) == "Matched rules at index 0"
    assert policies.matched_success_rule(policy, 10, {1, 2, 3, 6}) == "Matched rules at index 1"


@pytest.mark.parametrize(
    ("spec", "pods", "create", "delete"),
    [
        pytest.param({"completions": 3, "parallelism": 2}, [], 2, 0, id="up to parallelism"),
        pytest.param(
            {"completions": 3, "parallelism": 5},
            [job_pod("s", "Succeeded", code=0), job_pod("r")],
            1,
            0,
            id="never more than remain",
        ),
        pytest.param({"completions": None, "parallelism": 3}, [job_pod("r")], 2, 0, id="a work queue"),
        pytest.param(
            {"completions": None, "parallelism": 3},
            [job_pod("r"), job_pod("s", "Succeeded", code=0)],
            0,
            0,
            id="a work queue after its first success",
        ),
        pytest.param({"completions": 3, "parallelism": 1}, [job_pod("a"), job_pod("b")], 0, 1, id="too many"),
        pytest.param({"suspend": True}, [job_pod("a")], 0, 1, id="suspended"),
        pytest.param({"completions": 2, "parallelism": 0}, [], 0, 0, id="parallelism 0"),
    ],
)
def test_how_many_pods(spec: dict[str, Any], pods: list[Pod], create: int, delete: int) -> None:
    todo = plan.manage(view_of(job(**spec), *pods))
    assert (todo.create, len(todo.delete)) == (create, delete)


def test_a_failed_pod_is_waited_after() -> None:
    todo = plan.manage(view_of(job(), job_pod("a", "Failed", code=1, finished_s=4)))
    assert (todo.create, todo.wait_s) == (0, 6)


def test_indexed_jobs_fill_the_gaps() -> None:
    a_job = job(completionMode="Indexed", completions=6, parallelism=4, status={"completedIndexes": "0,3"})
    view = view_of(a_job, job_pod("a", index=1), job_pod("b", "Succeeded", index=4, code=0))
    assert view.succeeded_indexes == {0, 3, 4}
    assert plan.manage(view).create_indexes == [2, 5]
    template = plan.pod_template(view, 2)
    assert template.metadata is not None
    assert template.spec is not None
    assert template.spec.hostname == "work-2"
    assert template.metadata.labels[COMPLETION_INDEX] == "2"
    assert template.spec.containers[0].env[0].name == "JOB_COMPLETION_INDEX"
    assert plan.generate_name(job(name="n" * 80), 12) == "n" * 54 + "-12-"


def test_repeated_and_wrong_indexes_are_removed() -> None:
    a_job = job(completionMode="Indexed", completions=3, parallelism=3)
    pods = [job_pod("a", index=0), job_pod("b", index=0, node="n"), job_pod("c", index=7), job_pod("d")]
    assert {p.metadata.name for p in plan.manage(view_of(a_job, *pods)).delete} == {"a", "c", "d"}


@pytest.mark.parametrize(
    ("spec", "pods", "reason"),
    [
        ({"backoffLimit": 0}, [job_pod("a", "Failed", code=1)], "BackoffLimitExceeded"),
        ({"backoffLimit": 1}, [job_pod("a", "Failed", code=1)], None),
        ({"podFailurePolicy": POLICY}, [job_pod("a", "Failed", code=42)], "PodFailurePolicy"),
        (
            {"activeDeadlineSeconds": 30, "status": {"startTime": format_time(NOW - 31)}},
            [job_pod("a")],
            "DeadlineExceeded",
        ),
        (
            {
                "backoffLimit": 2,
                "template": {"spec": {"containers": [{"name": "c"}], "restartPolicy": "OnFailure"}},
            },
            [job_pod("a", restarts=2)],
            "BackoffLimitExceeded",
        ),
        (
            {"completionMode": "Indexed", "completions": 2, "backoffLimitPerIndex": 0, "maxFailedIndexes": 0},
            [job_pod("a", "Failed", index=1, code=1)],
            "MaxFailedIndexesExceeded",
        ),
        (
            {
                "completionMode": "Indexed",
                "completions": 2,
                "backoffLimitPerIndex": 1,
                "status": {"completedIndexes": "0"},
            },
            [job_pod("a", "Failed", index=1, code=1, annotations={INDEX_FAILURES: "1"})],
            "FailedIndexes",
        ),
    ],
)
def test_failures(spec: dict[str, Any], pods: list[Pod], reason: str | None) -> None:
    spec = {k: __import__("msgspec").to_builtins(v) for k, v in spec.items()}
    found = plan.verdict(view_of(job(**spec), *pods))
    assert (found.reason if found else None) == reason
    if found:
        assert found.type == "FailureTarget"


def test_a_pod_is_counted_once_through_the_uncounted_list() -> None:
    a_job = job(completions=2)
    done = job_pod("a", "Succeeded", code=0)
    view = view_of(a_job, done)
    counting = tracking.count(view, None)
    assert counting.flush
    assert counting.release == [done]
    assert a_job.status.uncountedTerminatedPods is not None
    assert a_job.status.uncountedTerminatedPods.succeeded == ["p-a"]
    assert not a_job.status.succeeded
    # The controller dies here: the next look counts it no second time.
    view = view_of(a_job, done)
    assert view.succeeded == 1
    counting = tracking.count(view, None)
    assert a_job.status.uncountedTerminatedPods.succeeded == ["p-a"]
    assert tracking.settle(a_job, set())
    assert (a_job.status.succeeded, a_job.status.uncountedTerminatedPods.succeeded) == (1, [])


def test_ending_waits_for_terminating_and_uncounted_pods() -> None:
    a_job = job(backoffLimit=0)
    view = view_of(a_job, job_pod("a", "Failed", code=1))
    ending = plan.verdict(view)
    counting = tracking.count(view, ending)
    assert [c.type for c in a_job.status.conditions] == ["FailureTarget"]
    assert counting.finish is not None
    assert counting.finish.type == "Failed"
    assert not tracking.may_finish(a_job, counting, terminating=0), "one is uncounted"
    tracking.settle(a_job, set())
    assert not tracking.may_finish(a_job, counting, terminating=1)
    assert tracking.may_finish(a_job, counting, terminating=0)
    assert a_job.status.failed == 1
