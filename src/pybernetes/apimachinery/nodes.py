"""Facts about Nodes that several parts of a cluster go by. Pure."""

from __future__ import annotations

from pybernetes.api.core.v1 import Node
from pybernetes.apimachinery.conditions import condition_holds

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
_TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler"


def takes_balanced_traffic(node: Node) -> bool:
    """Whether a load balancer may send to it.

    Source: cloud-provider/controllers/service (stableNodeSetPredicates), and k3s's rule that the node is ready.
    """
    leaving = node.metadata.deletionTimestamp or any(taint.key == _TO_BE_DELETED for taint in node.spec.taints)
    return condition_holds(node.status.conditions, "Ready") and not leaving and EXCLUDED not in node.metadata.labels
