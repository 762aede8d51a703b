"""Writes a podCIDR into nodes that have none. Source: pkg/controller/nodeipam/ipam/range_allocator.go."""

from __future__ import annotations

from pybernetes.api.core.v1 import Node, ObjectReference
from pybernetes.apimachinery import errors
from pybernetes.controllers.node_ipam.plan import CidrSets
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller


class NodeIpamController(Controller):
    name = "node-ipam-controller"
    queue_name = "cidrallocator_node"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("cidrAllocator")
        self._cidrs = CidrSets(self.config.cluster_cidr, self.config.node_cidr_mask_size)
        for cidr in self.config.service_cidr.split(","):
            self._cidrs.occupy(cidr)
        self._of_node: dict[str, list[str]] = {}
        nodes = self.informer(Node)
        self._nodes = nodes.lister
        # Handlers run before any worker does, so every range in use is known before the first is given out.
        nodes.add_handler(on_add=self._seen, on_update=lambda old, new: self._seen(new), on_delete=self._gone)

    async def reconcile(self, key: str) -> None:
        node = self._nodes.by_key(key)
        if node is None or node.spec.podCIDR or not self.config.allocate_node_cidrs:
            return
        given = self._of_node.get(key)
        if given is None:
            given = self._cidrs.allocate()
            if given is None:
                self._say(node, "CIDRNotAvailable")
                raise errors.InternalError(f"no free range is left in {self.config.cluster_cidr} for node {key}")
            self._of_node[key] = given
        body = {"metadata": {"uid": node.metadata.uid}, "spec": {"podCIDR": given[0], "podCIDRs": given}}
        try:
            await self.client.patch(Node, key, "", body, patch_type="strategic")
        except (errors.NotFound, errors.Invalid, errors.Conflict):
            # The node went away, or somebody else gave it a range.
            self._release(key)
            raise
        except errors.StatusError:
            self._say(node, "CIDRAssignmentFailed")
            raise

    def _seen(self, node: Node) -> None:
        name = node.metadata.name or ""
        cidrs = list(node.spec.podCIDRs) or ([node.spec.podCIDR] if node.spec.podCIDR else [])
        if not cidrs:
            self.queue.add(name)
            return
        if self._of_node.get(name) == cidrs:
            return
        self._release(name)
        for cidr in cidrs:
            if not self._cidrs.occupy(cidr):
                self.log.warning("podCIDR %s of node %s is also another node's", cidr, name)
        self._of_node[name] = cidrs

    def _gone(self, node: Node) -> None:
        self._release(node.metadata.name or "")

    def _release(self, name: str) -> None:
        for cidr in self._of_node.pop(name, []):
            if not any(cidr in others for others in self._of_node.values()):
                self._cidrs.release(cidr)

    def _say(self, node: Node, status: str) -> None:
        name = node.metadata.name or ""
        about = ObjectReference(apiVersion="v1", kind="Node", name=name, uid=node.metadata.uid)
        self.recorder.event(about, "Normal", status, f"Node {name} status is now: {status}")
