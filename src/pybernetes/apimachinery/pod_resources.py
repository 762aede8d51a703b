"""What a Pod asks for as a whole, in quantities. Pure.

Init containers run one after another, each beside the sidecars that began before it: the greediest moment counts.
Source: component-helpers/resource/helpers.go (PodRequests, PodLimits, AggregateContainerRequests, …).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from pybernetes.api.core.v1 import Container, ContainerStatus, Pod, PodSpec
from pybernetes.apimachinery import quantity

Amounts = dict[str, str]
Kind = Literal["requests", "limits"]
Of = Callable[[Container, Kind], Amounts]


def total(spec: PodSpec, kind: Kind, *, overhead: bool = True, pod_level: bool = True, of: Of | None = None) -> Amounts:
    """Of the containers, or what is said for the Pod itself; with what running it costs, where that is limited."""
    found = sum_of_containers(spec, kind, of)
    if pod_level and spec.resources is not None:
        found.update(amounts_of(spec, kind))
    if overhead:
        add(found, {name: amount for name, amount in spec.overhead.items() if kind == "requests" or name in found})
    return found


def held(pod: Pod, kind: Kind) -> Amounts:
    """As `total`, while a resize is under way."""
    return total(pod.spec, kind, of=held_by(pod))


def held_by(pod: Pod) -> Of:
    """Of each container, while a resize is under way, the most of what is wanted, allocated and in force."""
    if not pod.status.containerStatuses and not pod.status.initContainerStatuses:
        return amounts_of
    infeasible = any(c.type == "PodResizePending" and c.reason == "Infeasible" for c in pod.status.conditions)
    fleeting = {c.name for c in pod.spec.initContainers if c.restartPolicy != "Always"}
    statuses = {s.name: s for s in (*pod.status.containerStatuses, *pod.status.initContainerStatuses)}

    def of(container: Container, kind: Kind) -> Amounts:
        wanted, status = amounts_of(container, kind), statuses.get(container.name)
        if status is None or status.resources is None or container.name in fleeting:
            return wanted
        most = {} if infeasible else dict(wanted)
        _raise(most, amounts_of(status, kind))
        if kind == "requests":
            _raise(most, status.allocatedResources)
        return most

    return of


def sum_of_containers(spec: PodSpec, kind: Kind, of: Of | None = None) -> Amounts:
    """Of those that run together, or of the greediest moment while the Pod initializes.

    `of`: the amounts of one container, where it is not what its spec says.
    """
    of = of or amounts_of
    found: Amounts = {}
    for container in spec.containers:
        add(found, of(container, kind))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.initContainers:
        step = dict(sidecars)
        add(step, of(container, kind))
        if container.restartPolicy == "Always":
            add(found, of(container, kind))
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


def amounts_of(holder: Container | ContainerStatus | PodSpec, kind: Kind) -> Amounts:
    if holder.resources is None:
        return {}
    return holder.resources.requests if kind == "requests" else holder.resources.limits
