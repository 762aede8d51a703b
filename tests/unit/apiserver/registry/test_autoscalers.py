"""What feature gates and what was there before allow a HorizontalPodAutoscaler."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.autoscaling.v2 import HorizontalPodAutoscalerSpec
from pybernetes.apimachinery.field_errors import Path
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
