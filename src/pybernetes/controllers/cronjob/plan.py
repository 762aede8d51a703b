"""When a CronJob starts its next Job, which Job that is, and which old ones go. Pure.

Source: pkg/controller/cronjob/utils.go, cronjob_controllerv2.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from pybernetes.api.batch.v1 import CronJob, Job, JobSpec
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.cron import Schedule, ScheduleError, parse, zone_of
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.times import format_time, parse_time
from pybernetes.controllers.runtime.owners import controller_reference

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_MANY_MISSED = 100


class Missed(Enum):
    NONE = "none"
    FEW = "few"
    MANY = "many"


@dataclass(frozen=True, slots=True)
class Told:
    """An Event."""

    type: str
    reason: str
    message: str


@dataclass(slots=True)
class Verdict:
    start: float | None = None
    """The time whose Job is to be started now."""
    wait_s: float | None = None
    """Until the next time; None when nothing but a change brings one."""
    told: list[Told] = field(default_factory=list)


def finished(job: Job) -> str | None:
    """Complete, Failed, or None while it runs."""
    return next(
        (c.type for c in job.status.conditions if c.type in ("Complete", "Failed") and c.status == "True"), None
    )


def is_active(cron_job: CronJob, uid: str | None) -> bool:
    return any(ref.uid == uid for ref in cron_job.status.active)


def drop_active(cron_job: CronJob, uid: str | None) -> None:
    cron_job.status.active = [ref for ref in cron_job.status.active if ref.uid != uid]


def take_note(cron_job: CronJob, jobs: Sequence[Job]) -> list[Told]:
    """Brings the status up to date with the CronJob's Jobs; what went wrong or ended is told."""
    told = []
    status = cron_job.status
    for job in jobs:
        ended = finished(job)
        if ended is None:
            if not is_active(cron_job, job.metadata.uid):
                text = f"Saw a job that the controller did not create or forgot: {job.metadata.name}"
                told.append(Told("Warning", "UnexpectedJob", text))
            continue
        if is_active(cron_job, job.metadata.uid):
            drop_active(cron_job, job.metadata.uid)
            text = f"Saw completed job: {job.metadata.name}, condition: {ended}"
            told.append(Told("Normal", "SawCompletedJob", text))
        at = job.status.completionTime
        if ended == "Complete" and at and (not status.lastSuccessfulTime or at > status.lastSuccessfulTime):
            status.lastSuccessfulTime = at
    return told


def surplus_jobs(cron_job: CronJob, jobs: Sequence[Job]) -> list[Job]:
    """Finished Jobs that the history has no room for, the oldest first."""
    spec = cron_job.spec
    surplus: list[Job] = []
    for limit, ending in ((spec.successfulJobsHistoryLimit, "Complete"), (spec.failedJobsHistoryLimit, "Failed")):
        if limit is not None:
            ended = sorted((job for job in jobs if finished(job) == ending), key=_age)
            surplus += ended[: max(0, len(ended) - limit)]
    return surplus


def _age(job: Job) -> tuple[bool, str, str]:
    return job.status.startTime is None, job.status.startTime or "", job.metadata.name or ""


def verdict(cron_job: CronJob, now: float) -> Verdict:
    """Whether a Job is due."""
    spec, found = cron_job.spec, Verdict()
    if spec.timeZone is not None:
        try:
            zone_of(spec.timeZone)
        except ScheduleError as error:
            found.told.append(Told("Warning", "UnknownTimeZone", f'invalid timeZone: "{spec.timeZone}": {error}'))
            return found
    if spec.suspend:
        return found
    if "TZ" in spec.schedule:
        text = (
            f'CRON_TZ or TZ used in schedule "{spec.schedule}" is not officially supported, see '
            "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )
        found.told.append(Told("Warning", "UnsupportedSchedule", text))
    try:
        schedule = parse(spec.schedule, spec.timeZone or "")
    except ScheduleError as error:
        text = f'unparseable schedule: "{spec.schedule}" : {error}'
        found.told.append(Told("Warning", "UnparseableSchedule", text))
        return found
    try:
        _, due, missed = most_recent(cron_job, now, schedule, with_deadline=True)
    except ScheduleError as error:
        text = f"invalid schedule: {spec.schedule} : {error}"
        found.told.append(Told("Warning", "InvalidSchedule", text))
        return found
    found.wait_s = next_wait_s(cron_job, now, schedule)
    if due is None or due > now:
        return found
    if missed is Missed.MANY:
        text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        found.told.append(Told("Warning", "TooManyMissedTimes", text))
    if spec.startingDeadlineSeconds is not None and due + spec.startingDeadlineSeconds < now:
        at = datetime.fromtimestamp(due, zone_of("")).strftime("%a, %d %b %Y %H:%M:%S +0000")
        found.told.append(Told("Warning", "MissSchedule", f"Missed scheduled time to start a job: {at}"))
    elif _is_processed(cron_job, due):
        pass
    elif spec.concurrencyPolicy == "Forbid" and cron_job.status.active:
        text = "Not starting job because prior execution is running and concurrency policy is Forbid"
        found.told.append(Told("Normal", "JobAlreadyActive", text))
    else:
        found.start = due
    return found


def _is_processed(cron_job: CronJob, due: float) -> bool:
    last = cron_job.status.lastScheduleTime
    name = job_name(cron_job, due)
    return (last is not None and parse_time(last) == due) or any(ref.name == name for ref in cron_job.status.active)


def most_recent(
    cron_job: CronJob, now: float, schedule: Schedule, with_deadline: bool
) -> tuple[float, float | None, Missed]:
    """(from when on was looked, the last start that is due, how many were missed).

    Raises ScheduleError for a schedule that never comes.
    """
    spec = cron_job.spec
    earliest = parse_time(cron_job.status.lastScheduleTime or cron_job.metadata.creationTimestamp or format_time(now))
    if with_deadline and spec.startingDeadlineSeconds is not None:
        earliest = max(earliest, now - spec.startingDeadlineSeconds)
    first = schedule.next(earliest)
    second = schedule.next(first) if first is not None else None
    if first is None or second is None:
        raise ScheduleError("time difference between two schedules is less than 1 second")
    if now < first:
        return earliest, None, Missed.NONE
    if now < second:
        return earliest, first, Missed.NONE
    between_s = round(second - first)
    # An estimate, by the distance of two starts, brings us near to now; the schedule itself does the rest.
    count = int(now - first) // between_s + 1
    latest: float | None = None
    at = schedule.next(first + (count - 2) * between_s)
    while at is not None and at <= now:
        latest = at
        at = schedule.next(at)
    return earliest, latest, Missed.MANY if count > _MANY_MISSED else Missed.FEW


def next_wait_s(cron_job: CronJob, now: float, schedule: Schedule) -> float | None:
    """Seconds until the next start; None when there is none.

    Differs: upstream adds 100 ms for clocks that are set; we look again when a timer came early.
    """
    try:
        earliest, latest, missed = most_recent(cron_job, now, schedule, with_deadline=False)
        base = latest if latest is not None else earliest if missed is Missed.NONE else now
    except ScheduleError:
        base = now
    at = schedule.next(base)
    return max(0.0, at - now) if at is not None else None


def job_name(cron_job: CronJob, at: float) -> str:
    """The same for the same minute, so that no start is made twice."""
    return f"{cron_job.metadata.name}-{int(at) // 60}"


def job_for(cron_job: CronJob, at: float) -> Job:
    template = cron_job.spec.jobTemplate
    local = datetime.fromtimestamp(at, zone_of(cron_job.spec.timeZone or "")).isoformat()
    return Job(
        metadata=ObjectMeta(
            name=job_name(cron_job, at),
            namespace=cron_job.metadata.namespace,
            labels=dict(template.metadata.labels),
            annotations={**template.metadata.annotations, SCHEDULED_AT: local.replace("+00:00", "Z")},
            ownerReferences=[controller_reference(cron_job)],
        ),
        spec=fresh(template.spec or JobSpec()),
    )
