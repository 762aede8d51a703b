"""Writes the annotation node.alpha.kubernetes.io/ttl of each node; a node is looked at whenever it changes."""

from __future__ import annotations

from pybernetes.api.core.v1 import Node
from pybernetes.apimachinery import errors
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.ttl import plan


class TtlController(Controller):
    name = "ttl-controller"
    queue_name = "ttlcontroller"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        nodes = self.informer(Node)
        self._nodes = nodes.lister
        self._size = plan.Size()
        nodes.add_handler(self._counted, lambda old, new: self._look(new), self._counted)

    def _counted(self, node: Node) -> None:
        before = self._size.seconds
        self._size.changed(len(self._nodes))
        if self._size.seconds != before:
            for each in self._nodes.list():
                self._look(each)
        self._look(node)

    def _look(self, node: Node) -> None:
        if not plan.is_right(node.metadata.annotations, self._size.seconds):
            self.enqueue(node)

    async def reconcile(self, key: str) -> None:
        node = self._nodes.by_key(key)
        if node is None or plan.is_right(node.metadata.annotations, self._size.seconds):
            return
        annotations = {plan.ANNOTATION: str(self._size.seconds)}
        try:
            await self.client.patch(Node, key, "", {"metadata": {"annotations": annotations}})
        except errors.NotFound:
            return
