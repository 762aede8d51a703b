"""InterPodAffinity again, plainly: one node at a time, from the API objects alone."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core.v1 import Node, Pod, PodAffinityTerm
from pybernetes.apimachinery.selectors import LabelSelector


def required(pod: Pod, side: str) -> list[PodAffinityTerm]:
    affinity = getattr(pod.spec.affinity, side) if pod.spec.affinity else None
    return affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else []


def preferred(pod: Pod, side: str) -> list[tuple[int, PodAffinityTerm]]:
    affinity = getattr(pod.spec.affinity, side) if pod.spec.affinity else None
    found = affinity.preferredDuringSchedulingIgnoredDuringExecution if affinity else []
    return [(each.weight, each.podAffinityTerm) for each in found]


def meant(term: PodAffinityTerm, owner: Pod, other: Pod, cluster: Any) -> bool:
    """Whether the owner's term is about the other Pod."""
    namespace = other.metadata.namespace or ""
    if term.namespaces or term.namespaceSelector is not None:
        selector = LabelSelector.of(term.namespaceSelector)
        if namespace not in term.namespaces and not selector.matches(cluster.namespaces.get(namespace, {})):
            return False
    elif namespace != owner.metadata.namespace:
        return False
    if not LabelSelector.of(term.labelSelector).matches(other.metadata.labels):
        return False
    mine, its = owner.metadata.labels, other.metadata.labels
    if term.labelSelector is None:
        return False
    return all(its.get(k) == mine[k] for k in term.matchLabelKeys if k in mine) and all(
        its.get(k) != mine[k] for k in term.mismatchLabelKeys if k in mine
    )


def together(node: Node, cluster: Any, key: str) -> list[Pod]:
    """The Pods in the node's topology domain."""
    value = node.metadata.labels.get(key)
    return [
        pod
        for other in cluster.nodes
        if value is not None and other.metadata.labels.get(key) == value
        for pod in cluster.on(other)
    ]


def refuse(pod: Pod, node: Node, cluster: Any) -> tuple[list[str], bool] | None:
    terms = required(pod, "podAffinity")
    affine = [p for n in cluster.nodes for p in cluster.on(n) if all(meant(t, pod, p, cluster) for t in terms)]
    if any(term.topologyKey not in node.metadata.labels for term in terms):
        return ["node(s) didn't match pod affinity rules"], True
    missing = [t for t in terms if not any(p in affine for p in together(node, cluster, t.topologyKey))]
    counted = [
        p
        for n in cluster.nodes
        for p in cluster.on(n)
        if p in affine and any(t.topologyKey in n.metadata.labels for t in terms)
    ]
    if missing and (counted or not all(meant(t, pod, pod, cluster) for t in terms)):
        return ["node(s) didn't match pod affinity rules"], True
    for term in required(pod, "podAntiAffinity"):
        if any(meant(term, pod, p, cluster) for p in together(node, cluster, term.topologyKey)):
            return ["node(s) didn't match pod anti-affinity rules"], False
    for other in cluster.nodes:
        for placed in cluster.on(other):
            for term in required(placed, "podAntiAffinity"):
                value = other.metadata.labels.get(term.topologyKey)
                same = value is not None and node.metadata.labels.get(term.topologyKey) == value
                if same and meant(term, placed, pod, cluster):
                    return ["node(s) didn't satisfy existing pods anti-affinity rules"], False
    return None


def score(pod: Pod, nodes: list[Node], cluster: Any) -> dict[str, int]:
    raw: dict[str, int] = {}
    for node in nodes:
        total = 0
        for sign, side in ((1, "podAffinity"), (-1, "podAntiAffinity")):
            for weight, term in preferred(pod, side):
                total += sum(
                    sign * weight for p in together(node, cluster, term.topologyKey) if meant(term, pod, p, cluster)
                )
            for other in cluster.nodes:
                for placed in cluster.on(other):
                    theirs = preferred(placed, side)
                    if sign == 1:
                        theirs = [*theirs, *((1, term) for term in required(placed, side))]
                    for weight, term in theirs:
                        value = other.metadata.labels.get(term.topologyKey)
                        same = value is not None and node.metadata.labels.get(term.topologyKey) == value
                        if same and meant(term, placed, pod, cluster):
                            total += sign * weight
        raw[node.metadata.name or ""] = total
    least, most = min(raw.values()), max(raw.values())
    return {name: int(100 * ((s - least) / (most - least))) if most > least else 0 for name, s in raw.items()}
