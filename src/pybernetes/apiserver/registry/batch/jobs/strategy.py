"""Jobs. Source: pkg/registry/batch/job/strategy.go, apis/batch/v1/defaults.go, printers printJob."""

from __future__ import annotations

from typing import Any

from pybernetes.api.batch import v1 as batch
from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import LabelSelector, ObjectMeta
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.times import parse_time
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.batch.jobs import validation
from pybernetes.apiserver.registry.batch.jobs.status import validate_job_status_update
from pybernetes.apiserver.registry.batch.jobs.validation import (
    CONTROLLER_UID,
    JOB_NAME,
    LEGACY_CONTROLLER_UID,
    LEGACY_JOB_NAME,
)
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns, human_duration


def default_job_spec(spec: batch.JobSpec) -> None:
    """What a Job's spec gets, in a Job or in a CronJob's template."""
    if spec.completions is None and spec.parallelism is None:
        spec.completions = 1
    if spec.parallelism is None:
        spec.parallelism = 1
    if spec.backoffLimit is None:
        spec.backoffLimit = 2**31 - 1 if spec.backoffLimitPerIndex is not None else 6
    if spec.completionMode is None:
        spec.completionMode = "NonIndexed"
    if spec.suspend is None:
        spec.suspend = False
    if spec.podReplacementPolicy is None:
        spec.podReplacementPolicy = "Failed" if spec.podFailurePolicy is not None else "TerminatingOrFailed"
    if spec.manualSelector is None:
        spec.manualSelector = False
    default_failure_policy(spec)


def default_failure_policy(spec: batch.JobSpec) -> None:
    """What a Job of a CronJob's template gets, too."""
    for rule in (spec.podFailurePolicy.rules or []) if spec.podFailurePolicy is not None else ():
        for pattern in rule.onPodConditions:
            pattern.status = pattern.status or "True"


class JobStrategy(Strategy):
    metadata_again = "whole"
    generation = True
    garbage_collection = "OrphanDependents"
    orphan_warning = (
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them "
        "or set propagationPolicy=Orphan to suppress this warning"
    )
    columns = columns("Name", "Status", "Completions", "Duration", "Age", "Containers*", "Images*", "Selector*")
    extra_fields = frozenset({"status.successful"})

    def default(self, obj: batch.Job) -> None:
        default_job_spec(obj.spec)
        labels = templates.labels_of(obj.spec.template)
        if labels and not obj.metadata.labels:
            obj.metadata.labels = dict(labels)
        # A Job's template must say its restart policy, so Always is filled in and then refused.
        templates.default_template(obj.spec.template)

    def prepare_for_update(self, ctx: RequestContext, obj: batch.Job, old: batch.Job) -> None:
        templates.drop_in_template(self, obj, old)
        super().prepare_for_update(ctx, obj, old)

    def prepare_for_create(self, ctx: RequestContext, obj: batch.Job) -> None:
        super().prepare_for_create(ctx, obj)
        templates.drop_in_template(self, obj, None)
        template = obj.spec.template
        # A Job without labels of its own has those of its Pods; one whose Pods had none gets them as it is stored.
        follows = bool(obj.metadata.labels) and obj.metadata.labels == templates.labels_of(template)
        if not obj.spec.manualSelector:
            generate_selector(obj)
        if follows:
            obj.metadata.labels = dict(templates.labels_of(template))

    def canonicalize(self, obj: batch.Job) -> None:
        obj.metadata.labels = obj.metadata.labels or dict(templates.labels_of(obj.spec.template))

    def validate(self, obj: batch.Job) -> list[FieldError]:
        return validation.validate_job(obj)

    def validate_update(self, obj: batch.Job, old: batch.Job) -> list[FieldError]:
        return validation.validate_job_update(obj, old, self.registry.config.features)

    def prepare_for_status_update(self, ctx: RequestContext, obj: batch.Job, old: batch.Job) -> None:
        super().prepare_for_status_update(ctx, obj, old)
        obj.metadata.labels = obj.metadata.labels or dict(templates.labels_of(old.spec.template))

    def validate_status_update(self, obj: batch.Job, old: batch.Job) -> list[FieldError]:
        return validate_job_status_update(obj, old)

    def warnings(self, obj: batch.Job, old: batch.Job | None) -> list[str]:
        spec = obj.spec
        found = templates.template_warnings(spec.template, Path("spec", "template"), obj, old)
        if old is None and len(obj.metadata.name or "") > 63:
            found.append(
                "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; "
                "a DNS label is recommended: [must be no more than 63 characters]"
            )
        if spec.completionMode == "Indexed" and (spec.completions or 0) > 100_000 and (spec.parallelism or 0) > 10_000:
            found.append(
                "spec.completions: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism "
                "higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of "
                "indexes fail"
            )
        return found

    def fields(self, obj: batch.Job) -> dict[str, str]:
        return {"status.successful": str(obj.status.succeeded or 0)}

    def row(self, obj: batch.Job, now: float) -> list[Any]:
        spec, status = obj.spec, obj.status
        succeeded = status.succeeded or 0
        if spec.completions is not None:
            completions = f"{succeeded}/{spec.completions}"
        elif (spec.parallelism or 0) > 1:
            completions = f"{succeeded}/1 of {spec.parallelism}"
        else:
            completions = f"{succeeded}/1"
        duration = ""
        if status.startTime:
            end = parse_time(status.completionTime) if status.completionTime else now
            duration = human_duration(end - parse_time(status.startTime))
        return [
            obj.metadata.name,
            _state(obj),
            completions,
            duration,
            age(obj.metadata.creationTimestamp, now),
            *templates.container_cells(spec.template),
            templates.selector_cell(spec.selector),
        ]


def _state(obj: batch.Job) -> str:
    true = {c.type for c in obj.status.conditions if c.status == "True"}
    for name in ("Complete", "Failed"):
        if name in true:
            return name
    if obj.metadata.deletionTimestamp is not None:
        return "Terminating"
    for name in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if name in true:
            return name
    return "Running"


def generate_selector(obj: batch.Job) -> None:
    """Gives the Job's Pods labels that only they have, and selects by the uid."""
    template = obj.spec.template
    if template is None:
        template = obj.spec.template = core.PodTemplateSpec()
    if template.metadata is None:
        template.metadata = ObjectMeta()
    labels, meta = template.metadata.labels, obj.metadata
    for key in (LEGACY_JOB_NAME, JOB_NAME):
        labels.setdefault(key, meta.name or "")
    for key in (LEGACY_CONTROLLER_UID, CONTROLLER_UID):
        labels.setdefault(key, meta.uid or "")
    if obj.spec.selector is None:
        obj.spec.selector = LabelSelector()
    obj.spec.selector.matchLabels.setdefault(CONTROLLER_UID, meta.uid or "")
