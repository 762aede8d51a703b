"""Nodes that only pretend: every Node of the cluster is kept Ready, and what is bound to it is said to run.

A Pod that has a state keeps it. A new one gets an address of its node's range and is Running and ready at once; one
that is being deleted goes at once. Nothing of a machine is touched: no container, network, file or process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from ipaddress import ip_network
from typing import Any

from pybernetes.api.coordination.v1 import Lease, LeaseSpec
from pybernetes.api.core.v1 import Node, Pod
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.errors import NotFound, StatusError
from pybernetes.apimachinery.times import format_micro_time, format_time
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random

_log = logging.getLogger(__name__)
_HEARTBEAT_S = 10.0
_RETRY_S = 1.0
_LEASE_S = 40
_LEASES = "kube-node-lease"
_ENDED = ("Succeeded", "Failed")


class SimulatedNodes:
    def __init__(self, client: Client, clock: Clock, random: Random) -> None:
        self._client = client
        self._clock = clock
        self._factory = InformerFactory(client, clock, random)
        self._nodes = self._factory.informer(Node)
        self._pods = self._factory.informer(Pod)
        self._addresses: dict[str, str] = {}
        """Address -> uid of the Pod that has it."""
        self._busy: set[str] = set()
        self._waiting: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        """The newest thing to do for each object."""

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:

            def soon(key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
                self._waiting[key] = work
                if key not in self._busy:
                    self._busy.add(key)
                    group.create_task(self._work(key))

            await self._factory.start(group)
            await self._nodes.wait_synced()
            await self._pods.wait_synced()
            for pod in self._pods.lister.list():
                self._note(pod)
            self._nodes.add_handler(
                on_add=lambda node: soon(f"node {node.metadata.name}", lambda: self._ready(node)),
                on_update=lambda _, node: soon(f"node {node.metadata.name}", lambda: self._ready(node)),
            )
            self._pods.add_handler(
                on_add=lambda pod: self._look(pod, soon),
                on_update=lambda _, pod: self._look(pod, soon),
                on_delete=self._forget,
            )
            while True:
                await asyncio.gather(*(self._beat(node) for node in self._nodes.lister.list()))
                await asyncio.sleep(_HEARTBEAT_S)

    async def _work(self, key: str) -> None:
        try:
            while (work := self._waiting.pop(key, None)) is not None:
                try:
                    await work()
                except NotFound:
                    continue
                except StatusError as error:
                    _log.warning("simulating %s: %s", key, error.message)
                    await asyncio.sleep(_RETRY_S)
                    self._waiting.setdefault(key, work)
        finally:
            self._busy.discard(key)

    # -- nodes

    async def _beat(self, node: Node) -> None:
        name = node.metadata.name or ""
        now = format_micro_time(self._clock.now())
        try:
            try:
                await self._client.patch(Lease, name, _LEASES, {"spec": {"renewTime": now, "holderIdentity": name}})
            except NotFound:
                spec = LeaseSpec(holderIdentity=name, leaseDurationSeconds=_LEASE_S, renewTime=now)
                await self._client.create(Lease(metadata=ObjectMeta(name=name, namespace=_LEASES), spec=spec))
        except StatusError as error:
            _log.warning("heartbeat of %s: %s", name, error.message)

    async def _ready(self, node: Node) -> None:
        if any(each.type == "Ready" and each.status == "True" for each in node.status.conditions):
            return
        now = format_time(self._clock.now())
        condition = {
            "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "simulated",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }  # fmt: skip
        await self._client.patch(
            Node, node.metadata.name or "", "", {"status": {"conditions": [condition]}},
            patch_type="strategic", subresource="status",
        )  # fmt: skip

    # -- pods

    def _look(self, pod: Pod, soon: Callable[[str, Callable[[], Coroutine[Any, Any, None]]], None]) -> None:
        self._note(pod)
        if not pod.spec.nodeName or (pod.status.phase in _ENDED and not pod.metadata.deletionTimestamp):
            return
        key = f"pod {pod.metadata.namespace}/{pod.metadata.name}"
        if pod.metadata.deletionTimestamp:
            soon(key, lambda: self._end(pod))
        elif pod.status.phase != "Running":
            soon(key, lambda: self._begin(pod))

    async def _end(self, pod: Pod) -> None:
        meta = pod.metadata
        await self._client.delete(Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "", grace_period_s=0)

    async def _begin(self, pod: Pod) -> None:
        meta = pod.metadata
        await self._client.patch(
            Pod, meta.name or "", meta.namespace or "", {"metadata": {"uid": meta.uid}, "status": self._status(pod)},
            patch_type="merge", subresource="status",
        )  # fmt: skip

    def _status(self, pod: Pod) -> dict[str, Any]:
        now = format_time(self._clock.now())
        node = self._nodes.lister.get("", pod.spec.nodeName or "")
        host = next((each.address for each in node.status.addresses if each.type == "InternalIP"), "") if node else ""
        address = host if pod.spec.hostNetwork else self._address(node, pod.metadata.uid or "")
        conditions = [condition for condition in pod.status.conditions if condition.type == "PodScheduled"]
        told = [{"type": each.type, "status": each.status, "lastTransitionTime": now} for each in conditions]
        ready = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")
        told += [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ready]

        def container(name: str, image: str | None, state: dict[str, Any]) -> dict[str, Any]:
            return {
                "name": name, "image": image, "imageID": "", "containerID": f"simulated://{pod.metadata.uid}-{name}",
                "restartCount": 0, "ready": True, "started": "running" in state, "state": state,
            }  # fmt: skip

        running = {"running": {"startedAt": now}}
        done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
        status: dict[str, Any] = {
            "phase": "Running", "startTime": now, "conditions": told,
            "containerStatuses": [container(each.name, each.image, running) for each in pod.spec.containers],
        }  # fmt: skip
        if pod.spec.initContainers:
            status["initContainerStatuses"] = [
                container(each.name, each.image, running if each.restartPolicy == "Always" else done)
                for each in pod.spec.initContainers
            ]
        if host:
            status |= {"hostIP": host, "hostIPs": [{"ip": host}]}
        if address:
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        return status

    def _address(self, node: Node | None, uid: str) -> str:
        """A free one of the node's range; "" while the node has none."""
        if node is None or not node.spec.podCIDR:
            return ""
        for address in ip_network(node.spec.podCIDR).hosts():
            text = str(address)
            if text.endswith(".1") or self._addresses.get(text, uid) != uid:
                continue
            self._addresses[text] = uid
            return text
        return ""

    def _note(self, pod: Pod) -> None:
        if pod.status.podIP and not pod.spec.hostNetwork and pod.status.phase not in _ENDED:
            self._addresses[pod.status.podIP] = pod.metadata.uid or ""

    def _forget(self, pod: Pod) -> None:
        if pod.status.podIP and self._addresses.get(pod.status.podIP) == pod.metadata.uid:
            del self._addresses[pod.status.podIP]
