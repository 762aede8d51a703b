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


class PreemptionExecutor:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._running: dict[str, Pod | None] = {}
        """uid of a preemptor -> its last victim, once the deletion of all others is asked for."""

    def start(self, candidate: Candidate, preemptor: PodInfo, yielding: list[PodInfo]) -> None:
        """`yielding`: Pods of lower priority that the node was promised to."""
        for other in yielding:
            self._handle.withdraw(other.uid)
        victims = [victim.pod for victim in candidate.victims if not victim.terminating]
        if not victims and not yielding:
            return
        if victims:
            self._running[preemptor.uid] = None
        self._handle.start(self._preempt(candidate, preemptor, victims, yielding), f"preempt for {preemptor.key}")

    def running(self, uid: str) -> bool:
        """Whether deletions for a Pod are still to be asked for: until then it need not be tried."""
        if uid not in self._running:
            return False
        last = self._running[uid]
        if last is None:
            return True
        now = self._handle.pod(last.metadata.namespace or "", last.metadata.name or "")
        return now is not None and now.metadata.deletionTimestamp is None

    async def _preempt(
        self, candidate: Candidate, preemptor: PodInfo, victims: list[Pod], yielding: list[PodInfo]
    ) -> None:
        try:
            await asyncio.gather(*(self._clear_nomination(other.pod) for other in yielding))
            # The last one alone, so that `running` can tell the end from the watch, whichever comes first.
            await asyncio.gather(*(self._evict(victim, candidate, preemptor) for victim in victims[:-1]))
            for victim in victims[-1:]:
                self._running[preemptor.uid] = victim
                await self._evict(victim, candidate, preemptor)
        except (StatusError, OSError) as error:
            log.info("preempting pods on %s for %s failed: %s", candidate.node_name, preemptor.key, error)
            self._running.pop(preemptor.uid, None)
            self._handle.activate(preemptor.uid)
        finally:
            self._running.pop(preemptor.uid, None)

    async def _evict(self, victim: Pod, candidate: Candidate, preemptor: PodInfo) -> None:
        name, namespace = victim.metadata.name or "", victim.metadata.namespace or ""
        uid = victim.metadata.uid or ""
        client = self._handle.client
        try:
            body = {
                "metadata": {"uid": uid},
                "status": {"conditions": [_condition(victim, preemptor, self._handle.clock)]},
            }
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
