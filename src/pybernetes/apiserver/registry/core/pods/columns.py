"""A Pod as a table row. Source: pkg/printers/internalversion/printers.go (printPod)."""

from __future__ import annotations

from typing import Any

import msgspec

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.pods import is_finished
from pybernetes.apimachinery.times import parse_time
from pybernetes.apiserver.registry.generic.interface import Column
from pybernetes.apiserver.registry.generic.table import AGE, NAME, NONE, age, human_duration

COLUMNS = (
    NAME,
    Column("Ready", description="Containers that are ready, of all."),
    Column("Status", description="What the Pod's containers do, in one word."),
    Column("Restarts", description="Restarts of the containers, and when the last one was."),
    AGE,
    Column("IP", description="The Pod's address.", priority=1),
    Column("Node", description="The node that the Pod runs on.", priority=1),
    Column("Nominated Node", description="The node that preemption makes room on.", priority=1),
    Column("Readiness Gates", description="Readiness gates that are true, of all.", priority=1),
)

_FINISHED = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""


class _Phase(msgspec.Struct):
    status: _Status = _Status()


_phases = msgspec.json.Decoder(_Phase)


def conditions(value: bytes) -> list[dict[str, str]]:
    """Whether the Pod of these bytes is finished, for clients that show or leave out such rows."""
    phase = _phases.decode(value).status.phase
    message = _FINISHED.get(phase)
    return [] if message is None else [{"type": "Completed", "status": "True", "reason": phase, "message": message}]


def row(pod: core.Pod, now: float) -> list[Any]:
    spec, status = pod.spec, pod.status
    summary = _Summary(pod)
    restarts = str(summary.restarts)
    if summary.restarts and summary.last_restart:
        restarts = f"{restarts} ({human_duration(now - parse_time(summary.last_restart))} ago)"
    gates = NONE
    if spec.readinessGates:
        true = {c.type for c in status.conditions if c.status == "True"}
        gates = f"{sum(g.conditionType in true for g in spec.readinessGates)}/{len(spec.readinessGates)}"
    return [
        pod.metadata.name,
        f"{summary.ready}/{summary.total}",
        summary.reason,
        restarts,
        age(pod.metadata.creationTimestamp, now),
        (status.podIPs[0].ip if status.podIPs else None) or NONE,
        spec.nodeName or NONE,
        status.nominatedNodeName or NONE,
        gates,
    ]


class _Summary:
    """The one-word status, ready count and restarts of a Pod."""

    def __init__(self, pod: core.Pod) -> None:
        spec, status = pod.spec, pod.status
        self.sidecars = {c.name for c in spec.initContainers if c.restartPolicy == "Always"}
        self.total = len(spec.containers) + len(self.sidecars)
        self.ready = 0
        self.restarts = 0
        self.last_restart = ""
        self.reason = status.reason or status.phase or ""
        for condition in status.conditions:
            if condition.type == "PodScheduled" and condition.reason == "SchedulingGated":
                self.reason = "SchedulingGated"
        sidecar_restarts, sidecar_last, initializing = self._initialization(pod)
        initialized = condition_holds(status.conditions, "Initialized")
        if not initializing or initialized:
            self.restarts, self.last_restart = sidecar_restarts, sidecar_last
            self._containers(status)
        if pod.metadata.deletionTimestamp is not None:
            if status.reason == "NodeLost":
                self.reason = "Unknown"
            elif not is_finished(pod):
                self.reason = "Terminating"

    def _initialization(self, pod: core.Pod) -> tuple[int, str, bool]:
        """(restarts of sidecars, last of them, whether an init container is still on its way)."""
        sidecar_restarts, sidecar_last = 0, ""
        for index, container in enumerate(pod.status.initContainerStatuses):
            count, last = container.restartCount or 0, _finished(container.lastState)
            self.restarts += count
            self.last_restart = max(self.last_restart, last)
            if container.name in self.sidecars:
                sidecar_restarts += count
                sidecar_last = max(sidecar_last, last)
            state = container.state or core.ContainerState()
            terminated, waiting = state.terminated, state.waiting
            if terminated is not None and terminated.exitCode == 0:
                continue
            if container.name in self.sidecars and container.started:
                self.ready += bool(container.ready)
                continue
            if terminated is not None:
                self.reason = "Init:" + _terminated(terminated)
            elif waiting is not None and waiting.reason and waiting.reason != "PodInitializing":
                self.reason = "Init:" + waiting.reason
            else:
                self.reason = f"Init:{index}/{len(pod.spec.initContainers)}"
            return sidecar_restarts, sidecar_last, True
        return sidecar_restarts, sidecar_last, False

    def _containers(self, status: core.PodStatus) -> None:
        running = False
        error = ""
        for container in reversed(status.containerStatuses):
            self.restarts += container.restartCount or 0
            self.last_restart = max(self.last_restart, _finished(container.lastState))
            state = container.state or core.ContainerState()
            if state.waiting is not None and state.waiting.reason:
                self.reason = state.waiting.reason
            elif state.terminated is not None:
                self.reason = _terminated(state.terminated)
                if state.terminated.exitCode:
                    error = self.reason
            elif container.ready and state.running is not None:
                running = True
                self.ready += 1
        if self.reason == "Completed":
            if running and condition_holds(status.conditions, "Ready"):
                self.reason = "Running"
            elif error:
                self.reason = error
            elif running:
                self.reason = "NotReady"


def _terminated(state: core.ContainerStateTerminated) -> str:
    if state.reason:
        return state.reason
    return f"Signal:{state.signal}" if state.signal else f"ExitCode:{state.exitCode}"


def _finished(state: core.ContainerState | None) -> str:
    return (state.terminated.finishedAt or "") if state is not None and state.terminated is not None else ""
