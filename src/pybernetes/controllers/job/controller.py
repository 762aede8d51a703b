"""Runs a Job's Pods to completion. Source: pkg/controller/job/job_controller.go."""

from __future__ import annotations

import asyncio

from pybernetes.api.batch.v1 import Job, JobCondition
from pybernetes.api.core.v1 import Pod
from pybernetes.api.meta.v1 import OwnerReference
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.pods import is_ready
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.client.newest import Newest
from pybernetes.client.objects import key_of
from pybernetes.controllers.job import backoff, plan, tracking
from pybernetes.controllers.job.pods import TRACKING, has_finalizer
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.expectations import Expectations
from pybernetes.controllers.runtime.owners import Claims, controller_index, controller_of, orphans_in
from pybernetes.controllers.runtime.pod_control import (
    PodControl,
    is_namespace_terminating,
    pod_from_template,
    slow_start,
)

_OURS = "kubernetes.io/job-controller"
_BATCH_S = 0.1
"""Pod events of a Job are looked at together."""
_LEAST_WAIT_S = 1.0
_ORPHAN = "orphan:"


class JobController(Controller):
    """Keys: NAMESPACE/NAME of a Job; `orphan:NAMESPACE/NAME` of a Pod that no Job counts any more."""

    name = "job-controller"
    queue_name = "job"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._expectations = Expectations()
        self._pod_control = PodControl(self.client, self.recorder)
        self._records: dict[str, backoff.Record] = {}
        self._finalizers_removed: dict[str, set[str]] = {}
        """By key of the Job: uids that the informer still shows with a finalizer."""
        jobs, pods = self.informer(Job), self.informer(Pod)
        self._newest = Newest(jobs)
        """What was counted is known even where Pods without their finalizer are shown before the Job is."""
        self._jobs, self._pods = jobs.lister, pods.lister
        pods.add_index("controller", controller_index)
        jobs.add_handler(on_add=self.enqueue, on_update=self._job_updated, on_delete=self._job_deleted)
        pods.add_handler(on_add=self._pod_added, on_update=self._pod_updated, on_delete=self._pod_deleted)

    async def reconcile(self, key: str) -> None:
        if key.startswith(_ORPHAN):
            await self._release_orphan(key.removeprefix(_ORPHAN))
            return
        known = self._newest.get(key)
        if known is None or plan.is_finished(known):
            self._forget(key)
            return
        if known.spec.managedBy not in (None, "", _OURS):
            return
        if known.spec.completionMode not in (None, "NonIndexed", "Indexed"):
            text = "Skipped Job sync because completion mode is unknown"
            self.recorder.event(known, "Warning", "UnknownCompletionMode", text)
            return
        satisfied = self._expectations.satisfied(key)
        if not satisfied:
            self.queue.add_after(key, self._expectations.wait_s(key))
        job = fresh(known)
        pods = await self._claim(job)
        record = self._records.get(key, backoff.Record())
        removed = set(self._finalizers_removed.get(key, ()))
        view = plan.observe(job, pods, removed, record, self.clock.now())
        await self._advance(key, view, satisfied)

    async def _advance(self, key: str, view: plan.View, satisfied: bool) -> None:
        job, active = view.job, len(view.active)
        ending = plan.verdict(view)
        failure: Exception | None = None
        suspend_changed = False
        if ending is not None:
            deleted, failure = await self._delete(key, view, view.active, release=False)
            active -= deleted
            if active or not satisfied:
                ending = None  # Pods may be left, or not yet seen
        else:
            if (deadline_s := plan.seconds_to_deadline(job, view.now)) is not None:
                self.queue.add_after(key, deadline_s)
            manages = satisfied and not job.metadata.deletionTimestamp
            if manages:
                active, failure = await self._manage(key, view)
            if plan.is_complete(view, active):
                text = "Reached expected number of succeeded pods"
                ending = plan.condition(plan.SUCCESS_MET, "True", "CompletionsReached", text, view.now)
            elif manages:
                suspend_changed = self._tell_suspension(view)
        await self._track(key, view, ending, active, suspend_changed)
        if failure is not None:
            raise failure

    async def _track(self, key: str, view: plan.View, ending: JobCondition | None, active: int, changed: bool) -> None:
        """Writes counts and conditions, takes finalizers off, and at last sets the final condition."""
        status = view.job.status
        counts = (active or None, view.ready, view.terminating)
        changed |= counts != (status.active, status.ready, status.terminating)
        status.active, status.ready, status.terminating = counts
        counting = tracking.count(view, ending)
        if changed or counting.flush:
            await self._write_status(view)
            self._records[key] = view.record
        changed = False
        failure: Exception | None = None
        if counting.release:
            failed, failure = await self._release(key, counting.release)
            held = {p.metadata.uid or "" for p in view.pods if has_finalizer(p)} - view.finalizer_removed
            held -= {p.metadata.uid or "" for p in counting.release} - failed
            changed = tracking.settle(view.job, held)
        finished = failure is None and tracking.may_finish(view.job, counting, view.terminating)
        if finished and counting.finish is not None:
            plan.ensure_condition(view.job, counting.finish)
            if counting.finish.type == plan.COMPLETE:
                view.job.status.completionTime = counting.finish.lastTransitionTime
        if changed or finished:
            await self._write_status(view)
        if finished and counting.finish is not None:
            self._tell_finished(view.job, counting.finish)
        elif counting.full:
            self.queue.add(key)
        if failure is not None:
            raise failure

    async def _write_status(self, view: plan.View) -> None:
        written = await self.client.update_status(view.job)
        self._newest.put(written)
        view.job = fresh(written)

    async def _manage(self, key: str, view: plan.View) -> tuple[int, Exception | None]:
        """The number of active Pods afterwards, and the first failure."""
        active = len(view.active)
        todo = plan.manage(view)
        if todo.delete:
            identities = [_identity(pod) for pod in todo.delete]
            self._expectations.expect_deletions(key, identities)
            deleted, failure = await self._delete(key, view, todo.delete, release=True)
            return active - deleted, failure
        if todo.wait_s > 0:
            self.queue.add_after(key, max(_LEAST_WAIT_S, todo.wait_s))
        elif todo.create:
            created, failure = await self._create(key, view, todo)
            return active + created, failure
        return active, None

    async def _create(self, key: str, view: plan.View, todo: plan.Manage) -> tuple[int, Exception | None]:
        job = view.job
        self._expectations.expect_creations(key, todo.create)
        shared = None if todo.create_indexes else plan.pod_template(view, None)

        async def create(number: int) -> None:
            if shared is not None:
                pod = pod_from_template(shared, job)
            else:
                index = todo.create_indexes[number]
                pod = pod_from_template(plan.pod_template(view, index), job)
                pod.metadata.generateName = plan.generate_name(job, index)
            try:
                await self._pod_control.create(pod, job)
            except errors.StatusError as error:
                if not is_namespace_terminating(error):
                    raise

        created, failure = await slow_start(todo.create, create)
        if created < todo.create:
            self._expectations.creation_observed(key, todo.create - created)
        if isinstance(failure, OSError):
            self._expectations.doubt(key)
        return created, failure

    async def _delete(self, key: str, view: plan.View, pods: list[Pod], release: bool) -> tuple[int, Exception | None]:
        """Deletes, after taking the finalizer off where asked; keeps the counts of `view` right."""

        async def delete(pod: Pod) -> bool:
            try:
                if release and has_finalizer(pod):
                    await self._remove_finalizer(pod)
                await self._pod_control.delete(pod, view.job)
            except errors.NotFound:
                self._expectations.deletion_observed(key, _identity(pod))
            except (errors.StatusError, OSError):
                self._expectations.deletion_observed(key, _identity(pod))
                raise
            return True

        results = await asyncio.gather(*map(delete, pods), return_exceptions=True)
        failure = next((r for r in results if isinstance(r, Exception)), None)
        gone = [pod for pod, result in zip(pods, results, strict=True) if result is True]
        view.ready -= sum(map(is_ready, gone))
        view.terminating += len(gone)
        return len(gone), failure

    async def _release(self, key: str, pods: list[Pod]) -> tuple[set[str], Exception | None]:
        """Takes the finalizers off; returns the uids that failed and the first failure."""
        expected = self._finalizers_removed.setdefault(key, set())
        expected.update(pod.metadata.uid or "" for pod in pods)

        async def release(pod: Pod) -> None:
            try:
                await self._remove_finalizer(pod)
            except errors.NotFound:
                expected.discard(pod.metadata.uid or "")
            except (errors.StatusError, OSError):
                expected.discard(pod.metadata.uid or "")
                raise

        results = await asyncio.gather(*map(release, pods), return_exceptions=True)
        failed = {p.metadata.uid or "" for p, r in zip(pods, results, strict=True) if isinstance(r, Exception)}
        return failed, next((r for r in results if isinstance(r, Exception)), None)

    async def _remove_finalizer(self, pod: Pod) -> None:
        meta = pod.metadata
        body = {"metadata": {"uid": meta.uid, "$deleteFromPrimitiveList/finalizers": [TRACKING]}}
        await self.client.patch(Pod, meta.name or "", meta.namespace or "", body, patch_type="strategic")

    async def _release_orphan(self, key: str) -> None:
        """A Pod whose Job is gone or finished must not be kept by our finalizer."""
        pod = self._pods.by_key(key)
        if pod is None or not has_finalizer(pod):
            return
        ref = controller_of(pod)
        if ref is not None:
            if ref.kind != "Job":
                return
            job = self._owner(pod.metadata.namespace or "", ref)
            if job is not None and (not plan.is_finished(job) or job.spec.managedBy not in (None, "", _OURS)):
                return
        try:
            await self._remove_finalizer(pod)
        except (errors.NotFound, errors.Conflict):
            return

    async def _claim(self, job: Job) -> list[Pod]:
        meta = job.metadata

        async def read() -> Job:
            return await self.client.get(Job, meta.name or "", meta.namespace or "")

        selector = LabelSelector.of(job.spec.selector)
        by_index = self._pods.by_index
        candidates = by_index("controller", meta.uid or "") + by_index("controller", orphans_in(meta.namespace or ""))
        claimed = await Claims(self.client, Pod, job, selector, read, (TRACKING,)).claim(candidates)
        return [pod if controller_of(pod) is not None else _with_finalizer(pod) for pod in claimed]

    def _tell_suspension(self, view: plan.View) -> bool:
        """The Suspended condition; True when it changed."""
        job = view.job
        if plan.is_suspended(job):
            told = plan.condition(plan.SUSPENDED, "True", "JobSuspended", "Job suspended", view.now)
            if not plan.ensure_condition(job, told):
                return False
            job.status.startTime = None
            self.recorder.event(job, "Normal", "Suspended", "Job suspended")
            return True
        told = plan.condition(plan.SUSPENDED, "False", "JobResumed", "Job resumed", view.now)
        if not plan.ensure_condition(job, told):
            return False
        job.status.startTime = told.lastTransitionTime
        self.recorder.event(job, "Normal", "Resumed", "Job resumed")
        return True

    def _tell_finished(self, job: Job, ending: JobCondition) -> None:
        if ending.type != plan.COMPLETE:
            self.recorder.event(job, "Warning", ending.reason or "", ending.message or "")
            return
        if job.spec.completions is not None and (job.status.succeeded or 0) > job.spec.completions:
            text = "Too many succeeded pods running after completion count reached"
            self.recorder.event(job, "Warning", "TooManySucceededPods", text)
        self.recorder.event(job, "Normal", "Completed", "Job completed")

    # Events.

    def _forget(self, key: str) -> None:
        self._expectations.forget(key)
        self._records.pop(key, None)
        self._finalizers_removed.pop(key, None)

    def _owner(self, namespace: str, ref: OwnerReference | None) -> Job | None:
        if ref is None or ref.kind != "Job":
            return None
        found = self._jobs.get(namespace, ref.name)
        return found if found is not None and found.metadata.uid == ref.uid else None

    def _enqueue_soon(self, job: Job) -> None:
        self.queue.add_after(key_of(job), _BATCH_S)

    def _job_updated(self, old: Job, new: Job) -> None:
        if plan.is_finished(new) and not plan.is_finished(old):
            self._release_pods_of(new)
        self.enqueue(new)

    def _job_deleted(self, job: Job) -> None:
        self._release_pods_of(job)
        self.enqueue(job)

    def _release_pods_of(self, job: Job) -> None:
        for pod in self._pods.by_index("controller", job.metadata.uid or ""):
            if has_finalizer(pod):
                self.queue.add(_ORPHAN + key_of(pod))

    def _pod_added(self, pod: Pod) -> None:
        if pod.metadata.deletionTimestamp:
            self._pod_deleted(pod, observed=False)
            return
        ref = controller_of(pod)
        if ref is None:
            self._orphan_seen(pod)
            return
        job = self._owner(pod.metadata.namespace or "", ref)
        if job is not None:
            self._expectations.creation_observed(key_of(job))
            self._enqueue_soon(job)
        if has_finalizer(pod) and (job is None or plan.is_finished(job)):
            self.queue.add(_ORPHAN + key_of(pod))

    def _pod_updated(self, old: Pod, new: Pod) -> None:
        old_ref, ref = controller_of(old), controller_of(new)
        namespace = new.metadata.namespace or ""
        if old_ref != ref and (job := self._owner(namespace, old_ref)) is not None:
            self._finalizer_gone(job, old)
            self._enqueue_soon(job)
        job = self._owner(namespace, ref)
        if job is None:
            if ref is None and (old.metadata.labels != new.metadata.labels or old_ref != ref):
                self._orphan_seen(new)
            elif ref is not None and ref.kind == "Job" and has_finalizer(new):
                self.queue.add(_ORPHAN + key_of(new))
            return
        if has_finalizer(old) and not has_finalizer(new):
            self._finalizer_gone(job, new)
        if new.metadata.deletionTimestamp:
            self._expectations.deletion_observed(key_of(job), _identity(new))
        if plan.is_finished(job) and has_finalizer(new):
            self.queue.add(_ORPHAN + key_of(new))
        self._enqueue_soon(job)

    def _pod_deleted(self, pod: Pod, observed: bool = True) -> None:
        ref = controller_of(pod)
        job = self._owner(pod.metadata.namespace or "", ref)
        if job is None:
            if not observed and has_finalizer(pod) and (ref is None or ref.kind == "Job"):
                self.queue.add(_ORPHAN + key_of(pod))
            return
        self._expectations.deletion_observed(key_of(job), _identity(pod))
        if observed:
            self._finalizer_gone(job, pod)
        self._enqueue_soon(job)

    def _orphan_seen(self, pod: Pod) -> None:
        if has_finalizer(pod):
            self.queue.add(_ORPHAN + key_of(pod))
        if not pod.metadata.labels:
            return
        for job in self._jobs.list(pod.metadata.namespace or ""):
            selector = LabelSelector.of(job.spec.selector)
            if not selector.empty and selector.matches(pod.metadata.labels):
                self._enqueue_soon(job)

    def _finalizer_gone(self, job: Job, pod: Pod) -> None:
        removed = self._finalizers_removed.get(key_of(job))
        if removed is not None:
            removed.discard(pod.metadata.uid or "")


def _with_finalizer(pod: Pod) -> Pod:
    """A Pod adopted a moment ago, as it is now."""
    copy = fresh(pod)
    if TRACKING not in copy.metadata.finalizers:
        copy.metadata.finalizers.append(TRACKING)
    return copy


def _identity(pod: Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"
