"""Is a node alive, which taints and labels should it have, how fast may nodes be tainted. Pure.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core.v1 import Node, NodeCondition, Taint
from pybernetes.apimachinery.times import format_time, parse_time
from pybernetes.controllers.runtime.nodes import condition, ready_status

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
EXCLUDED = "node.kubernetes.io/exclude-disruption"
_ZONE = "topology.kubernetes.io/zone"
_REGION = "topology.kubernetes.io/region"

_TAINT_OF: dict[str, dict[str, str]] = {
    "Ready": {"False": NOT_READY, "Unknown": UNREACHABLE},
    "MemoryPressure": {"True": "node.kubernetes.io/memory-pressure"},
    "DiskPressure": {"True": "node.kubernetes.io/disk-pressure"},
    "NetworkUnavailable": {"True": "node.kubernetes.io/network-unavailable"},
    "PIDPressure": {"True": "node.kubernetes.io/pid-pressure"},
}
"""Condition -> status -> the taint it means."""
_CONDITION_TAINTS = {key for statuses in _TAINT_OF.values() for key in statuses.values()} | {UNSCHEDULABLE}
_FROM_KUBELET = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
_OLD_LABELS = {"kubernetes.io/os": "beta.kubernetes.io/os", "kubernetes.io/arch": "beta.kubernetes.io/arch"}


@dataclass(slots=True, frozen=True)
class Health:
    """What was last heard of a node, and when by our clock."""

    heartbeat: tuple[str | None, str | None]
    """(lastHeartbeatTime of Ready, renewTime of the Lease): compared, never reckoned with."""
    heard_s: float


def observe(health: Health | None, node: Node, lease: Lease | None, now: float) -> Health:
    """The newest health; `now` counts as the moment of whatever differs from before."""
    ready = condition(node, "Ready")
    beat = ready.lastHeartbeatTime if ready is not None else None
    renewed = lease.spec.renewTime if lease is not None else None
    heartbeat = beat, renewed
    if health is None:
        # Never heard of before: the time of its creation counts until the kubelet says something.
        created = node.metadata.creationTimestamp
        heard = parse_time(created) if ready is None and renewed is None and created else now
        return Health(heartbeat, min(heard, now))
    if health.heartbeat == heartbeat or heartbeat == (None, None):
        return health
    if ready is not None and ready.status == "Unknown" and health.heartbeat[1] == renewed:
        return Health(heartbeat, health.heard_s)
    return Health(heartbeat, now)


def deadline(health: Health, node: Node, grace_s: float, startup_grace_s: float) -> float:
    """When the node counts as unreachable unless it is heard of before; one that never spoke gets longer."""
    return health.heard_s + (grace_s if condition(node, "Ready") is not None else startup_grace_s)


def unknown_conditions(node: Node, now: float) -> list[NodeCondition]:
    """The conditions to write when nothing was heard of a node in time; those that already say so are left out."""
    changed = []
    for kind in _FROM_KUBELET:
        old = condition(node, kind)
        if old is None:
            changed.append(
                NodeCondition(
                    type=kind,
                    status="Unknown",
                    reason="NodeStatusNeverUpdated",
                    message="Kubelet never posted node status.",
                    lastHeartbeatTime=node.metadata.creationTimestamp,
                    lastTransitionTime=format_time(now),
                )
            )
        elif old.status != "Unknown":
            changed.append(
                NodeCondition(
                    type=kind,
                    status="Unknown",
                    reason="NodeStatusUnknown",
                    message="Kubelet stopped posting node status.",
                    lastHeartbeatTime=old.lastHeartbeatTime,
                    lastTransitionTime=format_time(now),
                )
            )
    return changed


def no_schedule_taints(node: Node, taints: list[Taint], now: float) -> list[Taint]:
    """The taints with those of effect NoSchedule that conditions and cordoning mean, and without outdated ones."""
    wanted = {
        key for each in node.status.conditions if (key := _TAINT_OF.get(each.type, {}).get(each.status)) is not None
    }
    if node.spec.unschedulable:
        wanted.add(UNSCHEDULABLE)
    kept = [
        taint
        for taint in taints
        if taint.effect != "NoSchedule" or taint.key not in _CONDITION_TAINTS or taint.key in wanted
    ]
    there = {taint.key for taint in kept if taint.effect == "NoSchedule"}
    added = format_time(now)
    return kept + [Taint(key=key, effect="NoSchedule", timeAdded=added) for key in sorted(wanted - there)]


def no_execute_key(node: Node) -> str | None:
    """The NoExecute taint that the Ready condition means; None for a ready node or one that never spoke."""
    return _TAINT_OF["Ready"].get(ready_status(node) or "")


def has_no_execute(taints: Iterable[Taint], key: str) -> bool:
    return any(taint.key == key and taint.effect == "NoExecute" for taint in taints)


def no_execute_only(taints: Iterable[Taint]) -> list[Taint]:
    return [taint for taint in taints if taint.effect == "NoExecute"]


def no_execute_taints(taints: list[Taint], key: str | None, now: float) -> list[Taint]:
    """The taints with exactly this one of not-ready and unreachable (None: neither) at effect NoExecute."""
    kept = [
        taint
        for taint in taints
        if taint.effect != "NoExecute" or taint.key not in (NOT_READY, UNREACHABLE) or taint.key == key
    ]
    if key is None or has_no_execute(kept, key):
        return kept
    return [*kept, Taint(key=key, effect="NoExecute", timeAdded=format_time(now))]


def outdated_labels(node: Node) -> dict[str, str]:
    """The beta labels that should follow the stable ones and do not."""
    labels = node.metadata.labels
    return {old: labels[new] for new, old in _OLD_LABELS.items() if new in labels and labels.get(old) != labels[new]}


def zone_of(node: Node) -> str:
    """Region and zone as one key; nodes without either are one zone."""
    labels = node.metadata.labels
    region, zone = labels.get(_REGION, ""), labels.get(_ZONE, "")
    return f"{region}:\0:{zone}" if region or zone else ""


class ZoneState(Enum):
    NORMAL = "Normal"
    PARTIAL_DISRUPTION = "PartialDisruption"
    FULL_DISRUPTION = "FullDisruption"


def zone_state(ready: int, not_ready: int, threshold: float) -> ZoneState:
    if ready == 0 and not_ready > 0:
        return ZoneState.FULL_DISRUPTION
    if not_ready > 2 and not_ready / (not_ready + ready) >= threshold:
        return ZoneState.PARTIAL_DISRUPTION
    return ZoneState.NORMAL


@dataclass(slots=True, frozen=True)
class Rates:
    """Nodes a second that may get a NoExecute taint in one zone."""

    normal: float
    secondary: float
    large_cluster: int

    def of(self, state: ZoneState, nodes: int, everything_down: bool) -> float:
        """When not one node of the cluster is ready, the fault is likely ours: nothing is evicted."""
        if everything_down:
            return 0.0
        if state is ZoneState.PARTIAL_DISRUPTION:
            return self.secondary if nodes > self.large_cluster else 0.0
        return self.normal


class Limiter:
    """A token bucket of one: the first goes at once, the next one when the rate allows."""

    def __init__(self) -> None:
        self._free_at_s = 0.0

    def wait_s(self, rate: float, now: float) -> float | None:
        """Takes the token and returns 0, or says how long to wait; None: not at this rate."""
        if rate <= 0:
            return None
        if now < self._free_at_s:
            return self._free_at_s - now
        self._free_at_s = now + 1.0 / rate
        return 0.0

    def give_back(self) -> None:
        """The taint could not be written; the next try need not wait."""
        self._free_at_s = 0.0
