"""Starts the Jobs of CronJobs at their times. Source: pkg/controller/cronjob/cronjob_controllerv2.go."""

from __future__ import annotations

from pybernetes.api.batch.v1 import CronJob, Job
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.times import format_time
from pybernetes.client.events import reference_to
from pybernetes.client.objects import key_of
from pybernetes.controllers.cronjob import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.owners import controller_index, controller_of, is_controlled_by
from pybernetes.controllers.runtime.pod_control import is_namespace_terminating


class CronJobController(Controller):
    name = "cronjob-controller"
    queue_name = "cronjob"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        cron_jobs, jobs = self.informer(CronJob), self.informer(Job)
        self._cron_jobs, self._jobs = cron_jobs.lister, jobs.lister
        jobs.add_index("controller", controller_index)
        self.enqueue_all(cron_jobs)
        jobs.add_handler(on_add=self._job_changed, on_update=self._job_updated, on_delete=self._job_changed)

    async def reconcile(self, key: str) -> None:
        known = self._cron_jobs.by_key(key)
        if known is None:
            return
        jobs = self._jobs.by_index("controller", known.metadata.uid or "")
        cron_job = fresh(known)
        if any(plan.finished(job) is None and not plan.is_active(cron_job, job.metadata.uid) for job in jobs):
            # A Job that we do not know of: perhaps only our copy is behind.
            try:
                cron_job = await self.client.get(CronJob, known.metadata.name or "", known.metadata.namespace or "")
            except errors.NotFound:
                return
            if cron_job.metadata.uid != known.metadata.uid:
                return
        before = fresh(cron_job).status
        try:
            wait_s = await self._sync(cron_job, jobs)
        finally:
            if cron_job.status != before:
                await self.client.update_status(cron_job)
        if wait_s is not None:
            self.queue.add_after(key, wait_s)

    async def _sync(self, cron_job: CronJob, jobs: list[Job]) -> float | None:
        """Seconds until the next start; changes the status of `cron_job`, which is ours to change."""
        for job in plan.surplus_jobs(cron_job, jobs):
            await self._delete(cron_job, job)
        self._tell(cron_job, plan.take_note(cron_job, jobs))
        await self._forget_missing(cron_job, jobs)
        if cron_job.metadata.deletionTimestamp:
            return None
        verdict = plan.verdict(cron_job, self.clock.now())
        self._tell(cron_job, verdict.told)
        if verdict.start is not None:
            if cron_job.spec.concurrencyPolicy == "Replace":
                await self._replace_active(cron_job)
            await self._start(cron_job, verdict.start)
        return verdict.wait_s

    async def _forget_missing(self, cron_job: CronJob, jobs: list[Job]) -> None:
        """Active Jobs that are gone, also to a live look, are active no longer."""
        known = {job.metadata.uid for job in jobs}
        for ref in list(cron_job.status.active):
            if ref.uid in known:
                continue
            try:
                await self.client.get(Job, ref.name or "", ref.namespace or "")
            except errors.NotFound:
                self.recorder.event(cron_job, "Normal", "MissingJob", f"Active job went missing: {ref.name}")
                plan.drop_active(cron_job, ref.uid)

    async def _replace_active(self, cron_job: CronJob) -> None:
        for ref in list(cron_job.status.active):
            try:
                job = await self.client.get(Job, ref.name or "", ref.namespace or "")
            except errors.StatusError as error:
                self.recorder.event(cron_job, "Warning", "FailedGet", f"Get job: {error}")
                raise
            if not await self._delete(cron_job, job):
                raise errors.InternalError(f"could not replace job {key_of(job)}")

    async def _start(self, cron_job: CronJob, at: float) -> None:
        wanted = plan.job_for(cron_job, at)
        try:
            made = await self.client.create(wanted)
        except errors.AlreadyExists:
            # By us, before an answer or a status was lost; or by somebody else, and then it is not ours to count.
            made = await self.client.get(Job, wanted.metadata.name or "", wanted.metadata.namespace or "")
            if not is_controlled_by(made, cron_job) or plan.is_active(cron_job, made.metadata.uid):
                return
        except errors.StatusError as error:
            if is_namespace_terminating(error):
                return
            self.recorder.event(cron_job, "Warning", "FailedCreate", f"Error creating job: {error}")
            raise
        else:
            self.recorder.event(cron_job, "Normal", "SuccessfulCreate", f"Created job {made.metadata.name}")
        cron_job.status.active.append(reference_to(made))
        cron_job.status.lastScheduleTime = format_time(at)

    async def _delete(self, cron_job: CronJob, job: Job) -> bool:
        meta = job.metadata
        try:
            await self.client.delete(Job, meta.name or "", meta.namespace or "", propagation="Background")
        except errors.StatusError as error:
            self.recorder.event(cron_job, "Warning", "FailedDelete", f"Deleted job: {error}")
            return False
        plan.drop_active(cron_job, meta.uid)
        self.recorder.event(cron_job, "Normal", "SuccessfulDelete", f"Deleted job {meta.name}")
        return True

    def _tell(self, cron_job: CronJob, told: list[plan.Told]) -> None:
        for event in told:
            self.recorder.event(cron_job, event.type, event.reason, event.message)

    # Events.

    def _job_updated(self, old: Job, new: Job) -> None:
        if controller_of(old) != controller_of(new):
            self._job_changed(old)
        self._job_changed(new)

    def _job_changed(self, job: Job) -> None:
        ref = controller_of(job)
        if ref is None or ref.kind != "CronJob":
            return
        found = self._cron_jobs.get(job.metadata.namespace or "", ref.name)
        if found is not None and found.metadata.uid == ref.uid:
            self.enqueue(found)
