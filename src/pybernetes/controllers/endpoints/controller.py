"""Keeps the Endpoints object of Services with a selector. Source: pkg/controller/endpoint/endpoints_controller.go."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from pybernetes.api.core.v1 import Endpoints, Pod, Service
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.client.objects import key_of, split_key
from pybernetes.controllers.endpoints.plan import plan
from pybernetes.controllers.endpointslice.service_pods import (
    REST_S_PER_POD,
    TriggerTimes,
    endpoints_changed,
    first_pair,
    is_managed,
    pairs_of,
    selects,
)
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.pod_control import is_namespace_terminating

_LEADER = "control-plane.alpha.kubernetes.io/leader"


class EndpointsController(Controller):
    name = "endpoints-controller"
    queue_name = "endpoint"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("endpoint-controller")
        services, pods, endpoints = self.informer(Service), self.informer(Pod), self.informer(Endpoints)
        self._services, self._pods, self._endpoints = services.lister, pods.lister, endpoints.lister
        self._trigger_times = TriggerTimes()
        self._written: dict[str, int] = {}
        """The newest own write by key, as long as the informer shows something older."""
        services.add_index("first-pair", first_pair)
        self.enqueue_all(services)
        pods.add_handler(on_add=self._pod_changed, on_update=self._pod_updated, on_delete=self._pod_changed)
        endpoints.add_handler(
            on_add=self._endpoints_seen,
            on_update=lambda old, new: self._endpoints_seen(new),
            on_delete=self._endpoints_gone,
        )

    def background(self) -> list[Coroutine[Any, Any, None]]:
        return [self._check_leftovers()]

    async def _check_leftovers(self) -> None:
        """Once: Endpoints whose Service went away while nobody looked."""
        for endpoints in self._endpoints.list():
            if _LEADER not in endpoints.metadata.annotations:
                self.queue.add(key_of(endpoints))

    async def reconcile(self, key: str) -> None:
        service = self._services.by_key(key)
        if service is None:
            await self._service_gone(key)
            return
        if not is_managed(service):
            return
        current = self._endpoints.by_key(key)
        if self._written.get(key, 0) > (int(current.metadata.resourceVersion or 0) if current is not None else 0):
            return  # the informer brings our own write, and queues the key again
        pods = self._pods.list(service.metadata.namespace or "", LabelSelector.of_set(service.spec.selector))
        self.queue.rest(key, len(pods) * REST_S_PER_POD)
        wanted = plan(service, pods, current, self._trigger_times.compute(key, service, pods))
        if wanted is None:
            return
        try:
            written = await (self.client.create(wanted) if current is None else self.client.update(wanted))
        except errors.StatusError as error:
            if is_namespace_terminating(error):
                return
            verb = "create" if current is None else "update"
            reason = f"FailedTo{verb.capitalize()}Endpoint"
            self.recorder.event(service, "Warning", reason, f"Failed to {verb} endpoints for service {key}: {error}")
            raise
        known = self._endpoints.by_key(key)
        version = int(written.metadata.resourceVersion or 0)
        if known is None or int(known.metadata.resourceVersion or 0) < version:
            self._written[key] = version

    async def _service_gone(self, key: str) -> None:
        self._trigger_times.forget(key)
        self._written.pop(key, None)
        endpoints = self._endpoints.by_key(key)
        if endpoints is None or _LEADER in endpoints.metadata.annotations:
            return
        namespace, name = split_key(key)
        try:
            await self.client.get(Service, name, namespace)
            return  # newer than what the informer has
        except errors.NotFound:
            pass
        try:
            await self.client.delete(Endpoints, name, namespace, uid=endpoints.metadata.uid or "")
        except errors.NotFound:
            return

    def _endpoints_seen(self, endpoints: Endpoints) -> None:
        key = key_of(endpoints)
        if int(endpoints.metadata.resourceVersion or 0) >= self._written.get(key, 0):
            self._written.pop(key, None)
            self._add_if_service(key)

    def _endpoints_gone(self, endpoints: Endpoints) -> None:
        self._written.pop(key_of(endpoints), None)
        self._add_if_service(key_of(endpoints))

    def _add_if_service(self, key: str) -> None:
        """Endpoints that somebody writes before their Service are left alone."""
        if self._services.by_key(key) is not None:
            self.queue.add(key)

    def _pod_changed(self, pod: Pod) -> None:
        for pair in pairs_of(pod):
            for service in self._services.by_index("first-pair", pair):
                if selects(service, pod.metadata.labels):
                    self.queue.add(key_of(service))

    def _pod_updated(self, old: Pod, new: Pod) -> None:
        if endpoints_changed(old, new):
            self._pod_changed(new)
            if old.metadata.labels != new.metadata.labels:
                self._pod_changed(old)
