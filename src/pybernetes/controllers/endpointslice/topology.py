"""Topology aware hints: endpoints shared out among zones by the CPUs of their nodes. Pure.

For Services with the annotation service.kubernetes.io/topology-mode: Auto. A zone keeps its own endpoints; what it has
beyond its share is given to zones that have less than theirs. Where no sharing keeps every endpoint's load within a
fifth above the average there are no hints at all, and traffic goes everywhere.
Source: k8s.io/endpointslice/topologycache. Differs: of several zones that are alike the first by name is taken.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Node, Service
from pybernetes.api.discovery.v1 import Endpoint, EndpointHints, EndpointSlice, ForZone
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.fresh import fresh
from pybernetes.controllers.runtime.nodes import is_ready

ZONE = "topology.kubernetes.io/zone"
_MODES = ("service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode")
"""The annotation's name of old wins."""
_APART = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_OVERLOAD = 0.2
NO_NODES = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
FEW_ENDPOINTS = "Insufficient number of endpoints"
UNEVEN = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"
NO_ZONE = "One or more endpoints do not have a zone specified"
NO_HINTS = "No hints allocated for zones"


@dataclass(slots=True)
class Sharing:
    """What became of the endpoints of one address type."""

    by_zone: Counter[str] = field(default_factory=Counter)
    """Endpoints meant for each zone."""
    problem: str = ""
    """Why there are no hints."""


@dataclass(frozen=True, slots=True)
class _Share:
    most: int
    wanted: float


def is_asked(service: Service) -> bool:
    annotations = service.metadata.annotations
    mode = next((annotations[name] for name in _MODES if name in annotations), "")
    return mode in ("Auto", "auto")


def cpu_ratios(nodes: Iterable[Node]) -> dict[str, float]:
    """Each zone's part of all CPUs that are ready; {} when a node does not tell, or there is one zone alone."""
    millis: Counter[str] = Counter()
    for node in nodes:
        labels = node.metadata.labels
        if any(each in labels for each in _APART) or not is_ready(node):
            continue
        zone, cpu = labels.get(ZONE), quantity.milli(node.status.allocatable.get("cpu", "0"))
        if not zone or not cpu:
            return {}
        millis[zone] += cpu
    return {zone: cpu / millis.total() for zone, cpu in millis.items()} if len(millis) > 1 else {}


def share(
    create: Sequence[EndpointSlice],
    update: list[EndpointSlice],
    unchanged: Sequence[EndpointSlice],
    ratios: Mapping[str, float],
) -> Sharing:
    """Writes hints into the slices of `create` and `update`; those of `unchanged` that need others join `update`."""
    shares, problem = _shares(ratios, sum(_ready(each) for each in (*create, *update, *unchanged)))
    if problem:
        return _without(create, update, unchanged, problem)
    result = Sharing()
    for each in unchanged:
        kept = _kept(each, result.by_zone, shares)
        if kept is None:
            update.append(fresh(each))
        else:
            result.by_zone += kept
    free = [*create, *update]
    for endpoint in _endpoints(free):
        endpoint.hints = None
        if not _is_ready(endpoint):
            continue
        if not endpoint.zone:
            return _without(create, update, unchanged, NO_ZONE)
        result.by_zone[endpoint.zone] += 1
        endpoint.hints = _hint(endpoint.zone)
    _redistribute(free, result.by_zone, *_moves(shares, result.by_zone))
    return result if result.by_zone else _without(create, update, unchanged, NO_HINTS)


def is_overloaded(by_zone: Mapping[str, int], ratios: Mapping[str, float]) -> bool:
    """Whether some zone's endpoints bear too much by now."""
    total = sum(by_zone.values())
    return bool(by_zone) and (
        not ratios or any(by_zone.get(zone, 0) < _least(ratio * total) for zone, ratio in ratios.items())
    )


def _shares(ratios: Mapping[str, float], endpoints: int) -> tuple[dict[str, _Share], str]:
    """By zone; and why it cannot be done."""
    if not ratios:
        return {}, NO_NODES
    counts = f"({endpoints} endpoints, {len(ratios)} zones)"
    if len(ratios) > endpoints:
        return {}, f"{FEW_ENDPOINTS} {counts}"
    least = {zone: _least(ratio * endpoints) for zone, ratio in ratios.items()}
    left = endpoints - sum(least.values())
    if left < 0:
        return {}, f"{UNEVEN} {counts}"
    return {zone: _Share(least[zone] + left, max(ratios[zone] * endpoints, least[zone])) for zone in ratios}, ""


def _least(wanted: float) -> int:
    return math.ceil(wanted * (1 / (1 + _OVERLOAD)))


def _kept(each: EndpointSlice, by_zone: Mapping[str, int], shares: Mapping[str, _Share]) -> Counter[str] | None:
    """The hints that a slice has already; None when they are no longer good."""
    found: Counter[str] = Counter()
    for endpoint in each.endpoints or []:
        if not _is_ready(endpoint):
            continue
        zones = endpoint.hints.forZones if endpoint.hints is not None else None
        if not zones:
            return None
        found.update(zone.name for zone in zones)
    fits = all(zone in shares and count + by_zone.get(zone, 0) <= shares[zone].most for zone, count in found.items())
    return found if fits else None


def _moves(shares: Mapping[str, _Share], by_zone: Mapping[str, int]) -> tuple[Counter[str], Counter[str]]:
    """How many endpoints each zone gives, and how many each receives."""
    more = {zone: by_zone.get(zone, 0) - each.wanted for zone, each in sorted(shares.items())}
    giving = {zone: count for zone, count in more.items() if count > 0}
    receiving = {zone: -count for zone, count in more.items() if count < 0}
    gives: Counter[str] = Counter()
    receives: Counter[str] = Counter()
    while giving and receiving:
        giver, receiver = max(giving, key=lambda z: giving[z]), max(receiving, key=lambda z: receiving[z])
        amounts = giving[giver], receiving[receiver]
        if max(amounts) < 1 or min(amounts) < 0.5:
            break
        gives[giver] += 1
        receives[receiver] += 1
        giving[giver] -= 1
        receiving[receiver] -= 1
    return gives, receives


def _redistribute(
    slices: Sequence[EndpointSlice], by_zone: Counter[str], gives: Counter[str], receives: Counter[str]
) -> None:
    waiting = sorted(receives.elements())
    for endpoint in _endpoints(slices):
        zone = endpoint.zone or ""
        if not waiting:
            return
        if _is_ready(endpoint) and gives[zone] > 0:
            receiver = waiting.pop(0)
            endpoint.hints = _hint(receiver)
            gives[zone] -= 1
            by_zone[zone] -= 1
            by_zone[receiver] += 1


def _without(
    create: Sequence[EndpointSlice], update: list[EndpointSlice], unchanged: Sequence[EndpointSlice], problem: str
) -> Sharing:
    """Takes all hints off."""
    there = {each.metadata.name for each in update}
    update += [
        fresh(each)
        for each in unchanged
        if each.metadata.name not in there and any(endpoint.hints is not None for endpoint in each.endpoints or [])
    ]
    for endpoint in _endpoints([*create, *update]):
        endpoint.hints = None
    return Sharing(problem=problem)


def _hint(zone: str) -> EndpointHints:
    return EndpointHints(forZones=[ForZone(name=zone)])


def _endpoints(slices: Iterable[EndpointSlice]) -> Iterator[Endpoint]:
    return (endpoint for each in slices for endpoint in each.endpoints or [])


def _ready(each: EndpointSlice) -> int:
    return sum(_is_ready(endpoint) for endpoint in each.endpoints or [])


def _is_ready(endpoint: Endpoint) -> bool:
    return bool(endpoint.conditions.ready)
