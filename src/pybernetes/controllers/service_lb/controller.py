"""Gives Services of type LoadBalancer their addresses; traffic to them is kube-proxy's affair.

The finalizer keeps a Service until its address has been given back. A Service that gets none is tried again.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pybernetes.api.core.v1 import LoadBalancerIngress, Node, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery import errors
from pybernetes.client.indexes import BY_SERVICE, service_of
from pybernetes.client.objects import split_key
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller, TryAgain
from pybernetes.controllers.service_lb import plan


class ServiceLoadBalancerController(Controller):
    name = "service-lb-controller"
    queue_name = "service"
    workers = 1  # Two at once might take the same address.
    base_delay_s = 5.0
    max_delay_s = 300.0

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("service-controller")
        plan.check_pool(self.config.load_balancer_pool)
        services = self.informer(Service)
        self._services = services.lister
        self._given: dict[str, list[str]] = {}
        """What was written and may not have come back yet, by key."""
        services.add_handler(self._changed, lambda old, new: self._changed(new), self._deleted)
        if not self.config.load_balancer_pool:
            nodes, slices = self.informer(Node), self.informer(EndpointSlice)
            slices.add_index(BY_SERVICE, service_of)
            self._nodes, self._slices = nodes.lister, slices.lister
            nodes.add_handler(self._all_again, self._node_changed, self._all_again)
            slices.add_handler(self._slice_changed, lambda old, new: self._slice_changed(new), self._slice_changed)

    def _changed(self, service: Service) -> None:
        if plan.wants(service) or plan.needs_cleanup(service):
            self.enqueue(service)

    def _deleted(self, service: Service) -> None:
        self._given.pop(f"{service.metadata.namespace}/{service.metadata.name}", None)
        if plan.addresses(service):
            self._all_again(service)

    def _all_again(self, _: object) -> None:
        for service in self._services.list():
            self._changed(service)

    def _node_changed(self, old: Node, new: Node) -> None:
        if plan.facts_of(old) != plan.facts_of(new):
            self._all_again(new)

    def _slice_changed(self, piece: EndpointSlice) -> None:
        for key in service_of(piece):
            service = self._services.by_key(key)
            if service is not None and service.spec.externalTrafficPolicy == "Local":
                self._changed(service)

    async def reconcile(self, key: str) -> None:
        service = self._services.by_key(key)
        if service is None:
            return
        try:
            if plan.needs_cleanup(service):
                await self._clean_up(key, service)
            elif plan.wants(service) and not service.metadata.deletionTimestamp:
                await self._ensure(key, service)
        except errors.NotFound:
            return

    async def _ensure(self, key: str, service: Service) -> None:
        try:
            wanted = self._wanted(key, service)
        except plan.NoAddress as error:
            text = f"Error syncing load balancer: failed to ensure load balancer: {error}"
            self.recorder.event(service, "Warning", "SyncLoadBalancerFailed", text)
            raise TryAgain(str(error)) from None
        held = plan.FINALIZER in service.metadata.finalizers
        balancer = service.status.loadBalancer
        if held and balancer is not None and balancer.ingress == wanted:
            return
        self.recorder.event(service, "Normal", "EnsuringLoadBalancer", "Ensuring load balancer")
        if not wanted:
            text = "There are no available nodes for LoadBalancer"
            self.recorder.event(service, "Warning", "UnAvailableLoadBalancer", text)
        self._given[key] = [entry.ip or "" for entry in wanted]
        finalizers = None if held else [*service.metadata.finalizers, plan.FINALIZER]
        await self._write(key, service, finalizers, wanted)
        self.recorder.event(service, "Normal", "EnsuredLoadBalancer", "Ensured load balancer")

    def _wanted(self, key: str, service: Service) -> list[LoadBalancerIngress]:
        others = [self._as_given(other) for other in self._services.list()]
        if self.config.load_balancer_pool:
            return plan.from_pool(self._as_given(service), self.config.load_balancer_pool, others)
        slices = self._slices.by_index(BY_SERVICE, key)
        reserved = self.config.load_balancer_reserved_ports
        return plan.from_nodes(self._as_given(service), self._nodes.list(), others, slices, reserved)

    def _as_given(self, service: Service) -> Service:
        """With the addresses that were written last, where the informer does not show them yet."""
        key = f"{service.metadata.namespace}/{service.metadata.name}"
        given = self._given.get(key)
        if given is None or plan.addresses(service) == given:
            return service
        return plan.with_addresses(service, given)

    async def _clean_up(self, key: str, service: Service) -> None:
        if plan.addresses(service):
            self.recorder.event(service, "Normal", "DeletingLoadBalancer", "Deleting load balancer")
        self._given.pop(key, None)
        await self._write(key, service, [f for f in service.metadata.finalizers if f != plan.FINALIZER], [])
        self.recorder.event(service, "Normal", "DeletedLoadBalancer", "Deleted load balancer")
        self._all_again(service)

    async def _write(
        self, key: str, service: Service, finalizers: list[str] | None, ingress: list[LoadBalancerIngress]
    ) -> None:
        namespace, name = split_key(key)
        meta: dict[str, Any] = {"resourceVersion": service.metadata.resourceVersion}
        if finalizers is not None:
            meta["finalizers"] = finalizers or None
        status = {"loadBalancer": {"ingress": msgspec.to_builtins(ingress) or None}}
        await self.client.patch(Service, name, namespace, {"metadata": meta, "status": status}, subresource="status")
