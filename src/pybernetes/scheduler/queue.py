"""The Pods that wait for a node: active, backing off, unschedulable.

* active: to be scheduled now, by the queue sort plugin's order.
* backoff: tried in vain, an event says that trying again is worth while, not before the back-off ends.
  When nothing is active, the head is taken early, unless it is here for an error.
* unschedulable: waits for an event that one of the plugins which rejected the Pod calls helpful
  (queueing hints), or for `max_in_unschedulable_s`. Gated Pods wait here too.

One event loop owns it. Timers go to the next deadline; nothing polls.
Source: pkg/scheduler/backend/queue/scheduling_queue.go.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from enum import Enum
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.client import cause
from pybernetes.host.clock import Clock
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.events import UNSCHEDULABLE_TIMEOUT, ClusterEvent, Hint, Registration, pod_changes
from pybernetes.scheduler.pod_info import PodInfo, QueuedPodInfo
from pybernetes.scheduler.status import Status

_FORGOTTEN_AT_ONCE = 1000
"""Events that happened before the oldest attempt began."""


class Strategy(Enum):
    SKIP = 0
    AFTER_BACKOFF = 1
    IMMEDIATELY = 2


class QueueProfile:
    """What the queue needs of a profile; `scheduler.profile.Profile` has it."""

    def __init__(
        self,
        sort_key: Callable[[QueuedPodInfo], tuple[Any, ...]],
        pre_enqueue: Callable[[PodInfo], Status],
        registrations: dict[str, list[Registration]],
    ) -> None:
        self.sort_key = sort_key
        self.pre_enqueue = pre_enqueue
        self._registrations = registrations
        self._by_event: dict[ClusterEvent, dict[str, list[Hint | None]]] = {}

    def hints(self, event: ClusterEvent) -> dict[str, list[Hint | None]]:
        """Plugin -> hints registered for an event."""
        found = self._by_event.get(event)
        if found is None:
            found = {}
            for plugin, registrations in self._registrations.items():
                hints = [r.hint for r in registrations if r.event.covers(event)]
                if hints:
                    found[plugin] = hints
            self._by_event[event] = found
        return found


class _Heap:
    """A heap by key that can also forget an entry."""

    def __init__(self) -> None:
        self._heap: list[list[Any]] = []
        self._entries: dict[str, list[Any]] = {}
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, uid: str) -> bool:
        return uid in self._entries

    def get(self, uid: str) -> QueuedPodInfo | None:
        entry = self._entries.get(uid)
        return None if entry is None else entry[2]

    def push(self, key: tuple[Any, ...], queued: QueuedPodInfo) -> None:
        self.remove(queued.info.uid)
        self._pushed += 1
        entry = [key, self._pushed, queued]
        self._entries[queued.info.uid] = entry
        heapq.heappush(self._heap, entry)

    def remove(self, uid: str) -> QueuedPodInfo | None:
        entry = self._entries.pop(uid, None)
        if entry is None:
            return None
        queued: QueuedPodInfo = entry[2]
        entry[2] = None
        return queued

    def peek(self) -> QueuedPodInfo | None:
        while self._heap and self._heap[0][2] is None:
            heapq.heappop(self._heap)
        return self._heap[0][2] if self._heap else None

    def pop(self) -> QueuedPodInfo:
        queued = self.peek()
        assert queued is not None
        heapq.heappop(self._heap)
        del self._entries[queued.info.uid]
        return queued

    def all(self) -> list[QueuedPodInfo]:
        return [entry[2] for entry in self._entries.values()]


class SchedulingQueue:
    def __init__(self, profiles: dict[str, QueueProfile], config: SchedulerConfig, clock: Clock) -> None:
        self._profiles = profiles
        self._config = config
        self._clock = clock
        self._active = _Heap()
        self._backoff = _Heap()
        self._error_backoff = _Heap()
        self._unschedulable: dict[str, QueuedPodInfo] = {}
        self._gated: dict[str, dict[str, QueuedPodInfo]] = {}
        """Those that a PreEnqueue plugin keeps out, by plugin: only events that it registers for concern them."""
        self._in_flight: dict[str, int] = {}
        """uid -> how many events had been seen when its attempt began."""
        self._events: list[tuple[ClusterEvent, Any, Any]] = []
        """What happened while any Pod was in flight."""
        self._waiter: asyncio.Future[None] | None = None
        self._backoff_timer: asyncio.TimerHandle | None = None
        self._flush_timer: asyncio.TimerHandle | None = None

    # Pods

    def add(self, pod: Pod) -> None:
        """A Pod without a node, seen for the first time."""
        queued = QueuedPodInfo(PodInfo(pod), self._clock.now())
        if not self._find(queued.info.uid) and queued.info.uid not in self._in_flight:
            self._to_active(queued)

    def update(self, old: Pod, new: Pod) -> None:
        """A newer version of a waiting Pod; an unschedulable one may become worth another attempt."""
        uid = new.metadata.uid or ""
        if uid in self._in_flight:
            self._events += [(event, old, new) for event in pod_changes(old, new)]
            return
        queued = self._find(uid)
        if queued is None:
            self.add(new)
            return
        queued.info = PodInfo(new)
        queued.cause = cause.current()
        if uid in self._active:
            self._active.push(self._sort_key(queued), queued)
            return
        if uid in self._backoff or uid in self._error_backoff:
            return
        for event in pod_changes(old, new):
            strategy = self._worth(queued, event, old, new)
            if strategy is not Strategy.SKIP:
                self._take_waiting(uid)
                self._requeue(queued, strategy)
                break

    def delete(self, uid: str) -> None:
        for heap in (self._active, self._backoff, self._error_backoff):
            heap.remove(uid)
        self._take_waiting(uid)

    async def pop(self) -> QueuedPodInfo:
        """The next Pod to schedule; call `done` or `add_unschedulable` with it afterwards."""
        while not self._active and not self._backoff:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        queued = (self._active or self._backoff).pop()
        queued.attempts += 1
        queued.backoff_until_s = None
        if queued.initial_attempt_s is None:
            queued.initial_attempt_s = self._clock.now()
        self._in_flight[queued.info.uid] = len(self._events)
        return queued

    def done(self, uid: str) -> None:
        """The Pod's attempt is over as far as the queue goes: bound, binding, or gone."""
        self._in_flight.pop(uid, None)
        if not self._in_flight:
            self._events.clear()
            return
        oldest = next(iter(self._in_flight.values()))
        if oldest >= _FORGOTTEN_AT_ONCE:
            # Attempts that wait for others may overlap for ever.
            del self._events[:oldest]
            self._in_flight = {each: seen - oldest for each, seen in self._in_flight.items()}

    def add_unschedulable(self, queued: QueuedPodInfo) -> None:
        """A Pod whose attempt failed. Without rejecting plugins it was an error: it backs off and comes back.

        Otherwise it waits, unless something that happened during the attempt may already have helped.
        """
        uid = queued.info.uid
        if self._find(uid):
            self.done(uid)
            return
        if queued.rejectors:
            queued.unschedulable_count += 1
            queued.consecutive_errors = 0
        else:
            queued.consecutive_errors += 1
        queued.timestamp_s = self._clock.now()
        queued.backoff_until_s = None
        strategy = Strategy.SKIP if queued.rejectors else Strategy.AFTER_BACKOFF
        for event, old, new in self._events[self._in_flight.get(uid, len(self._events)) :]:
            if strategy is Strategy.IMMEDIATELY:
                break
            strategy = max(strategy, self._worth(queued, event, old, new), key=lambda s: s.value)
        self._requeue(queued, strategy)
        self.done(uid)

    # Events

    def move(
        self, event: ClusterEvent, old: Any, new: Any, check: Callable[[QueuedPodInfo], bool] | None = None
    ) -> None:
        """Something happened in the cluster: the unschedulable Pods that it may help are tried again."""
        if self._in_flight:
            self._events.append((event, old, new))
        concerned = list(self._unschedulable.values())
        for plugin, gated in self._gated.items():
            if any(plugin in profile.hints(event) for profile in self._profiles.values()):
                concerned += [each for each in gated.values() if plugin in self._profile(each).hints(event)]
        for queued in concerned:
            if check is not None and not check(queued):
                continue
            strategy = self._worth(queued, event, old, new)
            if strategy is not Strategy.SKIP:
                self._take_waiting(queued.info.uid)
                queued.cause = queued.cause.newest(cause.current())
                self._requeue(queued, strategy)

    def activate(self, uid: str) -> None:
        """Brings a waiting Pod to the active queue at once, whatever it waits for."""
        queued = self._backoff.remove(uid) or self._error_backoff.remove(uid) or self._take_waiting(uid)
        if queued is not None:
            self._to_active(queued)

    def ungate(self, uid: str) -> None:
        """What a plugin kept it out for is over: from now on it waits as other unschedulable Pods do."""
        queued = self._take_waiting(uid)
        if queued is not None:
            queued.gating_plugin = ""
            self._to_unschedulable(queued)

    # Looking in

    def pending(self) -> dict[str, list[QueuedPodInfo]]:
        return {
            "active": self._active.all(),
            "backoff": self._backoff.all() + self._error_backoff.all(),
            "unschedulable": list(self._unschedulable.values()),
            "gated": [queued for gated in self._gated.values() for queued in gated.values()],
        }

    def close(self) -> None:
        for timer in (self._backoff_timer, self._flush_timer):
            if timer is not None:
                timer.cancel()
        self._backoff_timer = self._flush_timer = None

    def _profile(self, queued: QueuedPodInfo) -> QueueProfile:
        return self._profiles[queued.pod.spec.schedulerName or ""]

    def _sort_key(self, queued: QueuedPodInfo) -> tuple[Any, ...]:
        return self._profile(queued).sort_key(queued)

    def _find(self, uid: str) -> QueuedPodInfo | None:
        return (
            self._active.get(uid)
            or self._backoff.get(uid)
            or self._error_backoff.get(uid)
            or self._unschedulable.get(uid)
            or next((gated[uid] for gated in self._gated.values() if uid in gated), None)
        )

    def _take_waiting(self, uid: str) -> QueuedPodInfo | None:
        """Takes it out of those that are unschedulable or gated."""
        for waiting in (self._unschedulable, *self._gated.values()):
            if uid in waiting:
                return waiting.pop(uid)
        return None

    def _worth(self, queued: QueuedPodInfo, event: ClusterEvent, old: Any, new: Any) -> Strategy:
        rejectors = queued.rejectors
        if not rejectors or event.wildcard:
            return Strategy.AFTER_BACKOFF
        strategy = Strategy.SKIP
        for plugin, hints in self._profile(queued).hints(event).items():
            if plugin not in rejectors or not any(hint is None or hint(queued.info, old, new) for hint in hints):
                continue
            if plugin in queued.pending_plugins:
                return Strategy.IMMEDIATELY
            if not queued.pending_plugins:
                return Strategy.AFTER_BACKOFF
            strategy = Strategy.AFTER_BACKOFF
        return strategy

    def _requeue(self, queued: QueuedPodInfo, strategy: Strategy) -> None:
        if strategy is Strategy.SKIP:
            self._to_unschedulable(queued)
        elif strategy is Strategy.AFTER_BACKOFF and self._backoff_until(queued) > self._clock.now():
            self._to_backoff(queued)
        else:
            self._to_active(queued)

    def _is_kept_out(self, queued: QueuedPodInfo) -> bool:
        """Asks the PreEnqueue plugins; one that says no has the Pod gated."""
        status = self._profile(queued).pre_enqueue(queued.info)
        queued.gating_plugin = "" if status.success else status.plugin
        if status.success:
            return False
        queued.unschedulable_plugins.add(status.plugin)
        self._gated.setdefault(status.plugin, {})[queued.info.uid] = queued
        return True

    def _to_active(self, queued: QueuedPodInfo) -> None:
        if self._is_kept_out(queued):
            return
        self._active.push(self._sort_key(queued), queued)
        self._wake()

    def _to_backoff(self, queued: QueuedPodInfo) -> None:
        # Asked here too: a Pod that backs off is taken when there is nothing else to do.
        if self._is_kept_out(queued):
            return
        until = self._backoff_until(queued)
        if queued.consecutive_errors:
            self._error_backoff.push((until,), queued)
        else:
            self._backoff.push((until, *self._sort_key(queued)), queued)
            self._wake()
        self._set_backoff_timer()

    def _to_unschedulable(self, queued: QueuedPodInfo) -> None:
        self._unschedulable[queued.info.uid] = queued
        if self._flush_timer is None:
            self._set_flush_timer(self._config.max_in_unschedulable_s)

    def _backoff_until(self, queued: QueuedPodInfo) -> float:
        count = queued.consecutive_errors or queued.unschedulable_count
        if count == 0:
            return 0.0
        if queued.backoff_until_s is None:
            duration = min(self._config.initial_backoff_s * 2.0 ** min(count - 1, 32), self._config.max_backoff_s)
            queued.backoff_until_s = queued.timestamp_s + duration
        return queued.backoff_until_s

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_backoff_timer(self) -> None:
        if self._backoff_timer is not None:
            self._backoff_timer.cancel()
            self._backoff_timer = None
        heads = [head for head in (self._backoff.peek(), self._error_backoff.peek()) if head is not None]
        if heads:
            due_s = max(0.0, min(self._backoff_until(head) for head in heads) - self._clock.now())
            self._backoff_timer = asyncio.get_running_loop().call_later(due_s, self._backoff_over)

    def _backoff_over(self) -> None:
        self._backoff_timer = None
        for heap in (self._backoff, self._error_backoff):
            while (head := heap.peek()) is not None and self._backoff_until(head) <= self._clock.now() + 1e-3:
                self._to_active(heap.pop())
        self._set_backoff_timer()

    def _set_flush_timer(self, delay_s: float) -> None:
        self._flush_timer = asyncio.get_running_loop().call_later(delay_s, self._flush)

    def _flush(self) -> None:
        """Tries again what has waited long enough, lest an event was missed."""
        self._flush_timer = None
        limit = self._config.max_in_unschedulable_s
        now = self._clock.now()
        due = {uid for uid, q in self._unschedulable.items() if now - q.timestamp_s >= limit - 1e-3}
        if due:
            self.move(UNSCHEDULABLE_TIMEOUT, None, None, lambda queued: queued.info.uid in due)
        if self._unschedulable:
            oldest = min(q.timestamp_s for q in self._unschedulable.values())
            self._set_flush_timer(max(1.0, oldest + limit - now))
