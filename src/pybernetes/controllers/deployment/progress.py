"""A Deployment's status and conditions. Pure.

Source: pkg/controller/deployment/progress.go, sync.go (calculateStatus).
"""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.apps.v1 import Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet
from pybernetes.apimachinery.conditions import condition_of
from pybernetes.apimachinery.times import format_time, parse_time
from pybernetes.controllers.deployment.sizes import max_unavailable, replicas_of, wanted_sum

PROGRESSING, AVAILABLE, REPLICA_FAILURE = "Progressing", "Available", "ReplicaFailure"
NEW_AVAILABLE, TIMED_OUT = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"
NEW_CREATED, NEW_FOUND = "NewReplicaSetCreated", "FoundNewReplicaSet"
CREATE_FAILED, UPDATED = "ReplicaSetCreateError", "ReplicaSetUpdated"

Conditions = list[DeploymentCondition]


def has_deadline(deployment: Deployment) -> bool:
    deadline = deployment.spec.progressDeadlineSeconds
    return deadline is not None and deadline != 2**31 - 1


def find(conditions: Conditions, kind: str) -> DeploymentCondition | None:
    return condition_of(conditions, kind)


def condition(kind: str, status: str, reason: str, message: str, now: float) -> DeploymentCondition:
    time = format_time(now)
    return DeploymentCondition(
        type=kind, status=status, reason=reason, message=message, lastUpdateTime=time, lastTransitionTime=time
    )


def without(conditions: Conditions, kind: str) -> Conditions:
    return [c for c in conditions if c.type != kind]


def with_condition(conditions: Conditions, new: DeploymentCondition) -> Conditions:
    """Nothing changes while status and reason stay; the transition time changes only with the status."""
    known = find(conditions, new.type)
    if known is not None and known.status == new.status:
        if known.reason == new.reason:
            return conditions
        new.lastTransitionTime = known.lastTransitionTime
    return [*without(conditions, new.type), new]


def pause_condition(deployment: Deployment, now: float) -> DeploymentCondition | None:
    """The condition to write because the Deployment was paused or resumed since."""
    known = find(deployment.status.conditions, PROGRESSING)
    if not has_deadline(deployment) or (known is not None and known.reason == TIMED_OUT):
        return None
    told = known is not None and known.reason == PAUSED
    if deployment.spec.paused and not told:
        return condition(PROGRESSING, "Unknown", PAUSED, "Deployment is paused", now)
    if not deployment.spec.paused and told:
        return condition(PROGRESSING, "Unknown", RESUMED, "Deployment is resumed", now)
    return None


def status(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet], now: float) -> DeploymentStatus:
    """Counts and the Available condition."""
    everything = [*old, *([new] if new else [])]
    available = sum(rs.status.availableReplicas or 0 for rs in everything)
    if available >= replicas_of(deployment) - max_unavailable(deployment):
        told = condition(AVAILABLE, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
    else:
        told = condition(
            AVAILABLE, "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", now
        )
    return DeploymentStatus(
        observedGeneration=deployment.metadata.generation,
        replicas=sum(rs.status.replicas for rs in everything) or None,
        updatedReplicas=(new.status.replicas if new else 0) or None,
        readyReplicas=sum(rs.status.readyReplicas or 0 for rs in everything) or None,
        availableReplicas=available or None,
        unavailableReplicas=max(0, wanted_sum(everything) - available) or None,
        terminatingReplicas=_terminating(everything),
        collisionCount=deployment.status.collisionCount,
        conditions=with_condition(list(deployment.status.conditions), told),
    )


def _terminating(replica_sets: Sequence[ReplicaSet]) -> int | None:
    """None while a ReplicaSet that was looked at does not say."""
    total = 0
    for rs in replica_sets:
        if rs.status.terminatingReplicas is not None:
            total += rs.status.terminatingReplicas
        elif rs.status.observedGeneration:
            return None
    return total


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Everything wanted is updated and available, and nothing old is left."""
    wanted = replicas_of(deployment)
    counts = (status.updatedReplicas or 0, status.replicas or 0, status.availableReplicas or 0)
    return counts == (wanted,) * 3 and (status.observedGeneration or 0) >= (deployment.metadata.generation or 0)


def rollout_status(
    deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet], now: float
) -> DeploymentStatus:
    """`status` and how the rollout goes."""
    found = status(deployment, new, old, now)
    if not has_deadline(deployment):
        found.conditions = without(found.conditions, PROGRESSING)
    known = find(deployment.status.conditions, PROGRESSING)
    settled = found.replicas == found.updatedReplicas and known is not None and known.reason == NEW_AVAILABLE
    if has_deadline(deployment) and not settled:
        found.conditions = _progress(deployment, new, found, known, now)
    failure = _replica_failure(new, old)
    found.conditions = (
        without(found.conditions, REPLICA_FAILURE) if failure is None else with_condition(found.conditions, failure)
    )
    return found


def _progress(
    deployment: Deployment,
    new: ReplicaSet | None,
    found: DeploymentStatus,
    known: DeploymentCondition | None,
    now: float,
) -> Conditions:
    what = f'ReplicaSet "{new.metadata.name}"' if new else f'Deployment "{deployment.metadata.name}"'
    if is_complete(deployment, found):
        done = condition(PROGRESSING, "True", NEW_AVAILABLE, f"{what} has successfully progressed.", now)
        return with_condition(found.conditions, done)
    if _is_progressing(deployment.status, found):
        step = condition(PROGRESSING, "True", UPDATED, f"{what} is progressing.", now)
        if known is not None and known.status == "True":
            step.lastTransitionTime = known.lastTransitionTime
        return [*without(found.conditions, PROGRESSING), step]
    if _is_timed_out(deployment, found, now):
        late = condition(PROGRESSING, "False", TIMED_OUT, f"{what} has timed out progressing.", now)
        return with_condition(found.conditions, late)
    return found.conditions


def _is_progressing(before: DeploymentStatus, after: DeploymentStatus) -> bool:
    def old_replicas(status: DeploymentStatus) -> int:
        return (status.replicas or 0) - (status.updatedReplicas or 0)

    return (
        (after.updatedReplicas or 0) > (before.updatedReplicas or 0)
        or old_replicas(after) < old_replicas(before)
        or (after.readyReplicas or 0) > (before.readyReplicas or 0)
        or (after.availableReplicas or 0) > (before.availableReplicas or 0)
    )


def _is_timed_out(deployment: Deployment, found: DeploymentStatus, now: float) -> bool:
    known = find(found.conditions, PROGRESSING)
    if known is None or known.reason == NEW_AVAILABLE:
        return False
    if known.reason == TIMED_OUT:
        return True
    since = parse_time(known.lastUpdateTime) if known.lastUpdateTime else 0.0
    return since + (deployment.spec.progressDeadlineSeconds or 0) < now


def next_check_s(deployment: Deployment, found: DeploymentStatus, now: float) -> float | None:
    """Seconds until the deadline has to be looked at again; None when it does not."""
    known = find(deployment.status.conditions, PROGRESSING)
    if not has_deadline(deployment) or known is None:
        return None
    if is_complete(deployment, found) or known.reason == TIMED_OUT:
        return None
    since = parse_time(known.lastUpdateTime) if known.lastUpdateTime else 0.0
    return max(0.0, since + (deployment.spec.progressDeadlineSeconds or 0) - now) + 1


def _replica_failure(new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> DeploymentCondition | None:
    """The first failure that a ReplicaSet tells, the new one first."""
    for rs in [*([new] if new else []), *old]:
        for c in rs.status.conditions:
            if c.type == REPLICA_FAILURE:
                return DeploymentCondition(
                    type=REPLICA_FAILURE,
                    status=c.status,
                    lastTransitionTime=c.lastTransitionTime,
                    lastUpdateTime=c.lastTransitionTime,
                    reason=c.reason,
                    message=c.message,
                )
    return None
