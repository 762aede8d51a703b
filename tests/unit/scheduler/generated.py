"""Clusters, Pods and parts of these for Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pybernetes.api.core.v1 import (
    Affinity,
    ContainerRestartRule,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorTerm,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    PreferredSchedulingTerm,
    Toleration,
    TopologySpreadConstraint,
    WeightedPodAffinityTerm,
)
from pybernetes.api.meta.v1 import LabelSelector
from tests.unit.scheduler import reference
from tests.unit.scheduler.builders import node, pod, requirement

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
        node(
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
    made = pod(
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


selectors = st.sampled_from([None, LabelSelector(), *(LabelSelector(matchLabels={"app": a}) for a in ("web", "db"))])
pod_terms = st.builds(
    lambda key, selector, names, of_names, same, different: PodAffinityTerm(
        topologyKey=key,
        labelSelector=selector,
        namespaces=names,
        namespaceSelector=of_names,
        matchLabelKeys=same if selector is not None else [],
        mismatchLabelKeys=different if selector is not None else [],
    ),
    st.sampled_from(["zone", "kubernetes.io/hostname", "rack"]),
    selectors,
    st.sampled_from([[], [], ["other"]]),
    st.sampled_from([None, None, LabelSelector(), LabelSelector(matchLabels={"team": "b"})]),
    st.sampled_from([[], [], ["version"]]),
    st.sampled_from([[], [], ["tier"]]),
)
weighted_pod_terms = st.builds(
    lambda weight, term: WeightedPodAffinityTerm(weight=weight, podAffinityTerm=term), st.integers(1, 100), pod_terms
)


@st.composite
def affinities(draw: Any) -> Affinity | None:
    def some(strategy: Any, most: int) -> Any:
        return draw(st.lists(strategy, max_size=most))

    if draw(st.integers(0, 3)) == 0:
        return None
    return Affinity(
        podAffinity=PodAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=some(pod_terms, 2),
            preferredDuringSchedulingIgnoredDuringExecution=some(weighted_pod_terms, 1),
        ),
        podAntiAffinity=PodAntiAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=some(pod_terms, 1),
            preferredDuringSchedulingIgnoredDuringExecution=some(weighted_pod_terms, 2),
        ),
    )


STARTS = [None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]


@st.composite
def crowded(draw: Any) -> reference.Cluster:
    nodes = [
        node(f"n{i}", cpu=draw(st.sampled_from(["1", "2"])), pods=draw(st.sampled_from(["2", "3", "9"])),
             labels={"zone": draw(st.sampled_from(["a", "b"]))})
        for i in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    placed = []
    for i in range(draw(st.integers(0, 10))):
        made = pod(
            f"p{i}",
            on=draw(st.sampled_from(nodes)).metadata.name or "",
            cpu=draw(st.sampled_from(["100m", "500m", "900m"])),
            labels=draw(st.sampled_from([{}, {"app": "web"}, {"app": "db"}])),
            priority=draw(st.sampled_from([-5, 0, 5, 10, 20])),
            ports=draw(st.sampled_from([[], [], [("", "TCP", 80)]])),
        )
        made.status.startTime = draw(st.sampled_from(STARTS))
        placed.append(made)
    return reference.Cluster(nodes, placed)


@st.composite
def preemptors(draw: Any) -> Pod:
    made = pod(
        "new",
        cpu=draw(st.sampled_from(["800m", "1", "1500m"])),
        labels={"app": "web"},
        priority=draw(st.sampled_from([0, 10, 15])),
        ports=draw(st.sampled_from([[], [("", "TCP", 80)]])),
    )
    if draw(st.integers(0, 2)) == 0:
        made.spec.topologySpreadConstraints = [
            TopologySpreadConstraint(
                maxSkew=1,
                topologyKey=draw(st.sampled_from(["zone", "kubernetes.io/hostname"])),
                whenUnsatisfiable="DoNotSchedule",
                labelSelector=LabelSelector(matchLabels={"app": "web"}),
            )
        ]
    return made
