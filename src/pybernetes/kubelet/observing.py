"""What happens in the runtime behind the kubelet's back: containers that end, and those that are lost.

The runtime's events name a container whose process ended; the pod it belongs to is told to look. Events may be lost:
what is thought to run is compared with the runtime's own list now and then.

Source: pkg/kubelet/pleg/generic.go.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from pybernetes.apimachinery.metrics_text import BOUNDS, Histogram
from pybernetes.kubelet import runtime
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.cri.leftovers import Leftovers
from pybernetes.kubelet.tasks import Spawn
from pybernetes.kubelet.worker import messages as m
from pybernetes.kubelet.worker.shell import PodRunner

_LOG = logging.getLogger(__name__)
_REMEMBERED = 512
"""Ends of containers."""


class Observing:
    """`instance` is the name under which this kubelet makes containers."""

    def __init__(
        self,
        cri: CriClient,
        instance: str,
        runners: Mapping[str, PodRunner],
        exits: Exits,
        spawn: Spawn,
    ) -> None:
        self._cri = cri
        self._mine = {runtime.KUBELET_LABEL: instance}
        self._runners = runners
        self._exits = exits
        self._spawn = spawn
        self._leftovers = Leftovers(cri)
        self.relists, self.intervals = Histogram(BOUNDS), Histogram(BOUNDS)
        """How long looks at the whole runtime took, and the times between them."""
        self._relisted_s = 0.0
        self._looking: asyncio.Task[None] | None = None

    def changed(self, container_id: str, kind: str) -> None:
        if kind == "relist":
            if self._looking is None or self._looking.done():  # a runtime that hangs is not asked more and more
                self._looking = self._spawn(self.relist(), "relist")
            return
        self._exits.noted(container_id)
        for runner in self._runners.values():
            known = runner.worker.runtime
            if known.by_id(container_id) is not None or any(s.id == container_id for s in known.sandboxes):
                self._spawn(runner.observe_exit(container_id), "observe exit")
                return

    async def relist(self) -> None:
        """Compares what is thought to run with what the runtime says, for when events may have been lost."""
        self._spawn(self._leftovers.remove(), "leftovers")
        if not self._runners:
            self._relisted_s = 0.0
            return
        began_s = time.monotonic()
        if self._relisted_s:
            self.intervals.add(began_s - self._relisted_s)
        self._relisted_s = began_s
        thought = {c.id: r for r in self._runners.values() for c in r.worker.runtime.running()}
        thought |= {s.id: r for r in self._runners.values() for s in r.worker.runtime.sandboxes if s.ready}
        try:
            alive = {c.id for c in await self._cri.list_containers(self._mine) if c.state == 1}
            alive |= {s.id for s in await self._cri.list_pod_sandboxes(self._mine) if s.state == 0}
        except CriError as error:
            _LOG.debug("the runtime cannot be listed: %s", error)
            return
        finally:
            self.relists.add(time.monotonic() - began_s)
        for container_id, runner in thought.items():
            if container_id not in alive:
                self._spawn(self._check_lost(runner, container_id), "check lost")

    async def _check_lost(self, runner: PodRunner, container_id: str) -> None:
        try:
            await self._cri.container_status(container_id)
        except CriError as error:
            known = runner.worker.runtime.by_id(container_id)
            if error.not_found and known is not None:
                runner.post(m.ContainerStopped(container_id, None))
                return
        await runner.observe_exit(container_id)


class Exits:
    """Which containers have ended lately, and who waits for one to end."""

    def __init__(self, is_running: Callable[[str], bool]) -> None:
        self._is_running = is_running
        self._recent: dict[str, None] = {}
        self._waiting: dict[str, asyncio.Event] = {}
        self._ends: dict[str, asyncio.Event] = {}

    def noted(self, container_id: str) -> None:
        """An event said that its process is gone; the runtime may need a moment for the rest."""
        self._recent[container_id] = None
        if end := self._ends.pop(container_id, None):
            end.set()
        if len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]

    def told(self, container_id: str) -> None:
        """The runtime says that it has ended: its log is whole."""
        event = self._waiting.pop(container_id, None)
        if event is not None:
            event.set()

    def __contains__(self, container_id: str) -> bool:
        return container_id in self._recent

    async def noted_within(self, container_id: str, seconds: float) -> bool:
        """Whether its end is noted before the time is over; for a container of which nothing was told yet."""
        if container_id in self._recent:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._ends.setdefault(container_id, asyncio.Event()).wait()
        except TimeoutError:
            return False
        finally:
            self._ends.pop(container_id, None)
        return True

    async def wait(self, container_id: str) -> None:
        if not self._is_running(container_id):
            return
        await self._waiting.setdefault(container_id, asyncio.Event()).wait()
