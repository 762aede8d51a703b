"""Facts about Pods that controllers decide by. Pure: time comes in as a parameter.

Source: pkg/controller/controller_utils.go, pkg/api/v1/pod/util.go.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from pybernetes.api.core.v1 import Pod, PodCondition
from pybernetes.apimachinery.conditions import condition_of
from pybernetes.apimachinery.pods import is_finished, is_ready
from pybernetes.apimachinery.times import parse_time

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}


def condition(pod: Pod, kind: str) -> PodCondition | None:
    return condition_of(pod.status.conditions, kind)


def is_terminating(pod: Pod) -> bool:
    """Deletion was asked for and it still runs."""
    return not is_finished(pod) and pod.metadata.deletionTimestamp is not None


def is_active(pod: Pod) -> bool:
    return not is_finished(pod) and pod.metadata.deletionTimestamp is None


def ready_since(pod: Pod) -> float | None:
    """When the Pod became ready, seconds since the epoch; None when it is not."""
    found = condition(pod, "Ready")
    if found is None or found.status != "True" or not found.lastTransitionTime:
        return None
    return parse_time(found.lastTransitionTime)


def available_in(pod: Pod, min_ready_s: int, now: float) -> float | None:
    """Seconds until the Pod counts as available (0: it does); None when it is not ready."""
    if not is_ready(pod):
        return None
    if min_ready_s == 0:
        return 0.0
    since = ready_since(pod)
    if since is None:
        return None
    return max(0.0, since + min_ready_s - now)


def deletion_cost(pod: Pod) -> int:
    """The annotation's value; 0 when it is absent or no 32-bit integer."""
    text = pod.metadata.annotations.get(DELETION_COST, "0")
    try:
        value = int(text)
    except ValueError:
        return 0
    canonical = str(value) == text.removeprefix("+")
    return value if canonical and not text.startswith("+") and -(2**31) <= value < 2**31 else 0


def restarts(pod: Pod) -> tuple[int, int]:
    """(most restarts of a container, most restarts of a sidecar)."""
    sidecars = {c.name for c in pod.spec.initContainers if c.restartPolicy == "Always"}
    return (
        max((c.restartCount for c in pod.status.containerStatuses), default=0),
        max((c.restartCount for c in pod.status.initContainerStatuses if c.name in sidecars), default=0),
    )


def by_deletion_preference(pods: Sequence[Pod], ranks: Sequence[int], now: float) -> list[Pod]:
    """The Pods, first those that scaling down should delete first; `ranks[i]`: Pods that share the node of pods[i].

    Source: ActivePodsWithRanks in controller_utils.go: unassigned, pending, not ready, cheap, doubled up,
    ready for a shorter time, restarted more often, younger. Times count by their logarithm, the uid
    breaks ties.
    """

    def compare(a: tuple[Pod, int], b: tuple[Pod, int]) -> int:
        return _compare(a[0], a[1], b[0], b[1], now)

    return [pod for pod, _ in sorted(zip(pods, ranks, strict=True), key=functools.cmp_to_key(compare))]


def _compare(a: Pod, rank_a: int, b: Pod, rank_b: int, now: float) -> int:
    for first, second in (
        (bool(a.spec.nodeName), bool(b.spec.nodeName)),
        (_PHASE_ORDER.get(a.status.phase or "", 0), _PHASE_ORDER.get(b.status.phase or "", 0)),
        (is_ready(a), is_ready(b)),
        (deletion_cost(a), deletion_cost(b)),
        (-rank_a, -rank_b),
    ):
        if first != second:
            return -1 if first < second else 1
    if is_ready(a):
        since_a, since_b = ready_since(a), ready_since(b)
        if since_a != since_b:
            return _compare_ages(since_a, since_b, a, b, now)
    restarts_a, restarts_b = restarts(a), restarts(b)
    if restarts_a != restarts_b:
        return -1 if restarts_a > restarts_b else 1
    if a.metadata.creationTimestamp != b.metadata.creationTimestamp:
        created = [parse_time(p.metadata.creationTimestamp) if p.metadata.creationTimestamp else None for p in (a, b)]
        return _compare_ages(created[0], created[1], a, b, now)
    return 0


def _compare_ages(time_a: float | None, time_b: float | None, a: Pod, b: Pod, now: float) -> int:
    if time_a is None or time_b is None:
        return -1 if time_a is None else 1
    magnitude_a, magnitude_b = _magnitude(now - time_a), _magnitude(now - time_b)
    if magnitude_a == magnitude_b:
        return -1 if (a.metadata.uid or "") < (b.metadata.uid or "") else 1
    return -1 if magnitude_a < magnitude_b else 1


def _magnitude(age_s: float) -> int:
    """Whole base-2 logarithm of the age in nanoseconds."""
    return int(math.log2(age_s * 1e9)) if age_s > 0 else -1
