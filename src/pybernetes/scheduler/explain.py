"""Why a Pod is where it is, or nowhere: the verdict per plugin and node, kept for `pybernetes why`. Pure.

The newest decisions are kept, a few hundred bytes a node each; older ones are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.apimachinery.times import format_time
from pybernetes.scheduler.algorithm import Decision, NoFit
from pybernetes.scheduler.framework import Diagnosis
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Profile

_KEPT = 256
_KEPT_ROWS = 1_000_000
"""Bounds the memory: ten bytes a row, so about 10 MB."""


@dataclass(slots=True, frozen=True)
class Explanation:
    pod: str
    uid: str
    at_s: float
    result: Decision | NoFit


class Explanations:
    """By Pod uid, newest last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Explanation] = OrderedDict()
        self._rows = 0

    def keep(self, info: PodInfo, result: Decision | NoFit, at_s: float) -> None:
        self.forget(info.uid)
        self._kept[info.uid] = Explanation(info.key, info.uid, at_s, result)
        self._rows += len(result.diagnosis.refused_by)
        while len(self._kept) > _KEPT or (self._rows > _KEPT_ROWS and len(self._kept) > 1):
            _, oldest = self._kept.popitem(last=False)
            self._rows -= len(oldest.result.diagnosis.refused_by)

    def get(self, uid: str) -> Explanation | None:
        return self._kept.get(uid)

    def forget(self, uid: str) -> None:
        old = self._kept.pop(uid, None)
        if old is not None:
            self._rows -= len(old.result.diagnosis.refused_by)


def refusals(diagnosis: Diagnosis) -> dict[str, tuple[str, list[str]]]:
    """Node -> (the plugin that refused it, its reasons). Nodes that fit are left out."""
    result: dict[str, tuple[str, list[str]]] = {}
    for row, refused_by in enumerate(diagnosis.refused_by):
        if refused_by >= 0:
            plugin, reasons = diagnosis.verdicts[refused_by]
            bits = int(diagnosis.failures[row])
            result[diagnosis.names[row]] = plugin, [r for bit, r in enumerate(reasons) if bits >> bit & 1]
    return result


def lines(explanation: Explanation) -> list[str]:
    """The explanation as text: the outcome, the scores, the refusals grouped by reason."""
    result = explanation.result
    diagnosis = result.diagnosis
    if isinstance(result, NoFit):
        text = [f"{explanation.pod} fits no node: {diagnosis.message()}"]
    else:
        text = [f"{explanation.pod} goes to {result.node_name}: {result.feasible} of {result.evaluated} nodes fit"]
        for scored in result.scores:
            parts = ", ".join(f"{name} {score}" for name, score in scored.by_plugin.items())
            text.append(f"  {scored.node_name} scores {scored.total} ({parts})")
    grouped: dict[str, list[str]] = {}
    for node_name, (plugin, reasons) in refusals(diagnosis).items():
        grouped.setdefault(f"{plugin}: {', '.join(reasons)}", []).append(node_name)
    for reason, nodes in sorted(grouped.items()):
        more = f" and {len(nodes) - 5} more" if len(nodes) > 5 else ""
        text.append(f"  {reason}: {', '.join(sorted(nodes)[:5])}{more}")
    return text


def told(explanation: Explanation, changes: Sequence[str]) -> dict[str, Any]:
    """All of it as a tree for clients; `changes`: what would make the Pod fit."""
    result = explanation.result
    refused = refusals(result.diagnosis)
    return {
        "pod": explanation.pod,
        "time": format_time(explanation.at_s),
        "node": "" if isinstance(result, NoFit) else result.node_name,
        "refusals": {node: {"plugin": plugin, "reasons": reasons} for node, (plugin, reasons) in refused.items()},
        "changes": changes,
        "text": [*lines(explanation), *(f"  To make it fit: {change}." for change in changes)],
    }


def undecided(info: PodInfo, profiles: Mapping[str, Profile]) -> dict[str, Any] | None:
    """What keeps a Pod from being decided on at all, as `told` tells; None: nothing does."""
    profile = profiles.get(info.pod.spec.schedulerName or "")
    if profile is None:
        return waiting(info, f"waits for the scheduler {info.pod.spec.schedulerName!r}, which is not ours")
    held = profile.pre_enqueue(info)
    return None if held.success else waiting(info, f"is not scheduled yet: {held.message}")


def waiting(info: PodInfo, why: str) -> dict[str, Any]:
    return {"pod": info.key, "node": "", "refusals": {}, "changes": [], "text": [f"{info.key} {why}"]}
