"""Watches heartbeats and acts on silence. Source: pkg/controller/nodelifecycle.

Differs: nothing is polled. A node is looked at when it or something about it changes, and when its
deadline passes; a renewed Lease only moves the deadline.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core.v1 import Node, ObjectReference, Pod, Taint
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.nodes import LEASE_NAMESPACE
from pybernetes.apimachinery.pods import is_ready
from pybernetes.apimachinery.times import format_time
from pybernetes.client.indexes import BY_NODE, node_of
from pybernetes.controllers.node_lifecycle import plan
from pybernetes.controllers.node_lifecycle.plan import Health, Limiter, Rates, ZoneState
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.nodes import ready_status
from pybernetes.controllers.runtime.pods import condition as pod_condition

_PARALLEL_PODS = 8


class NodeLifecycleController(Controller):
    name = "node-lifecycle-controller"
    queue_name = "node_lifecycle_controller"
    workers = 8

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("node-controller")
        config = self.config
        self._rates = Rates(
            config.node_eviction_rate, config.secondary_node_eviction_rate, config.large_cluster_size_threshold
        )
        self._health: dict[str, Health] = {}
        self._readiness: dict[str, str | None] = {}
        """The Ready status each known node had when it was last looked at."""
        self._zones: dict[str, dict[str, bool]] = {}
        """Zone -> node -> ready; what disruption is judged by."""
        self._limiters: dict[str, Limiter] = {}
        self._everything_down = False
        self._unmarked: set[str] = set()
        """Nodes that stopped being ready, whose Pods are not all marked yet."""
        nodes, pods, leases = self.informer(Node), self.informer(Pod), self.informer(Lease)
        self._nodes, self._pods, self._leases = nodes.lister, pods.lister, leases.lister
        pods.add_index(BY_NODE, node_of)
        nodes.add_handler(
            on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new), on_delete=self._node_deleted
        )
        leases.add_handler(on_add=self._lease_seen, on_update=lambda old, new: self._lease_seen(new))
        pods.add_handler(on_add=self._pod_seen, on_update=lambda old, new: self._pod_seen(new))

    async def reconcile(self, key: str) -> None:
        node = self._nodes.by_key(key)
        if node is None:
            return
        now = self.clock.now()
        if key not in self._readiness:
            self._event(node, "RegisteredNode", f"Node {key} event: Registered Node {key} in Controller")
        health = self._observe(node, now)
        due = plan.deadline(
            health, node, self.config.node_monitor_grace_period_s, self.config.node_startup_grace_period_s
        )
        if now < due:
            self.queue.add_after(key, due - now)
        elif changed := plan.unknown_conditions(node, now):
            node = await self._write_conditions(node, changed)
        self._note_readiness(key, node)
        await self._correct_labels(node)
        await self._correct_taints(node)
        await self._mark_pods(node)

    # Health

    def _observe(self, node: Node, now: float) -> Health:
        name = node.metadata.name or ""
        health = plan.observe(self._health.get(name), node, self._leases.get(LEASE_NAMESPACE, name), now)
        self._health[name] = health
        return health

    def _lease_seen(self, lease: Lease) -> None:
        """Cheap on purpose: a timer that fires too early looks again."""
        if lease.metadata.namespace == LEASE_NAMESPACE:
            node = self._nodes.get("", lease.metadata.name or "")
            if node is not None:
                self._observe(node, self.clock.now())

    async def _write_conditions(self, node: Node, changed: list[Any]) -> Node:
        """Guarded by the resourceVersion: a heartbeat that came meanwhile wins."""
        meta = node.metadata
        body = {
            "metadata": {"resourceVersion": meta.resourceVersion, "uid": meta.uid},
            "status": {"conditions": msgspec.to_builtins(changed)},
        }
        return await self.client.patch(Node, meta.name or "", "", body, patch_type="strategic", subresource="status")

    def _note_readiness(self, name: str, node: Node) -> None:
        """Keeps count by zone, and notices the moment a node stops being ready."""
        before, status = self._readiness.get(name), ready_status(node)
        self._readiness[name] = status
        if before == "True" and status != "True":
            self._event(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
            self._unmarked.add(name)
        elif status == "True":
            self._unmarked.discard(name)
        zone = plan.zone_of(node)
        for other, members in self._zones.items():
            if other != zone:
                members.pop(name, None)
        excluded = plan.EXCLUDED in node.metadata.labels
        if excluded:
            self._zones.get(zone, {}).pop(name, None)
        else:
            self._zones.setdefault(zone, {})[name] = status == "True"
        self._judge_disruption()

    def _judge_disruption(self) -> None:
        """All nodes down at once means that the control plane has lost them: taints go, nothing is evicted.

        When the first node comes back, the others get a full grace period again.
        """
        everything = any(self._zones.values()) and not any(any(members.values()) for members in self._zones.values())
        if everything == self._everything_down:
            return
        self._everything_down = everything
        self.log.info("%s disruption of the whole cluster", "entering" if everything else "leaving")
        now = self.clock.now()
        for name, health in list(self._health.items()):
            if not everything:
                self._health[name] = Health(health.heartbeat, now)
            self.queue.add(name)

    def _rate(self, zone: str) -> float:
        members = self._zones.get(zone, {})
        ready = sum(members.values())
        state = plan.zone_state(ready, len(members) - ready, self.config.unhealthy_zone_threshold)
        return self._rates.of(state, len(members), self._everything_down)

    def zone_states(self) -> dict[str, ZoneState]:
        """For metrics and tests."""
        threshold = self.config.unhealthy_zone_threshold
        return {
            zone: plan.zone_state(sum(members.values()), len(members) - sum(members.values()), threshold)
            for zone, members in self._zones.items()
            if members
        }

    def _node_deleted(self, node: Node) -> None:
        name = node.metadata.name or ""
        self._event(node, "RemovingNode", f"Node {name} event: Removing Node {name} from Controller")
        self._health.pop(name, None)
        self._readiness.pop(name, None)
        self._unmarked.discard(name)
        for members in self._zones.values():
            members.pop(name, None)
        self._judge_disruption()

    # Taints and labels

    async def _correct_taints(self, node: Node) -> None:
        now = self.clock.now()
        old = list(node.spec.taints)
        taints = plan.no_schedule_taints(node, old, now)
        taints = plan.no_execute_taints(taints, self._no_execute(node), now)
        if _said(taints) != _said(old):
            try:
                await self._patch(node, {"spec": {"taints": msgspec.to_builtins(taints)}})
            except errors.StatusError:
                if len(plan.no_execute_only(taints)) > len(plan.no_execute_only(old)):
                    self._limiters[plan.zone_of(node)].give_back()
                raise

    def _no_execute(self, node: Node) -> str | None:
        """The NoExecute taint the node should have now; a new one waits for its turn in the zone."""
        name = node.metadata.name or ""
        wanted = plan.no_execute_key(node)
        if wanted is None or self._everything_down:
            return None
        taints = node.spec.taints
        if plan.has_no_execute(taints, plan.NOT_READY) or plan.has_no_execute(taints, plan.UNREACHABLE):
            return wanted
        zone = plan.zone_of(node)
        wait_s = self._limiters.setdefault(zone, Limiter()).wait_s(self._rate(zone), self.clock.now())
        if wait_s == 0:
            return wanted
        self.queue.add_after(name, self.config.node_monitor_period_s if wait_s is None else wait_s)
        return None

    async def _correct_labels(self, node: Node) -> None:
        labels = plan.outdated_labels(node)
        if labels:
            await self.client.patch(Node, node.metadata.name or "", "", {"metadata": {"labels": labels}})

    async def _patch(self, node: Node, change: dict[str, Any]) -> None:
        meta = node.metadata
        body = {"metadata": {"resourceVersion": meta.resourceVersion, "uid": meta.uid}, **change}
        await self.client.patch(Node, meta.name or "", "", body, patch_type="strategic")

    # Pods

    async def _mark_pods(self, node: Node) -> None:
        """Pods of a node that is not ready are not ready either, whatever their kubelet last said.

        While the kubelet is silent that goes for every Pod at any time; when it speaks but the node is
        not ready, only once, at the change: after that its word on its Pods counts.
        """
        name = node.metadata.name or ""
        if ready_status(node) != "Unknown" and name not in self._unmarked:
            return
        pods = [pod for pod in self._pods.by_index(BY_NODE, name) if is_ready(pod)]
        slots = asyncio.Semaphore(_PARALLEL_PODS)

        async def mark(pod: Pod) -> None:
            async with slots:
                await self._mark(pod)

        results = await asyncio.gather(*(mark(pod) for pod in pods), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise failures[0]
        self._unmarked.discard(name)

    async def _mark(self, pod: Pod) -> None:
        ready = pod_condition(pod, "Ready")
        assert ready is not None
        changed = {**msgspec.to_builtins(ready), "status": "False", "lastTransitionTime": format_time(self.clock.now())}
        body = {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [changed]}}
        try:
            await self.client.patch(
                Pod,
                pod.metadata.name or "",
                pod.metadata.namespace or "",
                body,
                patch_type="strategic",
                subresource="status",
            )
        except errors.NotFound:
            return
        self.recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready")

    def _pod_seen(self, pod: Pod) -> None:
        """A Pod that claims to be ready on a node nobody hears of."""
        name = pod.spec.nodeName
        if name and self._readiness.get(name) == "Unknown" and is_ready(pod):
            self.queue.add(name)

    def _event(self, node: Node, reason: str, message: str) -> None:
        meta = node.metadata
        about = ObjectReference(apiVersion="v1", kind="Node", name=meta.name, uid=meta.uid)
        self.recorder.event(about, "Normal", reason, message)


def _said(taints: list[Taint]) -> list[tuple[str, str, str]]:
    return [(taint.key, taint.value or "", taint.effect) for taint in taints]
