"""Evicts the victims of preemptions beside the scheduling loop: condition, event, graceful deletion.

Source: pkg/scheduler/framework/preemption/executor.go.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.errors import NotFound, StatusError
from pybernetes.apimachinery.times import format_time
from pybernetes.host.clock import Clock
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import Candidate

log = logging.getLogger(__name__)

_AT_ONCE = 32
"""Victims: more of them would open more connections, whose handshakes cost more than they gain."""


class PreemptionExecutor:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._running: set[str] = set()
        """uids of preemptors."""
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def start(self, candidate: Candidate, preemptor: PodInfo, yielding: list[PodInfo]) -> None:
        """`yielding`: Pods of lower priority that the node was promised to."""
        for other in yielding:
            self._handle.withdraw(other.uid)
        victims = [victim.pod for victim in candidate.victims if not victim.terminating]
        if not victims and not yielding:
            return
        if victims:
            self._running.add(preemptor.uid)
        self._handle.start(self._preempt(candidate, preemptor, victims, yielding), f"preempt for {preemptor.key}")

    def running(self, uid: str) -> bool:
        """Whether deletions for a Pod are still to be asked for: until then it need not be tried."""
        return uid in self._running

    async def _preempt(
        self, candidate: Candidate, preemptor: PodInfo, victims: list[Pod], yielding: list[PodInfo]
    ) -> None:
        gone = False
        try:
            await asyncio.gather(*(self._clear_nomination(other.pod) for other in yielding))
            await asyncio.gather(*(self._evict(victim, candidate, preemptor) for victim in victims))
            gone = not any(self._is_there(victim) for victim in victims)
        except (StatusError, OSError) as error:
            log.info("preempting pods on %s for %s failed: %s", candidate.node_name, preemptor.key, error)
            gone = True
        finally:
            self._running.discard(preemptor.uid)
        # What the watch has shown already wakes nobody again; for what it has still to show the Pod waits as others do.
        (self._handle.activate if gone else self._handle.ungate)(preemptor.uid)

    def _is_there(self, pod: Pod) -> bool:
        now = self._handle.pod(pod.metadata.namespace or "", pod.metadata.name or "")
        return now is not None and now.metadata.uid == pod.metadata.uid

    async def _evict(self, victim: Pod, candidate: Candidate, preemptor: PodInfo) -> None:
        name, namespace = victim.metadata.name or "", victim.metadata.namespace or ""
        uid = victim.metadata.uid or ""
        client = self._handle.client
        try:
            body = {
                "metadata": {"uid": uid},
                "status": {"conditions": [_condition(victim, preemptor, self._handle.clock)]},
            }
            async with self._turns:
                await client.patch(Pod, name, namespace, body, patch_type="strategic", subresource="status")
                await client.delete(Pod, name, namespace, uid=uid)
        except NotFound:
            return
        self._handle.event(
            victim, "Normal", "Preempted", f"Preempted by pod {preemptor.uid} on node {candidate.node_name}"
        )

    async def _clear_nomination(self, pod: Pod) -> None:
        body: dict[str, Any] = {"metadata": {"uid": pod.metadata.uid}, "status": {"nominatedNodeName": None}}
        try:
            await self._handle.client.patch(
                Pod,
                pod.metadata.name or "",
                pod.metadata.namespace or "",
                body,
                patch_type="strategic",
                subresource="status",
            )
        except (StatusError, OSError) as error:
            log.info("cannot take back the promise to %s: %s", pod.metadata.name, error)


def _condition(victim: Pod, preemptor: PodInfo, clock: Clock) -> dict[str, Any]:
    scheduler = preemptor.pod.spec.schedulerName
    condition: dict[str, Any] = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
        "message": f"{scheduler}: preempting to accommodate a higher priority pod",
        "lastProbeTime": None,
        "lastTransitionTime": format_time(clock.now()),
    }
    if victim.metadata.generation:
        condition["observedGeneration"] = victim.metadata.generation
    return condition
