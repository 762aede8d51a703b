"""Deletes Pods that nobody else will: of nodes that are gone, terminating but never scheduled, too many finished.

Differs: upstream looks every 20 seconds; here Pod and Node events queue what has to be looked at.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import Node, Pod, PodCondition
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.pods import is_finished
from pybernetes.apimachinery.times import format_time
from pybernetes.client.indexes import BY_NODE, node_of
from pybernetes.controllers.pod_gc import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.nodes import is_out_of_service

_TERMINATED = "terminated"
_NODE, _POD = "node:", "pod:"
_SETTLE_S = 20.0


class PodGarbageCollector(Controller):
    """Keys: `node:NAME` (perhaps missing), `pod:NAMESPACE/NAME` (perhaps to delete), `terminated` (count them)."""

    name = "pod-garbage-collector-controller"
    queue_name = "orphaned_pods_nodes"
    workers = 2

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        pods, nodes = self.informer(Pod), self.informer(Node)
        self._pods, self._nodes = pods.lister, nodes.lister
        pods.add_index(BY_NODE, node_of)
        pods.add_handler(on_add=self._pod_changed, on_update=lambda old, new: self._pod_changed(new))
        nodes.add_handler(on_update=lambda old, new: self._node_changed(new), on_delete=self._node_deleted)

    async def reconcile(self, key: str) -> None:
        if key == _TERMINATED:
            for pod in plan.terminated(self._pods.list(), self.config.terminated_pod_gc_threshold):
                await self._fail_and_delete(pod)
        elif key.startswith(_POD):
            pod_or_none = self._pods.by_key(key.removeprefix(_POD))
            if pod_or_none is not None and self._is_doomed(pod_or_none):
                await self._fail_and_delete(pod_or_none)
        else:
            await self._collect_orphans(key.removeprefix(_NODE))

    def _is_doomed(self, pod: Pod) -> bool:
        node = self._nodes.by_key(pod.spec.nodeName or "")
        return plan.is_unscheduled_terminating(pod) or plan.is_out_of_service(pod, node)

    async def _collect_orphans(self, node: str) -> None:
        """After the quarantine; asks the apiserver itself whether the node is gone."""
        orphans = self._pods.by_index(BY_NODE, node)
        if not orphans or self._nodes.by_key(node) is not None:
            return
        try:
            await self.client.get(Node, node)
            return
        except errors.NotFound:
            pass
        time = format_time(self.clock.now())
        for pod in orphans:
            condition = PodCondition(
                type="DisruptionTarget",
                status="True",
                reason="DeletionByPodGC",
                message="PodGC: node no longer exists",
                lastTransitionTime=time,
            )
            await self._fail_and_delete(pod, condition)

    async def _fail_and_delete(self, pod: Pod, condition: PodCondition | None = None) -> None:
        meta = pod.metadata
        name, namespace = meta.name or "", meta.namespace or ""
        try:
            if not is_finished(pod):
                status: dict[str, object] = {"phase": "Failed"}
                if condition is not None:
                    status["conditions"] = [condition]
                body = {"metadata": {"uid": meta.uid}, "status": status}
                await self.client.patch(Pod, name, namespace, body, patch_type="strategic", subresource="status")
            await self.client.delete(Pod, name, namespace, uid=meta.uid or "", grace_period_s=0)
        except (errors.NotFound, errors.Conflict):
            return

    def _pod_changed(self, pod: Pod) -> None:
        node = pod.spec.nodeName
        if node and self._nodes.by_key(node) is None:
            self.queue.add_after(_NODE + node, plan.QUARANTINE_S)
        if self._is_doomed(pod):
            self.queue.add(f"{_POD}{pod.metadata.namespace}/{pod.metadata.name}")
        if is_finished(pod) and self.config.terminated_pod_gc_threshold > 0:
            self.queue.add_after(_TERMINATED, _SETTLE_S)

    def _node_changed(self, node: Node) -> None:
        if is_out_of_service(node):
            for pod in self._pods.by_index(BY_NODE, node.metadata.name or ""):
                self._pod_changed(pod)

    def _node_deleted(self, node: Node) -> None:
        self.queue.add_after(_NODE + (node.metadata.name or ""), plan.QUARANTINE_S)
