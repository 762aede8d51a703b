"""CronJobs end to end: real apiserver, real controllers, virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes.api.batch.v1 import CronJob, Job
from pybernetes.api.core.v1 import Event
from pybernetes.apimachinery.times import parse_time
from tests.integration.cluster_world import World, in_world, pod_template

DAY_S = 86_400
_ONLY = ["cronjob-controller", "job-controller", "serviceaccount-controller"]
"""Others would follow a hundred resources through the days."""


def cron_job(schedule: str = "*/5 * * * *", image: str = "ok", name: str = "tick", **spec: Any) -> dict[str, Any]:
    template = pod_template(image)
    template["spec"]["restartPolicy"] = "Never"
    return {
        "metadata": {"name": name},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": template, "backoffLimit": 0}}, **spec},
    }


async def get(w: World, name: str = "tick") -> CronJob:
    return await w.client.get(CronJob, name, "default")


async def created(w: World) -> list[float]:
    return sorted(parse_time(job.metadata.creationTimestamp or "") - w.clock.now() for job in await w.items(Job))


async def events(w: World) -> list[str]:
    return [event.reason or "" for event in await w.items(Event)]


def test_a_month_of_starts_each_at_its_time() -> None:
    async def body(w: World) -> None:
        limits = {"successfulJobsHistoryLimit": 3}
        await w.create(CronJob, cron_job("30 6 * * 1-5", timeZone="Europe/Berlin", **limits))
        starts: set[str] = set()
        for _ in range(31 * 4):
            await asyncio.sleep(DAY_S / 4)
            if last := (await get(w)).status.lastScheduleTime:
                starts.add(last)
        # The world begins on Thursday, 1 January 2026; Berlin is an hour ahead in winter.
        working_days = [1, 2, *range(5, 10), *range(12, 17), *range(19, 24), *range(26, 31)]
        assert sorted(starts) == [f"2026-01-{day:02}T05:30:00Z" for day in working_days]
        jobs = await w.items(Job)
        assert len(jobs) == 3, "history"
        newest = max(jobs, key=lambda job: job.metadata.creationTimestamp or "")
        assert newest.metadata.creationTimestamp == "2026-01-30T05:30:00Z", "at the very second"
        at = newest.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"]
        assert at == "2026-01-30T06:30:00+01:00"
        assert newest.metadata.name == f"tick-{int(parse_time('2026-01-30T05:30:00Z')) // 60}"
        status = (await get(w)).status
        assert status.active == []
        assert (status.lastSuccessfulTime or "") > "2026-01-30T05:30:00Z"

    in_world(body, controllers=_ONLY)


def test_forbid_replace_and_allow() -> None:
    async def body(w: World) -> None:
        for policy in ("Allow", "Forbid", "Replace"):
            await w.create(CronJob, cron_job("* * * * *", "good", policy.lower(), concurrencyPolicy=policy))
        await w.settle(200)
        jobs = dict.fromkeys(("allow", "forbid", "replace"), 0)
        for job in await w.items(Job):
            if not job.metadata.deletionTimestamp:
                jobs[job.metadata.ownerReferences[0].name] += 1
        assert jobs == {"allow": 3, "forbid": 1, "replace": 1}
        assert len((await get(w, "allow")).status.active) == 3
        assert (await get(w, "forbid")).status.lastScheduleTime == "2026-01-01T00:01:00Z"
        assert (await get(w, "replace")).status.lastScheduleTime == "2026-01-01T00:03:00Z"
        assert {"JobAlreadyActive", "SuccessfulCreate", "SuccessfulDelete"} <= set(await events(w))

    in_world(body)


def test_suspend_and_starting_deadline() -> None:
    async def body(w: World) -> None:
        await w.create(CronJob, cron_job("0 * * * *", suspend=True, startingDeadlineSeconds=60))
        await w.settle(2.5 * 3600)
        assert await w.items(Job) == []
        await w.client.patch(CronJob, "tick", "default", {"spec": {"suspend": False}})
        await w.settle()
        assert await w.items(Job) == [], "the last start is half an hour ago"
        await w.settle(1800)
        assert len(await w.items(Job)) == 1
        await w.client.patch(CronJob, "tick", "default", {"spec": {"suspend": True}})
        await w.settle(1800)
        await w.client.patch(CronJob, "tick", "default", {"spec": {"startingDeadlineSeconds": None}})
        await w.settle(DAY_S - 1800)
        await w.client.patch(CronJob, "tick", "default", {"spec": {"suspend": False}})
        await w.settle()
        assert len(await w.items(Job)) == 2, "of many missed starts only the last is made up for"

    in_world(body, controllers=_ONLY)


def test_too_many_missed_starts_are_told() -> None:
    async def body(w: World) -> None:
        await w.create(CronJob, cron_job("* * * * *", suspend=True))
        await w.settle(3 * 3600)
        await w.client.patch(CronJob, "tick", "default", {"spec": {"suspend": False}})
        await w.settle(1)
        assert "TooManyMissedTimes" in await events(w)
        assert len(await w.items(Job)) == 1

    in_world(body)


def test_failed_jobs_have_a_history_of_their_own_and_a_new_schedule_counts_at_once() -> None:
    async def body(w: World) -> None:
        await w.create(CronJob, cron_job("0 0 1 1 *", "fail", failedJobsHistoryLimit=2))
        await w.settle(3600)
        assert await w.items(Job) == []
        await w.client.patch(CronJob, "tick", "default", {"spec": {"schedule": "*/10 * * * *"}})
        await w.settle(3605)
        assert len(await w.items(Job)) == 2
        assert (await get(w)).status.lastScheduleTime == "2026-01-01T02:00:00Z"
        assert (await get(w)).status.lastSuccessfulTime is None

    in_world(body)


def test_no_start_is_made_twice_though_the_controllers_die() -> None:
    async def body(w: World) -> None:
        await w.create(CronJob, cron_job("* * * * *", successfulJobsHistoryLimit=100))
        for number in range(30):
            await asyncio.sleep(19.99 + number * 0.001)
            await w.kill_controllers()
            await w.start_controllers()
        jobs = await w.items(Job)
        names = {job.metadata.name for job in jobs}
        assert len(names) == len(jobs) == 10
        status = (await get(w)).status
        assert len(status.active) <= 1

    in_world(body)


def test_an_active_job_that_goes_missing_is_forgotten() -> None:
    async def body(w: World) -> None:
        await w.create(CronJob, cron_job("0 * * * *", "good", concurrencyPolicy="Forbid"))
        await w.settle(3605)
        (job,) = await w.items(Job)
        await w.client.delete(Job, job.metadata.name or "", "default", propagation="Background")
        await w.settle()
        assert (await get(w)).status.active == []
        assert "MissingJob" in await events(w)
        await w.settle(3600)
        assert len(await w.items(Job)) == 1

    in_world(body)
