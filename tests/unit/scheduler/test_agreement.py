"""The array plugins agree with the plain ones, on generated clusters, also after churn in place."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.core.v1 import (
    Affinity,
    Container,
    ContainerRestartRule,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorTerm,
    Pod,
    PreferredSchedulingTerm,
    ResourceRequirements,
    Toleration,
    TopologySpreadConstraint,
)
from pybernetes.api.meta.v1 import LabelSelector
from pybernetes.scheduler.algorithm import Decision, schedule
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Profile
from pybernetes.scheduler.snapshot import Snapshot
from tests.unit.scheduler import builders, reference
from tests.unit.scheduler.builders import requirement, snapshot_of

KEYS = ["zone", "disk", "size"]
VALUES = ["a", "b", "3", "10", "-1"]
TAINTS = [("dedicated", "db"), ("dedicated", ""), ("gpu", "")]
IMAGES = ["app:1", "app", "registry:5000/x", "big:2"]
FEATURES = ["RestartAllContainersOnContainerExits", "UserNamespacesHostNetworkSupport"]
ADDRESSES = ["", "0.0.0.0", "10.0.0.1", "10.0.0.2"]

label_maps = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
effects = st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"])


@st.composite
def nodes(draw: Any) -> list[Node]:
    return [
        builders.node(
            f"n{index}",
            cpu=draw(st.sampled_from(["0", "500m", "1", "4"])),
            memory=draw(st.sampled_from(["0", "100Mi", "1Gi", "8Gi"])),
            pods=draw(st.sampled_from(["1", "2", "110"])),
            labels=draw(label_maps),
            taints=[
                (*draw(st.sampled_from(TAINTS)), effect) for effect in draw(st.lists(effects, max_size=2, unique=True))
            ],
            unschedulable=draw(st.sampled_from([None, None, None, True])),
            features=draw(st.sampled_from([FEATURES[:1], FEATURES, []])),
            images=draw(st.dictionaries(st.sampled_from(["app:1", "app:latest", "big:2"]), st.just(700_000_000))),
            **draw(st.sampled_from([{}, {"example.com__gpu": "2"}])),
        )
        for index in range(draw(st.integers(1, 6)))
    ]


requirements = st.one_of(
    st.builds(
        lambda k, o, v: requirement(k, o, v),
        st.sampled_from(KEYS),
        st.sampled_from(["In", "NotIn"]),
        st.lists(st.sampled_from(VALUES), max_size=2),
    ),
    st.builds(lambda k, o: requirement(k, o, []), st.sampled_from(KEYS), st.sampled_from(["Exists", "DoesNotExist"])),
    st.builds(
        lambda k, o, v: requirement(k, o, [v]),
        st.sampled_from(KEYS),
        st.sampled_from(["Gt", "Lt", "Odd"]),
        st.sampled_from(["2", "10", "x"]),
    ),
)
field_requirements = st.builds(
    lambda o, v: requirement("metadata.name", o, v),
    st.sampled_from(["In", "NotIn"]),
    st.lists(st.sampled_from(["n0", "n1", "n9"]), min_size=1, max_size=2),
)
terms = st.builds(
    lambda e, f: NodeSelectorTerm(matchExpressions=e, matchFields=f),
    st.lists(requirements, max_size=2),
    st.lists(field_requirements, max_size=1),
)
tolerations = st.builds(
    lambda k, o, v, e: Toleration(key=k, operator=o, value=v, effect=e),
    st.sampled_from([None, "dedicated", "gpu", "node.kubernetes.io/unschedulable"]),
    st.sampled_from([None, "Equal", "Exists", "Odd"]),
    st.sampled_from([None, "db"]),
    st.one_of(st.none(), effects),
)
constraints = st.builds(
    lambda skew, key, when, labels, least, affinity, taints: TopologySpreadConstraint(
        maxSkew=skew,
        topologyKey=key,
        whenUnsatisfiable=when,
        labelSelector=LabelSelector(matchLabels=labels),
        minDomains=least if when == "DoNotSchedule" else None,
        nodeAffinityPolicy=affinity,
        nodeTaintsPolicy=taints,
    ),
    st.integers(1, 2),
    st.sampled_from(["zone", "kubernetes.io/hostname"]),
    st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
    st.sampled_from([{"app": "web"}, {"app": "db"}, {}]),
    st.sampled_from([None, 3]),
    st.sampled_from([None, "Ignore"]),
    st.sampled_from([None, "Honor"]),
)
quantities = st.sampled_from(["", "100m", "600m", "2"])
sizes = st.sampled_from(["", "64Mi", "900Mi"])


@st.composite
def pods(draw: Any, name: str = "new", on: str = "") -> Pod:
    made = builders.pod(
        name,
        on=on,
        cpu=draw(quantities),
        memory=draw(sizes),
        image=draw(st.sampled_from(IMAGES)),
        namespace=draw(st.sampled_from(["default", "default", "other"])),
        labels=draw(st.sampled_from([{}, {"app": "web"}, {"app": "db"}])),
        more=draw(st.sampled_from([{}, {}, {"example.com/gpu": "1"}])),
        ports=draw(
            st.lists(
                st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(["TCP", "UDP"]), st.sampled_from([80, 81])),
                max_size=1,
            )
        ),
    )
    if draw(st.integers(0, 9)) == 0:
        made.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    return made


@st.composite
def new_pods(draw: Any) -> Pod:
    made = draw(pods())
    made.metadata.deletionTimestamp = None
    spec = made.spec
    spec.nodeSelector = draw(st.one_of(st.just({}), label_maps))
    spec.tolerations = draw(st.lists(tolerations, max_size=2))
    if draw(st.booleans()):
        wanted = draw(st.one_of(st.none(), st.lists(terms, min_size=1, max_size=2)))
        spec.affinity = Affinity(
            nodeAffinity=NodeAffinity(
                requiredDuringSchedulingIgnoredDuringExecution=NodeSelector(nodeSelectorTerms=wanted)
                if wanted is not None
                else None,
                preferredDuringSchedulingIgnoredDuringExecution=[
                    PreferredSchedulingTerm(weight=draw(st.integers(1, 100)), preference=draw(terms))
                    for _ in range(draw(st.integers(0, 2)))
                ],
            )
        )
    if draw(st.integers(0, 2)) == 0:
        spec.topologySpreadConstraints = draw(st.lists(constraints, min_size=1, max_size=2))
    if draw(st.integers(0, 4)) == 0:
        spec.containers[0].restartPolicyRules = [ContainerRestartRule(action="RestartAllContainers")]
    if draw(st.integers(0, 9)) == 0:
        spec.hostNetwork, spec.hostUsers = True, draw(st.sampled_from([None, True, False]))
    return made


@st.composite
def clusters(draw: Any) -> reference.Cluster:
    having = draw(nodes())
    names = [n.metadata.name for n in having]
    placed = [draw(pods(f"p{index}", draw(st.sampled_from(names)))) for index in range(draw(st.integers(0, 8)))]
    return reference.Cluster(having, placed)


def profile_for(cluster: reference.Cluster) -> Profile:
    """A profile that knows the cluster's namespaces."""
    return builders.profile(
        namespace_labels=lambda name: cluster.namespaces.get(name, {}),
        namespaces=lambda selector: [name for name, labels in cluster.namespaces.items() if selector.matches(labels)],
    )


def filtered(profile: Profile, pod: Pod, snapshot: Snapshot) -> tuple[set[str], Any, np.ndarray, CycleState]:
    state = CycleState()
    rows, diagnosis, _ = profile.find_feasible(state, PodInfo(pod), snapshot)
    return {diagnosis.names[row] for row in rows}, diagnosis, rows, state


def check(cluster: reference.Cluster, pod: Pod, snapshot: Snapshot) -> None:
    profile = profile_for(cluster)
    names, diagnosis, rows, state = filtered(profile, pod, snapshot)
    expected, counts = reference.feasible(pod, cluster)
    assert names == expected
    if not diagnosis.pre_filter_message and diagnosis.absent is None:
        assert diagnosis.counts() == counts
    if not names:
        return
    having = [n for n in cluster.nodes if n.metadata.name in names]
    _, parts, status = profile.score(state, PodInfo(pod), snapshot, rows)
    assert status.success
    for name, (weight, score) in reference.SCORES.items():
        plain = {n: s * weight for n, s in score(pod, having, cluster).items()}
        found = {diagnosis.names[row]: int(s) for row, s in zip(rows, parts.get(name, []), strict=False)}
        if name not in parts:
            assert len(set(plain.values())) <= 1, name
        else:
            assert found == plain, name


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
