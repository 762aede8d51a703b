"""Deletes finished Jobs after their ttlSecondsAfterFinished."""

from __future__ import annotations

from pybernetes.api.batch.v1 import Job
from pybernetes.apimachinery import errors
from pybernetes.client.objects import split_key
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.ttl_after_finished import plan


class TtlAfterFinishedController(Controller):
    name = "ttl-after-finished-controller"
    queue_name = "ttl_jobs_to_delete"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        jobs = self.informer(Job)
        self._jobs = jobs.lister
        jobs.add_handler(on_add=self._changed, on_update=lambda old, new: self._changed(new))

    async def reconcile(self, key: str) -> None:
        job = self._jobs.by_key(key)
        if job is None or not self._is_due(key, job):
            return
        namespace, name = split_key(key)
        try:
            # The TTL may have been changed since: only the newest word counts.
            newest = await self.client.get(Job, name, namespace)
            if self._is_due(key, newest):
                await self.client.delete(Job, name, namespace, uid=newest.metadata.uid or "", propagation="Foreground")
        except errors.NotFound:
            return

    def _is_due(self, key: str, job: Job) -> bool:
        left_s = plan.time_left_s(job, self.clock.now())
        if left_s is not None and left_s > 0:
            self.queue.add_after(key, left_s)
        return left_s is not None and left_s <= 0

    def _changed(self, job: Job) -> None:
        if plan.time_left_s(job, self.clock.now()) is not None:
            self.enqueue(job)
