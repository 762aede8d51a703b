"""NodeResourcesFit and NodeResourcesBalancedAllocation: does it fit, and where does it fit best."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybernetes.api.core.v1 import Node
from pybernetes.api.resource.v1 import DeviceClass
from pybernetes.apimachinery.extended_resources import OF_CLASS, is_extended
from pybernetes.scheduler.columns import Ints, at_rows
from pybernetes.scheduler.devices.view import DeviceView
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
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.resources import (
    CPU,
    EPHEMERAL_STORAGE,
    MEMORY,
    PODS,
    node_allocatable,
    pod_requests,
)
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status

Floats = NDArray[np.float64]
Weights = Sequence[tuple[str, int]]
Wanted = tuple[tuple[str, int, bool], ...]
"""(resource, amount, whether it is made of devices where a node has none of it), of each resource."""

TOO_MANY_PODS = "Too many pods"
_NEVER = np.uint64(MOST_REASONS - 1)
_NOTHING = np.iinfo(np.int64).min
"""Less than any node has left."""
_NATIVE = (CPU, MEMORY, EPHEMERAL_STORAGE)
_DEFAULT_WEIGHTS: Weights = ((CPU, 1), (MEMORY, 1))


class Fit:
    name = "NodeResourcesFit"

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        given = arguments.arguments
        self._devices = handle.devices
        self._ignored = frozenset(given.get("ignoredResources") or ())
        self._ignored_groups = frozenset(given.get("ignoredResourceGroups") or ())
        strategy = given.get("scoringStrategy") or {}
        self._weights = _weights(strategy)
        self._scorer = _strategy(strategy)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        wanted = tuple(self._wanted(info))
        room = snapshot.kept_of_room(
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
        for index, (name, amount, of_devices) in enumerate(wanted):
            allocatable = snapshot.allocatable(name)
            offered = np.zeros(len(rows), np.int64) if allocatable is None else allocatable[rows]
            free = offered if allocatable is None else offered - requested(name)[rows]
            asked = np.where(offered > 0, amount, _NOTHING) if of_devices else amount
            never |= asked > offered
            failures |= (asked > free).astype(np.uint64) << np.uint64(min(index + 1, MOST_REASONS - 2))
        return failures | never.astype(np.uint64) << _NEVER

    def _verdict(self, wanted: Wanted, room: NDArray[np.uint64]) -> Verdict | None:
        if not len(room) or not room.max():
            return None
        reasons = (TOO_MANY_PODS, *(f"Insufficient {name}" for name, *_ in wanted))
        return Verdict(reasons[: MOST_REASONS - 1], room & ~(np.uint64(1) << _NEVER), room >> _NEVER != 0)

    def trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> Trial:
        return _FitTrial(self._wanted(info), snapshot, row)

    def trial_key(self, info: PodInfo) -> Hashable:
        return tuple(self._wanted(info))

    def _wanted(self, info: PodInfo) -> list[tuple[str, int, bool]]:
        names = sorted(info.requests, key=_native_first)
        return [
            (name, info.requests[name], _class_behind(self._devices, name) is not None)
            for name in names
            if not self._is_ignored(name)
        ]

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        def compute(rows: Ints) -> Ints:
            columns = _columns(info, snapshot, rows, self._weights, self._devices, non_zero=True)
            return self._scorer([(weight, *column) for weight, column in columns], len(rows))

        if _of_devices(info, self._weights, self._devices):
            return compute(rows)
        return at_rows(snapshot.kept_of_room((self, "score", tuple(info.scored_requests.items())), compute), rows)

    def events_to_register(self) -> Sequence[Registration]:
        pod = ClusterEvent(EventResource.POD, Action.DELETE | Action.UPDATE_POD_SCALE_DOWN)
        node = ClusterEvent(EventResource.NODE, Action.ADD | Action.UPDATE_NODE_ALLOCATABLE)
        device_class = ClusterEvent(EventResource.DEVICE_CLASS, Action.ADD | Action.UPDATE)
        return [
            Registration(pod, _room_freed),
            Registration(node, self._node_now_fits),
            Registration(device_class, _class_now_stands_for_it),
        ]

    def _node_now_fits(self, info: PodInfo, old: Node | None, new: Node) -> bool:
        """The node would hold the Pod if it were empty, and is new or grew in something the Pod asks for."""
        offered = node_allocatable(new)
        requests = info.requests
        if offered.get(PODS, 0) < 1 or any(
            offered.get(name, 0) < amount and (offered.get(name) or _class_behind(self._devices, name) is None)
            for name, amount in requests.items()
        ):
            return False
        if old is None:
            return True
        before = node_allocatable(old)
        return any(offered.get(name, 0) > before.get(name, 0) for name in (PODS, *requests))

    def _is_ignored(self, name: str) -> bool:
        if not self._ignored and not self._ignored_groups:
            return False
        return is_extended(name) and (name in self._ignored or name.split("/")[0] in self._ignored_groups)


class _FitTrial:
    """What is free on one node."""

    def __init__(self, wanted: list[tuple[str, int, bool]], snapshot: Snapshot, row: int) -> None:
        self._offered: dict[str, int] = {}
        self._free: dict[str, int] = {}
        for name, *_ in ((PODS, 0, False), *wanted):
            allocatable = snapshot.allocatable(name)
            if allocatable is not None:
                self._offered[name] = int(allocatable[row])
                self._free[name] = int(allocatable[row] - snapshot.requested(name)[row])
        self._wanted = [
            (name, amount) for name, amount, of_devices in wanted if not of_devices or self._offered.get(name)
        ]

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

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        self._weights = _weights(arguments.arguments)
        self._devices = handle.devices

    def pre_score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Status:
        return SUCCESS if any(info.requests.get(name) for name, _ in self._weights) else SKIP

    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        def compute(rows: Ints) -> Ints:
            weighted = _columns(info, snapshot, rows, self._weights, self._devices, non_zero=False)
            columns = [column for _, column in weighted]
            after = _balance([(allocatable, requested) for allocatable, _, requested in columns], len(rows))
            before = _balance([(allocatable, allocated) for allocatable, allocated, _ in columns], len(rows))
            half = MAX_NODE_SCORE // 2
            return half + (half + after - before) // 2

        if _of_devices(info, self._weights, self._devices):
            return compute(rows)
        return at_rows(snapshot.kept_of_room((self, tuple(info.requests.items())), compute), rows)


def _weights(given: dict[str, Any]) -> Weights:
    listed = given.get("resources")
    if not listed:
        return _DEFAULT_WEIGHTS
    return tuple((entry["name"], int(entry.get("weight") or 1)) for entry in listed)


def _native_first(name: str) -> tuple[int, str]:
    return (_NATIVE.index(name) if name in _NATIVE else len(_NATIVE)), name


def _class_behind(devices: DeviceView | None, name: str) -> DeviceClass | None:
    """The class whose devices a resource is made of, where a node has none of it."""
    return devices.behind_resources().get(name) if devices is not None and "/" in name else None


def _of_devices(info: PodInfo, weights: Weights, devices: DeviceView | None) -> bool:
    """Whether scores depend on devices, which come and go without a node's changing."""
    return any(info.requests.get(name) and _class_behind(devices, name) is not None for name, _ in weights)


def _with_devices(
    device_class: DeviceClass, devices: DeviceView, snapshot: Snapshot, rows: Ints, offered: Ints, used: Ints
) -> tuple[Ints, Ints]:
    """(offered, used), of devices where the nodes offer nothing themselves."""
    offered, used = offered.copy(), used.copy()
    for index in np.flatnonzero(offered == 0):
        node = snapshot.nodes[rows[index]]
        assert node is not None
        total, given = devices.of_class(device_class, node)
        if total:
            offered[index], used[index] = total, given
    return offered, used


def _columns(
    info: PodInfo,
    snapshot: Snapshot,
    rows: Ints,
    weights: Weights,
    devices: DeviceView | None,
    *,
    non_zero: bool,
) -> list[tuple[int, tuple[Ints, Ints, Ints]]]:
    """(weight, (allocatable, allocated, allocated with the Pod)) of each resource that counts for the Pod."""
    result = []
    for name, weight in weights:
        request = (info.scored_requests if non_zero else info.requests).get(name, 0)
        if request == 0 and name not in _NATIVE:
            continue
        allocatable = snapshot.allocatable(name)
        device_class = _class_behind(devices, name)
        if allocatable is None and device_class is None:
            continue
        if allocatable is None:
            offered = before = np.zeros(len(rows), np.int64)
        else:
            if non_zero and name == CPU:
                allocated = snapshot.non_zero_cpu
            elif non_zero and name == MEMORY:
                allocated = snapshot.non_zero_memory
            else:
                allocated = snapshot.requested(name)
            offered, before = allocatable[rows], allocated[rows]
        if device_class is not None and devices is not None:
            offered, before = _with_devices(device_class, devices, snapshot, rows, offered, before)
        result.append((weight, (offered, before, before + request)))
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


def _class_now_stands_for_it(info: PodInfo, old: DeviceClass | None, new: DeviceClass) -> bool:
    """The class is new, or has a new name for a resource, and the Pod asks for it by that name."""
    if old is not None and (old.spec.extendedResourceName or "") == (new.spec.extendedResourceName or ""):
        return False
    names = {new.spec.extendedResourceName or ""}
    if old is None:
        names.add(OF_CLASS + (new.metadata.name or ""))
    return not names.isdisjoint(info.requests)
