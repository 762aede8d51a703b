"""Pods that the node itself ends: it runs short of something, shuts down, or a critical pod needs their room.

Decides through `eviction/`, `shutdown/` and `preemption.py`; what happens then is the pod worker's part.

Source: pkg/kubelet/eviction/eviction_manager.go evictPod, pkg/kubelet/preemption/preemption.go.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.eviction.manager import Eviction
from pybernetes.kubelet.eviction.ranking import Reason
from pybernetes.kubelet.eviction.signals import Signals
from pybernetes.kubelet.node.garbage import Garbage
from pybernetes.kubelet.pod_spec import is_critical, uid_of
from pybernetes.kubelet.resources import preemption
from pybernetes.kubelet.resources.admission import Rejection
from pybernetes.kubelet.shutdown import manager as shutdown
from pybernetes.kubelet.shutdown.manager import NodeShutdown
from pybernetes.kubelet.worker import messages as m
from pybernetes.kubelet.worker.machine import Stage

if TYPE_CHECKING:
    from pybernetes.kubelet.kubelet import Kubelet

_BY_KUBELET = "TerminationByKubelet"


class Endings:
    """`signals` None: nothing is ever short on this node."""

    def __init__(self, kubelet: Kubelet, garbage: Garbage, signals: Signals | None) -> None:
        self._kubelet = kubelet
        self._garbage = garbage
        self._moved = asyncio.Event()
        self.eviction = Eviction(kubelet.config, signals, self, kubelet.clock) if signals is not None else None
        self.preemptions: Counter[str] = Counter()
        """Pods that made room for critical ones, by what these were short of first."""
        self.shutdown = NodeShutdown(kubelet.config, self, kubelet.around.logind)

    async def run(self) -> None:
        if self.eviction is not None:
            await self.eviction.run()

    def refuses(self, pod: Pod) -> Rejection | None:
        refused = self.shutdown.refuses()
        return refused or (self.eviction.refuses(pod) if self.eviction is not None else None)

    def stage_changed(self) -> None:
        """A pod's worker went on: whoever waits for the end of one looks again."""
        self._moved.set()
        self._moved = asyncio.Event()

    # Preemption.

    def make_room(self, pod: Pod, rejection: Rejection) -> list[Pod] | Rejection:
        """Ends the pods that a critical one takes the place of; or why it is refused all the same."""
        if not rejection.short or not is_critical(pod):
            return rejection
        try:
            chosen = preemption.victims(pod, self.pods_that_run(), rejection.short)
        except preemption.NoVictims as error:
            why = f"preemption: error finding a set of pods to preempt: {error}"
            text = f"Unexpected error while attempting to recover from admission failure: {why}"
            return Rejection("UnexpectedAdmissionError", text)
        for victim in chosen:
            self.preemptions[rejection.short[0].resource] += 1
            self._kubelet.record(victim, "Warning", preemption.REASON, preemption.MESSAGE)
            disruption = (_BY_KUBELET, preemption.CONDITION)
            self._post(victim, m.PodEnded(preemption.REASON, preemption.MESSAGE, disruption=disruption))
        return chosen

    # What the eviction asks.

    def pods_that_run(self) -> list[Pod]:
        found = self._kubelet.runners.values()
        return [r.worker.pod for r in found if r.worker.stage is Stage.SYNCING and r.worker.override is None]

    def evict(self, pod: Pod, why: Reason, grace_period_s: int, *, disruption: bool) -> None:
        message = why.message
        self._kubelet.record(pod, "Warning", "Evicted", message, annotations=why.annotations)
        told = (_BY_KUBELET, message) if disruption else None
        self._post(pod, m.PodEnded("Evicted", message, grace_period_s=grace_period_s, disruption=told))

    def _post(self, pod: Pod, event: m.PodEnded) -> None:
        runner = self._kubelet.runners.get(uid_of(pod))
        if runner is not None:
            runner.post(event)

    async def gone(self, pod: Pod) -> None:
        while True:
            moved, runner = self._moved, self._kubelet.runners.get(uid_of(pod))
            if runner is None or runner.worker.stage not in (Stage.SYNCING, Stage.TERMINATING, Stage.CLEANING):
                return
            await moved.wait()

    async def free_disk(self) -> None:
        for runner in list(self._kubelet.runners.values()):
            known = runner.worker.runtime
            ended = runner.worker.stage is Stage.FINISHED
            collect = self._garbage.remove_dead if ended else self._garbage.collect_containers
            for container_id in await collect(known):
                runner.post(m.ContainerStopped(container_id, None))
        await self._garbage.remove_unused_images()

    def pressure_changed(self, conditions: frozenset[str]) -> None:
        agent = self._kubelet.agent
        if agent is not None:
            agent.pressure = conditions
            agent.something_changed()

    def tell_node(self, reason: str, message: str) -> None:
        self._kubelet.tell_node(reason, message)

    # What the shutdown of the machine asks.

    def shut_down(self, pod: Pod, grace_period_s: int) -> None:
        disruption = (_BY_KUBELET, shutdown.MESSAGE)
        told = m.PodEnded(shutdown.REASON, shutdown.MESSAGE, grace_period_s=grace_period_s, disruption=disruption)
        self._post(pod, told)

    def shutdown_changed(self, message: str) -> None:
        agent = self._kubelet.agent
        if agent is not None:
            agent.shutting_down = self.shutdown.under_way
            agent.something_changed()
            if agent.node is not None:
                self._kubelet.record_of_node(agent.node, "Normal", "NodeShutdown", message)
