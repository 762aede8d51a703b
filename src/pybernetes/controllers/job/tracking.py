"""Counting finished Pods exactly once: their uids pass through the status before their finalizers go. Pure.

Source: pkg/controller/job/job_controller.go (trackJobStatusAndRemoveFinalizers).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pybernetes.api.batch.v1 import Job, JobCondition, UncountedTerminatedPods
from pybernetes.api.core.v1 import Pod
from pybernetes.controllers.job import indexes, policies
from pybernetes.controllers.job.plan import (
    COMPLETE,
    FAILED,
    FAILURE_TARGET,
    SUCCESS_MET,
    View,
    condition,
    ensure_condition,
    find,
)
from pybernetes.controllers.job.pods import has_finalizer, index_of, is_failed, is_indexed

MOST_UNCOUNTED = 500


@dataclass(slots=True)
class Counting:
    flush: bool = False
    """The status changed and must be written before finalizers are taken off."""
    release: list[Pod] = field(default_factory=list)
    """Pods whose finalizer can go then."""
    finish: JobCondition | None = None
    """The final condition, to be set once everything is counted."""
    full: bool = False
    """There are more Pods than one round counts."""


def count(view: View, ending: JobCondition | None) -> Counting:
    """Puts what finished into the status of `view.job`."""
    job = view.job
    result = Counting(finish=ending)
    uncounted = _uncounted(job)
    with_finalizer = {
        p.metadata.uid or "" for p in view.pods if has_finalizer(p) and p.metadata.uid not in view.finalizer_removed
    }
    result.flush = settle(job, with_finalizer)
    new_indexes: set[int] = set()
    for pod in sorted(view.pods, key=lambda p: -1 if (i := index_of(p)) is None else i):
        if pod.metadata.uid not in with_finalizer or not _may_release(view, pod, ending):
            continue
        result.release.append(pod)
        result.flush |= _count_one(view, pod, ending, uncounted, new_indexes)
        if len(new_indexes) + len(uncounted.succeeded) + len(uncounted.failed) >= MOST_UNCOUNTED:
            result.full = True
            break
    if is_indexed(job):
        result.flush |= _write_indexes(view, new_indexes)
    if ending is not None and ending.type == FAILURE_TARGET:
        result.flush |= ensure_condition(job, ending)
        result.finish = condition(FAILED, "True", ending.reason or "", ending.message or "", view.now)
    elif ending is not None and ending.type == SUCCESS_MET:
        if find(job, SUCCESS_MET) is None:
            result.flush |= ensure_condition(job, ending)
        result.finish = condition(COMPLETE, "True", ending.reason or "", ending.message or "", view.now)
    return result


def _uncounted(job: Job) -> UncountedTerminatedPods:
    if job.status.uncountedTerminatedPods is None:
        job.status.uncountedTerminatedPods = UncountedTerminatedPods()
    return job.status.uncountedTerminatedPods


def settle(job: Job, with_finalizer: set[str]) -> bool:
    """Moves uids whose finalizer is gone from the lists into the counters; True when there were any."""
    uncounted = _uncounted(job)
    gone_succeeded = [uid for uid in uncounted.succeeded if uid not in with_finalizer]
    gone_failed = [uid for uid in uncounted.failed if uid not in with_finalizer]
    if gone_succeeded:
        job.status.succeeded = (job.status.succeeded or 0) + len(gone_succeeded)
        uncounted.succeeded = [uid for uid in uncounted.succeeded if uid in with_finalizer]
    if gone_failed:
        job.status.failed = (job.status.failed or 0) + len(gone_failed)
        uncounted.failed = [uid for uid in uncounted.failed if uid in with_finalizer]
    return bool(gone_succeeded or gone_failed)


def _may_release(view: View, pod: Pod, ending: JobCondition | None) -> bool:
    if view.job.metadata.deletionTimestamp or ending is not None or pod.status.phase == "Succeeded":
        return True
    if not is_failed(pod, view.job):
        return False
    index = index_of(pod)
    waiting = view.last_failed.get(index) if index is not None else None
    return waiting is None or waiting.metadata.uid != pod.metadata.uid


def _count_one(
    view: View, pod: Pod, ending: JobCondition | None, uncounted: UncountedTerminatedPods, new_indexes: set[int]
) -> bool:
    """True when the status changed."""
    job, uid = view.job, pod.metadata.uid or ""
    if pod.status.phase == "Succeeded" and uid not in view.uncounted_failed:
        if not is_indexed(job):
            if uid in view.uncounted_succeeded:
                return False
            uncounted.succeeded.append(uid)
            return True
        index = index_of(pod)
        if index is None or index >= view.completions or index in view.counted_indexes:
            return False
        new_indexes.add(index)
        return True
    ended_badly = ending is not None and ending.type != SUCCESS_MET
    if not is_failed(pod, job) and not ended_badly:
        return False
    if uid in view.uncounted_failed or (is_indexed(job) and not view.has_valid_index(pod)):
        return False
    if not policies.judge(job.spec.podFailurePolicy, pod).counts:
        return False
    uncounted.failed.append(uid)
    return True


def _write_indexes(view: View, new_indexes: set[int]) -> bool:
    status = view.job.status
    before = (status.completedIndexes, status.failedIndexes)
    completed = view.counted_indexes | new_indexes
    status.succeeded = len(completed) or None
    status.completedIndexes = indexes.text_of(completed) or None
    if view.failed_indexes is not None:
        status.failedIndexes = indexes.text_of(view.failed_indexes)
    return before != (status.completedIndexes, status.failedIndexes)


def may_finish(job: Job, counting: Counting, terminating: int) -> bool:
    """Everything is counted and no Pod still ends."""
    uncounted = _uncounted(job)
    left = len(uncounted.succeeded) + len(uncounted.failed) + terminating
    return counting.finish is not None and not counting.full and left == 0
