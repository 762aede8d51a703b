"""Validation of Jobs. Source: pkg/apis/batch/validation/validation.go."""

from __future__ import annotations

import msgspec

from pybernetes.api.batch import v1 as batch
from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.field_errors import OMITTED, FieldError, Path
from pybernetes.apimachinery.selectors import LabelSelector as Selector
from pybernetes.apimachinery.selectors import SelectorError
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE

SPEC = Path("spec")
STATUS = Path("status")
CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
LEGACY_CONTROLLER_UID = "controller-uid"
JOB_NAME = "batch.kubernetes.io/job-name"
LEGACY_JOB_NAME = "job-name"
_COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
           "backoffLimitPerIndex", "maxFailedIndexes")  # fmt: skip
_INDEXED_ONLY = "requires indexed completion mode"
_MAX_INDEXED_PARALLELISM = 100_000
_SOFT_COMPLETIONS = 100_000
_HIGH = 10_000
_CONDITION_STATUS = ("False", "True", "Unknown")
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")


def validate_job(obj: batch.Job, *, prefixed: bool = True) -> list[FieldError]:
    """`prefixed`: the template must have the labels with a domain, too; Jobs from before them need not."""
    spec = obj.spec
    found = _validate_generated_selector(obj, prefixed) + _validate_spec_and_selector(spec)
    if spec.completionMode == "Indexed" and spec.completions:
        host = f"{obj.metadata.name or ''}-{spec.completions - 1}"
        if names.dns1123_label(host):
            why = f"will not able to create pod with invalid DNS label: {host}"
            found.append(FieldError.invalid(Path("metadata").child("name"), obj.metadata.name or "", why))
    return found


def _validate_spec_and_selector(spec: batch.JobSpec) -> list[FieldError]:
    found = validate_job_spec(spec, SPEC)
    at = SPEC.child("selector")
    if spec.selector is None:
        found += [FieldError.required(at), templates.labels_differ(spec.template)]
    else:
        found += validate_label_selector(spec.selector, at)
        try:
            matches = Selector.of(spec.selector).matches(templates.labels_of(spec.template))
        except SelectorError:
            matches = True
        if not matches:
            where = SPEC.child("template", "metadata", "labels")
            why = "`selector` does not match template `labels`"
            found.append(FieldError.invalid(where, templates.labels_of(spec.template) or None, why))
    return found


def _validate_generated_selector(obj: batch.Job, prefixed: bool) -> list[FieldError]:
    if obj.spec.manualSelector or obj.spec.selector is None:
        return []
    found: list[FieldError] = []
    labels = templates.labels_of(obj.spec.template)
    at = SPEC.child("template", "metadata", "labels")
    uid, name = obj.metadata.uid or "", obj.metadata.name or ""
    expectations = [(LEGACY_CONTROLLER_UID, uid), (LEGACY_JOB_NAME, name)]
    if prefixed:
        expectations = [(CONTROLLER_UID, uid), (JOB_NAME, name), *expectations]
    for key, expected in expectations:
        value = labels.get(key)
        if value is None:
            found.append(FieldError.required(at.key(key), f"must be '{expected}'"))
        elif value != expected:
            found.append(FieldError.invalid(at.key(key), labels, f"must be '{expected}'"))
    wanted = {CONTROLLER_UID: uid}
    old_form = {LEGACY_CONTROLLER_UID: uid}
    selector = obj.spec.selector
    if selector.matchExpressions or selector.matchLabels not in (wanted, old_form):
        why = "`selector` not auto-generated"
        found.append(FieldError.invalid(SPEC.child("selector"), obj.spec.selector, why))
    return found


def validate_job_spec(spec: batch.JobSpec, path: Path) -> list[FieldError]:
    """A Job's spec, in a Job or in a CronJob's template."""
    found = templates.validate_not_negative(spec, path, _COUNTS)
    if spec.maxFailedIndexes is not None and spec.backoffLimitPerIndex is None:
        found.append(FieldError.required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
    if spec.completionMode not in ("NonIndexed", "Indexed"):
        at = path.child("completionMode")
        found.append(FieldError.not_supported(at, spec.completionMode, ("NonIndexed", "Indexed")))
    if spec.completionMode == "Indexed":
        found += _validate_indexed(spec, path)
    elif spec.completionMode == "NonIndexed":
        found += _validate_plain(spec, path)
    if spec.podFailurePolicy is not None:
        found += _validate_failure_policy(spec, spec.podFailurePolicy, path.child("podFailurePolicy").child("rules"))
    if spec.successPolicy is not None and spec.completionMode != "Indexed":
        found.append(FieldError.invalid(path.child("successPolicy"), spec.successPolicy, _INDEXED_ONLY))
    elif spec.successPolicy is not None and spec.completions is not None:
        found += _validate_success_policy(spec, spec.successPolicy, path.child("successPolicy"))
    if spec.managedBy is not None:
        found += _validate_managed_by(spec.managedBy, path.child("managedBy"))
    if spec.podReplacementPolicy is not None:
        at = path.child("podReplacementPolicy")
        allowed = ("Failed",) if spec.podFailurePolicy is not None else ("Failed", "TerminatingOrFailed")
        if spec.podReplacementPolicy not in allowed:
            found.append(FieldError.not_supported(at, spec.podReplacementPolicy, allowed))
    found += templates.validate_template(spec.template, path.child("template"))
    pod = spec.template.spec if spec.template is not None else None
    policy = pod.restartPolicy if pod is not None else None
    at = path.child("template", "spec", "restartPolicy")
    if policy in (None, "", "Always"):
        found.append(FieldError.required(at, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        found.append(FieldError.not_supported(at, policy, ("OnFailure", "Never")))
    elif spec.podFailurePolicy is not None and policy != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        found.append(FieldError.invalid(at, policy, why))
    return found


def _validate_managed_by(value: str, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not value:
        return [FieldError.required(path)]
    domain, slash, name = value.partition("/")
    if not slash or not domain or not name:
        return [FieldError.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    found += [FieldError.invalid(path, domain, message) for message in names.dns1123_subdomain(domain)]
    if len(value) > 63:
        found.append(FieldError.too_long(path, 63))
    return found


def _validate_plain(spec: batch.JobSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
        value = getattr(spec, name)
        if value is not None:
            found.append(FieldError.invalid(path.child(name), value, _INDEXED_ONLY))
    return found


def _validate_indexed(spec: batch.JobSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    completions, failed = spec.completions, spec.maxFailedIndexes
    parallelism = spec.parallelism or 0
    if completions is None:
        found.append(FieldError.required(path.child("completions"), "when completion mode is Indexed"))
    if parallelism > _MAX_INDEXED_PARALLELISM:
        why = f"must be less than or equal to {_MAX_INDEXED_PARALLELISM} when completion mode is Indexed"
        found.append(FieldError.invalid(path.child("parallelism"), parallelism, why))
    if completions is not None and failed is not None and failed > completions:
        why = "must be less than or equal to completions"
        found.append(FieldError.invalid(path.child("maxFailedIndexes"), failed, why))
    if failed is not None and failed > _SOFT_COMPLETIONS:
        why = f"must be less than or equal to {_SOFT_COMPLETIONS}"
        found.append(FieldError.invalid(path.child("maxFailedIndexes"), failed, why))
    if completions is not None and completions > _SOFT_COMPLETIONS and spec.backoffLimitPerIndex is not None:
        if failed is None:
            why = f"must be specified when completions is above {_SOFT_COMPLETIONS}"
            found.append(FieldError.required(path.child("maxFailedIndexes"), why))
        why = (
            f"must be less than or equal to {_HIGH} when completions are above {_SOFT_COMPLETIONS} "
            "and used with backoff limit per index"
        )
        if parallelism > _HIGH:
            found.append(FieldError.invalid(path.child("parallelism"), parallelism, why))
        if failed is not None and failed > _HIGH:
            found.append(FieldError.invalid(path.child("maxFailedIndexes"), failed, why))
    return found


def _validate_failure_policy(spec: batch.JobSpec, policy: batch.PodFailurePolicy, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if len(policy.rules or []) > 20:
        found.append(FieldError.too_many(path, len(policy.rules or []), 20))
    pod = spec.template.spec if spec.template is not None else None
    known = {c.name for c in [*pod.containers, *pod.initContainers]} if pod is not None else set()
    for index, rule in enumerate(policy.rules or []):
        at = path.index(index)
        if not rule.action:
            found.append(
                FieldError.required(at.child("action"), "valid values: [" + " ".join(f'"{a}"' for a in _ACTIONS) + "]")
            )
        elif rule.action not in _ACTIONS:
            found.append(FieldError.not_supported(at.child("action"), rule.action, _ACTIONS))
        elif rule.action == "FailIndex" and spec.backoffLimitPerIndex is None:
            why = "requires the backoffLimitPerIndex to be set"
            found.append(FieldError.invalid(at.child("action"), rule.action, why))
        if rule.onExitCodes is not None:
            found += _validate_exit_codes(rule.onExitCodes, known, at.child("onExitCodes"))
        for number, pattern in enumerate(rule.onPodConditions):
            where = at.child("onPodConditions").index(number)
            problems = names.qualified_name(pattern.type)
            found += [FieldError.invalid(where.child("type"), pattern.type, message) for message in problems]
            if pattern.status not in _CONDITION_STATUS:
                found.append(FieldError.not_supported(where.child("status"), pattern.status, _CONDITION_STATUS))
        if rule.onExitCodes is not None and rule.onPodConditions:
            why = "specifying both OnExitCodes and OnPodConditions is not supported"
            found.append(FieldError.invalid(at, OMITTED, why))
        elif rule.onExitCodes is None and not rule.onPodConditions:
            why = "specifying one of OnExitCodes and OnPodConditions is required"
            found.append(FieldError.invalid(at, OMITTED, why))
    return found


def _validate_exit_codes(
    codes: batch.PodFailurePolicyOnExitCodesRequirement, known: set[str], path: Path
) -> list[FieldError]:
    found: list[FieldError] = []
    if not codes.operator:
        found.append(FieldError.required(path.child("operator"), 'valid values: ["In" "NotIn"]'))
    elif codes.operator not in ("In", "NotIn"):
        found.append(FieldError.not_supported(path.child("operator"), codes.operator, ("In", "NotIn")))
    if codes.containerName is not None and codes.containerName not in known:
        why = "must be one of the container or initContainer names in the pod template"
        found.append(FieldError.invalid(path.child("containerName"), codes.containerName, why))
    at = path.child("values")
    if not codes.values:
        found.append(FieldError.invalid(at, None, "at least one value is required"))
    elif len(codes.values) > 255:
        found.append(FieldError.too_many(at, len(codes.values), 255))
    seen: set[int] = set()
    for index, value in enumerate(codes.values):
        if codes.operator == "In" and value == 0:
            found.append(FieldError.invalid(at.index(index), 0, "must not be 0 for the In operator"))
        if value in seen:
            found.append(FieldError.duplicate(at.index(index), value))
        seen.add(value)
    if codes.values != sorted(codes.values):
        found.append(FieldError.invalid(at, codes.values, "must be ordered"))
    return found


def _validate_success_policy(spec: batch.JobSpec, policy: batch.SuccessPolicy, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    rules = path.child("rules")
    if not policy.rules:
        why = "at least one rules must be specified when the successPolicy is specified"
        found.append(FieldError.required(rules, why))
    if len(policy.rules) > 20:
        found.append(FieldError.too_many(rules, len(policy.rules), 20))
    completions = spec.completions or 0
    for index, rule in enumerate(policy.rules):
        at, total, count = rules.index(index), 0, rule.succeededCount
        if count is None and rule.succeededIndexes is None:
            why = "at least one of succeededCount or succeededIndexes must be specified"
            found.append(FieldError.required(at, why))
        if rule.succeededIndexes is not None:
            where = at.child("succeededIndexes")
            if len(rule.succeededIndexes) > 64 * 1024:
                found.append(FieldError.too_long(where, 64 * 1024))
            try:
                total = count_indexes(rule.succeededIndexes, completions)
            except ValueError as error:
                why = f"error parsing succeededIndexes: {error}"
                found.append(FieldError.invalid(where, rule.succeededIndexes, why))
        if count is None:
            continue
        where = at.child("succeededCount")
        if count < 0:
            found.append(FieldError.invalid(where, count, templates.NOT_NEGATIVE))
        if count > completions:
            why = f"must be less than or equal to {completions} (the number of specified completions)"
            found.append(FieldError.invalid(where, count, why))
        if rule.succeededIndexes is not None and count > total:
            why = (
                f"must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
            )
            found.append(FieldError.invalid(where, count, why))
    return found


def count_indexes(text: str, completions: int) -> int:
    """How many indexes "1,3-5" names. Raises ValueError with what is wrong."""
    if not text:
        return 0
    total, last = 0, -1
    for part in text.split(","):
        ends: list[int] = []
        limits = part.split("-")
        if len(limits) > 2:
            raise ValueError(
                f'the fragment "{part}" violates the requirement that an index interval can have at most two parts '
                "separated by '-'"
            )
        for limit in limits:
            if not limit.removeprefix("+").isdecimal():
                raise ValueError(f'cannot convert string to integer for index: "{limit}"')
            ends.append(int(limit))
            if ends[-1] >= completions:
                raise ValueError(f'too large index: "{limit}"')
        if last >= ends[0]:
            raise ValueError(f"non-increasing order, previous: {last}, current: {ends[0]}")
        if len(ends) == 2 and ends[0] >= ends[1]:
            raise ValueError(f"non-increasing order, previous: {ends[0]}, current: {ends[1]}")
        total += ends[-1] - ends[0] + 1
        last = ends[-1]
    return total


def validate_job_update(obj: batch.Job, old: batch.Job, features: FeatureGates) -> list[FieldError]:
    # As upstream, a Job and a changed Job are validated one after the other: clients see what is wrong in it twice.
    spec, before = obj.spec, old.spec
    found: list[FieldError] = []
    if spec != before:
        had = templates.labels_of(before.template)
        prefixed = {CONTROLLER_UID, JOB_NAME} <= had.keys()
        found = validate_job(obj, prefixed=prefixed) + _validate_spec_and_selector(spec)
    at = SPEC.child("completions")
    if spec.completions != before.completions:
        if spec.completionMode != "Indexed":
            found.append(FieldError.invalid(at, spec.completions, IMMUTABLE))
        elif spec.completions is not None and spec.completions != spec.parallelism:
            why = f"can only be modified in tandem with {SPEC.child('parallelism')}"
            found.append(FieldError.invalid(at, spec.completions, why))
    found += _unchanged(spec, before, "selector")
    found += _validate_template_update(obj, old, features)
    for name in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
        found += _unchanged(spec, before, name)
    return found


def _unchanged(spec: batch.JobSpec, before: batch.JobSpec, name: str) -> list[FieldError]:
    value = getattr(spec, name)
    return [] if value == getattr(before, name) else [FieldError.invalid(SPEC.child(name), value, IMMUTABLE)]


def _validate_template_update(obj: batch.Job, old: batch.Job, features: FeatureGates) -> list[FieldError]:
    """A suspended Job that runs no Pods may still be told where its Pods go and what they get."""
    new, before = obj.spec.template, old.spec.template
    suspended, not_started = bool(old.spec.suspend), old.status.startTime is None
    took_effect = condition_holds(old.status.conditions, "Suspended")
    idle = suspended and (not_started or took_effect) and not old.status.active
    places = idle if features.enabled("MutableSchedulingDirectivesForSuspendedJobs") else suspended and not_started
    whole = new is None or before is None or new.spec is None or before.spec is None
    if not whole and places:
        assert new is not None and before is not None and new.spec is not None and before.spec is not None
        kept = {name: getattr(new.spec, name) for name in ("nodeSelector", "tolerations", "schedulingGates")}
        pod = msgspec.structs.replace(
            before.spec, **kept, affinity=_free_node_affinity(new.spec.affinity, before.spec.affinity)
        )
        before = msgspec.structs.replace(before, spec=pod, metadata=new.metadata)
    if suspended and idle and not whole and features.enabled("MutablePodResourcesForSuspendedJobs"):
        assert new is not None and before is not None and new.spec is not None and before.spec is not None
        pod = msgspec.structs.replace(
            before.spec,
            containers=_with_resources(before.spec.containers, new.spec.containers),
            initContainers=_with_resources(before.spec.initContainers, new.spec.initContainers),
        )
        at = SPEC.child("template.spec")
        return [] if new.spec == pod else [FieldError.invalid(at, new.spec, IMMUTABLE)]
    return [] if new == before else [FieldError.invalid(SPEC.child("template"), new, IMMUTABLE)]


def _free_node_affinity(new: core.Affinity | None, old: core.Affinity | None) -> core.Affinity | None:
    """The old affinity with the new node affinity."""
    merged = msgspec.structs.replace(old or core.Affinity(), nodeAffinity=new.nodeAffinity if new is not None else None)
    return None if new is None and merged == core.Affinity() else merged


def _with_resources(old: list[core.Container], new: list[core.Container]) -> list[core.Container]:
    """The old containers, with the resources of the new ones of the same place and name."""
    if len(old) != len(new):
        return old
    return [
        msgspec.structs.replace(a, resources=b.resources) if a.name == b.name else a
        for a, b in zip(old, new, strict=True)
    ]
