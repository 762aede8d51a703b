"""Resizes of Pods: what the server takes, and what a node has."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import errors
from pybernetes.apiserver.admission.pod_resize import PodResizeValidator
from pybernetes.apiserver.registry.core.pods.resizing import validate_resize
from tests.unit.apiserver.admission import pod_updates

SMALL = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "200m"}}


def pod(resources: dict[str, Any], generation: int = 1, **more: Any) -> core.Pod:
    container = {
        "name": "c", "image": "i", "resources": resources, "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log", **more.pop("container", {}),
    }  # fmt: skip
    spec = {
        "containers": [container], "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "nodeName": "n",
        "terminationGracePeriodSeconds": 30, **more,
    }  # fmt: skip
    meta = {"name": "p", "namespace": "default", "generation": generation}
    return msgspec.convert({"metadata": meta, "spec": spec, "status": {"qosClass": "Burstable"}}, core.Pod)


@pytest.mark.parametrize(
    ("resources", "more", "expected"),
    [
        pytest.param({**SMALL, "requests": {"cpu": "50m", "memory": "2Gi"}}, {}, [], id="CPU and memory"),
        pytest.param(
            {"requests": {"cpu": "100m"}}, {},
            [
                "spec.containers[0].resources.requests: resource requests cannot be removed",
                "spec.containers[0].resources.limits: resource limits cannot be removed",
            ], id="something less",
        ),
        pytest.param(
            {"requests": {**SMALL["requests"], "ephemeral-storage": "1Gi"}, "limits": SMALL["limits"]}, {},
            ["spec: only cpu and memory resources are mutable"], id="something else",
        ),
        pytest.param(
            {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}, {},
            ["spec: Pod QOS Class may not change as a result of resizing"], id="another quality of service",
        ),
        pytest.param(
            SMALL, {"container": {"name": "d"}},
            ["spec.containers[0].name: containers may not be renamed or reordered on resize"], id="another name",
        ),
        pytest.param(
            SMALL, {"container": {"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]}},
            ["spec: only cpu and memory resources are mutable"], id="another policy",
        ),
    ],
)  # fmt: skip
def test_what_a_resize_may_change(resources: dict[str, Any], more: dict[str, Any], expected: list[str]) -> None:
    found = validate_resize(pod(resources, **more), pod(SMALL))
    assert [f"{e.field}: {e.detail}" for e in found] == expected


def refusal(new: core.Pod, **labels: str) -> errors.StatusError | None:
    node = core.Node()
    node.metadata.name, node.metadata.labels = "n", labels
    node.status.allocatable = {"cpu": "2", "memory": "4Gi"}
    return pod_updates.refusal(PodResizeValidator, node, new, pod(SMALL))


def test_what_a_node_has() -> None:
    fits = {**SMALL, "requests": {"cpu": "2", "memory": "4Gi"}}
    too_much = {**SMALL, "requests": {"cpu": "3", "memory": "5Gi"}}
    assert refusal(pod(fits, 2)) is None
    assert refusal(pod(too_much, 1)) is None, "the spec is the same"
    refused = refusal(pod(too_much, 2))
    assert refused is not None
    assert refused.message == (
        'pods "p" is forbidden: node didn\'t have enough allocatable resources: '
        "cpu, requested: 3000, allocatable: 2000; memory, requested: 5368709120, allocatable: 4294967296"
    )
    assert [c.reason for c in refused.details.causes] == ["NodeCapacity"]
    refused = refusal(pod(fits, 2), **{"kubernetes.io/os": "windows"})
    assert refused is not None
    assert [c.reason for c in refused.details.causes] == ["UnsupportedPlatform"]
