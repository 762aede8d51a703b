"""Pods that are wanted on this node: admitted or refused, made room for, granted what they ask.

Source: pkg/kubelet/kubelet.go HandlePodAdditions, canAdmitPod; pkg/kubelet/allocation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.pods import is_finished
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.resources.admission import Rejection, admit, forbid
from pybernetes.kubelet.resources.requests import pod_requests
from pybernetes.kubelet.resources.resizing import Grants
from pybernetes.kubelet.worker import messages as m
from pybernetes.kubelet.worker.machine import Stage
from pybernetes.kubelet.worker.shell import PodRunner

if TYPE_CHECKING:
    from pybernetes.kubelet.kubelet import Kubelet


class Admitting:
    def __init__(self, kubelet: Kubelet, grants_folder: Callable[[str], Path] | None) -> None:
        self._kubelet = kubelet
        self._making_room: set[str] = set()
        self._allocating: dict[str, Pod] = {}
        self._allocated: set[str] = set()
        stay = {}
        if kubelet.config.cpu_manager_policy == "static":
            stay["cpu"] = 'CPU Manager policy "static"'
        if kubelet.config.memory_manager_policy == "Static":
            stay["memory"] = 'Memory Manager policy "Static"'
        swap = kubelet.config.swap_behavior == "LimitedSwap"
        self.grants = Grants(grants_folder, self._no_room, stay, swap=swap)

    def wanted(self, pod: Pod) -> None:
        """The pod is to run here, as given; adopted ones do already."""
        kubelet, uid = self._kubelet, pod_spec.uid_of(pod)
        runner = kubelet.runners.get(uid)
        if runner is not None:
            self._updated(runner, pod)
            return
        rejection = None
        if kubelet.ran_before(uid):
            self.grants.remembered(pod)
        elif not is_finished(pod) and pod.metadata.deletionTimestamp is None:
            if uid in self._making_room or uid in self._allocating:
                return
            rejection = kubelet.endings.refuses(pod) or forbid(
                pod, kubelet.config.allowed_sysctls, has_apparmor=kubelet.machine.has_apparmor
            )
            if rejection is None and self._must_allocate(pod):
                self._allocating[uid] = pod
                kubelet.spawn(self._allocate(pod), "allocate")
                return
            rejection = rejection or self._refused(pod)
            if rejection is not None:
                room = kubelet.endings.make_room(pod, rejection)
                if not isinstance(room, Rejection):
                    self._making_room.add(uid)
                    kubelet.spawn(self._wanted_after(pod, room), "preemption")
                    return
                rejection = room
            else:
                self.grants.admitted(pod)
        self._begin(pod, rejection)

    def _begin(self, pod: Pod, rejection: Rejection | None) -> None:
        decision = self.grants.decide(pod)
        runner = self._kubelet.new_runner(decision.pod)
        if rejection is not None:
            self._kubelet.record(pod, "Warning", rejection.reason, rejection.message, "")
            runner.post(m.PodEnded(rejection.reason, f"Pod was rejected: {rejection.message}"))
        else:
            runner.pod_updated(decision)

    # What is handed out before a pod is admitted.

    def _must_allocate(self, pod: Pod) -> bool:
        giving = self._kubelet.giving
        return giving is not None and pod_spec.uid_of(pod) not in self._allocated and giving.allocation.concerns(pod)

    async def _allocate(self, pod: Pod) -> None:
        """Devices are asked for; then the pod is looked at again, unless it is gone by then."""
        giving, uid = self._kubelet.giving, pod_spec.uid_of(pod)
        assert giving is not None
        try:
            rejection = await giving.allocation.allocate(pod)
        finally:
            del self._allocating[uid]
        self._allocated.add(uid)
        newest = self._kubelet.newest(pod)
        if newest is None or uid in self._kubelet.runners:
            self._release(uid)
        elif rejection is not None:
            self._begin(newest, rejection)
        else:
            self.wanted(newest)

    def _release(self, uid: str) -> None:
        if self._kubelet.giving is not None:
            self._kubelet.giving.allocation.release(uid)
        self._allocated.discard(uid)

    async def _wanted_after(self, pod: Pod, others: list[Pod]) -> None:
        """A critical pod begins when those that make room for it are gone."""
        for other in others:
            await self._kubelet.endings.gone(other)
        uid = pod_spec.uid_of(pod)
        self._making_room.discard(uid)
        newest = self._kubelet.newest(pod)
        if newest is not None and uid not in self._kubelet.runners:
            self.wanted(newest)

    def _updated(self, runner: PodRunner, pod: Pod) -> None:
        """A pod that runs has another spec or other metadata: it gets what it asks for where there is room."""
        before = pod_requests(runner.worker.pod) if self.grants.waiting else {}
        decision = self.grants.decide(pod)
        runner.pod_updated(decision)
        if decision.started and before and _shrunk(before, pod_requests(pod)):
            self._grant_waiting()

    def stage_changed(self, runner: PodRunner) -> None:
        """A pod that ends makes room for those that wait for it."""
        if runner.worker.stage is not Stage.SYNCING and self.grants.waiting:
            self._grant_waiting()
        if runner.worker.stage in (Stage.FINISHED, Stage.REMOVING, Stage.GONE):
            self._release(runner.uid)
        if runner.worker.stage is Stage.GONE:
            self.grants.forget(runner.uid)

    def _grant_waiting(self) -> None:
        """Room was made: pods that wait for resources are looked at in their turn."""
        for pod in self.grants.in_turn():
            runner = self._kubelet.runners.get(pod_spec.uid_of(pod))
            if runner is None or runner.worker.stage is not Stage.SYNCING:
                self.grants.forget(pod_spec.uid_of(pod))
                continue
            decision = self.grants.decide(pod)
            if decision.started:
                runner.pod_updated(decision)

    def _no_room(self, pod: Pod) -> str:
        rejection = self._refused(pod)
        return rejection.message if rejection is not None else ""

    def _refused(self, pod: Pod) -> Rejection | None:
        kubelet, uid = self._kubelet, pod_spec.uid_of(pod)
        others = [p for p in (*self.active_pods(), *self._allocating.values()) if pod_spec.uid_of(p) != uid]
        allocatable = kubelet.machine.allocatable
        if kubelet.giving is not None:
            allocatable = {**allocatable, **kubelet.giving.devices.allocatable()}
        return admit(pod, others, kubelet.own_node(), allocatable)

    def active_pods(self) -> list[Pod]:
        """Those that hold what they ask for: not those that are deleted by force, which end without being counted.

        Source: pkg/kubelet/kubelet_pods.go (GetActivePods).
        """
        active = (Stage.SYNCING, Stage.TERMINATING)
        runners = [r for r in self._kubelet.runners.values() if r.worker.stage in active and not r.worker.override]
        return [r.worker.pod for r in runners if self._kubelet.newest(r.worker.pod) is not None]


def _shrunk(before: dict[str, str], after: dict[str, str]) -> bool:
    return any(quantity.compare(after.get(n, "0"), before.get(n, "0")) < 0 for n in ("cpu", "memory"))
