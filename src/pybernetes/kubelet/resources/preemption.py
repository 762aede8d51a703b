"""Which pods make room for a critical one that the node has no resources for. Pure.

Source: pkg/kubelet/preemption/preemption.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import quantity
from pybernetes.kubelet.pod_spec import may_preempt
from pybernetes.kubelet.resources.admission import Shortage
from pybernetes.kubelet.resources.requests import pod_requests, qos_class

REASON = "Preempting"
MESSAGE = "Preempted in order to admit critical pod"
CONDITION = "Pod was preempted by Kubelet to accommodate a critical pod."
_LEVELS = ("BestEffort", "Burstable", "Guaranteed")


class NoVictims(Exception):
    """No pods that may be preempted hold enough."""


def victims(preemptor: Pod, pods: Iterable[Pod], shortages: Iterable[Shortage]) -> list[Pod]:
    """As few and as lowly pods as hold what is short. Raises NoVictims."""
    levels: dict[str, list[Pod]] = {level: [] for level in _LEVELS}
    for pod in pods:
        if may_preempt(preemptor, pod):
            levels[qos_class(pod)].append(pod)
    best_effort, burstable, guaranteed = (levels[level] for level in _LEVELS)
    needed = {shortage.resource: shortage.missing for shortage in shortages}
    left = _without(needed, [*best_effort, *burstable, *guaranteed])
    if left:
        raise NoVictims(f"no set of running pods found to reclaim resources: {_shown(left)}")
    chosen_guaranteed = _closest(guaranteed, _without(needed, [*best_effort, *burstable]))
    chosen_burstable = _closest(burstable, _without(needed, [*best_effort, *chosen_guaranteed]))
    chosen_best_effort = _closest(best_effort, _without(needed, [*chosen_burstable, *chosen_guaranteed]))
    return [*chosen_best_effort, *chosen_burstable, *chosen_guaranteed]


def _closest(pods: list[Pod], needed: dict[str, int]) -> list[Pod]:
    """Pods whose requests come nearest to what is needed, one after the other until it is met."""
    pods, chosen = list(pods), []
    while needed:
        if not pods:
            raise NoVictims(f"no set of running pods found to reclaim resources: {_shown(needed)}")
        best = min(pods, key=lambda pod: (_distance(needed, pod), _held(pod, "memory"), _held(pod, "cpu")))
        pods.remove(best)
        chosen.append(best)
        needed = _without(needed, [best])
    return chosen


def _distance(needed: dict[str, int], pod: Pod) -> float:
    missing = ((amount, amount - _held(pod, name)) for name, amount in needed.items())
    return sum((left / amount) ** 2 for amount, left in missing if left > 0)


def _without(needed: dict[str, int], pods: list[Pod]) -> dict[str, int]:
    left = {name: amount - sum(_held(pod, name) for pod in pods) for name, amount in needed.items()}
    return {name: amount for name, amount in left.items() if amount > 0}


def _held(pod: Pod, name: str) -> int:
    if name == "pods":
        return 1
    amount = pod_requests(pod).get(name, "0")
    return quantity.milli(amount) if name == "cpu" else quantity.value(amount)


def _shown(needed: dict[str, int]) -> str:
    return "[" + "".join(f"(res: {name}, q: {amount}), " for name, amount in needed.items()) + "]"
