"""What a StatefulSet needs next: Pods to create, repair and delete in order, and its status. Pure.

Source: pkg/controller/statefulset/stateful_set_control.go. rollingUpdate.maxUnavailable counts wherever it is set; the
apiserver drops it while its gate, MaxUnavailableStatefulSet, is off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from pybernetes.api.apps.v1 import ControllerRevision, StatefulSet, StatefulSetStatus
from pybernetes.api.core.v1 import PersistentVolumeClaim, Pod
from pybernetes.apimachinery.pods import is_finished
from pybernetes.controllers.runtime.amounts import scaled
from pybernetes.controllers.runtime.pods import available_in
from pybernetes.controllers.runtime.revisions import template_of
from pybernetes.controllers.statefulset import claims
from pybernetes.controllers.statefulset.pods import (
    claim_name,
    identity_matches,
    in_range,
    is_available,
    is_created,
    is_running_and_ready,
    is_unavailable,
    new_pod,
    ordinal_of,
    replicas_of,
    revision_of,
    start_of,
    storage_matches,
)

ClaimOf = Callable[[str], PersistentVolumeClaim | None]
"""The claim of a name in the set's namespace, as last seen."""


class Action(Enum):
    CREATE = "create"
    """The claims of the Pod, then the Pod."""
    REPAIR = "repair"
    """Identity, storage and claims of a Pod that runs."""
    CLAIMS = "claims"
    """Missing claims, and the owners of those there are."""
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    action: Action
    pod: Pod


@dataclass(slots=True)
class Plan:
    """Phases in order; a step that fails ends everything. The steps of `update` replace Pods of an old revision."""

    replicas: list[list[Step]] = field(default_factory=list)
    """The steps of each Pod that should be."""
    surplus: list[list[Step]] = field(default_factory=list)
    """The steps of each Pod that should not be."""
    update: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class View:
    """Everything a plan looks at."""

    set: StatefulSet
    pods: Sequence[Pod]
    """Those that the set controls."""
    current: ControllerRevision
    update: ControllerRevision
    claim_of: ClaimOf
    now: float

    @property
    def ordered(self) -> bool:
        return self.set.spec.podManagementPolicy != "Parallel"


def replicas(view: View) -> list[Pod]:
    """The Pods that should be, by ordinal; those missing are made up, at the revision they would get now."""
    known = {ordinal_of(pod): pod for pod in view.pods if in_range(view.set, pod)}
    start = start_of(view.set)
    return [known.get(start + i) or _missing(view, start + i) for i in range(replicas_of(view.set))]


def condemned(view: View) -> list[Pod]:
    """The Pods beyond the range, the highest ordinal first. A name without an ordinal is nobody's business."""
    beyond = [pod for pod in view.pods if ordinal_of(pod) >= 0 and not in_range(view.set, pod)]
    return sorted(beyond, key=ordinal_of, reverse=True)


def _missing(view: View, ordinal: int) -> Pod:
    revision = view.current if _belongs_to_current(view.set, ordinal) else view.update
    return new_pod(view.set, template_of(revision), revision.metadata.name or "", ordinal)


def _belongs_to_current(set_: StatefulSet, ordinal: int) -> bool:
    """Below the partition, or not yet reached by a rolling update: a Pod that went comes back as it was."""
    strategy = set_.spec.updateStrategy
    if strategy is None or (strategy.type == "OnDelete" and strategy.rollingUpdate is None):
        return False
    if strategy.rollingUpdate is None:
        return ordinal < start_of(set_) + (set_.status.currentReplicas or 0)
    return ordinal < start_of(set_) + (strategy.rollingUpdate.partition or 0)


def plan(view: View) -> Plan:
    """The next steps. In order, a step that others wait for is the last."""
    made = Plan()
    if view.set.metadata.deletionTimestamp:
        return made
    wanted, surplus = replicas(view), condemned(view)
    for pod in wanted:
        steps, go_on = _replica_steps(view, pod)
        if steps:
            made.replicas.append(steps)
        if view.ordered and not go_on:
            return made
    made.surplus = [[] if _claims_match(view, pod) else [Step(Action.CLAIMS, pod)] for pod in surplus]
    going = surplus if not view.ordered else _next_to_go(view, wanted, surplus)
    if view.ordered and going:
        made.surplus.append([])  # after the claims of all
    for pod in going:
        if pod.metadata.deletionTimestamp is None:
            made.surplus[-1 if view.ordered else surplus.index(pod)].append(Step(Action.DELETE, pod))
    made.surplus = [steps for steps in made.surplus if steps]
    if view.ordered and surplus:
        return made
    made.update = [Step(Action.DELETE, pod) for pod in _outdated(view, wanted)]
    return made


def _replica_steps(view: View, pod: Pod) -> tuple[list[Step], bool]:
    """(steps for one Pod that should be, whether the next ordinal may be looked at in order)."""
    if is_finished(pod):
        return ([] if pod.metadata.deletionTimestamp else [Step(Action.DELETE, pod)]), False
    if not is_created(pod):
        return ([] if _has_stale_claim(view, pod) else [Step(Action.CREATE, pod)]), False
    steps = []
    if pod.status.phase == "Pending" and (_lacks_claims(view, pod) or not _claims_match(view, pod)):
        steps.append(Step(Action.CLAIMS, pod))
    up = is_running_and_ready(pod) and is_available(view.set, pod, view.now)
    if view.ordered and (pod.metadata.deletionTimestamp or not up):
        return steps, False
    if not identity_matches(view.set, pod) or not storage_matches(view.set, pod) or not _claims_match(view, pod):
        steps.append(Step(Action.REPAIR, pod))
    return steps, True


def _next_to_go(view: View, wanted: Sequence[Pod], surplus: Sequence[Pod]) -> list[Pod]:
    """In order: the highest ordinal, once those below it are well or it is itself the first that is not."""
    if not surplus:
        return []
    pod = surplus[0]
    healthy = is_running_and_ready(pod) and is_available(view.set, pod, view.now)
    by_ordinal = [*wanted, *reversed(surplus)]
    first_unavailable = next((p for p in by_ordinal if is_unavailable(view.set, p, view.now)), None)
    return [pod] if healthy or pod is first_unavailable else []


def _outdated(view: View, wanted: Sequence[Pod]) -> list[Pod]:
    """The Pods to replace now by an update, the highest ordinal first."""
    strategy = view.set.spec.updateStrategy
    if strategy is not None and strategy.type == "OnDelete":
        return []
    rolling = strategy.rollingUpdate if strategy is not None else None
    lowest = (rolling.partition or 0) if rolling is not None else 0
    name = view.update.metadata.name
    if rolling is not None and rolling.maxUnavailable is not None:
        most = max(1, scaled(rolling.maxUnavailable, replicas_of(view.set), round_up=False))
        left = most - sum(is_unavailable(view.set, pod, view.now) for pod in wanted)
        return [pod for pod in reversed(wanted[lowest:]) if _is_outdated(pod, name)][: max(0, left)]
    for pod in reversed(wanted[lowest:]):
        if _is_outdated(pod, name):
            return [pod]
        if is_unavailable(view.set, pod, view.now):
            return []
    return []


def _is_outdated(pod: Pod, revision: str | None) -> bool:
    return is_created(pod) and revision_of(pod) != revision and not pod.metadata.deletionTimestamp


def _lacks_claims(view: View, pod: Pod) -> bool:
    """A claim is missing or on its way out."""
    found = [view.claim_of(name) for name in _claim_names(view.set, pod)]
    return any(claim is None or claim.metadata.deletionTimestamp for claim in found)


def _claims_match(view: View, pod: Pod) -> bool:
    found = [view.claim_of(name) for name in _claim_names(view.set, pod)]
    return all(claim is None or claims.is_up_to_date(claim, view.set, pod) for claim in found)


def _has_stale_claim(view: View, pod: Pod) -> bool:
    """A claim waits to be deleted with an earlier Pod of the name: the new one must not use it."""
    if claims.retention(view.set)[1] == claims.RETAIN:
        return False
    found = [view.claim_of(name) for name in _claim_names(view.set, pod)]
    return any(claim is not None and claims.is_stale(claim, pod) for claim in found)


def _claim_names(set_: StatefulSet, pod: Pod) -> list[str]:
    return [claim_name(set_, template, ordinal_of(pod)) for template in set_.spec.volumeClaimTemplates]


def status(view: View, collision_count: int, updating: int) -> StatefulSetStatus:
    """The status to write; `updating`: Pods just deleted to be replaced."""
    set_, now = view.set, view.now
    counted = [pod for pod in view.pods if is_created(pod)]
    ready = [pod for pod in counted if is_running_and_ready(pod)]
    staying = [pod for pod in counted if not pod.metadata.deletionTimestamp]
    current, update = view.current.metadata.name, view.update.metadata.name
    wanted = replicas_of(set_)
    found = StatefulSetStatus(
        observedGeneration=set_.metadata.generation,
        replicas=len(counted),
        readyReplicas=len(ready) or None,
        availableReplicas=sum(is_available(set_, pod, now) for pod in ready),
        currentReplicas=(sum(revision_of(pod) == current for pod in staying) - updating) or None,
        updatedReplicas=sum(revision_of(pod) == update for pod in staying) or None,
        currentRevision=current,
        updateRevision=update,
        collisionCount=collision_count,
        conditions=list(set_.status.conditions),
    )
    strategy = set_.spec.updateStrategy
    rolling = strategy is None or strategy.type in (None, "RollingUpdate")
    if rolling and (found.updatedReplicas or 0) == (found.readyReplicas or 0) == found.replicas == wanted:
        found.currentReplicas = found.updatedReplicas
        found.currentRevision = update
    return found


def next_availability_check_s(view: View) -> float | None:
    """Seconds until the next ready Pod becomes available; None when none is on the way."""
    least_s = view.set.spec.minReadySeconds or 0
    waits = [wait for pod in view.pods if (wait := available_in(pod, least_s, view.now))]
    return min(waits, default=None)


def surplus_revisions(view: View, revisions: Sequence[ControllerRevision]) -> list[ControllerRevision]:
    """Those of `revisions` (in order) that the history has no room for; no Pod is of them."""
    live = {view.current.metadata.name, view.update.metadata.name, *map(revision_of, view.pods)}
    old = [revision for revision in revisions if revision.metadata.name not in live]
    limit = view.set.spec.revisionHistoryLimit
    keep = 10 if limit is None else limit
    return old[: max(0, len(old) - keep)] if keep >= 0 else []
