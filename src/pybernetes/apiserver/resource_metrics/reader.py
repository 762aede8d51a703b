"""Who may read metrics: whoever may view, edit or administer. Source: metrics-server manifests/base/rbac.yaml."""

from __future__ import annotations

from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.rbac.v1 import ClusterRole, PolicyRule
from pybernetes.apiserver.resource_metrics.resources import GROUP, NODES, PODS

_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"


def reader_role() -> ClusterRole:
    labels = {f"{_AGGREGATE}{role}": "true" for role in ("admin", "edit", "view")}
    rule = PolicyRule(apiGroups=[GROUP], resources=[PODS.plural, NODES.plural], verbs=["get", "list", "watch"])
    return ClusterRole(metadata=ObjectMeta(name="system:aggregated-metrics-reader", labels=labels), rules=[rule])
