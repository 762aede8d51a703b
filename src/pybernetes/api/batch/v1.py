"""Structs of the group-version batch/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int32, Int64, Time, ZeroInt32, ZeroStr
from pybernetes.api.core import v1 as core_v1
from pybernetes.api.meta import v1 as meta_v1

class CronJob(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "batch/v1")
    kind: str = field(default_factory=lambda: "CronJob")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: CronJobSpec = field(default_factory=lambda: CronJobSpec())
    status: CronJobStatus = field(default_factory=lambda: CronJobStatus())


class CronJobList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "batch/v1")
    kind: str = field(default_factory=lambda: "CronJobList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[CronJob] = field(default_factory=zero.array)


class CronJobSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    concurrencyPolicy: ZeroStr | None = None
    failedJobsHistoryLimit: Int32 | None = None
    jobTemplate: JobTemplateSpec = field(default_factory=lambda: JobTemplateSpec())
    schedule: str = field(default_factory=zero.string)
    startingDeadlineSeconds: Int64 | None = None
    successfulJobsHistoryLimit: Int32 | None = None
    suspend: bool | None = None
    timeZone: str | None = None


class CronJobStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    active: list[core_v1.ObjectReference] = []
    lastScheduleTime: Time | None = None
    lastSuccessfulTime: Time | None = None


class Job(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "batch/v1")
    kind: str = field(default_factory=lambda: "Job")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: JobSpec = field(default_factory=lambda: JobSpec())
    status: JobStatus = field(default_factory=lambda: JobStatus())


class JobCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastProbeTime: Time | None = field(default_factory=zero.null)
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class JobList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "batch/v1")
    kind: str = field(default_factory=lambda: "JobList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Job] = field(default_factory=zero.array)


class JobSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    activeDeadlineSeconds: Int64 | None = None
    backoffLimit: Int32 | None = None
    backoffLimitPerIndex: Int32 | None = None
    completionMode: str | None = None
    completions: Int32 | None = None
    managedBy: str | None = None
    manualSelector: bool | None = None
    maxFailedIndexes: Int32 | None = None
    parallelism: Int32 | None = None
    podFailurePolicy: PodFailurePolicy | None = None
    podReplacementPolicy: str | None = None
    selector: meta_v1.LabelSelector | None = None
    successPolicy: SuccessPolicy | None = None
    suspend: bool | None = None
    template: core_v1.PodTemplateSpec = field(default_factory=lambda: core_v1.PodTemplateSpec())
    ttlSecondsAfterFinished: Int32 | None = None


class JobStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    active: ZeroInt32 | None = None
    completedIndexes: ZeroStr | None = None
    completionTime: Time | None = None
    conditions: list[JobCondition] = []
    failed: ZeroInt32 | None = None
    failedIndexes: str | None = None
    ready: Int32 | None = None
    startTime: Time | None = None
    succeeded: ZeroInt32 | None = None
    terminating: Int32 | None = None
    uncountedTerminatedPods: UncountedTerminatedPods | None = None


class JobTemplateSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: JobSpec = field(default_factory=lambda: JobSpec())


class PodFailurePolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    rules: list[PodFailurePolicyRule] | None = field(default_factory=zero.null)


class PodFailurePolicyOnExitCodesRequirement(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerName: str | None = None
    operator: str = field(default_factory=zero.string)
    values: list[Int32] = field(default_factory=zero.array)


class PodFailurePolicyOnPodConditionsPattern(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class PodFailurePolicyRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    action: str = field(default_factory=zero.string)
    onExitCodes: PodFailurePolicyOnExitCodesRequirement | None = None
    onPodConditions: list[PodFailurePolicyOnPodConditionsPattern] = []


class SuccessPolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    rules: list[SuccessPolicyRule] = field(default_factory=zero.array)


class SuccessPolicyRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    succeededCount: Int32 | None = None
    succeededIndexes: str | None = None


class UncountedTerminatedPods(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    failed: list[str] = []
    succeeded: list[str] = []
