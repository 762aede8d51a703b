"""When a node is short of something: thresholds as users write them, and what observations make of them. Pure.

Source: pkg/kubelet/eviction/helpers.go (parsing, thresholdsMet, thresholdsMetGracePeriod, nodeConditions…),
eviction_manager.go synchronize.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.times import TimeError, parse_duration

MEMORY, NODEFS, NODEFS_INODES = "memory.available", "nodefs.available", "nodefs.inodesFree"
IMAGEFS, IMAGEFS_INODES, PIDS = "imagefs.available", "imagefs.inodesFree", "pid.available"
ALLOCATABLE = "allocatableMemory.available"
"""Of the memory that all pods together may have."""
_CONTAINERFS = ("containerfs.available", "containerfs.inodesFree")
"""Of the disk of containers' layers, which is that of images or the only one: what is said of that holds."""
OF_MEMORY = (MEMORY, ALLOCATABLE)
CONDITIONS = {
    MEMORY: "MemoryPressure", ALLOCATABLE: "MemoryPressure", NODEFS: "DiskPressure", NODEFS_INODES: "DiskPressure",
    IMAGEFS: "DiskPressure", IMAGEFS_INODES: "DiskPressure", PIDS: "PIDPressure",
}  # fmt: skip
RESOURCES = {
    MEMORY: "memory", ALLOCATABLE: "memory", NODEFS: "ephemeral-storage", NODEFS_INODES: "inodes",
    IMAGEFS: "ephemeral-storage", IMAGEFS_INODES: "inodes", PIDS: "pids",
}  # fmt: skip
OF_IMAGES = (IMAGEFS, IMAGEFS_INODES)


@dataclass(frozen=True, slots=True)
class Amount:
    """So much, or a part of what there is."""

    quantity: int = 0
    fraction: float = 0.0

    def of(self, capacity: int) -> int:
        return self.quantity or int(capacity * self.fraction)


@dataclass(frozen=True, slots=True)
class Threshold:
    signal: str
    value: Amount
    grace_s: float = 0.0
    """0 for a hard threshold: pods then end at once."""
    reclaim: Amount = Amount()


@dataclass(frozen=True, slots=True)
class Observation:
    available: int
    capacity: int


@dataclass(slots=True)
class State:
    """What is remembered from one look to the next."""

    first_met_s: dict[Threshold, float] = field(default_factory=dict)
    condition_seen_s: dict[str, float] = field(default_factory=dict)
    unresolved: list[Threshold] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class View:
    conditions: frozenset[str]
    due: tuple[Threshold, ...]
    """Thresholds that are crossed and whose grace period is over, of memory first."""


def parse(
    hard: Mapping[str, str],
    soft: Mapping[str, str] | None = None,
    grace_periods: Mapping[str, str] | None = None,
    reclaim: Mapping[str, str] | None = None,
    *,
    pods_are_held: bool = False,
) -> list[Threshold]:
    """`pods_are_held` to their part of the memory: then as much of that is kept free, too, as of the whole.

    Raises ValueError with the text that upstream has for it.
    """
    graces = {}
    for signal, text in (grace_periods or {}).items():
        _check(signal)
        try:
            graces[signal] = parse_duration(text)
        except TimeError as error:
            raise ValueError(f"eviction grace period of {signal}: {error}") from None
        if graces[signal] < 0:
            raise ValueError(f"invalid eviction grace period specified: {text}, must be a positive value")
    minimum = {signal: _reclaim(signal, text) for signal, text in (reclaim or {}).items()}
    found = []
    for statements, is_soft in ((hard, False), (soft or {}, True)):
        for signal, text in statements.items():
            value = _threshold(signal, text)
            if value is None or signal in _CONTAINERFS:
                continue
            if is_soft and signal not in graces:
                raise ValueError(f"grace period must be specified for the soft eviction threshold {signal}")
            grace_s = graces[signal] if is_soft else 0.0
            found.append(Threshold(signal, value, grace_s, minimum.get(signal, Amount())))
    if pods_are_held:
        found += [replace(t, signal=ALLOCATABLE) for t in found if t.signal == MEMORY and not t.grace_s]
    return found


def _check(signal: str) -> None:
    if signal not in RESOURCES and signal not in _CONTAINERFS:
        raise ValueError(f"unsupported eviction signal {signal}")


def _threshold(signal: str, text: str) -> Amount | None:
    _check(signal)
    if text in ("0%", "100%"):
        return None
    if text.endswith("%"):
        fraction = _fraction(signal, text)
        if fraction < 0:
            raise ValueError(f"eviction percentage threshold {signal} must be >= 0%: {text}")
        if fraction > 1:
            raise ValueError(f"eviction percentage threshold {signal} must be <= 100%: {text}")
        return Amount(fraction=fraction)
    amount = _quantity(signal, text)
    if amount <= 0:
        raise ValueError(f"eviction threshold {signal} must be positive: {text}")
    return Amount(amount)


def _reclaim(signal: str, text: str) -> Amount:
    _check(signal)
    if text.endswith("%"):
        fraction = _fraction(signal, text)
        if fraction <= 0:
            raise ValueError(f"eviction percentage minimum reclaim {signal} must be positive: {text}")
        return Amount(fraction=fraction)
    amount = _quantity(signal, text)
    if amount < 0:
        raise ValueError(f"negative eviction minimum reclaim specified for {signal}")
    return Amount(amount)


def _fraction(signal: str, text: str) -> float:
    try:
        fraction = float(text.removesuffix("%")) / 100
    except ValueError:
        fraction = math.nan
    if not math.isfinite(fraction):
        raise ValueError(f"eviction signal {signal}: {text!r} is no percentage")
    return fraction


def _quantity(signal: str, text: str) -> int:
    try:
        return quantity.value(text)
    except quantity.QuantityError:
        raise ValueError(
            f"eviction signal {signal}: {text!r} is neither an amount as 100Mi nor a part as 10%"
        ) from None


def met(
    thresholds: Iterable[Threshold], observed: Mapping[str, Observation], *, with_reclaim: bool = False
) -> list[Threshold]:
    """Those that are crossed; with their minimum reclaim, those that are not yet resolved."""
    found = []
    for threshold in thresholds:
        seen = observed.get(threshold.signal)
        if seen is None:
            continue
        wanted = threshold.value.of(seen.capacity)
        if with_reclaim:
            wanted += threshold.reclaim.of(seen.capacity)
        if wanted > seen.available:
            found.append(threshold)
    return found


def look(
    state: State,
    thresholds: Iterable[Threshold],
    observed: Mapping[str, Observation],
    now_s: float,
    transition_s: float,
) -> View:
    """What the node has to tell and to do now; `state` goes on. A condition lasts `transition_s` after its cause."""
    crossed = met(thresholds, observed)
    crossed += [t for t in met(state.unresolved, observed, with_reclaim=True) if t not in crossed]
    state.first_met_s = {t: state.first_met_s.get(t, now_s) for t in crossed}
    for threshold in crossed:
        state.condition_seen_s[CONDITIONS[threshold.signal]] = now_s
    state.condition_seen_s = {
        name: at_s for name, at_s in state.condition_seen_s.items() if at_s == now_s or now_s - at_s < transition_s
    }
    state.unresolved = [t for t, at_s in state.first_met_s.items() if now_s - at_s >= t.grace_s]
    due = sorted(state.unresolved, key=lambda t: t.signal not in OF_MEMORY)
    return View(frozenset(state.condition_seen_s), tuple(due))
