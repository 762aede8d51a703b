"""What metrics ask for, in what words; texts as upstream's horizontal.go has them."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.autoscaling.v2 import HorizontalPodAutoscaler, MetricSpec, MetricStatus
from pybernetes.api.core.v1 import Pod
from pybernetes.api.meta.v1 import LabelSelector
from pybernetes.controllers.horizontalpodautoscaler import plan
from pybernetes.controllers.horizontalpodautoscaler.metrics import used_by
from pybernetes.controllers.horizontalpodautoscaler.plan import Failure, Suggestion
from pybernetes.controllers.horizontalpodautoscaler.replicas import MetricError, Sample, Timing, Tolerances
from tests.unit.controllers.builders import NOW, make, pod

FACTS = plan.Facts(1, 1, [pod("p", ready_s=100)], Tolerances(), Timing(), NOW)


def metric(kind: str, **source: Any) -> MetricSpec:
    return make(MetricSpec, {"type": kind, kind[0].lower() + kind[1:]: source})


CPU = metric("Resource", name="cpu", target={"type": "Utilization", "averageUtilization": 50})
MEMORY = metric("Resource", name="memory", target={"type": "AverageValue", "averageValue": "64Mi"})
OF_CONTAINER = metric(
    "ContainerResource", name="memory", container="c", target={"type": "AverageValue", "averageValue": "64Mi"}
)
PODS = metric("Pods", metric={"name": "qps"}, target={"type": "AverageValue", "averageValue": "10"})
MAIN = {"kind": "Service", "name": "main", "apiVersion": "v1"}
OBJECT = metric("Object", metric={"name": "qps"}, describedObject=MAIN, target={"type": "Value", "value": "10"})
OBJECT_EACH = metric(
    "Object", metric={"name": "qps"}, describedObject=MAIN, target={"type": "AverageValue", "averageValue": "10"}
)
CHOSEN = {"name": "jobs", "selector": {"matchLabels": {"queue": "q"}}}
EXTERNAL = metric("External", metric=CHOSEN, target={"type": "Value", "value": "10"})
EXTERNAL_EACH = metric("External", metric=CHOSEN, target={"type": "AverageValue", "averageValue": "10"})
TOLD = "&LabelSelector{MatchLabels:map[string]string{queue: q,},MatchExpressions:[]LabelSelectorRequirement{},}"
MIB = 1024 * 1024 * 1000


@pytest.mark.parametrize(
    ("spec", "found", "replicas", "name", "current"),
    [
        (MEMORY, {"p": Sample(128 * MIB, NOW)}, 2, "memory resource", {"averageValue": "128Mi"}),
        (OF_CONTAINER, {"p": Sample(128 * MIB, NOW)}, 2, "memory resource", {"averageValue": "128Mi"}),
        (PODS, {"p": Sample(25500, NOW)}, 3, "pods metric qps", {"averageValue": "25500m"}),
        (OBJECT, 30000, 3, "Service metric qps", {"value": "30"}),
        (OBJECT_EACH, 30000, 3, "external metric qps(nil)", {"averageValue": "30"}),
        (EXTERNAL, 40000, 4, f"external metric jobs({TOLD})", {"value": "40"}),
        (EXTERNAL_EACH, 40000, 4, f"external metric jobs({TOLD})", {"averageValue": "40"}),
    ],
    ids=["memory", "container", "pods", "object", "object for each", "external", "external for each"],
)
def test_one_metric(spec: MetricSpec, found: Any, replicas: int, name: str, current: dict[str, str]) -> None:
    made = plan.suggestion(spec, found, FACTS)
    assert (made.replicas, made.metric, made.status.type) == (replicas, name, spec.type)
    held = getattr(made.status, spec.type[0].lower() + spec.type[1:]).current
    assert {key: getattr(held, key) for key in ("averageValue", "value") if getattr(held, key)} == current


def test_utilization_names_percent_and_amount() -> None:
    spec = {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}
    status = {
        "phase": "Running",
        "startTime": "2020-01-01T00:00:00Z",
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    requesting = make(Pod, {"metadata": {"name": "p"}, "spec": spec, "status": status})
    facts = plan.Facts(1, 1, [requesting], Tolerances(), Timing(), NOW)
    made = plan.suggestion(CPU, {"p": Sample(1000, NOW)}, facts)
    assert (made.replicas, made.metric) == (2, "cpu resource utilization (percentage of request)")
    assert made.status.resource is not None
    assert (made.status.resource.current.averageUtilization, made.status.resource.current.averageValue) == (100, "1")


@pytest.mark.parametrize(
    ("spec", "reason", "message", "error"),
    [
        (
            CPU,
            "FailedGetResourceMetric",
            "failed to get cpu utilization: unable to get metrics for resource cpu: away",
            "failed to get cpu resource metric value: failed to get cpu utilization: "
            "unable to get metrics for resource cpu: away",
        ),
        (
            OF_CONTAINER,
            "FailedGetContainerResourceMetric",
            "failed to get memory usage: unable to get metrics for resource memory: away",
            "failed to get c container metric value: failed to get memory usage: "
            "unable to get metrics for resource memory: away",
        ),
        (
            PODS,
            "FailedGetPodsMetric",
            "unable to get metric qps: away",
            "failed to get pods metric value: unable to get metric qps: away",
        ),
        (
            OBJECT,
            "FailedGetObjectMetric",
            "unable to get metric qps: away on Service ns/main",
            "failed to get object metric value: unable to get metric qps: away on Service ns/main",
        ),
        (
            OBJECT_EACH,
            "FailedGetObjectMetric",
            "unable to get metric qps: away on Service ns/main",
            "failed to get object metric value: failed to get qps object metric: "
            "unable to get metric qps: away on Service ns/main",
        ),
        (
            EXTERNAL,
            "FailedGetExternalMetric",
            f"unable to get external metric ns/jobs/{TOLD}: away",
            "failed to get jobs external metric value: failed to get external metric jobs: "
            f"unable to get external metric ns/jobs/{TOLD}: away",
        ),
        (
            EXTERNAL_EACH,
            "FailedGetExternalMetric",
            f"unable to get external metric ns/jobs/{TOLD}: away",
            "failed to get jobs external metric value: failed to get jobs external metric: "
            f"unable to get external metric ns/jobs/{TOLD}: away",
        ),
    ],
    ids=["resource", "container", "pods", "object", "object for each", "external", "external for each"],
)
def test_a_metric_that_cannot_be_had(spec: MetricSpec, reason: str, message: str, error: str) -> None:
    found = plan.failure(spec, plan.unfetched(spec, "ns", "away"))
    assert (found.reason, found.message, found.error) == (reason, message, error)
    assert found.condition == f"the HPA was unable to compute the replica count: {message}"


def test_a_target_without_a_value_is_told() -> None:
    spec = metric("External", metric={"name": "m"}, target={"type": "Value"})
    with pytest.raises(MetricError, match="invalid external metric source: neither a value target nor an average"):
        plan.suggestion(spec, 5, FACTS)


def asks(replicas: int, name: str = "m") -> Suggestion:
    return Suggestion(replicas, name, MetricStatus(type="Pods"))


LOST = Failure("FailedGetPodsMetric", "away", "failed to get pods metric value: away")


@pytest.mark.parametrize(
    ("found", "current", "replicas", "active", "error"),
    [
        ([asks(2, "a"), asks(5, "b"), asks(3, "c")], 3, 5, "True", ""),
        ([LOST, asks(5)], 3, 5, "True", "1 invalid out of 2"),
        ([LOST, asks(2)], 3, -1, "False", "1 invalid out of 2"),
        ([LOST, LOST], 3, -1, "False", "2 invalid out of 2"),
        ([asks(0), asks(2)], 3, 2, "True", ""),
    ],
    ids=["most of all", "up in spite of one", "not down with one lost", "all lost", "zero is the least"],
)
def test_all_metrics(found: Any, current: int, replicas: int, active: str, error: str) -> None:
    made = plan.outcome(found, current)
    assert (made.replicas, made.active[0], len(made.statuses)) == (replicas, active, len(found))
    assert error in made.error
    if error:
        assert made.error.startswith("invalid metrics (")
        assert made.error.endswith(", first error is: failed to get pods metric value: away")
    if active == "False":
        assert made.active[1:] == ("FailedGetPodsMetric", "the HPA was unable to compute the replica count: away")


@pytest.mark.parametrize(
    ("behavior", "configurable", "expected"),
    [
        (None, True, (0.1, 0.1)),
        ({"scaleUp": {"tolerance": "0"}}, True, (0.1, 0.0)),
        ({"scaleUp": {"tolerance": "50m"}, "scaleDown": {"tolerance": "0.2"}}, True, (0.2, 0.05)),
        ({"scaleUp": {"tolerance": "50m"}}, False, (0.1, 0.1)),
    ],
    ids=["no behavior", "up", "both", "gate off"],
)
def test_tolerances(behavior: Any, configurable: bool, expected: tuple[float, float]) -> None:
    autoscaler = make(HorizontalPodAutoscaler, {"metadata": {}, "spec": {"behavior": behavior} if behavior else {}})
    found = plan.tolerances(autoscaler, 0.1, configurable)
    assert (found.down, found.up) == expected


def test_a_selector_is_told_as_go_does() -> None:
    selector = make(LabelSelector, {"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]})
    assert plan.told(selector) == (
        "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{"
        "LabelSelectorRequirement{Key:a,Operator:In,Values:[x y],},},}"
    )
    assert plan.told(None) == "nil"


def test_a_container_that_tells_nothing_hides_its_pod() -> None:
    full, empty = {"name": "a", "usage": {"cpu": "250m", "memory": "1Mi"}}, {"name": "b", "usage": {"memory": "1Mi"}}
    assert used_by([full], "cpu", "") == 250
    assert used_by([full, empty], "cpu", "") is None
    assert used_by([full, empty], "cpu", "a") == 250
    assert used_by([full], "cpu", "x") is None
    assert used_by([], "cpu", "") is None
