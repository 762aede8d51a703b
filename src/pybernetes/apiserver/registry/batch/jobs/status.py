"""Validation of a Job's status, as strictly as controllers other than ours need it: only what changes is looked at.

Source: pkg/apis/batch/validation/validation.go (validateJobStatus, ValidateJobStatusUpdate),
pkg/registry/batch/job/strategy.go (getStatusValidationOptions).
"""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api.batch import v1 as batch
from pybernetes.apimachinery.field_errors import OMITTED, FieldError, Path
from pybernetes.apimachinery.times import parse_time
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.batch.jobs.validation import count_indexes

STATUS = Path("status")
_CONDITIONS = STATUS.child("conditions")
_COUNTS = ("active", "succeeded", "failed", "ready", "terminating")


def validate_job_status_update(obj: batch.Job, old: batch.Job) -> list[FieldError]:
    found = templates.validate_not_negative(obj.status, STATUS, _COUNTS)
    found += _validate_uncounted(obj.status)
    found += _validate_finish(obj, old)
    found += _validate_indexes(obj, old)
    found += _validate_end(obj, old)
    found += _validate_changes(obj, old)
    return found


def _true(obj: batch.Job) -> set[str]:
    return {c.type for c in obj.status.conditions if c.status == "True"}


def _conditions(why: str) -> FieldError:
    return FieldError.invalid(_CONDITIONS, OMITTED, why)


def _changed(obj: batch.Job, old: batch.Job, *names: str) -> bool:
    return any((getattr(obj.status, name) or 0) != (getattr(old.status, name) or 0) for name in names)


def _validate_uncounted(status: batch.JobStatus) -> Iterator[FieldError]:
    seen: set[str] = set()
    for name in ("succeeded", "failed"):
        uids = getattr(status.uncountedTerminatedPods, name) if status.uncountedTerminatedPods is not None else []
        for index, uid in enumerate(uids):
            at = STATUS.child("uncountedTerminatedPods", name).index(index)
            if not uid:
                yield FieldError.invalid(at, uid, "must not be empty")
            elif uid in seen:
                yield FieldError.duplicate(at, uid)
            seen.add(uid)


def _validate_finish(obj: batch.Job, old: batch.Job) -> Iterator[FieldError]:
    """What goes with the conditions that end a Job."""
    status, now, before = obj.status, _true(obj), _true(old)
    turned = now ^ before
    times = _changed(obj, old, "completionTime")
    if turned & {"Complete", "Failed"} and {"Complete", "Failed"} <= now:
        yield _conditions("cannot set Complete=True and Failed=true conditions")
    if turned & {"Complete", "FailureTarget"} and {"Complete", "FailureTarget"} <= now:
        yield _conditions("cannot set Complete=True and FailureTarget=true conditions")
    at = STATUS.child("completionTime")
    if "Complete" in turned or times:
        if status.completionTime and "Complete" not in now:
            why = "cannot set completionTime when there is no Complete=True condition"
            yield FieldError.invalid(at, status.completionTime, why)
        if not status.completionTime and "Complete" in now:
            yield FieldError.required(at, "completionTime is required for Complete jobs")
    start, end = status.startTime, status.completionTime
    if (times or _changed(obj, old, "startTime")) and start and end and parse_time(end) < parse_time(start):
        yield FieldError.invalid(at, end, "must be equal to or after `startTime`")
    if ("Failed" in turned or _changed(obj, old, "failedIndexes")) and "Failed" in now and "FailureTarget" not in now:
        yield _conditions("cannot set Failed=True condition without the FailureTarget=true condition")
    if turned & {"Complete", "SuccessCriteriaMet"} and "Complete" in now and "SuccessCriteriaMet" not in now:
        yield _conditions("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
    finished, was = bool(now & {"Complete", "Failed"}), bool(before & {"Complete", "Failed"})
    if not finished:
        return
    new = finished != was
    if (new or _changed(obj, old, "active")) and (status.active or 0) > 0:
        yield FieldError.invalid(STATUS.child("active"), status.active, "active>0 is invalid for finished job")
    empty = bool(obj.spec.suspend) and obj.spec.completions == 0
    if (new or _changed(obj, old, "startTime")) and not empty and not status.startTime:
        yield FieldError.required(STATUS.child("startTime"), "startTime is required for finished job")
    uncounted = status.uncountedTerminatedPods
    held = uncounted is not None and bool(uncounted.succeeded or uncounted.failed)
    if held and (new or uncounted != old.status.uncountedTerminatedPods):
        at = STATUS.child("uncountedTerminatedPods")
        yield FieldError.invalid(at, uncounted, "must be empty for finished job")


def _validate_indexes(obj: batch.Job, old: batch.Job) -> Iterator[FieldError]:
    spec, status = obj.spec, obj.status
    completed, failed = status.completedIndexes or "", status.failedIndexes
    new_completed, new_failed = _changed(obj, old, "completedIndexes"), failed != old.status.failedIndexes
    for name, text, new in (
        ("completedIndexes", completed, new_completed),
        ("failedIndexes", failed if spec.backoffLimitPerIndex is not None else None, new_failed),
    ):
        if new and spec.completions is not None and text is not None:
            try:
                count_indexes(text, spec.completions)
            except ValueError as error:
                yield FieldError.invalid(STATUS.child(name), text, f"error parsing {name}: {error}")
    if new_completed and completed and spec.completionMode != "Indexed":
        why = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield FieldError.invalid(STATUS.child("completedIndexes"), completed, why)
    if new_failed and spec.backoffLimitPerIndex is None and failed is not None:
        why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield FieldError.invalid(STATUS.child("failedIndexes"), failed, why)
    if (new_completed or new_failed) and spec.completions is not None and failed is not None:
        common = _indexes(completed) & _indexes(failed)
        if common:
            why = f"failedIndexes and completedIndexes overlap at index: {min(common)}"
            yield FieldError.invalid(STATUS.child("failedIndexes"), failed, why)


def _indexes(text: str) -> set[int]:
    """Those that can be read; what cannot be read is told elsewhere."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first), min(int(last or first), int(first) + 100_000) + 1))
    return found


def _validate_end(obj: batch.Job, old: batch.Job) -> Iterator[FieldError]:
    status, now = obj.status, _true(obj)
    ended = bool(now & {"Complete", "Failed"}) != bool(_true(old) & {"Complete", "Failed"})
    terminating = status.terminating or 0
    if (ended or _changed(obj, old, "terminating")) and terminating > 0 and now & {"Complete", "Failed"}:
        at = STATUS.child("terminating")
        yield FieldError.invalid(at, terminating, "terminating>0 is invalid for finished job")
    if _changed(obj, old, "ready", "active") and (status.ready or 0) > (status.active or 0):
        yield FieldError.invalid(STATUS.child("ready"), status.ready, "cannot set more ready pods than active")
    if {"SuccessCriteriaMet", "Failed"} <= now:
        yield _conditions("cannot set SuccessCriteriaMet=True and Failed=true conditions")
    if {"SuccessCriteriaMet", "FailureTarget"} <= now:
        yield _conditions("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")
    if obj.spec.successPolicy is not None and "Complete" in now and "SuccessCriteriaMet" not in now:
        yield _conditions("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True")


def _validate_changes(obj: batch.Job, old: batch.Job) -> Iterator[FieldError]:
    """What never goes back."""
    spec, status, now, before = obj.spec, obj.status, _true(obj), _true(old)
    for name in ("Failed", "Complete", "FailureTarget"):
        if name in before and name not in now:
            yield _conditions(f"cannot disable the terminal {name}=True condition")
    scales = spec.completionMode == "Indexed" and spec.completions == spec.parallelism
    for name in ("failed", "succeeded"):
        count = getattr(status, name) or 0
        if count < (getattr(old.status, name) or 0) and not (name == "succeeded" and scales):
            yield FieldError.invalid(STATUS.child(name), count, f"cannot decrease the {name} counter")
    if status.completionTime and old.status.completionTime and _changed(obj, old, "completionTime"):
        yield FieldError.invalid(STATUS.child("completionTime"), status.completionTime, "field is immutable")
    resumes = "Suspended" in before and any(c.type == "Suspended" and c.status == "False" for c in status.conditions)
    if old.status.startTime and _changed(obj, old, "startTime") and not spec.suspend and not resumes:
        why = "field is immutable for unsuspended job once set"
        yield FieldError.invalid(STATUS.child("startTime"), status.startTime, why)
    if "SuccessCriteriaMet" in before - now:
        yield _conditions("cannot disable the SuccessCriteriaMet=True condition")
    if "Complete" in before and "SuccessCriteriaMet" in now - before:
        yield _conditions("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions")
