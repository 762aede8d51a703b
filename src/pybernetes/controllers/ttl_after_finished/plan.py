"""When a finished Job has outlived its TTL. Pure. Source: pkg/controller/ttlafterfinished."""

from __future__ import annotations

from pybernetes.api.batch.v1 import Job
from pybernetes.apimachinery.times import parse_time


def finished_at(job: Job) -> float | None:
    for condition in job.status.conditions:
        if condition.type in ("Complete", "Failed") and condition.status == "True" and condition.lastTransitionTime:
            return parse_time(condition.lastTransitionTime)
    return None


def time_left_s(job: Job, now: float) -> float | None:
    """Seconds until the Job is to be deleted, <= 0: now; None when it is not (yet) to be."""
    ttl_s, finished = job.spec.ttlSecondsAfterFinished, finished_at(job)
    if job.metadata.deletionTimestamp or ttl_s is None or finished is None:
        return None
    return finished + ttl_s - now
