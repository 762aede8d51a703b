"""Facts about Nodes that several parts of a cluster go by. Pure."""

from __future__ import annotations

from pybernetes.api.core.v1 import Node
from pybernetes.apimachinery.conditions import condition_holds

LEASE_NAMESPACE = "kube-node-lease"
_EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
_KUBELET_LABELS = frozenset({
    "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type", "kubernetes.io/os", "kubernetes.io/arch",
    "beta.kubernetes.io/os", "beta.kubernetes.io/arch", "node.kubernetes.io/windows-build",
})  # fmt: skip
_KUBELET_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler"


def is_about_to_go(node: Node) -> bool:
    """Whether it is being deleted, or the cluster autoscaler is going to."""
    leaving = any(taint.key == _TO_BE_DELETED for taint in node.spec.taints)
    return leaving or node.metadata.deletionTimestamp is not None


def is_beyond_kubelets(label: str) -> bool:
    """Whether it is one of Kubernetes's that a kubelet may not give its own Node.

    Source: staging/src/k8s.io/kubelet/pkg/apis/well_known_labels.go, plugin/pkg/admission/noderestriction.
    """
    prefix, slash, _ = label.partition("/")

    def within(*domains: str) -> bool:
        return any(prefix == domain or prefix.endswith(f".{domain}") for domain in domains)

    if not slash or label in _KUBELET_LABELS:
        return False
    return within("kubernetes.io", "k8s.io") and not within(*_KUBELET_NAMESPACES)


def takes_balanced_traffic(node: Node) -> bool:
    """Whether a load balancer may send to it.

    Source: cloud-provider/controllers/service (stableNodeSetPredicates), and k3s's rule that the node is ready.
    """
    stays = condition_holds(node.status.conditions, "Ready") and not is_about_to_go(node)
    return stays and _EXCLUDED not in node.metadata.labels
