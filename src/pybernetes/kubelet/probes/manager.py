"""Probes of every running container: startup first, then liveness and readiness side by side.

Source: pkg/kubelet/prober/prober_manager.go, worker.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import Container, EphemeralContainer, Probe
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.kubelet.probes.figures import Figures
from pybernetes.kubelet.probes.prober import Answer, ProbeError
from pybernetes.kubelet.probes.thresholds import Thresholds
from pybernetes.kubelet.runtime import Container as RunningContainer
from pybernetes.kubelet.worker.messages import ProbeKind

_LOG = logging.getLogger(__name__)
Ask = Callable[[Probe], Awaitable[Answer]]
Report = Callable[[ProbeKind, bool], None]
Record = Callable[[str, str, str], None]


@dataclass(slots=True)
class _Group:
    tasks: dict[ProbeKind, asyncio.Task[None]] = field(default_factory=dict)
    figures: dict[ProbeKind, Figures] = field(default_factory=dict)


class Probes:
    def __init__(self, clock: Clock, random: Random, began_s: float) -> None:
        self._clock = clock
        self._random = random
        self._began_s = began_s
        self._groups: dict[str, _Group] = {}

    def start(
        self,
        spec: Container | EphemeralContainer,
        container: RunningContainer,
        ask: Ask,
        report: Report,
        record: Record,
        *,
        startup_known: bool = False,
    ) -> None:
        """Probes one container until it is stopped; results are reported when they change."""
        group = self._groups.setdefault(container.id, _Group())
        probes: list[tuple[ProbeKind, Probe | None]] = [
            ("liveness", spec.livenessProbe),
            ("readiness", spec.readinessProbe),
        ]

        def begin() -> None:
            for kind, probe in probes:
                if probe is not None and container.id in self._groups:
                    group.tasks[kind] = self._task(kind, probe, container, ask, report, record)

        if spec.startupProbe is None or startup_known:
            begin()
            return

        def reported(kind: ProbeKind, success: bool) -> None:
            report(kind, success)
            if success:
                begin()

        group.tasks["startup"] = self._task("startup", spec.startupProbe, container, ask, reported, record)

    def stop(self, container_id: str, only_liveness: bool = False) -> None:
        group = self._groups.get(container_id)
        if group is None:
            return
        for kind, task in list(group.tasks.items()):
            if not only_liveness or kind != "readiness":
                task.cancel()
                del group.tasks[kind]
        if not only_liveness:
            del self._groups[container_id]

    def figures(self, container_id: str) -> Mapping[ProbeKind, Figures]:
        """Of a container that is probed."""
        group = self._groups.get(container_id)
        return group.figures if group is not None else {}

    def stop_all(self) -> None:
        for container_id in list(self._groups):
            self.stop(container_id)

    def _task(
        self, kind: ProbeKind, probe: Probe, container: RunningContainer, ask: Ask, report: Report, record: Record
    ) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(
            self._run(kind, probe, container, ask, report, record), name=f"{kind} probe {container.name}"
        )

    async def _run(
        self, kind: ProbeKind, probe: Probe, container: RunningContainer, ask: Ask, report: Report, record: Record
    ) -> None:
        period_s = float(probe.periodSeconds or 10)
        figures = self._groups[container.id].figures.setdefault(kind, Figures())
        thresholds = Thresholds(probe.successThreshold or 1, probe.failureThreshold or 3)
        title = kind.capitalize()
        if container.started_at_s < self._began_s:
            await asyncio.sleep(self._random.uniform(0, min(period_s, 1.0)))
        delay_s = container.started_at_s + float(probe.initialDelaySeconds or 0) - self._clock.now()
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        last: bool | None = None
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + period_s
            result: bool | None = None
            answered: bool | None = None
            asked_s = loop.time()
            try:
                answer = await ask(probe)
            except ProbeError as error:
                record("Warning", "Unhealthy", f"{title} probe errored and resulted in unknown state: {error}")
            else:
                if answer.verdict == "failure":
                    record("Warning", "Unhealthy", f"{title} probe failed: {answer.output}")
                elif answer.verdict == "warning":
                    record("Warning", "ProbeWarning", f"{title} probe warning: {answer.output}")
                answered = answer.verdict != "failure"
                result = thresholds.add(answered)
            figures.add(answered, loop.time() - asked_s)
            if result is not None and result != last:
                last = result
                report(kind, result)
            if result is not None and (kind == "startup" or (kind == "liveness" and not result)):
                return  # settled for this container: it goes on, or it will be replaced
            await asyncio.sleep(max(due_s - loop.time(), 0.0))
