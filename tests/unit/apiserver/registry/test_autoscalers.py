"""What feature gates and what was there before allow a HorizontalPodAutoscaler, and how its targets are shown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.autoscaling.v2 import HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.field_errors import Path
from pybernetes.apiserver.registry.autoscaling.targets import targets_text
from pybernetes.apiserver.registry.autoscaling.validation import validate_spec

WEB = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
BARE = {"kind": "Deployment", "name": "web", "apiVersion": "v1"}
EXTERNAL = {
    "type": "External",
    "external": {"metric": {"name": "jobs"}, "target": {"type": "AverageValue", "averageValue": "1"}},
}


def described(version: str) -> dict[str, Any]:
    about = {"kind": "Service", "name": "main", "apiVersion": version}
    target = {"type": "Value", "value": "1"}
    return {"type": "Object", "object": {"metric": {"name": "m"}, "describedObject": about, "target": target}}


def spec(**fields: Any) -> HorizontalPodAutoscalerSpec:
    tree = {"maxReplicas": 3, "minReplicas": 1, "scaleTargetRef": WEB, "metrics": [EXTERNAL], **fields}
    return msgspec.convert(tree, HorizontalPodAutoscalerSpec)


@pytest.mark.parametrize(
    ("new", "old", "to_zero", "expected"),
    [
        (spec(minReplicas=0), None, False, ["spec.minReplicas: must be greater than or equal to 1"]),
        (spec(minReplicas=0), None, True, []),
        (spec(minReplicas=0), spec(minReplicas=0), False, []),
        (spec(minReplicas=-1), spec(minReplicas=0), False, ["spec.minReplicas: must be greater than or equal to 0"]),
        (spec(scaleTargetRef=BARE), None, False, ["spec.scaleTargetRef.apiVersion: apiVersion must specify API group"]),
        (spec(scaleTargetRef={**BARE, "kind": "ReplicationController"}), None, False, []),
        (spec(scaleTargetRef=BARE), spec(scaleTargetRef=BARE), False, []),
        (
            spec(scaleTargetRef={**WEB, "apiVersion": "a/b/c"}),
            spec(),
            False,
            ["spec.scaleTargetRef.apiVersion: unexpected GroupVersion string: a/b/c"],
        ),
        (
            spec(metrics=[described("a/b/c")]),
            None,
            False,
            ["spec.metrics[0].object.describedObject.apiVersion: unexpected GroupVersion string: a/b/c"],
        ),
        (spec(metrics=[described("a/b/c")]), spec(metrics=[described("d/e/f")]), False, []),
        (spec(metrics=[described("v1")]), None, False, []),
    ],
    ids=[
        "no zero", "zero with the gate", "zero as before", "less than zero", "no group", "a core kind",
        "no group as before", "no version", "no version of a metric's object", "wrong as before", "a core object",
    ],
)  # fmt: skip
def test_gates_and_what_was_before(
    new: HorizontalPodAutoscalerSpec, old: HorizontalPodAutoscalerSpec | None, to_zero: bool, expected: list[str]
) -> None:
    found = validate_spec(new, Path("spec"), old, to_zero=to_zero)
    assert [f"{error.field}: {error.detail}" for error in found] == expected


def test_a_tolerance_is_not_negative() -> None:
    rules = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}], "tolerance": "-10m"}
    (error,) = validate_spec(spec(behavior={"scaleUp": rules}), Path("spec"))
    assert str(error.field) == "spec.behavior.scaleUp.tolerance"
    assert error.detail == "must be greater than or equal to 0"


def _utilization(name: str = "cpu", **target: Any) -> dict[str, Any]:
    return {"name": name, "target": {"type": "Utilization", **target}}


@pytest.mark.parametrize(
    ("metric", "status", "text"),
    [
        ({"type": "Resource", "resource": _utilization(averageUtilization=80)}, None, "cpu: <unknown>/80%"),
        (
            {"type": "Resource", "resource": _utilization(averageUtilization=80)},
            {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 7}}},
            "cpu: 7%/80%",
        ),
        (
            {"type": "Resource", "resource": _utilization(averageUtilization=80)},
            {"type": "ContainerResource", "containerResource": {"name": "cpu", "current": {"averageUtilization": 7}}},
            "cpu: <unknown>/80%",
        ),
        (
            {"type": "ContainerResource", "containerResource": _utilization(averageValue="1")},
            {"type": "ContainerResource", "containerResource": {"name": "cpu", "current": {"averageValue": "500m"}}},
            "cpu: 500m/1",
        ),
        (
            {
                "type": "Pods",
                "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "5"}},
            },
            {"type": "Pods", "pods": {"current": {"averageValue": "3"}}},
            "3/5",
        ),
        (
            {"type": "Object", "object": {"metric": {"name": "m"}, "target": {"type": "Value", "value": "5"}}},
            {"type": "Object", "object": {"current": {"value": "9"}}},
            "9/5",
        ),
        (
            {"type": "External", "external": {"target": {"type": "AverageValue", "averageValue": "5"}}},
            {"type": "External", "external": {"current": {"averageValue": "4", "value": "8"}}},
            "4/5 (avg)",
        ),
        ({"type": "Other"}, None, "<unknown type>"),
    ],
)
def test_the_targets_that_kubectl_shows(metric: dict[str, Any], status: dict[str, Any] | None, text: str) -> None:
    tree = {"spec": {"metrics": [metric]}, "status": {"currentMetrics": [status] if status else []}}
    assert targets_text(msgspec.convert(tree, HorizontalPodAutoscaler)) == text


def test_no_more_than_two_targets_are_shown() -> None:
    metrics = [{"type": "Resource", "resource": _utilization(averageUtilization=n)} for n in (1, 2, 3)]
    obj = msgspec.convert({"spec": {"metrics": metrics}}, HorizontalPodAutoscaler)
    assert targets_text(obj) == "cpu: <unknown>/1%, cpu: <unknown>/2% + 1 more..."


@pytest.mark.parametrize(
    ("rules", "kept"), [({}, 1), ({"policies": None}, 1), ({"policies": []}, 0)], ids=["absent", "null", "empty"]
)
def test_only_absent_policies_get_a_default(run: Any, rules: dict[str, Any], kept: int) -> None:
    tree = {"maxReplicas": 3, "scaleTargetRef": WEB, "behavior": {"scaleDown": rules}}

    async def scenario(cluster: Any) -> Any:
        return await cluster.create(
            "horizontalpodautoscalers.autoscaling/v2", {"metadata": {"name": "web"}, "spec": tree}
        )

    if kept:
        assert len(run(scenario)["spec"]["behavior"]["scaleDown"]["policies"]) == kept
        return
    with pytest.raises(errors.Invalid) as caught:
        run(scenario)
    assert [(cause.field_, cause.message) for cause in caught.value.details.causes] == [
        ("spec.behavior.scaleDown.policies", "Required value: must specify at least one Policy")
    ]
