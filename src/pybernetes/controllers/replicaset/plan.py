"""What a ReplicaSet or a ReplicationController needs: Pods to create, Pods to delete, its status. Pure.

Source: pkg/controller/replicaset/replica_set.go, replica_set_utils.go; replication/conversion.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pybernetes.api.apps.v1 import ReplicaSet, ReplicaSetCondition, ReplicaSetStatus
from pybernetes.api.core.v1 import (
    Pod,
    ReplicationController,
    ReplicationControllerCondition,
    ReplicationControllerStatus,
)
from pybernetes.apimachinery.pods import is_ready
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.apimachinery.times import format_time
from pybernetes.controllers.runtime.pods import available_in, by_deletion_preference, is_active

ReplicaOwner = ReplicaSet | ReplicationController
ReplicaStatus = ReplicaSetStatus | ReplicationControllerStatus
Condition = ReplicaSetCondition | ReplicationControllerCondition
BURST = 500
"""Most Pods created or deleted in one reconcile."""
REST_S_PER_POD = 50e-6
"""Between two looks at a ReplicaSet, for each of its Pods: every look counts them all, so that many events are one."""
REPLICA_FAILURE = "ReplicaFailure"


def selector_of(owner: ReplicaOwner) -> LabelSelector:
    """Raises SelectorError."""
    if isinstance(owner, ReplicationController):
        return LabelSelector.of_set(owner.spec.selector)
    return LabelSelector.of(owner.spec.selector)


def replicas_of(replica_set: ReplicaOwner) -> int:
    wanted = replica_set.spec.replicas
    return 1 if wanted is None else wanted


def difference(replica_set: ReplicaOwner, active: Sequence[Pod]) -> int:
    """How many Pods to create (> 0) or to delete (< 0) now."""
    return max(-BURST, min(BURST, replicas_of(replica_set) - len(active)))


def pods_to_delete(active: Sequence[Pod], related: Sequence[Pod], count: int, now: float) -> list[Pod]:
    """The `count` Pods that are missed least. `related`: Pods of all ReplicaSets of the same controller."""
    if count >= len(active):
        return list(active)
    on_node = Counter(pod.spec.nodeName for pod in related if is_active(pod))
    ranks = [on_node[pod.spec.nodeName] for pod in active]
    return by_deletion_preference(active, ranks, now)[:count]


def status(
    owner: ReplicaOwner, active: Sequence[Pod], terminating: Sequence[Pod], failure: Exception | None, now: float
) -> ReplicaStatus:
    """The status to write; observedGeneration is that of the spec looked at."""
    template = owner.spec.template
    wanted = (template.metadata.labels if template and template.metadata else {}).items()
    min_ready_s = owner.spec.minReadySeconds or 0
    ready = [pod for pod in active if is_ready(pod)]
    available = [pod for pod in ready if available_in(pod, min_ready_s, now) == 0] if min_ready_s else ready
    counts: dict[str, Any] = {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(wanted <= pod.metadata.labels.items() for pod in active) or None,
        "readyReplicas": len(ready) or None,
        "availableReplicas": len(available) or None,
        "observedGeneration": owner.metadata.generation,
        "conditions": _conditions(owner, len(active), failure, now),
    }
    if isinstance(owner, ReplicationController):
        return ReplicationControllerStatus(**counts)
    return ReplicaSetStatus(**counts, terminatingReplicas=len(terminating))


def _conditions(owner: ReplicaOwner, active: int, failure: Exception | None, now: float) -> list[Condition]:
    """A failure already told keeps its first words and time."""
    known: list[Condition] = list(owner.status.conditions)
    failed = any(c.type == REPLICA_FAILURE for c in known)
    if failure is None:
        return [c for c in known if c.type != REPLICA_FAILURE]
    if failed:
        return known
    wanted = replicas_of(owner)
    reason = "FailedCreate" if active < wanted else "FailedDelete" if active > wanted else ""
    cls = ReplicationControllerCondition if isinstance(owner, ReplicationController) else ReplicaSetCondition
    return [
        *known,
        cls(
            type=REPLICA_FAILURE,
            status="True",
            lastTransitionTime=format_time(now),
            reason=reason,
            message=str(failure),
        ),
    ]


def next_availability_check_s(pods: Sequence[Pod], min_ready_s: int, now: float) -> float | None:
    """Seconds until the next ready Pod becomes available; None when none is on the way."""
    waits = [wait for pod in pods if (wait := available_in(pod, min_ready_s, now))]
    return min(waits, default=None)
