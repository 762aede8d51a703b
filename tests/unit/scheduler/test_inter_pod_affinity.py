"""InterPodAffinity agrees with the plain one: on new columns, after churn, in trials; and its hints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.core.v1 import Affinity, Node, Pod, PodAffinity, PodAffinityTerm, PodAntiAffinity
from pybernetes.api.meta.v1 import LabelSelector
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Profile
from tests.unit.scheduler import builders, reference
from tests.unit.scheduler.agreement import check, profile_for
from tests.unit.scheduler.builders import node, pod, snapshot_of
from tests.unit.scheduler.generated import affinities

NAMESPACES = {"default": {"team": "a"}, "other": {"team": "b"}}


@st.composite
def pods(draw: Any, name: str = "new", on: str = "") -> Pod:
    return pod(
        name,
        on=on,
        cpu=draw(st.sampled_from(["", "500m"])),
        namespace=draw(st.sampled_from(["default", "other"])),
        labels=draw(
            st.dictionaries(st.sampled_from(["app", "version", "tier"]), st.sampled_from(["web", "db"]), max_size=3)
        ),
        affinity=draw(affinities()),
        priority=draw(st.sampled_from([0, 5])),
    )


@st.composite
def clusters(draw: Any) -> reference.Cluster:
    labels = st.dictionaries(st.sampled_from(["zone", "rack"]), st.sampled_from(["a", "b"]), max_size=2)
    nodes = [node(f"n{i}", cpu="2", labels=draw(labels)) for i in range(draw(st.integers(1, 5)))]
    names = [n.metadata.name for n in nodes]
    placed = [draw(pods(f"p{i}", draw(st.sampled_from(names)))) for i in range(draw(st.integers(0, 6)))]
    return reference.Cluster(nodes, placed, NAMESPACES)


@settings(max_examples=120, deadline=None)
@given(clusters(), pods())
def test_agrees_with_the_plain_one(cluster: reference.Cluster, new: Pod) -> None:
    check(cluster, new, snapshot_of(cluster.nodes, cluster.pods))


@settings(max_examples=60, deadline=None)
@given(clusters(), clusters(), pods(), pods())
def test_counts_kept_in_place_agree(
    before: reference.Cluster, after: reference.Cluster, first: Pod, second: Pod
) -> None:
    snapshot = snapshot_of(before.nodes, before.pods)
    check(before, first, snapshot)
    for each in after.nodes:
        snapshot.set_node(each)
    for placed in after.pods:
        snapshot.place(PodInfo(placed), placed.spec.nodeName or "")
    for placed in before.pods:
        snapshot.unplace(placed.metadata.uid or "")
    for name in {n.metadata.name for n in before.nodes} - {n.metadata.name for n in after.nodes}:
        snapshot.remove_node(name or "")
    check(after, second, snapshot)


@settings(max_examples=60, deadline=None)
@given(clusters(), pods())
def test_trials_agree(cluster: reference.Cluster, new: Pod) -> None:
    """With one node's Pods of low priority gone, and one back, the trial says what the plain filter says."""
    snapshot = snapshot_of(cluster.nodes, cluster.pods)
    profile: Profile = profile_for(cluster)
    state, info = CycleState(), PodInfo(new)
    profile.find_feasible(state, info, snapshot)
    if "InterPodAffinity" in state.skip_filter:
        return
    for each in cluster.nodes:
        low = [p for p in cluster.on(each) if not p.spec.priority]
        trial = profile.node_trial(state, info, snapshot, snapshot.row_of[each.metadata.name or ""])
        for gone in low:
            trial.remove(PodInfo(gone))
        for back in low[:1]:
            trial.add(PodInfo(back))
        left = [p for p in cluster.pods if not any(p is gone for gone in low[1:])]
        plain = replace(cluster, pods=left)
        refused = trial.refusal()
        expected = any(refuse(new, each, plain) is not None for refuse in reference.FILTERS.values())
        assert (refused is not None) == expected


def apart(*, key: str = "zone", app: str = "web") -> Affinity:
    term = PodAffinityTerm(topologyKey=key, labelSelector=LabelSelector(matchLabels={"app": app}))
    return Affinity(podAntiAffinity=PodAntiAffinity(requiredDuringSchedulingIgnoredDuringExecution=[term]))


def near(*, key: str = "zone", app: str = "web") -> Affinity:
    term = PodAffinityTerm(topologyKey=key, labelSelector=LabelSelector(matchLabels={"app": app}))
    return Affinity(podAffinity=PodAffinity(requiredDuringSchedulingIgnoredDuringExecution=[term]))


WEB, DB = {"app": "web"}, {"app": "db"}
HINTS: dict[str, tuple[Pod, Pod | None, Pod | None, bool]] = {
    "a wanted neighbour came": (pod(affinity=near()), None, pod(on="a", labels=WEB), True),
    "somebody else came": (pod(affinity=near()), None, pod(on="a", labels=DB), False),
    "a waiting pod is no neighbour": (pod(affinity=near()), None, pod(labels=WEB), False),
    "an unwanted one went": (pod(affinity=apart()), pod(on="a", labels=WEB), None, True),
    "somebody else went": (pod(affinity=apart()), pod(on="a", labels=DB), None, False),
    "who kept us off went": (pod(labels=WEB), pod(on="a", affinity=apart()), None, True),
    "a neighbour got the label": (pod(affinity=near()), pod(on="a"), pod(on="a", labels=WEB), True),
    "an unwanted one lost the label": (pod(affinity=apart()), pod(on="a", labels=WEB), pod(on="a"), True),
}
NODE_HINTS: dict[str, tuple[Pod, Node | None, Node, bool]] = {
    "a new domain": (pod(affinity=near()), None, node("a", labels={"zone": "a"}), True),
    "a node without it": (pod(affinity=near()), None, node("a"), False),
    "any node may be far enough": (pod(affinity=apart()), None, node("a"), True),
    "the node left the domain": (pod(affinity=apart()), node("a", labels={"zone": "a"}), node("a"), True),
    "another label": (pod(affinity=apart()), node("a"), node("a", labels={"x": "y"}), False),
}


@pytest.mark.parametrize(("waiting", "old", "new", "expected"), [*HINTS.values(), *NODE_HINTS.values()],
                         ids=[*HINTS, *NODE_HINTS])  # fmt: skip
def test_hints(waiting: Pod, old: Any, new: Any, expected: bool) -> None:
    plugin: Any = dict(builders.profile().plugins)["InterPodAffinity"]
    pods_hint, nodes_hint = (registration.hint for registration in plugin.events_to_register())
    hint = nodes_hint if isinstance(new or old, Node) else pods_hint
    assert hint(PodInfo(waiting), old, new) is expected
