"""The scheduling queue in virtual time: order, back-off, hints, gates, flush."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from pybernetes.api.core.v1 import Pod, PodSchedulingGate
from pybernetes.host.clock import LoopClock
from pybernetes.scheduler import events
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.plugins.scheduling_gates import SchedulingGates
from pybernetes.scheduler.pod_info import PodInfo, QueuedPodInfo
from pybernetes.scheduler.queue import QueueProfile, SchedulingQueue
from pybernetes.scheduler.status import SUCCESS, Status, unschedulable
from pybernetes.sim.loop import run
from tests.unit.scheduler import builders

NODE_LABEL = ClusterEvent(EventResource.NODE, Action.UPDATE_NODE_LABEL)
NODE_TAINT = ClusterEvent(EventResource.NODE, Action.UPDATE_NODE_TAINT)


def queue(hint: Callable[..., bool] | None = None) -> SchedulingQueue:
    gates = SchedulingGates()
    profile = QueueProfile(
        lambda queued: (-queued.info.priority, queued.timestamp_s),
        lambda info: (
            gates.pre_enqueue(info).of(gates.name) if info.pod.spec.schedulingGates else gates.pre_enqueue(info)
        ),
        {"Labels": [Registration(NODE_LABEL, hint)], gates.name: list(gates.events_to_register())},
    )
    return SchedulingQueue({"default-scheduler": profile}, SchedulerConfig(), LoopClock())


def scenario(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run(main())


async def popped(waiting: SchedulingQueue) -> QueuedPodInfo:
    return await asyncio.wait_for(waiting.pop(), 1000)


def now() -> float:
    return asyncio.get_running_loop().time()


def rejected(queued: QueuedPodInfo, *plugins: str) -> QueuedPodInfo:
    queued.unschedulable_plugins = set(plugins)
    return queued


def newer(pod: Pod, **spec: Any) -> Pod:
    made = builders.pod(pod.metadata.name or "", **spec)
    made.metadata.uid = pod.metadata.uid
    return made


def test_priority_before_age() -> None:
    async def main() -> None:
        waiting = queue()
        for name, priority in (("old", 0), ("high", 10), ("young", 0), ("higher", 100)):
            waiting.add(builders.pod(name, priority=priority))
            await asyncio.sleep(1)
        order = [(await popped(waiting)).pod.metadata.name for _ in range(4)]
        assert order == ["higher", "high", "old", "young"]

    scenario(main)


def test_an_error_backs_off_longer_each_time() -> None:
    async def main() -> None:
        waiting = queue()
        waiting.add(builders.pod())
        waits = []
        for _ in range(6):
            queued = await popped(waiting)
            start = now()
            waiting.add_unschedulable(queued)
            queued = await popped(waiting)
            waits.append(round(now() - start, 1))
            waiting.add_unschedulable(queued)
        assert waits == [1.0, 4.0, 10.0, 10.0, 10.0, 10.0]

    scenario(main)


def test_only_a_helpful_event_wakes_an_unschedulable_pod() -> None:
    async def main() -> None:
        waiting = queue(lambda info, old, new: bool(new == "helps"))
        waiting.add(builders.pod())
        waiting.add_unschedulable(rejected(await popped(waiting), "Labels"))
        waiting.move(NODE_TAINT, None, "helps")
        waiting.move(NODE_LABEL, None, "does not")
        assert len(waiting.pending()["unschedulable"]) == 1
        waiting.move(NODE_LABEL, None, "helps")
        assert len(waiting.pending()["backoff"]) == 1
        assert (await popped(waiting)).attempts == 2
        assert now() == 0, "an idle scheduler takes the head of the back-off at once"

    scenario(main)


def test_a_busy_scheduler_lets_the_backoff_run_out() -> None:
    async def main() -> None:
        waiting = queue()
        waiting.add(builders.pod("first"))
        waiting.add_unschedulable(rejected(await popped(waiting), "Labels"))
        waiting.move(NODE_LABEL, None, None)
        waiting.add(builders.pod("second"))
        assert (await popped(waiting)).pod.metadata.name == "second"
        assert len(waiting.pending()["backoff"]) == 1
        await asyncio.sleep(1.1)
        assert len(waiting.pending()["active"]) == 1

    scenario(main)


def test_what_happens_during_an_attempt_counts() -> None:
    async def main() -> None:
        waiting = queue()
        waiting.add(builders.pod())
        queued = await popped(waiting)
        waiting.move(NODE_LABEL, None, None)
        waiting.add_unschedulable(rejected(queued, "Labels"))
        assert len(waiting.pending()["backoff"]) == 1

    scenario(main)


def test_what_nothing_wakes_is_flushed_after_five_minutes() -> None:
    async def main() -> None:
        waiting = queue()
        waiting.add(builders.pod())
        waiting.add_unschedulable(rejected(await popped(waiting), "Labels"))
        await popped(waiting)
        assert 299 < now() < 302

    scenario(main)


def test_a_gated_pod_waits_for_its_gates_alone() -> None:
    async def main() -> None:
        waiting = queue()
        gated = builders.pod(schedulingGates=[PodSchedulingGate(name="a"), PodSchedulingGate(name="b")])
        waiting.add(gated)
        waiting.move(NODE_LABEL, None, None)
        await asyncio.sleep(400)
        assert len(waiting.pending()["gated"]) == 1
        one = newer(gated, schedulingGates=[PodSchedulingGate(name="b")])
        waiting.update(gated, one)
        assert len(waiting.pending()["gated"]) == 1
        waiting.update(one, newer(gated))
        assert (await popped(waiting)).info.uid == gated.metadata.uid

    scenario(main)


def test_a_pod_that_is_kept_out_does_not_come_while_it_backs_off() -> None:
    async def main() -> None:
        kept_out = False

        def pre_enqueue(info: PodInfo) -> Status:
            return unschedulable("not yet").of("Keeper") if kept_out else SUCCESS

        profile = QueueProfile(
            lambda queued: (queued.timestamp_s,), pre_enqueue, {"Labels": [Registration(NODE_LABEL)]}
        )
        waiting = SchedulingQueue({"default-scheduler": profile}, SchedulerConfig(), LoopClock())
        for name in ("again", "over"):
            waiting.add(builders.pod(name))
        attempted = [await popped(waiting) for _ in range(2)]
        kept_out = True
        for queued in attempted:
            waiting.add_unschedulable(rejected(queued, "Labels"))
        waiting.move(NODE_LABEL, None, None)
        assert {name: len(pods) for name, pods in waiting.pending().items() if pods} == {"gated": 2}
        kept_out = False
        waiting.activate(attempted[0].info.uid)
        waiting.ungate(attempted[1].info.uid)
        assert (await popped(waiting)) is attempted[0]
        waiting.done(attempted[0].info.uid)
        assert {name: len(pods) for name, pods in waiting.pending().items() if pods} == {"unschedulable": 1}
        waiting.move(NODE_LABEL, None, None)
        assert (await popped(waiting)) is attempted[1]

    scenario(main)


def test_a_deleted_pod_never_comes_out() -> None:
    async def main() -> None:
        waiting = queue()
        gone, stays = builders.pod("gone"), builders.pod("stays")
        waiting.add(gone)
        waiting.add(stays)
        waiting.delete(gone.metadata.uid or "")
        assert (await popped(waiting)).pod.metadata.name == "stays"
        assert not any(waiting.pending().values())

    scenario(main)


def test_an_update_while_waiting_replaces_the_pod() -> None:
    async def main() -> None:
        waiting = queue()
        pod = builders.pod()
        waiting.add(pod)
        waiting.update(pod, newer(pod, priority=7))
        assert (await popped(waiting)).info.priority == 7

    scenario(main)


def test_events_match_registrations_by_resource_and_action() -> None:
    pod = ClusterEvent(EventResource.POD, Action.DELETE | Action.UPDATE_POD_LABEL)
    assert pod.covers(events.ASSIGNED_POD_DELETE)
    assert not pod.covers(events.ASSIGNED_POD_ADD)
    assert not pod.covers(events.NODE_DELETE)
    assert pod.covers(events.UNSCHEDULABLE_TIMEOUT)
