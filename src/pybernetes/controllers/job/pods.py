"""Facts about the Pods of a Job. Pure. Source: pkg/controller/job (job_controller.go, backoff_utils.go)."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.batch.v1 import Job
from pybernetes.api.core.v1 import ContainerStatus, Pod
from pybernetes.apimachinery.times import parse_time
from pybernetes.controllers.runtime.pods import condition

TRACKING = "batch.kubernetes.io/job-tracking"
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"


def has_finalizer(pod: Pod) -> bool:
    return TRACKING in pod.metadata.finalizers


def index_of(pod: Pod) -> int | None:
    text = pod.metadata.annotations.get(COMPLETION_INDEX, "")
    return int(text) if text.isdecimal() else None


def is_indexed(job: Job) -> bool:
    return job.spec.completionMode == "Indexed"


def only_replaces_failed(job: Job) -> bool:
    return job.spec.podReplacementPolicy == "Failed" or job.spec.podFailurePolicy is not None


def is_failed(pod: Pod, job: Job) -> bool:
    """A deleted Pod counts as failed too, as it may never get to say so, unless only failed ones are replaced."""
    if pod.status.phase == "Failed":
        return True
    if only_replaces_failed(job):
        return False
    return pod.metadata.deletionTimestamp is not None and pod.status.phase != "Succeeded"


def failure_count(pod: Pod) -> int:
    return _number(pod, INDEX_FAILURES)


def all_failures(pod: Pod) -> int:
    return _number(pod, INDEX_FAILURES) + _number(pod, INDEX_IGNORED_FAILURES)


def _number(pod: Pod, annotation: str) -> int:
    text = pod.metadata.annotations.get(annotation, "")
    return int(text) if text.isdecimal() and int(text) < 2**31 else 0


def finished_at(pod: Pod) -> float:
    """When its last container ended, else when it stopped being ready, was deleted, was created."""
    sidecars = {c.name for c in pod.spec.initContainers if c.restartPolicy == "Always"}
    ended = _latest_end([*pod.status.containerStatuses, *_named(pod.status.initContainerStatuses, sidecars)])
    if ended is not None:
        return ended
    ready = condition(pod, "Ready")
    if ready is not None and ready.status == "False" and ready.lastTransitionTime:
        return parse_time(ready.lastTransitionTime)
    if pod.metadata.deletionTimestamp:
        return parse_time(pod.metadata.deletionTimestamp) - (pod.metadata.deletionGracePeriodSeconds or 0)
    return parse_time(pod.metadata.creationTimestamp) if pod.metadata.creationTimestamp else 0.0


def _named(statuses: Iterable[ContainerStatus], names: set[str]) -> list[ContainerStatus]:
    return [s for s in statuses if s.name in names]


def _latest_end(statuses: list[ContainerStatus]) -> float | None:
    """None when one of them has not ended."""
    latest = None
    for status in statuses:
        ended = status.state.terminated if status.state else None
        if ended is None or not ended.finishedAt:
            return None
        moment = parse_time(ended.finishedAt)
        latest = moment if latest is None else max(latest, moment)
    return latest


def restart_total(pods: Iterable[Pod]) -> int:
    """Restarts in the Pods that still run."""
    return sum(
        status.restartCount
        for pod in pods
        if pod.status.phase in ("Running", "Pending")
        for status in [*pod.status.initContainerStatuses, *pod.status.containerStatuses]
    )
