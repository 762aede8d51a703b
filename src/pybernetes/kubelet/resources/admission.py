"""Whether a pod that was bound here can run here. Pure.

Source: pkg/kubelet/lifecycle, component-helpers/scheduling/corev1/nodeaffinity.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pybernetes.api.core.v1 import Node, NodeSelectorRequirement, NodeSelectorTerm, Pod
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.pods import containers_of
from pybernetes.apimachinery.tolerations import untolerated
from pybernetes.kubelet.containers.sysctls import AllowedSysctls
from pybernetes.kubelet.pod_spec import is_critical, is_static
from pybernetes.kubelet.resources.requests import pod_requests


@dataclass(frozen=True, slots=True)
class Shortage:
    """What the node has too little of: whole numbers, CPU in thousandths."""

    resource: str
    wanted: int
    used: int
    capacity: int

    @property
    def missing(self) -> int:
        return self.wanted - (self.capacity - self.used)

    def __str__(self) -> str:
        return f"{self.resource}, requested: {self.wanted}, used: {self.used}, capacity: {self.capacity}"


@dataclass(frozen=True, slots=True)
class Rejection:
    reason: str
    message: str
    short: tuple[Shortage, ...] = ()
    """Where resources alone are the reason: of which."""


def forbid(pod: Pod, allowed: AllowedSysctls, *, has_apparmor: bool) -> Rejection | None:
    """Why the pod can never run here, whatever else does; None when nothing forbids it."""
    sysctl = allowed.refusal(pod)
    if sysctl:
        return Rejection("SysctlForbidden", f"forbidden sysctl: {sysctl}")
    if not has_apparmor and _needs_apparmor(pod):
        return Rejection("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host")
    return None


def _needs_apparmor(pod: Pod) -> bool:
    contexts = (pod.spec.securityContext, *(c.securityContext for c in containers_of(pod.spec)))
    profiles = (context.appArmorProfile for context in contexts if context is not None)
    return any(profile is not None and profile.type != "Unconfined" for profile in profiles)


def admit(pod: Pod, others: Iterable[Pod], node: Node, allocatable: Mapping[str, str]) -> Rejection | None:
    """Why the pod is refused, None when it may run. `others` are the pods that run here already."""
    system = platform.system().lower()
    labels = {"kubernetes.io/os": system, **node.metadata.labels}
    if pod.metadata.labels.get("kubernetes.io/os", labels["kubernetes.io/os"]) != labels["kubernetes.io/os"]:
        return Rejection(
            "PodOSSelectorNodeLabelDoesNotMatch",
            "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
        )
    if pod.spec.os is not None and pod.spec.os.name != system:
        return Rejection("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    context, features = pod.spec.securityContext, node.status.features
    strict = context is not None and context.supplementalGroupsPolicy == "Strict"
    if strict and not (features is not None and features.supplementalGroupsPolicy):
        return Rejection(
            "SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node"
        )
    others = list(others)
    short = _shortages(pod, others, {**node.status.allocatable, **allocatable})
    refused = _refused_otherwise(pod, others, node)
    if not short or (refused is not None and is_critical(pod)):
        return refused
    message = f"Node didn't have enough resource: {short[0]}"
    return Rejection(f"OutOf{short[0].resource}", message, tuple(short) if refused is None else ())


def _refused_otherwise(pod: Pod, others: list[Pod], node: Node) -> Rejection | None:
    if _host_ports(pod) & {port for other in others for port in _host_ports(other)}:
        return Rejection(
            "NodePorts",
            "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
        )
    if not _matches_node(pod, node):
        return Rejection(
            "NodeAffinity",
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        )
    if not is_static(pod):
        found = untolerated(node.spec.taints, pod.spec.tolerations, ("NoExecute",))
        if found is not None:
            return Rejection(
                "TaintToleration",
                "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
            )
    return None


def _host_ports(pod: Pod) -> set[tuple[str, str, int]]:
    """Protocol, address and number; an address of its own does not clash with another's."""
    containers = (*pod.spec.containers, *(c for c in pod.spec.initContainers if c.restartPolicy == "Always"))
    return {(p.protocol or "TCP", p.hostIP or "0.0.0.0", p.hostPort) for c in containers for p in c.ports if p.hostPort}


def _shortages(pod: Pod, others: list[Pod], allocatable: Mapping[str, str]) -> list[Shortage]:
    found = []
    most_pods = quantity.value(allocatable.get("pods", "110"))
    if len(others) + 1 > most_pods:
        found.append(Shortage("pods", 1, len(others), most_pods))
    used_by = [pod_requests(other) for other in others]
    extended = pod.status.extendedResourceClaimStatus
    of_claims = {mapping.resourceName for mapping in extended.requestMappings} if extended is not None else set()
    for name, amount in pod_requests(pod).items():
        if name not in allocatable or name in of_claims:
            continue
        scale = quantity.milli if name == "cpu" else quantity.value
        wanted = scale(amount)
        used = sum(scale(requests.get(name, "0")) for requests in used_by)
        capacity = scale(allocatable[name])
        if wanted and used + wanted > capacity:
            found.append(Shortage(name, wanted, used, capacity))
    return found


def _matches_node(pod: Pod, node: Node) -> bool:
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in pod.spec.nodeSelector.items()):
        return False
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity is not None else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity is not None else None
    if required is None:
        return True
    return any(_term_matches(term, node) for term in required.nodeSelectorTerms)


def _term_matches(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.matchExpressions and not term.matchFields:
        return False
    fields = {"metadata.name": node.metadata.name or ""}
    return all(_requirement_matches(r, node.metadata.labels) for r in term.matchExpressions) and all(
        _requirement_matches(r, fields) for r in term.matchFields
    )


def _requirement_matches(requirement: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(requirement.key), requirement.values
    match requirement.operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            try:
                left, right = int(value or ""), int(values[0])
            except (ValueError, IndexError):
                return False
            return left > right if requirement.operator == "Gt" else left < right
    return False
