"""Registers the Node, renews its Lease, and reports its status when it changes or every five minutes.

Source: pkg/kubelet/kubelet_node_status.go, component-helpers/apimachinery/lease/controller.go.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core.v1 import Node, NodeStatus
from pybernetes.api.meta.v1 import OwnerReference
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.nodes import LEASE_NAMESPACE
from pybernetes.apimachinery.times import format_micro_time
from pybernetes.client.client import Client
from pybernetes.client.objects import revision_of
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.node.status import (
    PRESSURES,
    Machine,
    Offer,
    RuntimeHealth,
    features_of,
    handlers_of,
    images_of,
    initial_node,
    node_status,
    same_but_for_heartbeats,
)

_LOG = logging.getLogger(__name__)
_IMPATIENT_S = 0.1
_JITTER = 0.04
_RETRY_S = 1.0
_SILENCE_S = 30.0
"""A runtime that is silent for less, as one that starts again is, takes no node its readiness, nor its Pods theirs.

Source: pkg/kubelet/kubelet.go (maxWaitForContainerRuntime).
"""


class NodeAgent:
    def __init__(
        self,
        client: Client,
        cri: CriClient,
        config: KubeletConfig,
        machine: Machine,
        host_ips: list[str],
        clock: Clock,
        random: Random,
        server_port: Callable[[], int],
        record: Callable[[Node, str, str, str], None],
        shown: Callable[[], Node | None],
        volumes_in_use: Callable[[], Sequence[str]],
        offered: Callable[[], Offer],
    ) -> None:
        self._client = client
        self._cri = cri
        self._config = config
        self._machine = machine
        self._host_ips = host_ips
        self._clock = clock
        self._random = random
        self._server_port = server_port
        self._record = record
        self._shown = shown
        self._volumes_in_use = volumes_in_use
        self._offered = offered
        self.health = RuntimeHealth()
        self._heard_s = -math.inf
        """When the runtime answered last, by the loop's clock."""
        self.pressure: frozenset[str] = frozenset()
        """Conditions of what the node is short of."""
        self.shutting_down = False
        self.node: Node | None = None
        self._lease: Lease | None = None
        self._reported_s = 0.0
        self._changed = asyncio.Event()
        self._images: list[Any] = []
        self._registered = asyncio.Event()

    def something_changed(self) -> None:
        """The status is looked at now, not at the next heartbeat."""
        self._changed.set()

    async def registered(self) -> Node:
        await self._registered.wait()
        assert self.node is not None
        return self.node

    async def run(self) -> None:
        await self.check_runtime()
        await self._list_images()
        await self._register()
        least = 0.0  # nodes that began together do not go on together
        while True:
            period_s = min(self._config.node_status_update_frequency_s, self._config.node_lease_duration_s / 4)
            try:
                await self._heartbeat()
            except (errors.StatusError, OSError) as error:
                _LOG.warning("the node's status cannot be reported, trying on: %s", error)
                period_s = _RETRY_S
            if self.health.error or self.health.network_error or not self.health.version:
                period_s = min(period_s, _IMPATIENT_S if self._clock.now() - self._began_s < 60 else _RETRY_S)
            try:
                async with asyncio.timeout(period_s * self._random.uniform(least, 1.0)):
                    await self._changed.wait()
            except TimeoutError:
                pass
            else:
                await self._list_images()
            self._changed.clear()
            least = 1.0 - _JITTER
            await self.check_runtime()

    async def check_runtime(self) -> None:
        """Asks the runtime how it is."""
        health, time_s = self.health, asyncio.get_running_loop().time
        try:
            if not health.version:
                version = await self._cri.version()
                health.name, health.version = version.runtime_name, version.runtime_version
            answer = await self._cri.status()
        except CriError as error:
            health.version = ""  # it may be another one when it comes back
            if time_s() - self._heard_s >= _SILENCE_S:
                health.error = f"container runtime is down: {error.message}"
            return
        self._heard_s = time_s()
        health.handlers = handlers_of(answer)
        health.features = features_of(answer)
        conditions = {c.type: c for c in answer.status.conditions}
        ready, network = conditions.get("RuntimeReady"), conditions.get("NetworkReady")
        health.error = "" if ready is None or ready.status else f"container runtime not ready: {ready.message}"
        health.network_error = ""
        if network is not None and not network.status:
            health.network_error = (
                f"container runtime network not ready: NetworkReady=false reason:{network.reason} "
                f"message:{network.message}"
            )

    async def _list_images(self) -> None:
        try:
            self._images = await self._cri.list_images()
        except CriError as error:
            _LOG.debug("images cannot be listed: %s", error)

    def _status(self, old: NodeStatus) -> NodeStatus:
        return node_status(
            self._config,
            self._machine,
            old,
            self.health,
            images_of(self._images, self._config.node_status_max_images),
            self._host_ips,
            self._server_port(),
            self._clock.now(),
            pressure=self.pressure,
            volumes_in_use=self._volumes_in_use(),
            offered=self._offered(),
            shutting_down=self.shutting_down,
        )

    async def _register(self) -> None:
        self._began_s = self._clock.now()
        delay_s = 0.05
        while True:
            try:
                self.node = await self._create_or_update()
                break
            except (errors.StatusError, OSError) as error:
                _LOG.info("the node cannot be registered yet: %s", error)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 7.0)
        self._registered.set()
        self._record(self.node, "Normal", "Starting", "Starting kubelet.")

    async def _create_or_update(self) -> Node:
        wanted = initial_node(self._config)
        wanted.status = self._status(wanted.status)
        if self._config.register_node:
            try:
                made = await self._client.create(wanted)
                self._reported_s = self._clock.now()
                return made
            except errors.AlreadyExists:
                pass
        found = await self._client.get(Node, self._config.node_name)
        labels = {k: v for k, v in wanted.metadata.labels.items() if found.metadata.labels.get(k) != v}
        notes = {k: v for k, v in wanted.metadata.annotations.items() if found.metadata.annotations.get(k) != v}
        if labels or notes:
            body = {"metadata": {"labels": labels, "annotations": notes}}
            found = await self._client.patch(Node, self._config.node_name, "", body)
        return found

    async def _heartbeat(self) -> None:
        await self._report()
        await self._renew_lease()

    async def _report(self) -> None:
        assert self.node is not None
        now = self._clock.now()
        shown = self._shown()
        if shown is not None and revision_of(shown) > revision_of(self.node):
            self.node = shown  # while it was cut off, it was said not to be ready
        status = self._status(self.node.status)
        due = now - self._reported_s >= self._config.node_status_report_frequency_s
        if not due and same_but_for_heartbeats(self.node.status, status):
            return
        before, after = msgspec.to_builtins(self.node.status), msgspec.to_builtins(status)
        body = {k: _change(before.get(k), after.get(k)) for k in {**before, **after} if before.get(k) != after.get(k)}
        if before.get("addresses") and "addresses" in body:
            body["addresses"] = [{"$patch": "replace"}, *(body["addresses"] or [])]
        was_ready = _is_ready(self.node.status)
        was_pressed = {kind for kind in PRESSURES if _is_true(self.node.status, kind)}
        name = self._config.node_name
        try:
            self.node = await self._client.patch(
                Node, name, "", {"status": body}, patch_type="strategic", subresource="status"
            )
        except errors.NotFound:
            await self._register()
            return
        self._reported_s = now
        for kind, told in PRESSURES.items():
            value = kind in self.pressure
            if value != (kind in was_pressed):
                reason = told[value][0].replace("Kubelet", "Node", 1)
                self._record(self.node, "Normal", reason, f"Node {name} status is now: {reason}")
        if _is_ready(status) != was_ready:
            reason = "NodeReady" if _is_ready(status) else "NodeNotReady"
            self._record(self.node, "Normal", reason, f"Node {name} status is now: {reason}")

    async def _renew_lease(self) -> None:
        assert self.node is not None
        now = format_micro_time(self._clock.now())
        if self._lease is None:
            self._lease = await self._get_or_create_lease(now)
        spec = self._lease.spec
        spec.renewTime, spec.leaseDurationSeconds = now, self._config.node_lease_duration_s
        spec.holderIdentity = self._config.node_name
        try:
            self._lease = await self._client.update(self._lease)
        except (errors.Conflict, errors.NotFound):
            self._lease = None
            self._lease = await self._get_or_create_lease(now)

    async def _get_or_create_lease(self, now: str) -> Lease:
        assert self.node is not None
        name = self._config.node_name
        try:
            return await self._client.get(Lease, name, LEASE_NAMESPACE)
        except errors.NotFound:
            lease = Lease()
            lease.metadata.name, lease.metadata.namespace = name, LEASE_NAMESPACE
            lease.metadata.ownerReferences = [
                OwnerReference(apiVersion="v1", kind="Node", name=name, uid=self.node.metadata.uid or "")
            ]
            lease.spec.holderIdentity = name
            lease.spec.leaseDurationSeconds = self._config.node_lease_duration_s
            lease.spec.renewTime = now
            return await self._client.create(lease)

    _began_s = 0.0


def _change(old: Any, new: Any) -> Any:
    """For a strategic merge: of a map, the keys that went are named."""
    return {**dict.fromkeys(old), **new} if isinstance(old, dict) and isinstance(new, dict) else new


def _is_ready(status: NodeStatus) -> bool:
    return _is_true(status, "Ready")


def _is_true(status: NodeStatus, kind: str) -> bool:
    return condition_holds(status.conditions, kind)
