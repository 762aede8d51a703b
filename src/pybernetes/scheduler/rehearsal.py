"""What would happen to Pods that nobody has created: the scheduler decides on them, and writes nothing.

One after the other, the most important first, each on what the ones before left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.scheduler.algorithm import Decision, schedule
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.explain import Explanation, told, undecided, waiting
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo, QueuedPodInfo
from pybernetes.scheduler.preemption import Candidate, chosen
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.status import PluginFailed
from pybernetes.scheduler.suggest import changes


class Rehearsal(Scheduler):
    def __init__(self, client: Client, pods: Sequence[Pod], clock: Clock, random: Random) -> None:
        super().__init__(client, SchedulerConfig(), clock, random)
        self._tried = pods
        self._outcome: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()

    async def told(self) -> list[dict[str, Any]]:
        """Per Pod, in the order of the decisions, what `explain.told` makes of it, and `victims`."""
        work = asyncio.create_task(self.run())
        await asyncio.wait((work, self._outcome), return_when=asyncio.FIRST_COMPLETED)
        if not self._outcome.done():
            work.result()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        return self._outcome.result()

    async def _schedule_forever(self) -> None:
        queued = [QueuedPodInfo(PodInfo(pod), self._clock.now(), number) for number, pod in enumerate(self._tried)]
        queued.sort(key=lambda each: (-each.info.priority, each.sequence))
        self._outcome.set_result([self._try(each.info) for each in queued])
        await asyncio.Event().wait()

    def _beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Evictions, which stay away."""
        work.close()

    def _try(self, info: PodInfo) -> dict[str, Any]:
        held = undecided(info, self.profiles)
        if held is not None:
            return {**held, "victims": []}
        if not self.snapshot.node_count:
            return {**waiting(info, "fits no node: there are none"), "victims": []}
        profile = self.profiles[info.pod.spec.schedulerName or ""]
        state = CycleState()
        try:
            result = schedule(profile, state, info, self.snapshot, self._random.choice_index)
        except PluginFailed as error:
            return {**waiting(info, f"cannot be scheduled: {error}"), "victims": []}
        explanation = Explanation(info.key, info.uid, self._clock.now(), result)
        if isinstance(result, Decision):
            self.snapshot.place(info, result.node_name)
            return {**told(explanation, ()), "victims": []}
        candidate = chosen(state)
        if candidate is None:
            return {**told(explanation, changes(profile, info, self.snapshot)), "victims": []}
        return self._with_victims(info, candidate, told(explanation, ()))

    def _with_victims(self, info: PodInfo, candidate: Candidate, tree: dict[str, Any]) -> dict[str, Any]:
        for victim in candidate.victims:
            self.snapshot.unplace(victim.uid)
        self.snapshot.place(info, candidate.node_name)
        victims = [victim.key for victim in candidate.victims]
        line = f"  It goes to {candidate.node_name} once these are evicted for it: {', '.join(victims)}"
        return {**tree, "node": candidate.node_name, "victims": victims, "text": [*tree["text"], line]}
