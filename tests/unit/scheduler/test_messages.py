"""What users read when a Pod fits nowhere, and the explanation behind it."""

from __future__ import annotations

import pytest

from pybernetes.api.core.v1 import Node, Pod, Toleration
from pybernetes.host.random import Random
from pybernetes.scheduler.algorithm import Decision, NoFit, schedule
from pybernetes.scheduler.config import ConfigError, ProfileConfig, from_tree
from pybernetes.scheduler.explain import Explanations, lines, refusals
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from tests.unit.scheduler.builders import node, pod, profile, requirement, snapshot_of

TAINT = ("dedicated", "db", "NoSchedule")
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"


def decide(new: Pod, nodes: list[Node], placed: list[Pod] | None = None) -> Decision | NoFit:
    choose = Random(1).choice_index
    return schedule(profile(), CycleState(), PodInfo(new), snapshot_of(nodes, placed), choose)


NO_CLAIMS = "no new claims to deallocate"
"""What every Pod is told that has no claims to devices."""


@pytest.mark.parametrize(
    ("new", "nodes", "placed", "message"),
    [
        pytest.param(
            pod(cpu="3"),
            [node("a", taints=[TAINT]), node("b", cpu="2"), node("c", cpu="4")],
            [pod("x", cpu="2", on="c")],
            "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. "
            f"{NO_CLAIMS}, preemption: 0/3 nodes are available: 1 {NO_VICTIMS}, 2 {NOT_HELPFUL}.",
            id="taint-and-cpu",
        ),
        pytest.param(
            pod(cpu="5", memory="9Gi"),
            [node("a", pods="0")],
            [],
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods. "
            f"{NO_CLAIMS}, preemption: 0/1 nodes are available: 1 {NOT_HELPFUL}.",
            id="every-reason-of-a-node",
        ),
        pytest.param(
            pod(more={"example.com/gpu": "1"}),
            [node("a"), node("b")],
            [],
            "0/2 nodes are available: 2 Insufficient example.com/gpu. "
            f"{NO_CLAIMS}, preemption: 0/2 nodes are available: 2 {NOT_HELPFUL}.",
            id="unknown-extended-resource",
        ),
        pytest.param(
            pod(nodeSelector={"disk": "ssd"}),
            [node("a", unschedulable=True), node("b")],
            [],
            "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
            f"1 node(s) were unschedulable. {NO_CLAIMS}, preemption: 0/2 nodes are available: 2 {NOT_HELPFUL}.",
            id="selector-and-cordon",
        ),
        pytest.param(
            pod(ports=[("", "TCP", 80)]),
            [node("a")],
            [pod("x", ports=[("10.0.0.1", "TCP", 80)], on="a")],
            "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. "
            f"{NO_CLAIMS}, preemption: 0/1 nodes are available: 1 {NO_VICTIMS}.",
            id="host-port",
        ),
        pytest.param(
            pod(cpu="5", preemptionPolicy="Never"),
            [node("a")],
            [],
            f"0/1 nodes are available: 1 Insufficient cpu. {NO_CLAIMS}, "
            "preemption: not eligible due to preemptionPolicy=Never.",
            id="never-preempts",
        ),
    ],
)
def test_no_fit_message(new: Pod, nodes: list[Node], placed: list[Pod], message: str) -> None:
    result = decide(new, nodes, placed)
    assert isinstance(result, NoFit)
    assert result.diagnosis.message() == message


def test_absurd_requests_do_not_fit_and_break_nothing() -> None:
    result = decide(pod(cpu="100E", memory="99999999999999E"), [node("a")])
    assert isinstance(result, NoFit)
    assert result.diagnosis.counts() == {"Insufficient cpu": 1, "Insufficient memory": 1}
    many = pod(more={f"example.com/r{index}": "1" for index in range(100)})
    offering = node("a", **{f"example.com__r{index}": "1" for index in range(99)})
    refused = decide(many, [offering])
    assert isinstance(refused, NoFit)
    assert decide(many, [node("b", **{f"example.com__r{index}": "1" for index in range(100)})]).node_name == "b"  # type: ignore[union-attr]


def test_affinity_to_named_nodes_says_what_the_others_failed() -> None:
    new = pod(required=[[]])
    assert new.spec.affinity and new.spec.affinity.nodeAffinity
    required = new.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
    assert required is not None
    required.nodeSelectorTerms[0].matchFields = [requirement("metadata.name", "In", ["b"])]
    result = decide(new, [node("a"), node("b", taints=[TAINT]), node("c")])
    assert isinstance(result, NoFit)
    assert result.diagnosis.message().startswith(
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), "
        "2 node(s) didn't satisfy plugin(s) [NodeAffinity]."
    )
    new.spec.tolerations = [Toleration(operator="Exists")]
    assert decide(new, [node("a"), node("b", taints=[TAINT])]).node_name == "b"  # type: ignore[union-attr]


def test_contradicting_node_names_are_refused_before_any_node_is_asked() -> None:
    new = pod(required=[[]])
    assert new.spec.affinity and new.spec.affinity.nodeAffinity
    required = new.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
    assert required is not None
    required.nodeSelectorTerms[0].matchFields = [
        requirement("metadata.name", "In", ["a"]),
        requirement("metadata.name", "In", ["b"]),
    ]
    result = decide(new, [node("a"), node("b")])
    assert isinstance(result, NoFit)
    assert result.diagnosis.message() == "0/2 nodes are available: pod affinity terms conflict. not found"
    assert result.diagnosis.unschedulable_plugins == {"NodeAffinity"}


def test_explanation_names_plugin_and_node() -> None:
    nodes = [node("a", taints=[TAINT]), node("b", cpu="1"), node("c"), node("d")]
    result = decide(pod(cpu="2"), nodes, [pod("x", cpu="1", on="d")])
    assert isinstance(result, Decision)
    assert result.node_name == "c"
    assert refusals(result.diagnosis) == {
        "a": ("TaintToleration", ["node(s) had untolerated taint(s)"]),
        "b": ("NodeResourcesFit", ["Insufficient cpu"]),
    }
    assert [scored.node_name for scored in result.scores] == ["c", "d"]
    assert result.scores[0].by_plugin["TaintToleration"] == 300
    kept = Explanations()
    kept.keep(PodInfo(pod()), result, 0.0)
    explanation = kept.get(next(iter(kept._kept)))
    assert explanation is not None
    text = lines(explanation)
    assert text[0] == "default/web goes to c: 2 of 4 nodes fit"
    assert "  NodeResourcesFit: Insufficient cpu: b" in text


def test_profiles_from_a_configuration_file() -> None:
    config = from_tree(
        {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "podMaxBackoffSeconds": 3,
            "profiles": [
                {
                    "schedulerName": "packing",
                    "plugins": {"multiPoint": {"disabled": [{"name": "ImageLocality"}]}},
                    "pluginConfig": [
                        {"name": "NodeResourcesFit", "args": {"scoringStrategy": {"type": "MostAllocated"}}}
                    ],
                }
            ],
        }
    )
    assert config.max_backoff_s == 3
    packing = profile(config.profiles[0])
    assert "ImageLocality" not in packing.weights
    nodes = [node("empty"), node("full")]
    cluster = snapshot_of(nodes, [pod("x", cpu="2", memory="4Gi", on="full")])
    result = schedule(packing, CycleState(), PodInfo(pod(cpu="1", memory="2Gi")), cluster, lambda count: 0)
    assert isinstance(result, Decision)
    assert result.node_name == "full"


def test_a_requested_to_capacity_ratio_follows_its_shape() -> None:
    shape = [{"utilization": 0, "score": 0}, {"utilization": 50, "score": 10}, {"utilization": 100, "score": 0}]
    strategy = {"type": "RequestedToCapacityRatio", "requestedToCapacityRatio": {"shape": shape}}
    ratio = profile(ProfileConfig(arguments={"NodeResourcesFit": {"scoringStrategy": strategy}}))
    cluster = snapshot_of([node("half"), node("most")], [pod("x", cpu="2", memory="4Gi", on="most")])
    new = PodInfo(pod(cpu="2", memory="4Gi"))
    state = CycleState()
    rows, _, _ = ratio.find_feasible(state, new, cluster)
    _, parts, _ = ratio.score(state, new, cluster, rows)
    assert list(parts["NodeResourcesFit"]) == [100, 0]


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ([], "must be of kind"),
        ({"kind": "KubeSchedulerConfiguration", "apiVersion": "v0"}, "not supported"),
    ],
)
def test_a_bad_configuration_is_refused(tree: object, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        from_tree(tree)


def test_an_unknown_plugin_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown plugins: Nope"):
        profile(ProfileConfig(enabled={"Nope": 1}))
