"""Each plugin again, plainly: one node at a time, from the API objects alone. What the arrays must agree with."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, Taint, Toleration
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.selectors import LabelSelector
from tests.unit.scheduler import reference_affinity

UNRESOLVABLE, RESOLVABLE = True, False


@dataclass
class Cluster:
    nodes: list[Node]
    pods: list[Pod] = field(default_factory=list)
    """Placed ones; spec.nodeName says where."""
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    """Labels by name."""

    def on(self, node: Node) -> list[Pod]:
        return [pod for pod in self.pods if pod.spec.nodeName == node.metadata.name]


def requests(pod: Pod) -> Counter[str]:
    """cpu in millis, everything else in units."""

    def of(container: object) -> Counter[str]:
        resources = container.resources  # type: ignore[attr-defined]
        return Counter(
            {
                name: quantity.milli(text) if name == "cpu" else quantity.value(text)
                for name, text in (resources.requests if resources else {}).items()
            }
        )

    total: Counter[str] = Counter()
    for container in pod.spec.containers:
        total.update(of(container))
    sidecars: Counter[str] = Counter()
    starting = []
    for container in pod.spec.initContainers:
        if container.restartPolicy == "Always":
            total.update(of(container))
            sidecars.update(of(container))
        else:
            starting.append(of(container) + sidecars)
    for needed in starting:
        for name, amount in needed.items():
            total[name] = max(total[name], amount)
    for name, text in pod.spec.overhead.items():
        total[name] += quantity.milli(text) if name == "cpu" else quantity.value(text)
    return total


def non_zero_requests(pod: Pod) -> tuple[int, int]:
    """For Pods without init containers."""
    cpu = memory = 0
    for container in pod.spec.containers:
        asked = container.resources.requests if container.resources else {}
        cpu += quantity.milli(asked["cpu"]) if "cpu" in asked else 100
        memory += quantity.value(asked["memory"]) if "memory" in asked else 200 * 1024 * 1024
    overhead = pod.spec.overhead
    return (
        cpu + (quantity.milli(overhead["cpu"]) if "cpu" in overhead else 0),
        memory + (quantity.value(overhead["memory"]) if "memory" in overhead else 0),
    )


def allocatable(node: Node) -> dict[str, int]:
    return {
        name: quantity.milli(text) if name == "cpu" else quantity.value(text)
        for name, text in node.status.allocatable.items()
    }


def used(cluster: Cluster, node: Node) -> Counter[str]:
    total: Counter[str] = Counter()
    for pod in cluster.on(node):
        total.update(requests(pod))
    return total


Refusal = tuple[list[str], bool] | None


def fit(pod: Pod, node: Node, cluster: Cluster) -> Refusal:
    reasons = []
    final = RESOLVABLE
    offered, taken = allocatable(node), used(cluster, node)
    if len(cluster.on(node)) + 1 > offered.get("pods", 0):
        reasons.append("Too many pods")
    for name, amount in requests(pod).items():
        if amount and amount > offered.get(name, 0) - taken[name]:
            reasons.append(f"Insufficient {name}")
            final = final or amount > offered.get(name, 0)
    return (reasons, final) if reasons else None


def node_name(pod: Pod, node: Node, cluster: Cluster) -> Refusal:
    if pod.spec.nodeName and pod.spec.nodeName != node.metadata.name:
        return ["node(s) didn't match the requested node name"], UNRESOLVABLE
    return None


def tolerated(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    for toleration in tolerations:
        if toleration.effect and toleration.effect != taint.effect:
            continue
        if toleration.key and toleration.key != taint.key:
            continue
        if toleration.operator == "Exists":
            return True
        if toleration.operator in (None, "", "Equal") and (toleration.value or "") == (taint.value or ""):
            return True
    return False


def node_unschedulable(pod: Pod, node: Node, cluster: Cluster) -> Refusal:
    taint = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
    if node.spec.unschedulable and not tolerated(taint, pod.spec.tolerations):
        return ["node(s) were unschedulable"], UNRESOLVABLE
    return None


def taint_toleration(pod: Pod, node: Node, cluster: Cluster) -> Refusal:
    for taint in node.spec.taints:
        if taint.effect in ("NoSchedule", "NoExecute") and not tolerated(taint, pod.spec.tolerations):
            return ["node(s) had untolerated taint(s)"], UNRESOLVABLE
    return None


def requirement_holds(requirement: NodeSelectorRequirement, labels: dict[str, str]) -> bool | None:
    """None: the requirement is malformed."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values if requirement.values else None
        case "NotIn":
            return value not in requirement.values if requirement.values else None
        case "Exists":
            return None if requirement.values else value is not None
        case "DoesNotExist":
            return None if requirement.values else value is None
        case "Gt" | "Lt":
            if len(requirement.values) != 1:
                return None
            try:
                bound = int(requirement.values[0])
            except ValueError:
                return None
            try:
                number = int(value or "")
            except ValueError:
                return False
            return number > bound if requirement.operator == "Gt" else number < bound
    return None


def term_holds(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.matchExpressions and not term.matchFields:
        return False
    for requirement in term.matchExpressions:
        if not requirement_holds(requirement, node.metadata.labels):
            return False
    for requirement in term.matchFields:
        if requirement.operator not in ("In", "NotIn") or len(requirement.values) != 1:
            return False
        if (node.metadata.name == requirement.values[0]) != (requirement.operator == "In"):
            return False
    return True


def affinity_holds(pod: Pod, node: Node) -> bool:
    if any(node.metadata.labels.get(key) != value for key, value in pod.spec.nodeSelector.items()):
        return False
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None
    return required is None or any(term_holds(term, node) for term in required.nodeSelectorTerms)


def node_affinity(pod: Pod, node: Node, cluster: Cluster) -> Refusal:
    if affinity_holds(pod, node):
        return None
    return ["node(s) didn't match Pod's node affinity/selector"], UNRESOLVABLE


def ports(pod: Pod) -> list[tuple[str, str, int]]:
    return [
        (port.hostIP or "0.0.0.0", port.protocol or "TCP", port.hostPort)
        for container in pod.spec.containers
        for port in container.ports
        if port.hostPort
    ]


def node_ports(pod: Pod, node: Node, cluster: Cluster) -> Refusal:
    taken = [port for other in cluster.on(node) for port in ports(other)]
    for address, protocol, number in ports(pod):
        for other in taken:
            same = other[1:] == (protocol, number)
            if same and (address == other[0] or "0.0.0.0" in (address, other[0])):
                return ["node(s) didn't have free ports for the requested pod ports"], RESOLVABLE
    return None


def matching(pods: list[Pod], selector: LabelSelector, namespace: str) -> int:
    if selector.empty:
        return 0
    return sum(
        1
        for pod in pods
        if pod.metadata.namespace == namespace
        and not pod.metadata.deletionTimestamp
        and selector.matches(pod.metadata.labels)
    )


def counted(constraint: object, pod: Pod, node: Node) -> bool:
    if constraint.nodeAffinityPolicy != "Ignore" and not affinity_holds(pod, node):  # type: ignore[attr-defined]
        return False
    honored = constraint.nodeTaintsPolicy == "Honor"  # type: ignore[attr-defined]
    return not (honored and taint_toleration(pod, node, Cluster([])))


def topology_spread(pod: Pod, node: Node, cluster: Cluster) -> Refusal:
    constraints = [c for c in pod.spec.topologySpreadConstraints if c.whenUnsatisfiable == "DoNotSchedule"]
    keys = [c.topologyKey for c in constraints]
    for constraint in constraints:
        selector = LabelSelector.of(constraint.labelSelector)
        counts: dict[str, int] = defaultdict(int)
        for other in cluster.nodes:
            if all(key in other.metadata.labels for key in keys) and counted(constraint, pod, other):
                here = matching(cluster.on(other), selector, pod.metadata.namespace or "")
                counts[other.metadata.labels[constraint.topologyKey]] += here
        value = node.metadata.labels.get(constraint.topologyKey)
        if value is None:
            return ["node(s) didn't match pod topology spread constraints (missing required label)"], UNRESOLVABLE
        least = min(counts.values(), default=2**31 - 1)
        if len(counts) < (constraint.minDomains if constraint.minDomains is not None else 1):
            least = 0
        own = int(selector.matches(pod.metadata.labels))
        if counts.get(value, 0) + own - least > constraint.maxSkew:
            return ["node(s) didn't match pod topology spread constraints"], RESOLVABLE
    return None


def declared_features(pod: Pod, node: Node, cluster: Cluster) -> Refusal:
    rules = [rule for each in (*pod.spec.initContainers, *pod.spec.containers) for rule in each.restartPolicyRules]
    needed = {"RestartAllContainersOnContainerExits" for rule in rules if rule.action == "RestartAllContainers"}
    if pod.spec.hostNetwork and pod.spec.hostUsers is False:
        needed.add("UserNamespacesHostNetworkSupport")
    if needed - set(node.status.declaredFeatures):
        return ["node(s) didn't match Pod's required features"], UNRESOLVABLE
    return None


FILTERS = {
    "NodeUnschedulable": node_unschedulable,
    "NodeName": node_name,
    "TaintToleration": taint_toleration,
    "NodeAffinity": node_affinity,
    "NodePorts": node_ports,
    "NodeResourcesFit": fit,
    "PodTopologySpread": topology_spread,
    "InterPodAffinity": reference_affinity.refuse,
    "NodeDeclaredFeatures": declared_features,
}


def feasible(pod: Pod, cluster: Cluster) -> tuple[set[str], Counter[str]]:
    """(names of the nodes that fit, nodes per reason)."""
    names: set[str] = set()
    counts: Counter[str] = Counter()
    for node in cluster.nodes:
        for refuse in FILTERS.values():
            refusal = refuse(pod, node, cluster)
            if refusal is not None:
                counts.update(set(refusal[0]))
                break
        else:
            names.add(node.metadata.name or "")
    return names, counts


Scores = dict[str, int]


def normalized(scores: Scores, *, reverse: bool) -> Scores:
    largest = max(scores.values(), default=0)
    if largest == 0:
        return dict.fromkeys(scores, 100 if reverse else 0)
    return {name: 100 - 100 * s // largest if reverse else 100 * s // largest for name, s in scores.items()}


def score_taints(pod: Pod, nodes: list[Node], cluster: Cluster) -> Scores:
    tolerations = [t for t in pod.spec.tolerations if t.effect in (None, "", "PreferNoSchedule")]
    counts = {
        node.metadata.name or "": sum(
            1 for t in node.spec.taints if t.effect == "PreferNoSchedule" and not tolerated(t, tolerations)
        )
        for node in nodes
    }
    return normalized(counts, reverse=True)


def score_affinity(pod: Pod, nodes: list[Node], cluster: Cluster) -> Scores:
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity else None
    preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution if affinity else []
    sums = {
        node.metadata.name or "": sum(p.weight for p in preferred if term_holds(p.preference, node)) for node in nodes
    }
    return normalized(sums, reverse=False)


def score_least_allocated(pod: Pod, nodes: list[Node], cluster: Cluster) -> Scores:
    result = {}
    for node in nodes:
        offered = allocatable(node)
        taken = [sum(column) for column in zip((0, 0), *map(non_zero_requests, cluster.on(node)), strict=True)]
        total = weights = 0
        for index, name in enumerate(("cpu", "memory")):
            size = offered.get(name, 0)
            if size == 0:
                continue
            wanted = taken[index] + non_zero_requests(pod)[index]
            total += 0 if wanted > size else (size - wanted) * 100 // size
            weights += 1
        result[node.metadata.name or ""] = total // weights if weights else 0
    return result


def balance(offered: dict[str, int], taken: Counter[str]) -> int:
    fractions = [min(taken[name] / offered[name], 1.0) for name in ("cpu", "memory") if offered.get(name, 0)]
    deviation = abs((fractions[0] - fractions[1]) / 2) if len(fractions) == 2 else 0.0
    return int((1 - deviation) * 100)


def score_balanced(pod: Pod, nodes: list[Node], cluster: Cluster) -> Scores:
    wanted = requests(pod)
    if not wanted["cpu"] and not wanted["memory"]:
        return {}
    result = {}
    for node in nodes:
        taken = used(cluster, node)
        before, after = balance(allocatable(node), taken), balance(allocatable(node), taken + wanted)
        result[node.metadata.name or ""] = 50 + (50 + after - before) // 2
    return result


def score_images(pod: Pod, nodes: list[Node], cluster: Cluster) -> Scores:
    mib = 1024 * 1024
    wanted = [
        c.image if c.image.rfind(":") > c.image.rfind("/") else f"{c.image}:latest"
        for c in pod.spec.containers
        if c.image
    ]
    result = {}
    for node in nodes:
        total = 0
        for name in wanted:
            having = [n for n in cluster.nodes if any(name in image.names for image in n.status.images)]
            if node in having:
                size = next(i.sizeBytes or 0 for i in having[0].status.images if name in i.names)
                total += int(size * (len(having) / len(cluster.nodes)))
        most = 1000 * mib * len(pod.spec.containers)
        clipped = min(max(total, 23 * mib), most)
        result[node.metadata.name or ""] = 100 * (clipped - 23 * mib) // (most - 23 * mib)
    return result


def score_spread(pod: Pod, nodes: list[Node], cluster: Cluster) -> Scores:
    """Soft constraints of the Pod's own."""
    constraints = [c for c in pod.spec.topologySpreadConstraints if c.whenUnsatisfiable == "ScheduleAnyway"]
    if not constraints:
        return {}
    keys = [c.topologyKey for c in constraints]
    labelled = [n for n in nodes if all(key in n.metadata.labels for key in keys)]
    raw: dict[str, float] = dict.fromkeys((n.metadata.name or "" for n in nodes), 0.0)
    for constraint in constraints:
        selector = LabelSelector.of(constraint.labelSelector)
        namespace = pod.metadata.namespace or ""
        host = constraint.topologyKey == "kubernetes.io/hostname"
        values = {n.metadata.labels[constraint.topologyKey] for n in labelled}
        weight = math.log((len(labelled) if host else len(values)) + 2)
        for node in labelled:
            value = node.metadata.labels[constraint.topologyKey]
            count = sum(
                matching(cluster.on(other), selector, namespace)
                for other in cluster.nodes
                if (
                    other is node
                    if host
                    else (
                        all(key in other.metadata.labels for key in keys)
                        and counted(constraint, pod, other)
                        and other.metadata.labels[constraint.topologyKey] == value
                    )
                )
            )
            raw[node.metadata.name or ""] += count * weight + constraint.maxSkew - 1
    names = {n.metadata.name or "" for n in labelled}
    rounded = {name: math.floor(score + 0.5) for name, score in raw.items() if name in names}
    result = dict.fromkeys(raw, 0)
    if rounded:
        least, most = min(rounded.values()), max(rounded.values())
        for name, score in rounded.items():
            result[name] = 100 * (most + least - score) // most if most else 100
    return result


SCORES = {
    "TaintToleration": (3, score_taints),
    "NodeAffinity": (2, score_affinity),
    "NodeResourcesFit": (1, score_least_allocated),
    "PodTopologySpread": (2, score_spread),
    "InterPodAffinity": (2, reference_affinity.score),
    "NodeResourcesBalancedAllocation": (1, score_balanced),
    "ImageLocality": (1, score_images),
}
