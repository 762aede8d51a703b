"""How large a Deployment and its ReplicaSets are and may be. Pure.

Source: pkg/controller/deployment/util/deployment_util.go (ResolveFenceposts, MaxSurge, MaxUnavailable).
"""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.apps.v1 import Deployment, ReplicaSet
from pybernetes.controllers.runtime.amounts import scaled

_DEFAULT = "25%"


def replicas_of(obj: Deployment | ReplicaSet) -> int:
    return 1 if obj.spec.replicas is None else obj.spec.replicas


def available(replica_set: ReplicaSet) -> int:
    """Available Pods that will stay: no more than it wants, though its status may be from before it shrank.

    Differs: upstream believes the status and can take one Pod too many while it is stale.
    """
    return min(replica_set.status.availableReplicas or 0, replicas_of(replica_set))


def wanted_sum(replica_sets: Iterable[ReplicaSet]) -> int:
    return sum(map(replicas_of, replica_sets))


def there_sum(replica_sets: Iterable[ReplicaSet]) -> int:
    """Pods that there are or will be: one that has shrunk still has those that its controller has not yet deleted.

    Differs: upstream counts sizes alone, and then has Pods above the surge for a moment.
    """
    return sum(max(replicas_of(rs), rs.status.replicas or 0) for rs in replica_sets)


def is_followed(replica_set: ReplicaSet) -> bool:
    """Its controller has seen the size that it has now."""
    return (replica_set.status.observedGeneration or 0) >= (replica_set.metadata.generation or 0)


def active(replica_sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """Those that want Pods."""
    return [rs for rs in replica_sets if replicas_of(rs) > 0]


def oldest_first(replica_sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    return sorted(replica_sets, key=lambda rs: (rs.metadata.creationTimestamp or "", rs.metadata.name or ""))


def is_rolling(deployment: Deployment) -> bool:
    strategy = deployment.spec.strategy
    return strategy is None or strategy.type in (None, "RollingUpdate")


def fenceposts(deployment: Deployment) -> tuple[int, int]:
    """(surge, unavailable); when both come to 0, one may be unavailable, or nothing could ever move."""
    rolling = deployment.spec.strategy.rollingUpdate if deployment.spec.strategy else None
    surge: int | str | None = rolling.maxSurge if rolling else _DEFAULT
    unavailable: int | str | None = rolling.maxUnavailable if rolling else _DEFAULT
    wanted = replicas_of(deployment)
    most_surge = scaled(surge if surge is not None else 0, wanted, True)
    most_unavailable = scaled(unavailable if unavailable is not None else 0, wanted, False)
    if most_surge == 0 and most_unavailable == 0:
        most_unavailable = 1
    return most_surge, most_unavailable


def max_surge(deployment: Deployment) -> int:
    return fenceposts(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Deployment) -> int:
    if not is_rolling(deployment):
        return 0
    return min(fenceposts(deployment)[1], replicas_of(deployment))
