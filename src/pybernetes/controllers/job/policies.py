"""podFailurePolicy and successPolicy. Pure. Source: pkg/controller/job/pod_failure_policy.go, success_policy.go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pybernetes.api.batch.v1 import PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, SuccessPolicy
from pybernetes.api.core.v1 import ContainerStatus, Pod
from pybernetes.controllers.job import indexes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy says of a failed Pod."""

    counts: bool = True
    """Towards the back-off limit."""
    action: str = ""
    message: str = ""
    """Why the whole Job fails; only for FailJob."""


def judge(policy: PodFailurePolicy | None, pod: Pod) -> Verdict:
    """The first rule that matches decides."""
    for number, rule in enumerate(policy.rules or [] if policy else ()):
        where = f"{pod.metadata.namespace}/{pod.metadata.name}"
        if rule.onExitCodes is not None:
            status = _failed_container(pod, rule.onExitCodes)
            if status is None or status.state is None or status.state.terminated is None:
                continue
            code = status.state.terminated.exitCode
            message = (
                f"Container {status.name} for pod {where} failed with exit code {code} "
                f"matching {rule.action} rule at index {number}"
            )
        else:
            wanted = {(p.type, p.status or "True") for p in rule.onPodConditions}
            found = next((c for c in pod.status.conditions if (c.type, c.status) in wanted), None)
            if found is None:
                continue
            message = f"Pod {where} has condition {found.type} matching {rule.action} rule at index {number}"
        return Verdict(rule.action != "Ignore", rule.action, message if rule.action == "FailJob" else "")
    return Verdict()


def _failed_container(pod: Pod, wanted: PodFailurePolicyOnExitCodesRequirement) -> ContainerStatus | None:
    statuses: Sequence[ContainerStatus] = [*pod.status.containerStatuses, *pod.status.initContainerStatuses]
    for status in statuses:
        ended = status.state.terminated if status.state else None
        if ended is None or ended.exitCode == 0 or wanted.containerName not in (None, status.name):
            continue
        if (ended.exitCode in wanted.values) == (wanted.operator == "In"):
            return status
    return None


def matched_success_rule(policy: SuccessPolicy | None, completions: int, succeeded: set[int]) -> str | None:
    """The message of the first rule that is met."""
    if policy is None or not succeeded:
        return None
    for number, rule in enumerate(policy.rules):
        if rule.succeededIndexes is not None:
            required = indexes.parse(rule.succeededIndexes, completions)
            if not required:
                continue
            met = len(required & succeeded)
            enough = met == len(required) or (rule.succeededCount is not None and met >= rule.succeededCount)
        else:
            enough = rule.succeededCount is not None and len(succeeded) >= rule.succeededCount
        if enough:
            return f"Matched rules at index {number}"
    return None
