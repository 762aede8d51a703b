"""When a Pod must leave a node with NoExecute taints. Pure. Source: pkg/controller/tainteviction/taint_eviction.go."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.core.v1 import Node, Taint, Toleration
from pybernetes.apimachinery.tolerations import tolerates


def no_execute(node: Node | None) -> list[Taint]:
    if node is None:
        return []
    return [taint for taint in node.spec.taints if taint.effect == "NoExecute"]


def patience_s(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> float | None:
    """Seconds that a Pod may stay under the taints: 0 when one is not tolerated, None for ever."""
    shortest: float | None = None
    for taint in taints:
        tolerating = next((t for t in tolerations if tolerates(t, taint.key, taint.value or "", taint.effect)), None)
        if tolerating is None:
            return 0.0
        if tolerating.tolerationSeconds is not None:
            seconds = max(0.0, float(tolerating.tolerationSeconds))
            shortest = seconds if shortest is None else min(shortest, seconds)
    return shortest
