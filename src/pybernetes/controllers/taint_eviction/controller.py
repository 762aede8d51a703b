"""Deletes Pods whose patience with a NoExecute taint is over; a timer a Pod, none where there is no taint."""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api.core.v1 import Node, ObjectReference, Pod
from pybernetes.client.indexes import BY_NODE, node_of
from pybernetes.client.objects import key_of
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.evictions import evict
from pybernetes.controllers.taint_eviction.plan import no_execute, patience_s

_WHY = "Taint manager: deleting due to NoExecute taint"


@dataclass(slots=True, frozen=True)
class _Scheduled:
    uid: str
    due_s: float


class TaintEvictionController(Controller):
    name = "taint-eviction-controller"
    queue_name = "noexec_taint_pod"
    workers = 8

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        pods, nodes = self.informer(Pod), self.informer(Node)
        self._pods, self._nodes = pods.lister, nodes.lister
        self._scheduled: dict[str, _Scheduled] = {}
        """Pods that a timer runs for. What is added to taints and tolerations then moves it no more."""
        pods.add_index(BY_NODE, node_of)
        pods.add_handler(on_add=self._pod_added, on_update=self._pod_updated, on_delete=self.enqueue)
        nodes.add_handler(
            on_add=self._node_added, on_update=self._node_updated, on_delete=lambda node: self._pods_of(node)
        )

    async def reconcile(self, key: str) -> None:
        pod = self._pods.by_key(key)
        scheduled = self._scheduled.get(key)
        if scheduled is not None and (pod is None or pod.metadata.uid != scheduled.uid):
            self._cancel(key)
            scheduled = None
        if pod is None or not pod.spec.nodeName:
            return
        taints = no_execute(self._nodes.get("", pod.spec.nodeName))
        patience = patience_s(taints, pod.spec.tolerations)
        if patience is None:
            self._cancel(key)
            return
        now = self.clock.now()
        if patience == 0:
            self._cancel(key)
        else:
            scheduled = scheduled or _Scheduled(pod.metadata.uid or "", now + patience)
            if scheduled.due_s > now:
                self._scheduled[key] = scheduled
                self.queue.add_after(key, scheduled.due_s - now)
                return
        self._scheduled.pop(key, None)
        if pod.metadata.deletionTimestamp is None:
            self._say(key, f"Marking for deletion Pod {key}")
            await evict(self.client, pod, "DeletionByTaintManager", _WHY, now)

    def _cancel(self, key: str) -> None:
        if self._scheduled.pop(key, None) is not None:
            self._say(key, f"Cancelling deletion of Pod {key}")

    def _say(self, key: str, message: str) -> None:
        namespace, _, name = key.partition("/")
        about = ObjectReference(apiVersion="v1", kind="Pod", namespace=namespace, name=name)
        self.recorder.event(about, "Normal", "TaintManagerEviction", message)

    def _pod_added(self, pod: Pod) -> None:
        if pod.spec.nodeName and no_execute(self._nodes.get("", pod.spec.nodeName)):
            self.enqueue(pod)

    def _pod_updated(self, old: Pod, new: Pod) -> None:
        if old.spec.nodeName != new.spec.nodeName or old.spec.tolerations != new.spec.tolerations:
            self.enqueue(new)

    def _node_added(self, node: Node) -> None:
        if no_execute(node):
            self._pods_of(node)

    def _node_updated(self, old: Node, new: Node) -> None:
        if no_execute(old) != no_execute(new):
            self._pods_of(new)

    def _pods_of(self, node: Node) -> None:
        for pod in self._pods.by_index(BY_NODE, node.metadata.name or ""):
            self.queue.add(key_of(pod))
