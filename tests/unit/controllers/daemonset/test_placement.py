"""Which nodes a DaemonSet's Pods belong on."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.apps.v1 import DaemonSet
from pybernetes.api.core.v1 import Node
from pybernetes.controllers.daemonset.placement import Placement, daemon_template, pinned, target_node
from pybernetes.controllers.runtime.pod_control import pod_from_template
from tests.unit.controllers.builders import make


def daemon_set(annotations: dict[str, str] | None = None, **pod_spec: Any) -> DaemonSet:
    template = {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c"}], **pod_spec}}
    meta = {"name": "d", "namespace": "default", "uid": "u", "annotations": annotations or {}}
    return make(
        DaemonSet, {"metadata": meta, "spec": {"selector": {"matchLabels": {"app": "d"}}, "template": template}}
    )


def node(*taints: tuple[str, str], **labels: str) -> Node:
    spec = {"taints": [{"key": key, "effect": effect} for key, effect in taints]}
    return make(Node, {"metadata": {"name": "n", "labels": labels}, "spec": spec})


def required(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


SSD = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
BIG = {"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["8"]}]}


@pytest.mark.parametrize(
    ("pod_spec", "where", "expected"),
    [
        ({}, node(), (True, True)),
        ({"nodeName": "n"}, node(), (True, True)),
        ({"nodeName": "other"}, node(), (False, False)),
        ({"nodeSelector": {"disk": "ssd"}}, node(disk="ssd"), (True, True)),
        ({"nodeSelector": {"disk": "ssd"}}, node(disk="hdd"), (False, False)),
        ({"affinity": required(SSD, BIG)}, node(cores="16"), (True, True)),
        ({"affinity": required(SSD, BIG)}, node(cores="4"), (False, False)),
        ({"affinity": required()}, node(), (False, False)),
        ({}, node(("busy", "PreferNoSchedule")), (True, True)),
        ({}, node(("busy", "NoSchedule")), (False, True)),
        ({}, node(("busy", "NoExecute")), (False, False)),
        ({"tolerations": [{"key": "busy", "operator": "Exists"}]}, node(("busy", "NoExecute")), (True, True)),
        ({}, node(("node.kubernetes.io/unschedulable", "NoSchedule")), (True, True)),
        ({}, node(("node.kubernetes.io/not-ready", "NoExecute")), (True, True)),
        ({}, node(("node.kubernetes.io/not-ready", "NoSchedule")), (False, True)),
        ({}, node(("node.kubernetes.io/network-unavailable", "NoSchedule")), (False, True)),
        ({"hostNetwork": True}, node(("node.kubernetes.io/network-unavailable", "NoSchedule")), (True, True)),
    ],
)
def test_placement(pod_spec: dict[str, Any], where: Node, expected: tuple[bool, bool]) -> None:
    assert Placement(daemon_set(**pod_spec)).on(where) == expected


def test_a_pod_is_pinned_to_its_node_and_keeps_its_other_affinity() -> None:
    made = daemon_set(affinity={**required(SSD), "podAntiAffinity": {}})
    pod = pod_from_template(pinned(daemon_template(made, "hash"), "n-7"), made)
    assert target_node(pod) == "n-7"
    assert pod.spec.affinity is not None
    assert pod.spec.affinity.podAntiAffinity is not None
    assert pod.metadata.labels == {"app": "d", "controller-revision-hash": "hash"}
    assert len(pod.spec.tolerations) == 6


def test_the_deprecated_generation_is_told_on_pods() -> None:
    made = daemon_set({"deprecated.daemonset.template.generation": "3"})
    template = daemon_template(made, "hash")
    assert template.metadata is not None
    assert template.metadata.labels["pod-template-generation"] == "3"
