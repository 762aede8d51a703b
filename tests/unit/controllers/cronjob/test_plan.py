"""When a CronJob starts: due, too late, already processed, missed."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.batch.v1 import CronJob, Job
from pybernetes.apimachinery.times import format_time, parse_time
from pybernetes.controllers.cronjob import plan
from tests.unit.controllers.builders import make

CREATED = parse_time("2026-01-01T00:00:30Z")


def cron_job(
    schedule: str = "0 * * * *", last: float | None = None, active: list[str] | None = None, **spec: Any
) -> CronJob:
    status: dict[str, Any] = {"active": [{"name": n, "uid": n, "namespace": "default"} for n in active or []]}
    if last is not None:
        status["lastScheduleTime"] = format_time(last)
    return make(
        CronJob,
        {
            "metadata": {"name": "c", "namespace": "default", "uid": "u", "creationTimestamp": format_time(CREATED)},
            "spec": {"schedule": schedule, "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {}}, **spec},
            "status": status,
        },
    )


def hour(hours: float) -> float:
    return parse_time("2026-01-01T00:00:00Z") + hours * 3600


@pytest.mark.parametrize(
    ("made", "now", "start", "wait_s", "told"),
    [
        (cron_job(), hour(0.5), None, 1800.0, []),
        (cron_job(), hour(1), hour(1), 3600.0, []),
        (cron_job(), hour(3.5), hour(3), 1800.0, []),
        (cron_job(last=hour(1)), hour(1.5), None, 1800.0, []),
        (cron_job(suspend=True), hour(1), None, None, []),
        (cron_job(startingDeadlineSeconds=60), hour(1.5), None, 1800.0, []),
        (cron_job(startingDeadlineSeconds=3600), hour(1.5), hour(1), 1800.0, []),
        (cron_job(concurrencyPolicy="Forbid", active=["x"]), hour(1), None, 3600.0, ["JobAlreadyActive"]),
        (cron_job(concurrencyPolicy="Replace", active=["x"]), hour(1), hour(1), 3600.0, []),
        (cron_job("* * * * *"), hour(3), hour(3), 60.0, ["TooManyMissedTimes"]),
        (cron_job("0 0 31 2 *"), hour(1), None, None, ["InvalidSchedule"]),
        (cron_job("bad"), hour(1), None, None, ["UnparseableSchedule"]),
        (cron_job(timeZone="Nowhere"), hour(1), None, None, ["UnknownTimeZone"]),
        (cron_job("TZ=UTC 0 * * * *"), hour(1), hour(1), 3600.0, ["UnsupportedSchedule"]),
    ],
    ids=[
        "not yet", "due", "only the last of several", "done", "suspended", "too late", "in time", "forbidden",
        "replaced", "many missed", "never", "bad", "bad zone", "zone in the schedule",
    ],
)  # fmt: skip
def test_verdict(made: CronJob, now: float, start: float | None, wait_s: float | None, told: list[str]) -> None:
    found = plan.verdict(made, now)
    assert (found.start, found.wait_s, [t.reason for t in found.told]) == (start, wait_s, told)


def test_a_start_with_its_job_active_is_processed() -> None:
    name = plan.job_name(cron_job(), hour(1))
    assert plan.verdict(cron_job(active=[name]), hour(1)).start is None


def test_uneven_schedules_find_their_last_time() -> None:
    made = cron_job("30 6-16/4 * * 1-5")
    assert plan.verdict(made, parse_time("2026-01-05T12:00:00Z")).start == parse_time("2026-01-05T10:30:00Z")


def test_the_job_carries_its_time() -> None:
    made = plan.job_for(cron_job(timeZone="Asia/Kolkata"), hour(1))
    assert made.metadata.annotations == {plan.SCHEDULED_AT: "2026-01-01T06:30:00+05:30"}
    assert plan.job_for(cron_job(), hour(1)).metadata.annotations == {plan.SCHEDULED_AT: "2026-01-01T01:00:00Z"}
    assert made.metadata.labels == {"a": "b"}
    assert made.metadata.name == f"c-{int(hour(1)) // 60}"


def job(name: str, ended: str = "", started: float = 0.0, completed: float | None = None) -> Job:
    status: dict[str, Any] = {"startTime": format_time(started)}
    if ended:
        status["conditions"] = [{"type": ended, "status": "True"}]
    if completed is not None:
        status["completionTime"] = format_time(completed)
    return make(Job, {"metadata": {"name": name, "uid": name, "namespace": "default"}, "status": status})


def test_history_keeps_the_youngest_of_each_ending() -> None:
    jobs = [job(f"ok{n}", "Complete", hour(n)) for n in range(4)] + [job(f"no{n}", "Failed", hour(n)) for n in range(2)]
    made = cron_job(successfulJobsHistoryLimit=2, failedJobsHistoryLimit=0)
    names = [found.metadata.name for found in plan.surplus_jobs(made, [*jobs, job("running")])]
    assert names == ["ok0", "ok1", "no0", "no1"]


def test_what_ended_is_noted() -> None:
    made = cron_job(active=["a", "b"])
    told = plan.take_note(
        made, [job("a", "Complete", 0, hour(2)), job("b"), job("stray"), job("old", "Complete", 0, hour(1))]
    )
    assert [t.reason for t in told] == ["SawCompletedJob", "UnexpectedJob"]
    assert [ref.name for ref in made.status.active] == ["b"]
    assert made.status.lastSuccessfulTime == format_time(hour(2))
