"""The array plugins agree with the plain ones, on generated clusters, also after churn in place."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.core.v1 import Container, Pod, ResourceRequirements
from pybernetes.scheduler.algorithm import Decision, schedule
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from tests.unit.scheduler import builders, reference
from tests.unit.scheduler.agreement import check, filtered, profile_for
from tests.unit.scheduler.builders import snapshot_of
from tests.unit.scheduler.generated import clusters, new_pods, quantities, sizes


@settings(max_examples=150, deadline=None)
@given(clusters(), new_pods())
def test_filters_and_scores_agree(cluster: reference.Cluster, pod: Pod) -> None:
    check(cluster, pod, snapshot_of(cluster.nodes, cluster.pods))


@settings(max_examples=150, deadline=None)
@given(clusters(), clusters(), new_pods(), new_pods())
def test_columns_kept_in_place_agree_with_new_ones(
    before: reference.Cluster, after: reference.Cluster, first: Pod, second: Pod
) -> None:
    """One cluster becomes another by events, in an awkward order; asking in between must not matter."""
    snapshot = snapshot_of(before.nodes, before.pods)
    check(before, first, snapshot)
    for index, pod in enumerate(after.pods):
        if index % 2:
            snapshot.place(PodInfo(pod), pod.spec.nodeName or "")
    for node in before.nodes[::2]:
        snapshot.remove_node(node.metadata.name or "")
    filtered(builders.profile(), first, snapshot)
    for node in after.nodes:
        snapshot.set_node(node)
    for pod in before.pods:
        snapshot.unplace(pod.metadata.uid or "")
    for pod in after.pods:
        snapshot.place(PodInfo(pod), pod.spec.nodeName or "")
    for name in {n.metadata.name for n in before.nodes} - {n.metadata.name for n in after.nodes}:
        snapshot.remove_node(name or "")
    check(after, second, snapshot)


@settings(max_examples=60, deadline=None)
@given(clusters(), st.lists(new_pods(), min_size=1, max_size=2), st.data())
def test_pods_alike_in_a_row_are_decided_as_if_alone(cluster: reference.Cluster, kinds: list[Pod], data: Any) -> None:
    """What a snapshot keeps of one decision for the next changes none: a new snapshot says the same."""
    snapshot = snapshot_of(cluster.nodes, cluster.pods)
    profile = profile_for(cluster)
    having, placed = {n.metadata.name: n for n in cluster.nodes}, list(cluster.pods)
    for number in range(6):
        kind = data.draw(st.sampled_from(kinds))
        uid = msgspec.structs.replace(kind.metadata, uid=f"alike-{number}")
        info = PodInfo(msgspec.structs.replace(kind, metadata=uid))
        fresh = snapshot_of([], placed)
        for row in snapshot.nodes:
            assert row is not None
            fresh.set_node(row)
        kept, alone = (schedule(profile, CycleState(), info, each, lambda count: 0) for each in (snapshot, fresh))
        assert kept.diagnosis.counts() == alone.diagnosis.counts()
        if isinstance(kept, Decision) and isinstance(alone, Decision):
            assert (kept.node_name, kept.scores) == (alone.node_name, alone.scores)
            on = msgspec.structs.replace(info.pod, spec=msgspec.structs.replace(info.pod.spec, nodeName=kept.node_name))
            snapshot.place(PodInfo(on), kept.node_name)
            placed.append(on)
        else:
            assert type(kept) is type(alone)
        match data.draw(st.sampled_from(["nothing", "leaves", "grows"])):
            case "leaves" if placed:
                gone = placed.pop(data.draw(st.integers(0, len(placed) - 1)))
                snapshot.unplace(gone.metadata.uid or "")
            case "grows":
                name = data.draw(st.sampled_from(sorted(having)))
                room = {**having[name].status.allocatable, "cpu": data.draw(st.sampled_from(["1", "8"]))}
                status = msgspec.structs.replace(having[name].status, allocatable=room)
                having[name] = msgspec.structs.replace(having[name], status=status)
                snapshot.set_node(having[name])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(quantities, sizes, st.sampled_from([None, "Always"])), max_size=4), quantities)
def test_requests_of_init_containers_and_sidecars(init: list[tuple[str, str, str | None]], overhead: str) -> None:
    pod = builders.pod(cpu="100m", memory="64Mi")
    pod.spec.overhead = {"cpu": overhead} if overhead else {}
    for index, (cpu, memory, policy) in enumerate(init):
        asked = {**({"cpu": cpu} if cpu else {}), **({"memory": memory} if memory else {})}
        pod.spec.initContainers.append(
            Container(name=f"i{index}", resources=ResourceRequirements(requests=asked), restartPolicy=policy)
        )
    pod.spec.initContainers = list(pod.spec.initContainers)
    assert PodInfo(pod).requests == {name: amount for name, amount in reference.requests(pod).items() if amount}
