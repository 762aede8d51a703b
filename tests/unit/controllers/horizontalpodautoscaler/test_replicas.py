"""How many replicas a metric asks for; the figures are those of upstream's replica_calculator_test.go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.times import format_time
from pybernetes.controllers.horizontalpodautoscaler import replicas
from pybernetes.controllers.horizontalpodautoscaler.replicas import (
    MAX_AMOUNT,
    MAX_REPLICAS,
    MetricError,
    Sample,
    Timing,
    Tolerances,
)
from tests.unit.controllers.builders import NOW, make

TIMING = Timing(cpu_initialization_s=120, initial_readiness_s=10)
USUAL = Tolerances()


def pod(name: str, request: str = "1", **facts: Any) -> Pod:
    """facts: ready, started_s (ago), changed_s (readiness, ago), phase, deleted, spec."""
    changed = facts.get("changed_s", facts.get("started_s", 3600))
    container = {"resources": {"requests": {"cpu": request}}} if request else {}
    tree: dict[str, Any] = {
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "a", **container}, {"name": "b", **container}], **facts.get("spec", {})},
        "status": {
            "phase": facts.get("phase", "Running"),
            "startTime": format_time(NOW - facts.get("started_s", 3600)),
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True" if facts.get("ready", True) else "False",
                    "lastTransitionTime": format_time(NOW - changed),
                }
            ],
        },
    }
    if facts.get("deleted"):
        tree["metadata"]["deletionTimestamp"] = format_time(NOW)
    return make(Pod, tree)


def pods(count: int, **others: dict[str, Any]) -> list[Pod]:
    """p0, p1, …; `others` gives the facts of some, by name."""
    return [pod(f"p{n}", **others.get(f"p{n}", {})) for n in range(count)]


def samples(*amounts: int) -> dict[str, Sample]:
    return {f"p{n}": Sample(amount, NOW, 60) for n, amount in enumerate(amounts)}


HOT = {"started_s": 0}
"""Within the CPU initialization period: its sample began before it was ready."""
NEVER_READY = {"ready": False, "started_s": 3600, "changed_s": 3600}
GONE = {"deleted": True}


@pytest.mark.parametrize(
    ("current", "target", "used", "others", "expected"),
    [
        (3, 30, (600, 1000, 1400), {}, (5, 50, 1000)),
        (3, 30, (600, 1000, 1400), {"p0": HOT}, (4, 60, 1200)),
        (3, 30, (800, 1000, 1400), {"p1": NEVER_READY, "p2": NEVER_READY}, (3, 40, 800)),
        (2, 30, (1000, 1400), {"p2": {"phase": "Failed"}, "p3": {"phase": "Failed"}}, (4, 60, 1200)),
        (2, 30, (1000, 1400), {"p2": GONE, "p3": GONE}, (4, 60, 1200)),
        (5, 50, (200, 600, 1000, 500, 500), {}, (3, 28, 560)),
        (5, 50, (200, 600, 1000, 500, 500), {"p3": NEVER_READY, "p4": NEVER_READY}, (2, 30, 600)),
        (4, 100, (800, 190), {}, (3, 24, 495)),
        (4, 100, (8000, 19000, 6000, 14000, 6400, 4000), {}, (24, 587, 11750)),
        (3, 100, (2020, 2060, 2040), {}, (3, 102, 2040)),
        (2, 50, (2000,), {}, (2, 100, 2000)),
        (3, 50, (1000, 500), {"p2": {"phase": "Pending"}}, (2, 37, 750)),
    ],
    ids=[
        "up", "up, one too young", "up, unready ones damp", "failed ones do not count", "leaving ones do not count",
        "down", "down, unready ones do not count", "down, missing ones use all", "superfluous samples", "tolerated",
        "up, a missing one uses nothing", "down, a pending one does not count",
    ],
)  # fmt: skip
def test_utilization(
    current: int, target: int, used: tuple[int, ...], others: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    known = pods(max(current, len(others) and 1 + max(int(name[1:]) for name in others)), **others)
    found = replicas.for_utilization(current, target, "cpu", "", samples(*used), known, USUAL, TIMING, NOW)
    assert (found.replicas, found.utilization, found.usage) == expected


@pytest.mark.parametrize(
    ("current", "target", "used", "others", "expected"),
    [
        (3, 15000, (20000, 10000, 30000), {}, (4, 20000)),
        (3, 15000, (50000, 10000, 30000), {"p2": {**HOT, "ready": False}}, (6, 30000)),
        (5, 20000, (12000,) * 5, {}, (3, 12000)),
        (3, 20000, (20000, 21000, 21000), {}, (3, 20666)),
    ],
    ids=["up", "readiness is CPU's alone", "down", "tolerated"],
)
def test_average(
    current: int, target: int, used: tuple[int, ...], others: dict[str, Any], expected: tuple[int, int]
) -> None:
    found = replicas.for_average(current, target, "", samples(*used), pods(current, **others), USUAL, TIMING, NOW)
    assert (found.replicas, found.usage) == expected


@pytest.mark.parametrize(
    ("current", "usage", "target", "unready", "expected"),
    [
        (3, 20000, 15000, (), 4),
        (3, 50000, 10000, ("p0", "p2"), 5),
        (5, 12000, 20000, (), 3),
        (3, 20666, 20000, (), 3),
        (0, 0, 20000, (), 0),
        (0, 25000, 10000, (), 3),
        (3, MAX_AMOUNT, 1, (), MAX_REPLICAS),
    ],
    ids=["up", "ready ones alone count", "down", "tolerated", "stays at zero", "from zero", "very much"],
)
def test_value(current: int, usage: int, target: int, unready: Sequence[str], expected: int) -> None:
    known = pods(current, **{name: {"ready": False} for name in unready})
    assert replicas.for_value(current, usage, target, known, USUAL).replicas == expected


@pytest.mark.parametrize(
    ("current", "usage", "target", "expected"),
    [
        (3, 20000, 5000, (4, 6667)),
        (5, 6000, 2000, (3, 1200)),
        (4, 20166, 5000, (4, 5042)),
        (0, 3000, 1000, (3, 3000)),
        (3, MAX_AMOUNT, 1, (MAX_REPLICAS, MAX_AMOUNT)),
    ],
    ids=["up", "down", "tolerated", "from zero", "very much"],
)
def test_value_per_pod(current: int, usage: int, target: int, expected: tuple[int, int]) -> None:
    found = replicas.for_value_per_pod(current, usage, target, USUAL)
    assert (found.replicas, found.usage) == expected


@pytest.mark.parametrize(
    ("tolerances", "used", "expected"),
    [
        (Tolerances(0, 0), (1818, 2020, 2222), 4),
        (Tolerances(0.1, 2.0), (3780, 3820, 3800), 3),
        (Tolerances(2.0, 0.08), (2200, 2200, 2200), 4),
        (Tolerances(0.5, 0.08), (1200, 1200, 1200), 3),
    ],
    ids=["none", "much upwards", "little upwards", "much downwards"],
)
def test_tolerances(tolerances: Tolerances, used: tuple[int, ...], expected: int) -> None:
    found = replicas.for_utilization(3, 100, "cpu", "", samples(*used), pods(3), tolerances, TIMING, NOW)
    assert found.replicas == expected


@pytest.mark.parametrize(
    ("facts", "at", "unready"),
    [
        ({"started_s": 60, "changed_s": 50}, -40.0, True),
        ({"started_s": 100, "changed_s": 90}, 0.0, False),
        ({"started_s": 100, "changed_s": 90, "ready": False}, 0.0, True),
        ({"started_s": 300, "changed_s": 295, "ready": False}, 0.0, True),
        ({"started_s": 300, "changed_s": 200, "ready": False}, 0.0, False),
        ({"started_s": 300, "changed_s": 295}, 0.0, False),
    ],
    ids=[
        "young, sample from before it was ready", "young, a whole window ready", "young, unready",
        "old, never ready", "old, no longer ready", "old, ready",
    ],
)  # fmt: skip
def test_when_cpu_is_believed(facts: dict[str, Any], at: float, unready: bool) -> None:
    told = {"p0": Sample(1, NOW + at, 60)}
    groups = replicas.grouped([pod("p0", **facts)], told, "cpu", TIMING, NOW)
    assert (groups.unready, groups.ready) == (({"p0"}, 0) if unready else (set(), 1))
    assert replicas.grouped([pod("p0", **facts)], told, "memory", TIMING, NOW).ready == 1


SIDECAR = {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}}


@pytest.mark.parametrize(
    ("found", "container", "expected"),
    [
        (pod("p", "100m"), "", 200),
        (pod("p", "100m"), "b", 100),
        (pod("p", "100m", spec={"initContainers": [SIDECAR, {"name": "once"}]}), "", 250),
        (pod("p", "", spec={"resources": {"requests": {"cpu": "700m"}}}), "", 700),
        (pod("p", "100m", spec={"resources": {"requests": {"cpu": "700m"}}}), "a", 100),
        (pod("p", ""), "", "missing request for cpu in container a of Pod p"),
        (pod("p", "100m"), "x", "container x not found in Pod p"),
        (
            pod("p", "1", spec={"resources": {"requests": {"memory": "1Gi"}}}),
            "",
            "missing pod-level request for cpu in Pod p",
        ),
    ],
    ids=["all", "one", "with a sidecar", "of the Pod", "one, not the Pod", "none", "no such container", "not of this"],
)
def test_requests(found: Pod, container: str, expected: int | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(MetricError) as error:
            replicas.requests_of([found], container, "cpu")
        assert str(error.value) == expected
    else:
        assert replicas.requests_of([found], container, "cpu") == {"p": expected}


def test_without_pods_or_samples_nothing_is_said() -> None:
    with pytest.raises(MetricError, match="no pods returned by selector"):
        replicas.for_average(1, 1, "", samples(1), [], USUAL, TIMING, NOW)
    with pytest.raises(MetricError, match="did not receive metrics for targeted pods"):
        replicas.for_utilization(1, 50, "cpu", "", samples(1), pods(1, p0=HOT), USUAL, TIMING, NOW)
    with pytest.raises(MetricError, match="no metrics returned matched known pods"):
        replicas.for_utilization(1, 50, "cpu", "", {"other": Sample(1, NOW)}, pods(1), USUAL, TIMING, NOW)
