"""Facts about Nodes that controllers decide by. Pure. Source: pkg/util/node/node.go, component-helpers/node/util."""

from __future__ import annotations

from pybernetes.api.core.v1 import Node, NodeCondition
from pybernetes.apimachinery.conditions import condition_of

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""Taint: an admin says that the machine is gone."""


def condition(node: Node, kind: str) -> NodeCondition | None:
    return condition_of(node.status.conditions, kind)


def ready_status(node: Node) -> str | None:
    found = condition(node, "Ready")
    return found.status if found is not None else None


def is_ready(node: Node) -> bool:
    return ready_status(node) == "True"


def is_out_of_service(node: Node) -> bool:
    return any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)
