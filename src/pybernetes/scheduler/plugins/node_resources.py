"""NodeResourcesFit and NodeResourcesBalancedAllocation: does it fit, and where does it fit best."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pybernetes.api.core.v1 import Node
from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import (
    MAX_NODE_SCORE,
    MOST_REASONS,
    CycleState,
    PluginArguments,
    Refusal,
    Trial,
    Verdict,
)
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.resources import (
    CPU,
    EPHEMERAL_STORAGE,
    MEMORY,
    PODS,
    is_extended_resource,
    node_allocatable,
    pod_requests,
)
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status

Floats = NDArray[np.float64]
Weights = Sequence[tuple[str, int]]
Wanted = tuple[tuple[str, int], ...]

TOO_MANY_PODS = "Too many pods"
_NEVER = np.uint64(MOST_REASONS - 1)
_NATIVE = (CPU, MEMORY, EPHEMERAL_STORAGE)
_DEFAULT_WEIGHTS: Weights = ((CPU, 1), (MEMORY, 1))


class Fit:
    name = "NodeResourcesFit"

    def __init__(self, arguments: PluginArguments) -> None:
        given = arguments.arguments
        self._ignored = frozenset(given.get("ignoredResources") or ())
        self._ignored_groups = frozenset(given.get("ignoredResourceGroups") or ())
        strategy = given.get("scoringStrategy") or {}
        self._weights = _weights(strategy)
        self._scorer = _strategy(strategy)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        wanted = tuple(self._wanted(info))
        room = snapshot.kept(
            (self, "room", wanted), lambda rows: self._room(wanted, snapshot, rows, snapshot.requested)
        )
        return self._verdict(wanted, room)

    def filter_without(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        below = snapshot.by_priority.below
        wanted = tuple(self._wanted(info))
        room = self._room(
            wanted,
            snapshot,
            np.arange(snapshot.rows),
            lambda name: snapshot.requested(name) - below(info.priority, name, snapshot.rows),
        )
        return self._verdict(wanted, room)

    def _room(
        self, wanted: Wanted, snapshot: Snapshot, rows: Ints, requested: Callable[[str], Ints]
    ) -> NDArray[np.uint64]:
        """Per row, a bit for each thing it is short of, the number of Pods first; the last bit: it never has enough."""
        pods = snapshot.allocatable(PODS)
        assert pods is not None
        failures = (requested(PODS)[rows] + 1 > pods[rows]).astype(np.uint64)
        never = np.zeros(len(rows), np.bool_)
        for index, (name, amount) in enumerate(wanted):
            allocatable = snapshot.allocatable(name)
            offered = np.zeros(len(rows), np.int64) if allocatable is None else allocatable[rows]
            free = offered if allocatable is None else offered - requested(name)[rows]
            never |= amount > offered
            failures |= (amount > free).astype(np.uint64) << np.uint64(min(index + 1, MOST_REASONS - 2))
        return failures | never.astype(np.uint64) << _NEVER

    def _verdict(self, wanted: Wanted, room: NDArray[np.uint64]) -> Verdict:
        reasons = (TOO_MANY_PODS, *(f"Insufficient {name}" for name, _ in wanted))
        return Verdict(reasons[: MOST_REASONS - 1], room & ~(np.uint64(1) << _NEVER), room >> _NEVER != 0)

    def trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> Trial:
        return _FitTrial(self._wanted(info), snapshot, row)

    def trial_key(self, info: PodInfo) -> Hashable:
        return tuple(self._wanted(info))

    def _wanted(self, info: PodInfo) -> list[tuple[str, int]]:
        names = sorted(info.requests, key=_native_first)
        return [(name, info.requests[name]) for name in names if not self._is_ignored(name)]

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        def compute(rows: Ints) -> Ints:
            columns = _columns(info, snapshot, rows, self._weights, non_zero=True)
            return self._scorer([(weight, *column) for weight, column in columns], len(rows))

        return cast("Ints", snapshot.kept((self, "score", tuple(info.scored_requests.items())), compute)[rows])

    def events_to_register(self) -> Sequence[Registration]:
        pod = ClusterEvent(EventResource.POD, Action.DELETE | Action.UPDATE_POD_SCALE_DOWN)
        node = ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_ALLOCATABLE)
        return [Registration(pod, _room_freed), Registration(node, _node_now_fits)]

    def _is_ignored(self, name: str) -> bool:
        return is_extended_resource(name) and (name in self._ignored or name.split("/")[0] in self._ignored_groups)


class _FitTrial:
    """What is free on one node."""

    def __init__(self, wanted: list[tuple[str, int]], snapshot: Snapshot, row: int) -> None:
        self._wanted = wanted
        self._offered: dict[str, int] = {}
        self._free: dict[str, int] = {}
        for name, _ in ((PODS, 0), *wanted):
            allocatable = snapshot.allocatable(name)
            if allocatable is not None:
                self._offered[name] = int(allocatable[row])
                self._free[name] = int(allocatable[row] - snapshot.requested(name)[row])

    def add(self, other: PodInfo) -> None:
        self._change(other, -1)

    def remove(self, other: PodInfo) -> None:
        self._change(other, 1)

    def _change(self, other: PodInfo, sign: int) -> None:
        self._free[PODS] += sign
        for name, _ in self._wanted:
            amount = other.requests.get(name)
            if amount and name in self._free:
                self._free[name] += sign * amount

    def refusal(self) -> Refusal | None:
        reasons = [TOO_MANY_PODS] if self._free[PODS] < 1 else []
        never = False
        for name, amount in self._wanted:
            if amount > self._free.get(name, 0):
                reasons.append(f"Insufficient {name}")
                never = never or amount > self._offered.get(name, 0)
        return Refusal(tuple(reasons), never) if reasons else None


class BalancedAllocation:
    """Prefers the node whose resources the Pod brings closer to equal use."""

    name = "NodeResourcesBalancedAllocation"

    def __init__(self, arguments: PluginArguments) -> None:
        self._weights = _weights(arguments.arguments)

    def pre_score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Status:
        return SUCCESS if any(info.requests.get(name) for name, _ in self._weights) else SKIP

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        def compute(rows: Ints) -> Ints:
            columns = [column for _, column in _columns(info, snapshot, rows, self._weights, non_zero=False)]
            after = _balance([(allocatable, requested) for allocatable, _, requested in columns], len(rows))
            before = _balance([(allocatable, allocated) for allocatable, allocated, _ in columns], len(rows))
            half = MAX_NODE_SCORE // 2
            return half + (half + after - before) // 2

        return cast("Ints", snapshot.kept((self, tuple(info.requests.items())), compute)[rows])


def _weights(given: dict[str, Any]) -> Weights:
    listed = given.get("resources")
    if not listed:
        return _DEFAULT_WEIGHTS
    return tuple((entry["name"], int(entry.get("weight") or 1)) for entry in listed)


def _native_first(name: str) -> tuple[int, str]:
    return (_NATIVE.index(name) if name in _NATIVE else len(_NATIVE)), name


def _columns(
    info: PodInfo, snapshot: Snapshot, rows: Ints, weights: Weights, *, non_zero: bool
) -> list[tuple[int, tuple[Ints, Ints, Ints]]]:
    """(weight, (allocatable, allocated, allocated with the Pod)) of each resource that counts for the Pod."""
    result = []
    for name, weight in weights:
        request = (info.scored_requests if non_zero else info.requests).get(name, 0)
        if request == 0 and name not in _NATIVE:
            continue
        allocatable = snapshot.allocatable(name)
        if allocatable is None:
            continue
        if non_zero and name == CPU:
            allocated = snapshot.non_zero_cpu
        elif non_zero and name == MEMORY:
            allocated = snapshot.non_zero_memory
        else:
            allocated = snapshot.requested(name)
        before = allocated[rows]
        result.append((weight, (allocatable[rows], before, before + request)))
    return result


Scored = list[tuple[int, Ints, Ints, Ints]]


def _strategy(strategy: dict[str, Any]) -> Callable[[Scored, int], Ints]:
    match strategy.get("type") or "LeastAllocated":
        case "LeastAllocated":
            return _least_allocated
        case "MostAllocated":
            return _most_allocated
        case "RequestedToCapacityRatio":
            shape = (strategy.get("requestedToCapacityRatio") or {}).get("shape") or []
            points = [(int(p["utilization"]), int(p["score"]) * 10) for p in shape]
            return lambda columns, count: _ratio(columns, count, points)
        case other:
            raise ValueError(f"scoring strategy {other} is not supported")


def _least_allocated(columns: Scored, count: int) -> Ints:
    return _weighted(
        columns, count, lambda used, size: np.where(used > size, 0, (size - used) * MAX_NODE_SCORE // size)
    )


def _most_allocated(columns: Scored, count: int) -> Ints:
    return _weighted(columns, count, lambda used, size: np.minimum(used, size) * MAX_NODE_SCORE // size)


def _weighted(columns: Scored, count: int, score: Callable[[Ints, Ints], Ints]) -> Ints:
    total = np.zeros(count, np.int64)
    weights = np.zeros(count, np.int64)
    for weight, allocatable, _, requested in columns:
        offered = allocatable > 0
        total += np.where(offered, score(requested, np.maximum(allocatable, 1)) * weight, 0)
        weights += offered * weight
    return np.where(weights > 0, total // np.maximum(weights, 1), 0)


def _ratio(columns: Scored, count: int, points: list[tuple[int, int]]) -> Ints:
    total = np.zeros(count, np.int64)
    weights = np.zeros(count, np.int64)
    for weight, allocatable, _, requested in columns:
        size = np.maximum(allocatable, 1)
        used = np.where(requested > size, 100, requested * 100 // size)
        score = np.where(allocatable > 0, _broken_line(points, used), 0)
        total += score * weight
        weights += (score > 0) * weight
    ratio = total / np.maximum(weights, 1)
    return np.where(weights > 0, np.floor(ratio + 0.5), 0).astype(np.int64)


def _broken_line(points: list[tuple[int, int]], at: Ints) -> Ints:
    """Straight between the points, flat outside; whole numbers, cut towards zero as Go divides."""
    result = np.full(len(at), points[-1][1], np.int64)
    for (x0, y0), (x1, y1) in reversed(list(itertools.pairwise(points))):
        rise = (y1 - y0) * (at - x0)
        result = np.where(at <= x1, y0 + np.sign(rise) * (np.abs(rise) // (x1 - x0)), result)
    return np.where(at <= points[0][0], points[0][1], result)


def _balance(columns: list[tuple[Ints, Ints]], count: int) -> Ints:
    """100 less the deviation of the used fractions. Source: noderesources/balanced_allocation.go."""
    offered = [allocatable > 0 for allocatable, _ in columns]
    fractions: list[Floats] = [np.minimum(used / np.maximum(allocatable, 1), 1.0) for allocatable, used in columns]
    if len(columns) == 2:
        deviation = np.where(offered[0] & offered[1], np.abs((fractions[0] - fractions[1]) / 2), 0.0)
    else:
        deviation = _deviation(offered, fractions, count)
    return ((1 - deviation) * MAX_NODE_SCORE).astype(np.int64)


def _deviation(offered: Sequence[NDArray[np.bool_]], fractions: Sequence[Floats], count: int) -> Floats:
    sizes = np.zeros(count, np.int64)
    total = np.zeros(count)
    first, last = np.zeros(count), np.zeros(count)
    for has, fraction in zip(offered, fractions, strict=True):
        first = np.where(has & (sizes == 0), fraction, first)
        last = np.where(has, fraction, last)
        sizes += has
        total += np.where(has, fraction, 0.0)
    mean = total / np.maximum(sizes, 1)
    squares = np.zeros(count)
    for has, fraction in zip(offered, fractions, strict=True):
        squares += np.where(has, (fraction - mean) * (fraction - mean), 0.0)
    many = np.sqrt(squares / np.maximum(sizes, 1))
    return np.where(sizes == 2, np.abs((first - last) / 2), np.where(sizes > 2, many, 0.0))


def _room_freed(info: PodInfo, old: Any, new: Any) -> bool:
    """A Pod that held a place went away, or shrank in something this Pod asks for (or is this Pod itself)."""
    if new is None:
        return bool(old.spec.nodeName or old.status.nominatedNodeName)
    if new.metadata.uid == info.uid:
        return True
    if not new.spec.nodeName:
        return False
    before, after = pod_requests(old), pod_requests(new)
    return any(before.get(name, 0) > after.get(name, 0) for name in info.requests)


def _node_now_fits(info: PodInfo, old: Node | None, new: Node) -> bool:
    """The node would hold the Pod if it were empty, and is new or grew in something the Pod asks for."""
    offered = node_allocatable(new)
    requests = info.requests
    if offered.get(PODS, 0) < 1 or any(offered.get(name, 0) < amount for name, amount in requests.items()):
        return False
    if old is None:
        return True
    before = node_allocatable(old)
    return any(offered.get(name, 0) > before.get(name, 0) for name in (PODS, *requests))
