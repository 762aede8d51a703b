"""What a Job needs: its counts, whether it is finished, Pods to create and to delete. Pure.

Source: pkg/controller/job/job_controller.go (syncJob, manageJob).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pybernetes.api.batch.v1 import Job, JobCondition
from pybernetes.api.core.v1 import Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodTemplateSpec
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.pods import is_ready
from pybernetes.apimachinery.times import format_time, parse_time
from pybernetes.controllers.job import backoff, indexes, policies
from pybernetes.controllers.job.pods import (
    COMPLETION_INDEX,
    INDEX_FAILURES,
    INDEX_IGNORED_FAILURES,
    TRACKING,
    all_failures,
    failure_count,
    finished_at,
    has_finalizer,
    index_of,
    is_failed,
    is_indexed,
    only_replaces_failed,
    restart_total,
)
from pybernetes.controllers.runtime.pods import by_deletion_preference, is_active, is_terminating

COMPLETE, FAILED, SUSPENDED = "Complete", "Failed", "Suspended"
FAILURE_TARGET, SUCCESS_MET = "FailureTarget", "SuccessCriteriaMet"
MOST_PER_SYNC = 500
_ENV = "JOB_COMPLETION_INDEX"
_LONGEST_PREFIX = 58


@dataclass(slots=True)
class View:
    """A Job (a copy, free to change) and its Pods, as one reconcile sees them."""

    job: Job
    pods: list[Pod]
    uncounted_succeeded: set[str]
    uncounted_failed: set[str]
    finalizer_removed: set[str]
    """uids whose finalizer was taken off, which the informer does not show yet."""
    now: float
    active: list[Pod] = field(default_factory=list)
    ready: int = 0
    terminating: int = 0
    succeeded: int = 0
    failed: int = 0
    record: backoff.Record = field(default_factory=backoff.Record)
    counted_indexes: set[int] = field(default_factory=set)
    """In the status already."""
    succeeded_indexes: set[int] = field(default_factory=set)
    failed_indexes: set[int] | None = None
    """None without backoffLimitPerIndex."""
    last_failed: dict[int, Pod] = field(default_factory=dict)
    """By index: the failed Pod that waits for its replacement."""

    @property
    def completions(self) -> int:
        return self.job.spec.completions or 0

    def is_uncounted(self, pod: Pod, known: set[str]) -> bool:
        """Still to be counted: has its finalizer, is in no list, and has a valid index where it needs one."""
        uid = pod.metadata.uid or ""
        if not has_finalizer(pod) or uid in known or uid in self.finalizer_removed:
            return False
        return not is_indexed(self.job) or self.has_valid_index(pod)

    def has_valid_index(self, pod: Pod) -> bool:
        index = index_of(pod)
        return index is not None and index < self.completions


def is_finished(job: Job) -> bool:
    return any(c.type in (COMPLETE, FAILED) and c.status == "True" for c in job.status.conditions)


def is_suspended(job: Job) -> bool:
    return bool(job.spec.suspend)


def observe(job: Job, pods: list[Pod], finalizer_removed: set[str], record: backoff.Record, now: float) -> View:
    """Counts everything. Sets the start time of a Job that starts."""
    uncounted = job.status.uncountedTerminatedPods
    view = View(
        job,
        pods,
        set(uncounted.succeeded) if uncounted else set(),
        set(uncounted.failed) if uncounted else set(),
        finalizer_removed,
        now,
    )
    view.active = [pod for pod in pods if is_active(pod)]
    view.ready = sum(map(is_ready, view.active))
    view.terminating = sum(map(is_terminating, pods))
    new_succeeded = [
        p for p in pods if p.status.phase == "Succeeded" and view.is_uncounted(p, view.uncounted_succeeded)
    ]
    new_failed = [p for p in pods if is_failed(p, job) and view.is_uncounted(p, view.uncounted_failed)]
    counted = [p for p in new_failed if policies.judge(job.spec.podFailurePolicy, p).counts]
    view.succeeded = (job.status.succeeded or 0) + len(new_succeeded) + len(view.uncounted_succeeded)
    view.failed = (job.status.failed or 0) + len(counted) + len(view.uncounted_failed)
    view.record = record.after(new_succeeded, new_failed)
    if job.status.startTime is None and not is_suspended(job):
        job.status.startTime = format_time(now)
    if is_indexed(job):
        _observe_indexes(view)
    return view


def _observe_indexes(view: View) -> None:
    job = view.job
    view.counted_indexes = indexes.parse(job.status.completedIndexes, view.completions)
    tracked = [(pod, index_of(pod) or 0) for pod in view.pods if has_finalizer(pod) and view.has_valid_index(pod)]
    view.succeeded_indexes = view.counted_indexes | {i for p, i in tracked if p.status.phase == "Succeeded"}
    view.succeeded = len(view.succeeded_indexes)
    limit = job.spec.backoffLimitPerIndex
    if limit is None:
        return
    view.failed_indexes = indexes.parse(job.status.failedIndexes, view.completions)
    view.failed_indexes |= {i for p, i in tracked if _is_index_failed(job, p, limit)}
    settled = view.succeeded_indexes | view.failed_indexes | {i for p in view.active if (i := index_of(p)) is not None}
    for pod, index in tracked:
        if not is_failed(pod, job) or index in settled or not view.is_uncounted(pod, set()):
            continue
        known = view.last_failed.get(index)
        if known is None or (all_failures(known), finished_at(known)) <= (all_failures(pod), finished_at(pod)):
            view.last_failed[index] = pod


def _is_index_failed(job: Job, pod: Pod, limit: int) -> bool:
    if not is_failed(pod, job):
        return False
    verdict = policies.judge(job.spec.podFailurePolicy, pod)
    return verdict.action == "FailIndex" or (verdict.counts and failure_count(pod) >= limit)


def condition(kind: str, status: str, reason: str, message: str, now: float) -> JobCondition:
    time = format_time(now)
    return JobCondition(
        type=kind, status=status, reason=reason, message=message, lastProbeTime=time, lastTransitionTime=time
    )


def find(job: Job, kind: str) -> JobCondition | None:
    return next((c for c in job.status.conditions if c.type == kind and c.status == "True"), None)


def ensure_condition(job: Job, new: JobCondition) -> bool:
    """Adds or replaces; nothing is not turned into False. True when something changed."""
    conditions = job.status.conditions
    for position, known in enumerate(conditions):
        if known.type == new.type:
            if (known.status, known.reason, known.message) == (new.status, new.reason, new.message):
                return False
            conditions[position] = new
            return True
    if new.status == "False":
        return False
    conditions.append(new)
    return True


def verdict(view: View) -> JobCondition | None:
    """The interim or final condition that ends the Job, before completions are looked at."""
    job, now = view.job, view.now
    if (met := find(job, SUCCESS_MET)) is not None:
        return met
    if (target := find(job, FAILURE_TARGET)) is not None:
        return condition(FAILED, "True", target.reason or "", target.message or "", now)
    ending = _failure(view)
    if ending is not None:
        return condition(FAILURE_TARGET, "True", *ending, now)
    if is_indexed(job):
        message = policies.matched_success_rule(job.spec.successPolicy, view.completions, view.succeeded_indexes)
        if message is not None:
            return condition(SUCCESS_MET, "True", "SuccessPolicy", message, now)
    return None


def _failure(view: View) -> tuple[str, str] | None:
    """(reason, message)"""
    job, spec = view.job, view.job.spec
    for pod in view.pods:
        if spec.podFailurePolicy and is_failed(pod, job):
            message = policies.judge(spec.podFailurePolicy, pod).message
            if message:
                return "PodFailurePolicy", message
    limit = 6 if spec.backoffLimit is None else spec.backoffLimit
    if view.failed > limit or _restarts_exceed(view, limit):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline_s = seconds_to_deadline(job, view.now)
    if deadline_s is not None and deadline_s <= 0:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    if view.failed_indexes is not None:
        failed = len(view.failed_indexes)
        if spec.maxFailedIndexes is not None and failed > spec.maxFailedIndexes:
            return "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"
        if failed and failed + len(view.succeeded_indexes) >= view.completions:
            return "FailedIndexes", "Job has failed indexes"
    return None


def _restarts_exceed(view: View, limit: int) -> bool:
    template = view.job.spec.template.spec
    if template is None or template.restartPolicy != "OnFailure":
        return False
    total = restart_total(view.pods)
    return total > 0 if limit == 0 else total >= limit


def seconds_to_deadline(job: Job, now: float) -> float | None:
    limit_s = job.spec.activeDeadlineSeconds
    if limit_s is None or job.status.startTime is None or is_suspended(job):
        return None
    return parse_time(job.status.startTime) + limit_s - now


def is_complete(view: View, active: int) -> bool:
    if view.job.spec.completions is None:
        return view.succeeded > 0 and active == 0
    return view.succeeded >= view.job.spec.completions and active == 0


@dataclass(slots=True)
class Manage:
    """What to do about the number of Pods: delete these, or create so many (at these indexes), or wait."""

    delete: list[Pod] = field(default_factory=list)
    create: int = 0
    create_indexes: list[int] = field(default_factory=list)
    wait_s: float = 0.0


def manage(view: View) -> Manage:
    job = view.job
    active = len(view.active)
    if is_suspended(job):
        return Manage(delete=_to_remove(view, active))
    wanted = _wanted_active(view)
    doomed = _to_remove(view, max(0, active - wanted))[:MOST_PER_SYNC]
    if doomed:
        return Manage(delete=doomed)
    missing = wanted - active - (view.terminating if only_replaces_failed(job) else 0)
    if missing <= 0:
        return Manage()
    if job.spec.backoffLimitPerIndex is None and (wait_s := view.record.remaining_s(view.now)) > 0:
        return Manage(wait_s=wait_s)
    missing = min(missing, MOST_PER_SYNC)
    if not is_indexed(job):
        return Manage(create=missing)
    return _indexes_to_create(view, missing)


def _wanted_active(view: View) -> int:
    spec = view.job.spec
    parallelism = 1 if spec.parallelism is None else spec.parallelism
    if spec.completions is None:
        return len(view.active) if view.succeeded > 0 else parallelism
    return max(0, min(spec.completions - view.succeeded, parallelism))


def _indexes_to_create(view: View, count: int) -> Manage:
    taken = view.succeeded_indexes | (view.failed_indexes or set())
    waited_for = [p for p in view.pods if is_terminating(p)] if only_replaces_failed(view.job) else []
    taken |= {i for p in [*view.active, *waited_for] if (i := index_of(p)) is not None}
    missing = indexes.first_missing(taken, count, view.completions)
    if view.job.spec.backoffLimitPerIndex is not None:
        waits = {i: backoff.remaining_of_index_s(view.last_failed.get(i), view.now) for i in missing}
        missing = [i for i in missing if waits[i] <= 0]
        if not missing and waits:
            return Manage(wait_s=min(waits.values()))
    return Manage(create=len(missing), create_indexes=missing)


def _to_remove(view: View, at_least: int) -> list[Pod]:
    """Pods without a valid index of their own, and then those missed least."""
    removed: list[Pod] = []
    left: Sequence[Pod] = view.active
    if is_indexed(view.job):
        kept: dict[int, Pod] = {}
        for pod in by_deletion_preference(view.active, [0] * len(view.active), view.now):
            index = index_of(pod)
            if index is None or index >= view.completions:
                removed.append(pod)
                continue
            if index in kept:
                removed.append(kept[index])
            kept[index] = pod
        left = list(kept.values())
    if len(removed) < at_least:
        removed += by_deletion_preference(left, [0] * len(left), view.now)[: at_least - len(removed)]
    return removed


def pod_template(view: View, index: int | None) -> PodTemplateSpec:
    """The template of a new Pod: finalizer and, in an indexed Job, index, environment and host name."""
    job = view.job
    template = fresh(job.spec.template)
    template.metadata = meta = template.metadata or ObjectMeta()
    if TRACKING not in meta.finalizers:
        meta.finalizers.append(TRACKING)
    if index is None:
        return template
    meta.annotations[COMPLETION_INDEX] = meta.labels[COMPLETION_INDEX] = str(index)
    if template.spec is not None:
        template.spec.hostname = f"{job.metadata.name}-{index}"
        for container in [*template.spec.initContainers, *template.spec.containers]:
            _add_index_variable(container)
    if job.spec.backoffLimitPerIndex is not None:
        _add_failure_counts(job, meta, view.last_failed.get(index))
    return template


def generate_name(job: Job, index: int) -> str:
    suffix = f"-{index}-"
    return f"{(job.metadata.name or '')[: _LONGEST_PREFIX - len(suffix)]}{suffix}"


def _add_index_variable(container: Container) -> None:
    if any(variable.name == _ENV for variable in container.env):
        return
    path = f"metadata.labels['{COMPLETION_INDEX}']"
    source = EnvVarSource(fieldRef=ObjectFieldSelector(fieldPath=path))
    container.env.append(EnvVar(name=_ENV, valueFrom=source))


def _add_failure_counts(job: Job, meta: ObjectMeta, replaced: Pod | None) -> None:
    failures = ignored = 0
    if replaced is not None:
        failures = failure_count(replaced)
        ignored = all_failures(replaced) - failures
        if policies.judge(job.spec.podFailurePolicy, replaced).counts:
            failures += 1
        else:
            ignored += 1
    meta.annotations[INDEX_FAILURES] = str(failures)
    if ignored:
        meta.annotations[INDEX_IGNORED_FAILURES] = str(ignored)
