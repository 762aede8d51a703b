"""CronJobs. Source: pkg/registry/batch/cronjob/strategy.go, apis/batch/v1/defaults.go, printers printCronJob."""

from __future__ import annotations

from typing import Any

from pybernetes.api.batch import v1 as batch
from pybernetes.apimachinery import cron
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.batch.jobs.strategy import default_failure_policy, default_job_spec
from pybernetes.apiserver.registry.batch.jobs.validation import validate_job_spec
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, UNSET, age, columns

SPEC = Path("spec")
_POLICIES = ("Allow", "Forbid", "Replace")


class CronJobStrategy(Strategy):
    generation = True
    columns = columns(
        "Name", "Schedule", "Timezone", "Suspend:boolean", "Active:integer", "Last Schedule", "Age", "Containers*",
        "Images*", "Selector*",
    )  # fmt: skip

    def default(self, obj: batch.CronJob) -> None:
        spec = obj.spec
        spec.concurrencyPolicy = spec.concurrencyPolicy or "Allow"
        if spec.suspend is None:
            spec.suspend = False
        if spec.successfulJobsHistoryLimit is None:
            spec.successfulJobsHistoryLimit = 3
        if spec.failedJobsHistoryLimit is None:
            spec.failedJobsHistoryLimit = 1
        # Jobs of the template get their own defaults when they are created, except in their Pods.
        job = spec.jobTemplate.spec
        if job is not None:
            templates.default_template(job.template)
            default_failure_policy(job)

    def prepare_for_create(self, ctx: RequestContext, obj: batch.CronJob) -> None:
        super().prepare_for_create(ctx, obj)
        self._drop_disabled(obj, None)

    def prepare_for_update(self, ctx: RequestContext, obj: batch.CronJob, old: batch.CronJob) -> None:
        self._drop_disabled(obj, old)
        super().prepare_for_update(ctx, obj, old)

    def _drop_disabled(self, obj: batch.CronJob, old: batch.CronJob | None) -> None:
        new_job = obj.spec.jobTemplate.spec
        old_job = old.spec.jobTemplate.spec if old is not None else None
        if new_job is not None:
            before = old_job.template if old_job is not None else None
            templates.drop_disabled_fields(new_job.template, before, self.registry.config.features)

    def validate(self, obj: batch.CronJob) -> list[FieldError]:
        spec = obj.spec
        found = templates.validate_not_negative(
            spec, SPEC, ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
        )
        at = SPEC.child("schedule")
        if not spec.schedule:
            found.append(FieldError.required(at))
        elif "TZ" in spec.schedule:
            found.append(
                FieldError.invalid(
                    at, spec.schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
                )
            )
        else:
            try:
                cron.check(spec.schedule)
            except cron.ScheduleError as error:
                found.append(FieldError.invalid(at, spec.schedule, str(error)))
        found += _validate_time_zone(spec.timeZone)
        if spec.concurrencyPolicy not in _POLICIES:
            where = SPEC.child("concurrencyPolicy")
            found.append(FieldError.not_supported(where, spec.concurrencyPolicy, _POLICIES))
        if len(obj.metadata.name or "") > 52:
            why = "must be no more than 52 characters"
            found.append(FieldError.invalid(Path("metadata").child("name"), obj.metadata.name, why))
        job = spec.jobTemplate.spec or batch.JobSpec()
        path = SPEC.child("jobTemplate", "spec")
        if job.manualSelector:
            found.append(FieldError.not_supported(path.child("manualSelector"), True, ("nil", "false")))
        complete = fresh(job)
        default_job_spec(complete)
        return found + validate_job_spec(complete, path)

    def validate_update(self, obj: batch.CronJob, old: batch.CronJob) -> list[FieldError]:
        return self.validate(obj) if obj.spec != old.spec else []

    def warnings(self, obj: batch.CronJob, old: batch.CronJob | None) -> list[str]:
        job = obj.spec.jobTemplate.spec
        return templates.template_warnings(job.template, SPEC.child("jobTemplate", "spec", "template"), obj, old)

    def row(self, obj: batch.CronJob, now: float) -> list[Any]:
        spec, status = obj.spec, obj.status
        job = spec.jobTemplate.spec or batch.JobSpec()
        suspend = UNSET if spec.suspend is None else "True" if spec.suspend else "False"
        return [
            obj.metadata.name,
            spec.schedule,
            spec.timeZone or NONE,
            suspend,
            len(status.active),
            age(status.lastScheduleTime, now) if status.lastScheduleTime else NONE,
            age(obj.metadata.creationTimestamp, now),
            *templates.container_cells(job.template),
            templates.selector_cell(job.selector),
        ]


def _validate_time_zone(name: str | None) -> list[FieldError]:
    at = SPEC.child("timeZone")
    if name is None:
        return []
    if not name:
        return [FieldError.invalid(at, "", "timeZone must be nil or non-empty string")]
    if name.lower() == "local":
        why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        return [FieldError.invalid(at, name, why)]
    try:
        cron.zone_of(name)
    except cron.ScheduleError as error:
        return [FieldError.invalid(at, name, str(error))]
    return []
