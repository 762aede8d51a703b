"""Nodes promised to waiting Pods: whoever is of no higher priority must fit beside them, and without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.core.v1 import Pod
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from tests.unit.scheduler import reference
from tests.unit.scheduler.agreement import profile_for
from tests.unit.scheduler.builders import node, pod, snapshot_of
from tests.unit.scheduler.generated import affinities, crowded, preemptors


@settings(max_examples=80, deadline=None)
@given(crowded(), preemptors(), affinities(), st.lists(preemptors(), max_size=3), st.data())
def test_agrees_with_two_plain_passes(
    cluster: reference.Cluster, new: Pod, affinity: Any, waiting: list[Pod], data: Any
) -> None:
    new.spec.affinity = affinity
    snapshot = snapshot_of(cluster.nodes, cluster.pods)
    promised: dict[str, list[Pod]] = {}
    for other in waiting:
        name = data.draw(st.sampled_from(cluster.nodes)).metadata.name or ""
        snapshot.nominations.set(PodInfo(other), name)
        promised.setdefault(name, []).append(other)
    state = CycleState()
    rows, diagnosis, status = profile_for(cluster).find_feasible(state, PodInfo(new), snapshot)
    assert status.success or status.rejected
    expected = set()
    for each in cluster.nodes:
        name = each.metadata.name or ""
        first = [other for other in promised.get(name, []) if (other.spec.priority or 0) >= (new.spec.priority or 0)]
        for other in first:
            other.spec.nodeName = name
        passes = [cluster, replace(cluster, pods=[*cluster.pods, *first])]
        asked = [
            [refuse for plugin, refuse in reference.FILTERS.items() if index == 0 or plugin not in state.skip_filter]
            for index in range(2)
        ]
        if all(
            refuse(new, each, plain) is None for plain, refuses in zip(passes, asked, strict=True) for refuse in refuses
        ):
            expected.add(name)
    assert {diagnosis.names[row] for row in rows} == expected


def test_a_promise_moves_and_ends() -> None:
    snapshot = snapshot_of([node("a"), node("b")])
    info = PodInfo(pod(priority=5))
    snapshot.nominations.set(info, "a")
    snapshot.nominations.set(info, "b")
    assert (snapshot.nominations.node_of(info.uid), snapshot.nominations.nodes()) == ("b", ["b"])
    assert snapshot.nominations.to_yield_to(PodInfo(pod(priority=5)), "b") == [info]
    assert snapshot.nominations.to_yield_to(PodInfo(pod(priority=6)), "b") == []
    assert snapshot.nominations.to_yield_to(info, "b") == []
    assert snapshot.nominations.below(6, "b") == [info]
    snapshot.nominations.remove(info.uid)
    assert snapshot.nominations.nodes() == []
