"""How many replicas one metric asks for. Pure: samples, Pods and the time come in as values.

All amounts are in thousandths of the metric's unit, as upstream computes with them.
Source: pkg/controller/podautoscaler/replica_calculator.go, metrics/utilization.go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.pods import is_ready
from pybernetes.apimachinery.times import parse_time
from pybernetes.controllers.runtime.pods import condition

MAX_REPLICAS = 2**31 - 1
MAX_AMOUNT = 2**63 - 1
_NO_PODS = "no pods returned by selector while calculating replica count"


class MetricError(ValueError):
    """Why a metric says nothing; the text is upstream's."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a Pod used."""

    milli: int
    at: float = 0.0
    """Seconds since the epoch; the end of the window."""
    window_s: float = 60.0


_Rerun = Callable[[Mapping[str, int]], float]
Samples = Mapping[str, Sample]
"""By the Pod's name."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far a ratio may be from 1 before anything is changed."""

    down: float = 0.1
    up: float = 0.1

    def cover(self, ratio: float) -> bool:
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True, slots=True)
class Timing:
    """From when on a Pod's CPU use is believed."""

    cpu_initialization_s: float = 300.0
    """After its start, only samples of a whole window in which the Pod was ready count."""
    initial_readiness_s: float = 30.0
    """A Pod that became unready within this time after its start was never ready."""


@dataclass(frozen=True, slots=True)
class Proposal:
    replicas: int
    usage: int
    """The current value, of one Pod on average or of all, as the target is."""
    utilization: int | None = None
    """In percent of what the Pods request."""


@dataclass(slots=True)
class Groups:
    """Pods by what they say of the workload."""

    ready: int = 0
    unready: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    """Should have told their use and did not."""
    ignored: set[str] = field(default_factory=set)
    """Leaving or failed."""


def grouped(pods: Iterable[Pod], samples: Samples, resource: str, timing: Timing, now: float) -> Groups:
    """`resource` is "" for metrics that are no resource: only CPU depends on readiness."""
    found = Groups()
    for pod in pods:
        name = pod.metadata.name or ""
        if pod.metadata.deletionTimestamp or pod.status.phase == "Failed":
            found.ignored.add(name)
        elif pod.status.phase == "Pending":
            found.unready.add(name)
        elif name not in samples:
            found.missing.add(name)
        elif resource == "cpu" and _starts_up(pod, samples[name], timing, now):
            found.unready.add(name)
        else:
            found.ready += 1
    return found


def _starts_up(pod: Pod, sample: Sample, timing: Timing, now: float) -> bool:
    ready = condition(pod, "Ready")
    if ready is None or not pod.status.startTime:
        return True
    started = parse_time(pod.status.startTime)
    changed = parse_time(ready.lastTransitionTime) if ready.lastTransitionTime else 0.0
    if started + timing.cpu_initialization_s > now:
        return ready.status == "False" or sample.at < changed + sample.window_s
    return ready.status == "False" and started + timing.initial_readiness_s > changed


def requests_of(pods: Iterable[Pod], container: str, resource: str) -> dict[str, int]:
    """What each Pod requests: of one container, of the Pod itself where it says so, or of all its containers.

    Raises MetricError for a container that requests nothing.
    """
    return {pod.metadata.name or "": _request(pod, container, resource) for pod in pods}


def _request(pod: Pod, container: str, resource: str) -> int:
    own = pod.spec.resources.requests if pod.spec.resources is not None else None
    if own and not container:
        if resource not in own:
            raise MetricError(f"missing pod-level request for {resource} in Pod {pod.metadata.name}")
        return quantity.milli(own[resource])
    sidecars = [c for c in pod.spec.initContainers if c.restartPolicy == "Always"]
    wanted = [c for c in (*pod.spec.containers, *sidecars) if not container or c.name == container]
    if container and not wanted:
        raise MetricError(f"container {container} not found in Pod {pod.metadata.name}")
    total = 0
    for each in wanted:
        requests = each.resources.requests if each.resources is not None else None
        if not requests or resource not in requests:
            raise MetricError(f"missing request for {resource} in container {each.name} of Pod {pod.metadata.name}")
        total += quantity.milli(requests[resource])
    return total


def for_utilization(
    current: int,
    target: int,
    resource: str,
    container: str,
    samples: Samples,
    pods: Sequence[Pod],
    tolerances: Tolerances,
    timing: Timing,
    now: float,
) -> Proposal:
    """`target` in percent of what is requested. Raises MetricError."""
    groups = _counted(pods, samples, resource, timing, now)
    known = _without(samples, groups)
    requests = requests_of(pods, container, resource)
    ratio, utilization, usage = _utilization(known, requests, target)

    def rerun(assumed: Mapping[str, int]) -> float:
        return _utilization(assumed, requests, target)[0]

    # When it would scale down, who tells nothing is taken to use all that it requests, or the target if that is more.
    most = max(100, target)
    whole = {name: requests[name] * most // 100 for name in groups.missing}
    return Proposal(_replicas(current, ratio, known, groups, whole, rerun, tolerances), usage, utilization)


def for_average(
    current: int,
    target: int,
    resource: str,
    samples: Samples,
    pods: Sequence[Pod],
    tolerances: Tolerances,
    timing: Timing,
    now: float,
) -> Proposal:
    """`target` is an average of the Pods. Raises MetricError."""
    groups = _counted(pods, samples, resource, timing, now)
    known = _without(samples, groups)
    usage = _quotient(sum(known.values()), len(known))

    def rerun(assumed: Mapping[str, int]) -> float:
        return _quotient(sum(assumed.values()), len(assumed)) / target

    whole = dict.fromkeys(groups.missing, target)
    return Proposal(_replicas(current, usage / target, known, groups, whole, rerun, tolerances), usage)


def for_value(current: int, usage: int, target: int, pods: Sequence[Pod], tolerances: Tolerances) -> Proposal:
    """One value for all Pods. From zero replicas on, the ratio is the number. Raises MetricError."""
    ratio = usage / target
    if current == 0:
        return Proposal(_bounded(ratio), usage)
    if tolerances.cover(ratio):
        return Proposal(current, usage)
    if not pods:
        raise MetricError(
            "unable to calculate ready pods: no pods returned by selector while calculating replica count"
        )
    ready = sum(pod.status.phase == "Running" and is_ready(pod) for pod in pods)
    return Proposal(_bounded(ratio * ready), usage)


def for_value_per_pod(replicas: int, usage: int, target: int, tolerances: Tolerances) -> Proposal:
    """One value, and how much of it a Pod is to have.

    Differs: with no replicas the current average is the whole value, where upstream's is the least integer.
    """
    within = replicas > 0 and tolerances.cover(usage / (target * replicas))
    wanted = replicas if within else _bounded(usage / target)
    average = MAX_AMOUNT if usage >= MAX_AMOUNT else -(-usage // max(replicas, 1))
    return Proposal(wanted, average)


def total(amounts: Iterable[int]) -> int:
    """The sum, which stays in 64 bits."""
    return min(sum(amounts), MAX_AMOUNT)


def _counted(pods: Sequence[Pod], samples: Samples, resource: str, timing: Timing, now: float) -> Groups:
    if not pods:
        raise MetricError(_NO_PODS)
    groups = grouped(pods, samples, resource, timing, now)
    if not samples.keys() - groups.ignored - groups.unready:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    return groups


def _without(samples: Samples, groups: Groups) -> dict[str, int]:
    left_out = groups.ignored | groups.unready
    return {name: sample.milli for name, sample in samples.items() if name not in left_out}


def _utilization(amounts: Mapping[str, int], requests: Mapping[str, int], target: int) -> tuple[float, int, int]:
    """(ratio to the target, percent, average amount)."""
    known = [name for name in amounts if name in requests]
    requested = sum(requests[name] for name in known)
    if requested == 0:
        raise MetricError("no metrics returned matched known pods")
    used = sum(amounts[name] for name in known)
    percent = _quotient(used * 100, requested)
    return percent / target, percent, _quotient(used, len(known))


def _replicas(
    current: int,
    ratio: float,
    known: Mapping[str, int],
    groups: Groups,
    whole: Mapping[str, int],
    rerun: _Rerun,
    tolerances: Tolerances,
) -> int:
    """The number by a ratio, careful about Pods of which nothing is known: they damp any change, never turn it."""
    growing = bool(groups.unready) and ratio > 1.0
    if not growing and not groups.missing:
        return current if tolerances.cover(ratio) else _bounded(ratio * groups.ready)
    assumed = dict(known)
    if ratio < 1.0:
        assumed |= whole
    elif ratio > 1.0:
        assumed |= dict.fromkeys(groups.missing, 0)
    if growing:
        assumed |= dict.fromkeys(groups.unready, 0)
    again = rerun(assumed)
    if tolerances.cover(again) or (ratio < 1.0 < again) or (again < 1.0 < ratio):
        return current
    wanted = _bounded(again * len(assumed))
    if (again < 1.0 and wanted > current) or (again > 1.0 and wanted < current):
        return current
    return wanted


def _bounded(replicas: float) -> int:
    return MAX_REPLICAS if replicas > MAX_REPLICAS else math.ceil(replicas)


def _quotient(amount: int, by: int) -> int:
    """Rounded to zero, as integers divide upstream."""
    return -(-amount // by) if amount < 0 else amount // by
