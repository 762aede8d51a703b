"""The annotations by which a Deployment and its ReplicaSets tell revisions and sizes. Pure.

Source: pkg/controller/deployment/util/deployment_util.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.apps.v1 import Deployment, ReplicaSet
from pybernetes.controllers.deployment.sizes import max_surge, replicas_of

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
ROLLBACK_TO = "deprecated.deployment.rollback.to"
_NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    ROLLBACK_TO,
}
_HISTORY_CHARS = 2000


def revision_of(obj: Deployment | ReplicaSet) -> int | None:
    """0 without the annotation, None when it is no number."""
    text = obj.metadata.annotations.get(REVISION, "0")
    try:
        return int(text)
    except ValueError:
        return None


def max_revision(replica_sets: Iterable[ReplicaSet]) -> int:
    return max((revision_of(rs) or 0 for rs in replica_sets), default=0)


def last_revision(replica_sets: Iterable[ReplicaSet]) -> int:
    """The second greatest; 0 when there is none."""
    found = sorted((r for rs in replica_sets if (r := revision_of(rs)) is not None), reverse=True)
    return found[1] if len(found) > 1 else 0


def mark_new(deployment: Deployment, replica_set: ReplicaSet, revision: int, exists: bool) -> bool:
    """Gives the new ReplicaSet the Deployment's annotations and its revision; True when something changed."""
    notes = replica_set.metadata.annotations
    before = dict(notes)
    notes.update({k: v for k, v in deployment.metadata.annotations.items() if k not in _NOT_COPIED})
    known = notes.get(REVISION, "")
    try:
        number = int(known) if known else 0
    except ValueError:
        return notes != before
    if number < revision:
        notes[REVISION] = str(revision)
        if known:
            _remember(notes, known)
    if not exists:
        set_size_annotations(deployment, replica_set)
    return notes != before


def _remember(notes: dict[str, str], revision: str) -> None:
    """Adds a revision that this ReplicaSet once was; the oldest are forgotten first."""
    history = [r for r in notes.get(REVISION_HISTORY, "").split(",") if r] + [revision]
    while len(",".join(history)) > _HISTORY_CHARS and len(history) > 1:
        history.pop(0)
    notes[REVISION_HISTORY] = ",".join(history)


def size_annotations(deployment: Deployment) -> dict[str, str]:
    wanted = replicas_of(deployment)
    return {DESIRED_REPLICAS: str(wanted), MAX_REPLICAS: str(wanted + max_surge(deployment))}


def set_size_annotations(deployment: Deployment, replica_set: ReplicaSet) -> None:
    replica_set.metadata.annotations.update(size_annotations(deployment))


def size_annotations_differ(deployment: Deployment, replica_set: ReplicaSet) -> bool:
    return not size_annotations(deployment).items() <= replica_set.metadata.annotations.items()


def annotated_size(replica_set: ReplicaSet, annotation: str) -> int | None:
    text = replica_set.metadata.annotations.get(annotation, "")
    return int(text) if text.isdecimal() and int(text) < 2**31 else None


def take_annotations_of(deployment: Deployment, replica_set: ReplicaSet) -> None:
    """On rollback: the Deployment gets back what it had at that revision."""
    kept = {k: v for k, v in deployment.metadata.annotations.items() if k in _NOT_COPIED}
    taken = {k: v for k, v in replica_set.metadata.annotations.items() if k not in _NOT_COPIED}
    deployment.metadata.annotations = {**kept, **taken}


def rollback_revision(deployment: Deployment) -> int | None:
    text = deployment.metadata.annotations.get(ROLLBACK_TO, "")
    try:
        return int(text) if text else None
    except ValueError:
        return None
