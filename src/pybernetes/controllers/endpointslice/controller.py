"""Keeps the EndpointSlices of Services with a selector. Source: pkg/controller/endpointslice."""

from __future__ import annotations

import asyncio

from pybernetes.api.core.v1 import Node, Pod, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.apimachinery.services import TRIGGER_TIME
from pybernetes.client.indexes import SERVICE_NAME
from pybernetes.client.objects import key_of, split_key
from pybernetes.controllers.endpointslice import plan as planning
from pybernetes.controllers.endpointslice import topology
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
from pybernetes.controllers.runtime.nodes import is_ready
from pybernetes.controllers.runtime.pod_control import is_namespace_terminating

_MANAGED = "service of a managed slice"
_NODES = ""
"""The key under which the hints of all Services are compared with the nodes."""
_STALE_S = 60.0
_MISSING_NODE_S = 1.0


class EndpointSliceController(Controller):
    name = "endpointslice-controller"
    queue_name = "endpoint_slice"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("endpoint-slice-controller")
        services, pods = self.informer(Service), self.informer(Pod)
        slices, nodes = self.informer(EndpointSlice), self.informer(Node)
        self._services, self._pods, self._nodes = services.lister, pods.lister, nodes.lister
        self._slices = slices.lister
        self._trigger_times = TriggerTimes()
        self._unseen: dict[str, dict[str, tuple[int, float]]] = {}
        """Own writes not yet seen by the informer: service -> slice -> (resourceVersion, 0 for a deletion; when)."""
        self._ratios: dict[str, float] | None = None
        """Of the zones' CPUs; None until somebody asks."""
        self._hinted: dict[str, dict[str, topology.Sharing]] = {}
        """Services with topology aware hints: service -> address type."""
        services.add_index("first-pair", first_pair)
        slices.add_index(_MANAGED, _managed_of)
        self.enqueue_all(services)
        pods.add_handler(on_add=self._pod_changed, on_update=self._pod_updated, on_delete=self._pod_changed)
        slices.add_handler(
            on_add=self._slice_seen, on_update=lambda old, new: self._slice_seen(new), on_delete=self._slice_gone
        )
        nodes.add_handler(self._node_counts, self._node_updated, self._node_counts)

    async def reconcile(self, key: str) -> None:
        if key == _NODES:
            self._look_for_overload()
            return
        service = self._services.by_key(key)
        if service is None:
            self._hinted.pop(key, None)
            self._trigger_times.forget(key)
            self._unseen.pop(key, None)
            return
        if not is_managed(service):
            return
        if self._is_stale(key):
            self.queue.add_after(key, _STALE_S)
            return
        namespace = service.metadata.namespace or ""
        pods = self._pods.list(namespace, LabelSelector.of_set(service.spec.selector))
        self.queue.rest(key, len(pods) * REST_S_PER_POD)
        pods.sort(key=lambda pod: pod.metadata.name or "")
        slices = [s for s in self._slices.by_index(_MANAGED, key) if s.metadata.deletionTimestamp is None]
        trigger_time = self._trigger_times.compute(key, service, pods)
        result = planning.plan(
            service, pods, slices, lambda name: self._nodes.get("", name), cpu_ratios=self._cpu_ratios
        )
        try:
            await self._apply(key, service, result, trigger_time)
        except errors.StatusError as error:
            self.recorder.event(
                service,
                "Warning",
                "FailedToUpdateEndpointSlices",
                f"Error updating Endpoint Slices for Service {key}: {error}",
            )
            raise
        self._tell_of_hints(key, service, result.sharing)
        if result.missing_nodes:
            self.log.info("%s: Pods on unknown nodes %s are left out", key, sorted(result.missing_nodes))
            self.queue.add_after(key, _MISSING_NODE_S)

    async def _apply(self, key: str, service: Service, result: planning.Plan, trigger_time: str) -> None:
        for made in result.create if service.metadata.deletionTimestamp is None else []:
            _set_trigger_time(made, trigger_time)
            try:
                self._wrote(key, await self.client.create(made))
            except errors.StatusError as error:
                if is_namespace_terminating(error):
                    return
                raise
        for changed in result.update:
            _set_trigger_time(changed, trigger_time)
            self._wrote(key, await self.client.update(changed))
        for obsolete in result.delete:
            name, namespace = obsolete.metadata.name or "", obsolete.metadata.namespace or ""
            self._unseen.setdefault(key, {})[name] = 0, self._now()
            try:
                await self.client.delete(EndpointSlice, name, namespace, uid=obsolete.metadata.uid or "")
            except errors.StatusError as error:
                self._seen(key, name)
                if not isinstance(error, errors.NotFound):
                    raise

    # Own writes and the informer

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _wrote(self, key: str, written: EndpointSlice) -> None:
        """Remembers a write until the informer has it; acting on older slices would write twice."""
        name, version = written.metadata.name or "", int(written.metadata.resourceVersion or 0)
        known = self._slices.get(written.metadata.namespace or "", name)
        if known is None or int(known.metadata.resourceVersion or 0) < version:
            self._unseen.setdefault(key, {})[name] = version, self._now()

    def _is_stale(self, key: str) -> bool:
        unseen = self._unseen.get(key)
        if not unseen:
            return False
        if min(since for _, since in unseen.values()) + _STALE_S <= self._now():
            del self._unseen[key]
            return False
        return True

    def _seen(self, key: str, name: str) -> None:
        unseen = self._unseen.get(key)
        if unseen is not None:
            unseen.pop(name, None)
            if not unseen:
                del self._unseen[key]

    def _slice_seen(self, each: EndpointSlice) -> None:
        for key in _managed_of(each):
            expected = self._unseen.get(key, {}).get(each.metadata.name or "")
            if expected is not None and int(each.metadata.resourceVersion or 0) >= expected[0] > 0:
                self._seen(key, each.metadata.name or "")
            self.queue.add(key)

    def _slice_gone(self, each: EndpointSlice) -> None:
        for key in _managed_of(each):
            self._seen(key, each.metadata.name or "")
            self.queue.add(key)

    # Pods and nodes

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

    def _node_updated(self, old: Node, new: Node) -> None:
        """A node that moves to another zone takes its endpoints with it; rare, so everything is looked at."""
        moved = old.metadata.labels.get(topology.ZONE) != new.metadata.labels.get(topology.ZONE)
        if moved:
            for service in self._services.list():
                self.enqueue(service)
        if moved or is_ready(old) != is_ready(new):
            self._node_counts(new)

    # Hints

    def _node_counts(self, node: Node) -> None:
        """The zones have other CPUs from now on."""
        self._ratios = None
        if self._hinted:
            self.queue.add(_NODES)

    def _cpu_ratios(self) -> dict[str, float]:
        if self._ratios is None:
            self._ratios = topology.cpu_ratios(self._nodes.list())
        return self._ratios

    def _look_for_overload(self) -> None:
        ratios = self._cpu_ratios()
        for key, sharing in self._hinted.items():
            if any(topology.is_overloaded(each.by_zone, ratios) for each in sharing.values()):
                self.queue.add(key)

    def _tell_of_hints(self, key: str, service: Service, sharing: dict[str, topology.Sharing]) -> None:
        before = self._hinted.pop(key, {})
        hinted = {family: each for family, each in sharing.items() if not each.problem}
        if hinted:
            self._hinted[key] = hinted
        said = [("Warning", each.problem, family) for family, each in sharing.items() if each.problem]
        if not before:
            said += [("Normal", "Topology Aware Hints has been enabled", family) for family in hinted]
        elif not sharing:
            said += [("Warning", "Topology Aware Hints has been disabled", family) for family in before]
        for kind, message, family in said:
            reason = "TopologyAwareHintsEnabled" if kind == "Normal" else "TopologyAwareHintsDisabled"
            self.recorder.event(service, kind, reason, f"{message}, addressType: {family}")


def _managed_of(each: EndpointSlice) -> list[str]:
    """Index function: the key of the Service, for slices that this controller manages."""
    labels = each.metadata.labels
    service = labels.get(SERVICE_NAME)
    if not service or labels.get(planning.MANAGED_BY) != planning.CONTROLLER:
        return []
    namespace, _ = split_key(key_of(each))
    return [f"{namespace}/{service}"]


def _set_trigger_time(each: EndpointSlice, trigger_time: str) -> None:
    if trigger_time:
        each.metadata.annotations[TRIGGER_TIME] = trigger_time
    else:
        each.metadata.annotations.pop(TRIGGER_TIME, None)
