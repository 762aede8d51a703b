"""Fills ClusterRoles that have an aggregationRule."""

from __future__ import annotations

import msgspec

from pybernetes.api.rbac.v1 import ClusterRole
from pybernetes.controllers.clusterrole_aggregation import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller


class ClusterRoleAggregationController(Controller):
    name = "clusterrole-aggregation-controller"
    queue_name = "ClusterRoleAggregator"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        roles = self.informer(ClusterRole)
        self._roles = roles.lister
        roles.add_index("aggregated", _aggregated)
        roles.add_handler(
            on_add=lambda role: self._enqueue_all(),
            on_update=lambda old, new: self._enqueue_all(),
            on_delete=lambda role: self._enqueue_all(),
        )

    async def reconcile(self, key: str) -> None:
        role = self._roles.by_key(key)
        if role is None:
            return
        rules = plan.rules(role, self._roles.list())
        if rules is None:
            return
        wanted = {
            "apiVersion": role.apiVersion,
            "kind": role.kind,
            "metadata": {"name": key},
            "rules": msgspec.to_builtins(rules),
        }
        await self.client.patch(ClusterRole, key, "", wanted, patch_type="apply", field_manager=self.name, force=True)

    def _enqueue_all(self) -> None:
        """Any role may be selected by any aggregated one; there are few."""
        for role in self._roles.by_index("aggregated", "yes"):
            self.enqueue(role)


def _aggregated(role: ClusterRole) -> list[str]:
    return ["yes"] if role.aggregationRule else []
