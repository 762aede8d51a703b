"""What a PodDisruptionBudget allows now. Pure: time comes in as a parameter.

Source: pkg/controller/disruption/disruption.go, component-helpers/apps/poddisruptionbudget/helpers.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Pod
from pybernetes.api.meta.v1 import Condition, OwnerReference
from pybernetes.api.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetStatus
from pybernetes.apimachinery.conditions import with_condition
from pybernetes.apimachinery.pods import is_finished, is_ready
from pybernetes.apimachinery.times import parse_time
from pybernetes.controllers.runtime.amounts import scaled
from pybernetes.controllers.runtime.owners import controller_of
from pybernetes.controllers.runtime.pods import condition

DELETION_TIMEOUT_S = 120.0
"""An evicted Pod that is not being deleted after this long counts again."""
STALE_CONDITION_S = 120.0
ALLOWED = "DisruptionAllowed"
TARGET = "DisruptionTarget"


@dataclass(frozen=True, slots=True)
class Owner:
    """What wants a Pod to be, and how many like it."""

    uid: str
    scale: int


@dataclass(slots=True)
class Disrupted:
    """Pods whose eviction was granted and whose deletion is not seen yet."""

    pods: dict[str, str] = field(default_factory=dict)
    """When each was granted, by name, as on the status."""
    not_deleted: list[Pod] = field(default_factory=list)
    """Granted too long ago; somebody should hear of it."""
    recheck_s: float | None = None


def needs_scale(budget: PodDisruptionBudget) -> bool:
    """Whether the owners' sizes matter; with a plain number for minAvailable only the Pods do."""
    return budget.spec.maxUnavailable is not None or isinstance(budget.spec.minAvailable, str)


def owners_of(pods: Sequence[Pod]) -> tuple[list[tuple[OwnerReference, Pod]], list[str]]:
    """Each controller once, with one of its Pods; and the names of the Pods that nobody controls."""
    found: dict[str, tuple[OwnerReference, Pod]] = {}
    unmanaged: list[str] = []
    for pod in pods:
        ref = controller_of(pod)
        if ref is None:
            unmanaged.append(pod.metadata.name or "")
        else:
            found.setdefault(ref.uid, (ref, pod))
    return list(found.values()), unmanaged


def counts(budget: PodDisruptionBudget, pods: Sequence[Pod], owners: Sequence[Owner]) -> tuple[int, int]:
    """(Pods expected, Pods that must stay healthy). Raises ValueError for an amount that is none."""
    spec = budget.spec
    expected = sum({owner.uid: owner.scale for owner in owners}.values())
    if spec.maxUnavailable is not None:
        return expected, max(0, expected - scaled(spec.maxUnavailable, expected, round_up=True))
    if isinstance(spec.minAvailable, str):
        return expected, scaled(spec.minAvailable, expected, round_up=True)
    if spec.minAvailable is not None:
        return len(pods), spec.minAvailable
    return 0, 0


def disrupted(budget: PodDisruptionBudget, pods: Sequence[Pod], now: float) -> Disrupted:
    """Forgets Pods that are gone, being deleted, or were granted too long ago."""
    found = Disrupted()
    for pod in pods:
        granted = budget.status.disruptedPods.get(pod.metadata.name or "")
        if pod.metadata.deletionTimestamp or granted is None:
            continue
        left_s = parse_time(granted) + DELETION_TIMEOUT_S - now
        if left_s < 0:
            found.not_deleted.append(pod)
            continue
        found.pods[pod.metadata.name or ""] = granted
        found.recheck_s = left_s if found.recheck_s is None else min(found.recheck_s, left_s)
    return found


def healthy(pods: Sequence[Pod], granted: Mapping[str, str], now: float) -> int:
    """Ready Pods that are neither being deleted nor about to be."""
    return sum(
        not pod.metadata.deletionTimestamp and not _is_leaving(pod, granted, now) and is_ready(pod) for pod in pods
    )


def _is_leaving(pod: Pod, granted: Mapping[str, str], now: float) -> bool:
    since = granted.get(pod.metadata.name or "")
    return since is not None and parse_time(since) + DELETION_TIMEOUT_S > now


def status(
    budget: PodDisruptionBudget, current: int, desired: int, expected: int, granted: Mapping[str, str], now: float
) -> PodDisruptionBudgetStatus:
    """The status to write. A budget that expects nothing allows nothing, so that first Pods are safe."""
    allowed = max(0, current - desired) if expected > 0 else 0
    generation = budget.metadata.generation
    reason, value = ("SufficientPods", "True") if allowed > 0 else ("InsufficientPods", "False")
    return PodDisruptionBudgetStatus(
        currentHealthy=current,
        desiredHealthy=desired,
        expectedPods=expected,
        disruptionsAllowed=allowed,
        disruptedPods=dict(granted),
        observedGeneration=generation,
        conditions=_with_allowed(budget.status.conditions, value, reason, "", generation, now),
    )


def failed_status(budget: PodDisruptionBudget, message: str, now: float) -> PodDisruptionBudgetStatus:
    """What is known stays, but nothing is allowed any more: an eviction must not pass on stale figures."""
    old = budget.status
    return PodDisruptionBudgetStatus(
        currentHealthy=old.currentHealthy or 0,
        desiredHealthy=old.desiredHealthy or 0,
        expectedPods=old.expectedPods or 0,
        disruptionsAllowed=0,
        disruptedPods=dict(old.disruptedPods),
        observedGeneration=old.observedGeneration,
        conditions=_with_allowed(old.conditions, "False", "SyncFailed", message, old.observedGeneration, now),
    )


def _with_allowed(
    known: Sequence[Condition], value: str, reason: str, message: str, generation: int | None, now: float
) -> list[Condition]:
    told = Condition(type=ALLOWED, status=value, reason=reason, message=message, observedGeneration=generation)
    return with_condition(known, told, now)


def stale_condition_in(pod: Pod, now: float) -> float | None:
    """Seconds until the Pod's DisruptionTarget condition means nothing any more (0: it does); None: never."""
    if pod.metadata.deletionTimestamp or is_finished(pod):
        return None
    found = condition(pod, TARGET)
    if found is None or found.status != "True" or found.reason == "TerminationByKubelet":
        return None
    since = parse_time(found.lastTransitionTime) if found.lastTransitionTime else 0.0
    return max(0.0, since + STALE_CONDITION_S - now)
