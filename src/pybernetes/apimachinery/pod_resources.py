"""What a Pod asks for as a whole, in quantities. Pure.

Init containers run one after another, each beside the sidecars that began before it: the greediest moment counts.
Source: component-helpers/resource/helpers.go (PodRequests, PodLimits, AggregateContainerRequests, …).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pybernetes.api.core.v1 import Container, PodSpec
from pybernetes.apimachinery import quantity

Amounts = dict[str, str]
Kind = Literal["requests", "limits"]


def total(spec: PodSpec, kind: Kind, *, overhead: bool = True) -> Amounts:
    """Of the containers, or what is said for the Pod itself; with what running it costs, where that is limited."""
    found = sum_of_containers(spec, kind)
    if spec.resources is not None:
        found.update(amounts_of(spec, kind))
    if overhead:
        add(found, {name: amount for name, amount in spec.overhead.items() if kind == "requests" or name in found})
    return found


def sum_of_containers(spec: PodSpec, kind: Kind) -> Amounts:
    """Of those that run together, or of the greediest moment while the Pod initializes."""
    found: Amounts = {}
    for container in spec.containers:
        add(found, amounts_of(container, kind))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.initContainers:
        step = dict(sidecars)
        add(step, amounts_of(container, kind))
        if container.restartPolicy == "Always":
            add(found, amounts_of(container, kind))
            sidecars = step
        _raise(peak, step)
    _raise(found, peak)
    return found


def add(into: Amounts, amounts: Mapping[str, str]) -> None:
    for name, amount in amounts.items():
        into[name] = quantity.add(into[name], amount) if into.get(name, "0") != "0" else amount


def _raise(into: Amounts, amounts: Mapping[str, str]) -> None:
    for name, amount in amounts.items():
        if name not in into or quantity.compare(amount, into[name]) > 0:
            into[name] = amount


def amounts_of(holder: Container | PodSpec, kind: Kind) -> Amounts:
    if holder.resources is None:
        return {}
    return holder.resources.requests if kind == "requests" else holder.resources.limits
