"""Facts about Nodes that several parts of a cluster go by. Pure."""

from __future__ import annotations

from pybernetes.api.core.v1 import Node
from pybernetes.apimachinery.conditions import condition_holds

LEASE_NAMESPACE = "kube-node-lease"
_EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
_TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler"


def is_about_to_go(node: Node) -> bool:
    """Whether it is being deleted, or the cluster autoscaler is going to."""
    leaving = any(taint.key == _TO_BE_DELETED for taint in node.spec.taints)
    return leaving or node.metadata.deletionTimestamp is not None


def takes_balanced_traffic(node: Node) -> bool:
    """Whether a load balancer may send to it.

    Source: cloud-provider/controllers/service (stableNodeSetPredicates), and k3s's rule that the node is ready.
    """
    stays = condition_holds(node.status.conditions, "Ready") and not is_about_to_go(node)
    return stays and _EXCLUDED not in node.metadata.labels
