"""autoscaling/v1 and v2 of one object: the texts of the annotations are upstream's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pybernetes.apiserver.registry.autoscaling.conversion import from_storage, to_storage

PREFIX = "autoscaling.alpha.kubernetes.io/"
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
ABOUT = {"kind": "Service", "name": "main", "apiVersion": "v1"}
CHOSEN = {"matchLabels": {"verb": "GET"}}


def v2(metrics: list[Any], status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a"},
        "spec": {"maxReplicas": 3, "metrics": metrics, **spec},
        "status": status or {},
    }


def object_metric(**target: Any) -> dict[str, Any]:
    metric = {"name": "qps", "selector": CHOSEN}
    return {"type": "Object", "object": {"metric": metric, "describedObject": ABOUT, "target": target}}


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (
            object_metric(type="Value", value="10"),
            {
                "type": "Object",
                "object": {"target": ABOUT, "metricName": "qps", "targetValue": "10", "selector": CHOSEN},
            },
        ),
        (
            object_metric(type="AverageValue", averageValue="5"),
            {
                "type": "Object",
                "object": {
                    "target": ABOUT,
                    "metricName": "qps",
                    "targetValue": "0",
                    "selector": CHOSEN,
                    "averageValue": "5",
                },
            },
        ),
        (
            {
                "type": "Pods",
                "pods": {"metric": {"name": "q"}, "target": {"type": "AverageValue", "averageValue": "1"}},
            },
            {"type": "Pods", "pods": {"metricName": "q", "targetAverageValue": "1"}},
        ),
        (
            {
                "type": "External",
                "external": {"metric": {"name": "q", "selector": CHOSEN}, "target": {"type": "Value", "value": "3"}},
            },
            {"type": "External", "external": {"metricName": "q", "metricSelector": CHOSEN, "targetValue": "3"}},
        ),
        (
            {
                "type": "ContainerResource",
                "containerResource": {
                    "name": "cpu",
                    "container": "c",
                    "target": {"type": "Utilization", "averageUtilization": 60},
                },
            },
            {
                "type": "ContainerResource",
                "containerResource": {"name": "cpu", "targetAverageUtilization": 60, "container": "c"},
            },
        ),
        (
            {
                "type": "Resource",
                "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
            },
            {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "1Gi"}},
        ),
    ],
    ids=["object", "object for each", "pods", "external", "container", "memory"],
)
def test_metrics(metric: dict[str, Any], text: dict[str, Any]) -> None:
    old = from_storage(v2([metric, CPU]))
    assert old["spec"] == {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}
    assert orjson.loads(old["metadata"]["annotations"][f"{PREFIX}metrics"]) == [text]
    assert to_storage(old) == v2([metric, CPU])


def test_status_and_behavior() -> None:
    current = {"averageUtilization": 40, "averageValue": "40m"}
    status = {
        "currentReplicas": 2,
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": current}}],
        "conditions": [{"type": "AbleToScale", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    }
    policies = [{"type": "Pods", "value": 4, "periodSeconds": 15}]
    behavior = {"scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": policies}}
    new = v2([CPU], status, behavior=behavior)
    old = from_storage(new)
    assert old["status"] == {"currentReplicas": 2, "currentCPUUtilizationPercentage": 40}
    assert old["metadata"]["annotations"][f"{PREFIX}current-metrics"] == (
        '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":40,"currentAverageValue":"40m"}}]'
    )
    assert old["metadata"]["annotations"][f"{PREFIX}behavior"] == (
        '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,'
        '"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":null}'
    )
    assert to_storage(old) == new


@pytest.mark.parametrize("name", ["metrics", "current-metrics", "conditions", "behavior", "scale-up-tolerance"])
@pytest.mark.parametrize("text", ["{bad", "5", "null", "[1]", '"a"', '[{"type":5}]', '[{"pods":[]}]', '{"ScaleUp":5}'])
def test_what_cannot_be_read_is_left_out(name: str, text: str) -> None:
    old = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a", "annotations": {f"{PREFIX}{name}": text, "mine": "kept"}},
        "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50},
    }
    found = to_storage(old)
    assert found["metadata"]["annotations"] == {"mine": "kept"}
    assert (found["spec"], found["status"]) == ({"maxReplicas": 3, "metrics": [CPU]}, {})
