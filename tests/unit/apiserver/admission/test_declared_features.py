"""Changes of running Pods that need features of their node."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core import v1 as core
from pybernetes.apiserver.admission.declared_features import NodeDeclaredFeatureValidator
from tests.unit.apiserver.admission.pod_updates import refusal

LARGE = {"requests": {"cpu": "2"}}
PODS = "InPlacePodLevelResourcesVerticalScaling"
INIT = "InPlacePodVerticalScalingInitContainers"


def pod(generation: int, init: dict[str, Any] | None = None, **spec: Any) -> core.Pod:
    containers = {"containers": [{"name": "c"}], "initContainers": [{"name": "i", **(init or {})}]}
    tree = {"metadata": {"name": "p", "generation": generation}, "spec": {"nodeName": "n", **containers, **spec}}
    return msgspec.convert(tree, core.Pod)


@pytest.mark.parametrize(
    ("old", "new", "declared", "why"),
    [
        pytest.param(pod(1), pod(2, resources=LARGE), [PODS], "", id="declared"),
        pytest.param(pod(1), pod(1, resources=LARGE), [], "", id="not a new spec"),
        pytest.param(pod(1), pod(2, resources=LARGE, nodeName=None), [], "", id="on no node"),
        pytest.param(pod(1), pod(2, activeDeadlineSeconds=5), [], "", id="no resources"),
        pytest.param(
            pod(1), pod(2, {"resources": LARGE}, resources=LARGE), [],
            f'pod update requires features {PODS}, {INIT} which are not available on node "n"', id="none of two",
        ),
        pytest.param(
            pod(1), pod(2, {"resources": LARGE}, resources=LARGE), [PODS],
            f'pod update requires features {INIT} which are not available on node "n"', id="one of two",
        ),
        pytest.param(
            pod(1, {"restartPolicy": "Always"}), pod(2, {"restartPolicy": "Always", "resources": LARGE}), [], "",
            id="a sidecar",
        ),
        pytest.param(pod(1), pod(2, resources=LARGE, nodeName="m"), [], 'node "m" not found', id="no such node"),
    ],
)  # fmt: skip
def test_what_a_node_has_to_know(old: core.Pod, new: core.Pod, declared: list[str], why: str) -> None:
    node = core.Node(status=core.NodeStatus(declaredFeatures=declared))
    node.metadata.name = "n"
    refused = refusal(NodeDeclaredFeatureValidator, node, new, old)
    assert (refused.message if refused is not None else "") == (f'pods "p" is forbidden: {why}' if why else "")
