"""TaintNodesByCondition: a new node is not ready until it says so.

Source: plugin/pkg/admission/nodetaint/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.apiserver.admission.default_toleration_seconds import NOT_READY
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin


class TaintNodesByCondition(Plugin):
    name = "TaintNodesByCondition"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", "nodes", "")})
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        node: core.Node = attributes.object
        if not any(t.key == NOT_READY and t.effect == "NoSchedule" for t in node.spec.taints):
            node.spec.taints = [*node.spec.taints, core.Taint(key=NOT_READY, effect="NoSchedule")]
