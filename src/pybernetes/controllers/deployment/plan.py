"""Which ReplicaSet of a Deployment gets which size next. Pure.

Source: pkg/controller/deployment/rolling.go, recreate.go, sync.go (scale), util/deployment_util.go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pybernetes.api.apps.v1 import Deployment, ReplicaSet
from pybernetes.controllers.deployment import revisions
from pybernetes.controllers.deployment.sizes import (
    active,
    available,
    is_followed,
    is_rolling,
    max_surge,
    max_unavailable,
    oldest_first,
    replicas_of,
    there_sum,
    wanted_sum,
)
from pybernetes.controllers.deployment.templates import same


@dataclass(frozen=True, slots=True)
class Resize:
    replica_set: ReplicaSet
    replicas: int
    always: bool = False
    """Write the size annotations even when the size stays."""


def find_new(deployment: Deployment, replica_sets: Sequence[ReplicaSet]) -> ReplicaSet | None:
    """The oldest ReplicaSet with the Deployment's template."""
    return next((rs for rs in oldest_first(replica_sets) if same(rs.spec.template, deployment.spec.template)), None)


def new_size(deployment: Deployment, new: ReplicaSet, everything: Sequence[ReplicaSet]) -> int:
    """As large as the surge lets the new ReplicaSet be."""
    wanted, size = replicas_of(deployment), replicas_of(new)
    if not is_rolling(deployment) or size >= wanted:
        return wanted
    if not all(is_followed(rs) for rs in everything if rs is not new):
        return size  # how many Pods they have left is not known
    room = wanted + max_surge(deployment) - there_sum(everything)
    return size if room <= 0 else size + min(room, wanted - size)


def scale_down_old(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> list[Resize]:
    """One step of a rolling update: first the unhealthy Pods of old ReplicaSets, then as many as may be missed."""
    old = oldest_first(active(old))
    if not old:
        return []
    sizes = {rs.metadata.name: replicas_of(rs) for rs in old}
    least = replicas_of(deployment) - max_unavailable(deployment)
    new_unavailable = replicas_of(new) - available(new)
    budget = wanted_sum([*old, new]) - least - new_unavailable
    if budget <= 0:
        return []
    for rs in old:
        unhealthy = sizes[rs.metadata.name] - available(rs)
        if unhealthy > 0 and budget > 0:
            removed = min(budget, unhealthy)
            sizes[rs.metadata.name] -= removed
            budget -= removed
    spare = sum(map(available, [*old, new])) - least
    for rs in old:
        if spare > 0:
            removed = min(sizes[rs.metadata.name], spare)
            sizes[rs.metadata.name] -= removed
            spare -= removed
    return [Resize(rs, sizes[rs.metadata.name]) for rs in old if sizes[rs.metadata.name] != replicas_of(rs)]


def is_scaling(deployment: Deployment, replica_sets: Sequence[ReplicaSet]) -> bool:
    """The Deployment's size was changed since its ReplicaSets were last given theirs."""
    wanted = replicas_of(deployment)
    return any(
        (size := revisions.annotated_size(rs, revisions.DESIRED_REPLICAS)) is not None and size != wanted
        for rs in active(replica_sets)
    )


def scale(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> list[Resize]:
    """After a change of size (or while paused): in proportion, so that a rollout is not hastened."""
    wanted = replicas_of(deployment)
    everything = [*reversed(oldest_first(old)), *([new] if new else [])]
    running = active(everything)
    if len(running) <= 1:
        only = running[0] if running else new or (everything[0] if everything else None)
        return [Resize(only, wanted)] if only is not None and replicas_of(only) != wanted else []
    if new is not None and _is_saturated(deployment, new):
        return [Resize(rs, 0) for rs in active(old)]
    if not is_rolling(deployment):
        return []
    allowed = wanted + max_surge(deployment) if wanted > 0 else 0
    to_add = allowed - wanted_sum(running)
    running = _largest_first(running, newer_first=to_add > 0)
    sizes = {}
    added = 0
    for rs in running:
        share = _share(deployment, rs, to_add, added)
        sizes[rs.metadata.name] = replicas_of(rs) + share
        added += share
    first = running[0].metadata.name
    sizes[first] = max(0, sizes[first] + to_add - added)
    return [Resize(rs, sizes[rs.metadata.name], always=True) for rs in running]


def _is_saturated(deployment: Deployment, rs: ReplicaSet) -> bool:
    wanted = replicas_of(deployment)
    desired = revisions.annotated_size(rs, revisions.DESIRED_REPLICAS)
    return replicas_of(rs) == wanted == desired and available(rs) == wanted


def _largest_first(replica_sets: Sequence[ReplicaSet], newer_first: bool) -> list[ReplicaSet]:
    by_age = oldest_first(replica_sets)
    return sorted(reversed(by_age) if newer_first else by_age, key=lambda rs: -replicas_of(rs))


def _share(deployment: Deployment, rs: ReplicaSet, to_add: int, added: int) -> int:
    """This ReplicaSet's part of what is to be added (or, below 0, removed)."""
    size, wanted, left = replicas_of(rs), replicas_of(deployment), to_add - added
    if size == 0 or to_add == 0 or left == 0:
        return 0
    if wanted == 0:
        fraction = -size
    else:
        before = revisions.annotated_size(rs, revisions.MAX_REPLICAS) or deployment.status.replicas or 0
        fraction = 0 if before == 0 else _rounded(size * (wanted + max_surge(deployment)) / before) - size
    return min(fraction, left) if to_add > 0 else max(fraction, left)


def _rounded(value: float) -> int:
    """Half away from zero."""
    return math.floor(value + 0.5)


def cleanup(deployment: Deployment, old: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """The old ReplicaSets beyond the history limit that can go: empty, and seen to be."""
    limit = deployment.spec.revisionHistoryLimit
    if limit is None or limit >= 2**31 - 1:
        return []
    alive = [rs for rs in old if not rs.metadata.deletionTimestamp]
    order = sorted(oldest_first(alive), key=lambda rs: revisions.revision_of(rs) or 0)
    surplus = order[: max(0, len(alive) - limit)]
    return [
        rs
        for rs in surplus
        if not rs.status.replicas
        and replicas_of(rs) == 0
        and (rs.metadata.generation or 0) <= (rs.status.observedGeneration or 0)
    ]
