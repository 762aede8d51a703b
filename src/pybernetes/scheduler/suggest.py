"""The smallest change that would make a Pod fit: one plugin's objection taken away, or one more node. Pure.

Asked for by people, not in the scheduling cycle.
"""

from __future__ import annotations

import numpy as np

from pybernetes.apimachinery.tolerations import untolerated
from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Profile
from pybernetes.scheduler.resources import CPU, MEMORY, PODS
from pybernetes.scheduler.snapshot import Snapshot

_SHOWN = 3


def changes(profile: Profile, info: PodInfo, snapshot: Snapshot) -> list[str]:
    """Sentences, the least change first; none when no single change is enough."""
    found: list[str] = []
    for name, _ in profile.filter_plugins:
        state = CycleState()
        # Skipped also where Pods are tried that a node is promised to.
        state.skip_filter.add(name)
        rows, _, _ = profile.find_feasible(state, info, snapshot, without=name)
        if len(rows):
            found += _without(name, rows, info, snapshot)
    like = _one_more_like(profile, info, snapshot)
    if like:
        found.append(f"one more node like {like} would hold it")
    return found


def _without(name: str, rows: Ints, info: PodInfo, snapshot: Snapshot) -> list[str]:
    names = [snapshot.names()[row] for row in rows]
    match name:
        case "NodeResourcesFit":
            return _lower_requests(rows, info, snapshot)
        case "TaintToleration":
            return _tolerate(rows, info, snapshot)
        case "NodeAffinity":
            return [f"without its node selector and required node affinity it would fit on {_listed(names)}"]
        case "NodeUnschedulable":
            return [f"kubectl uncordon {names[0]} would let it run there"]
    return [f"it would fit on {_listed(names)}, if {name} did not object"]


def _lower_requests(rows: Ints, info: PodInfo, snapshot: Snapshot) -> list[str]:
    """On the node where the least has to go, as a share of the request."""
    best: tuple[float, str] | None = None
    for row in rows:
        if snapshot.requested(PODS)[row] + 1 > _offered(snapshot, PODS, row):
            continue
        share, parts = 0.0, []
        for resource, amount in info.requests.items():
            free = _offered(snapshot, resource, row) - _taken(snapshot, resource, row)
            if amount > free:
                share += (amount - max(free, 0)) / amount
                parts.append(f"{resource} {_text(resource, max(free, 0))} instead of {_text(resource, amount)}")
        text = f"requesting {' and '.join(parts)} it would fit on {snapshot.names()[row]}"
        if parts and (best is None or share < best[0]):
            best = share, text
    return [best[1]] if best else []


def _tolerate(rows: Ints, info: PodInfo, snapshot: Snapshot) -> list[str]:
    nodes: dict[str, list[str]] = {}
    for row in rows:
        node = snapshot.nodes[row]
        assert node is not None
        taint = untolerated(node.spec.taints, info.pod.spec.tolerations, ("NoSchedule", "NoExecute"))
        if taint is not None:
            text = f"{taint.key}{'=' + taint.value if taint.value else ''}:{taint.effect}"
            nodes.setdefault(text, []).append(snapshot.names()[row])
    return [f"tolerating {taint} it would fit on {_listed(names)}" for taint, names in nodes.items()]


def _one_more_like(profile: Profile, info: PodInfo, snapshot: Snapshot) -> str:
    """A node that would hold the Pod if it were empty."""
    state = CycleState()
    _, diagnosis, status = profile.find_feasible(state, info, snapshot)
    if not status.success:
        return ""
    for row in np.flatnonzero(diagnosis.resolvable()):
        trial = profile.node_trial(state, info, snapshot, int(row))
        for other in snapshot.pods_on(diagnosis.names[row]):
            trial.remove(other)
        if trial.refusal() is None:
            return diagnosis.names[row]
    return ""


def _offered(snapshot: Snapshot, resource: str, row: int) -> int:
    column = snapshot.allocatable(resource)
    return 0 if column is None else int(column[row])


def _taken(snapshot: Snapshot, resource: str, row: int) -> int:
    return 0 if snapshot.allocatable(resource) is None else int(snapshot.requested(resource)[row])


def _text(resource: str, amount: int) -> str:
    if resource == CPU:
        return f"{amount}m"
    return f"{amount >> 20}Mi" if resource == MEMORY else str(amount)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more
