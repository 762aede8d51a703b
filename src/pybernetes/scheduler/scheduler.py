"""The scheduler's shell: informers feed the queue and the snapshot, one loop decides, bindings run beside it.

    Pod without node -> queue -> algorithm.schedule -> assume in the snapshot -> bind -> the watch confirms

A decision never yields to the event loop, so it sees one state of the cluster. The snapshot counts
assumed Pods until the watch shows them bound (or the binding fails); after a restart the watch alone
restores everything, so stopping at any instant is safe. The server refuses to bind a Pod twice.
NumPy and the plugins are imported when the scheduler starts to run.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pybernetes.api.apps.v1 import ReplicaSet, StatefulSet
from pybernetes.api.core.v1 import Namespace, Node, Pod, ReplicationController, Service
from pybernetes.api.policy.v1 import PodDisruptionBudget
from pybernetes.apimachinery.conditions import condition_of
from pybernetes.apimachinery.errors import NotFound, StatusError
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.pods import is_finished
from pybernetes.apimachinery.times import format_time
from pybernetes.client import cause
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.scheduler import events
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.default_selector import default_selector
from pybernetes.scheduler.metrics import SchedulerMetrics
from pybernetes.scheduler.pod_info import PodInfo, QueuedPodInfo
from pybernetes.scheduler.queue import QueueProfile, SchedulingQueue
from pybernetes.scheduler.status import PluginFailed, Status, failed, unschedulable

if TYPE_CHECKING:
    from pybernetes.scheduler.algorithm import Decision, NoFit
    from pybernetes.scheduler.explain import Explanations
    from pybernetes.scheduler.extender_answers import Answers
    from pybernetes.scheduler.extenders import Extenders
    from pybernetes.scheduler.framework import CycleState, Diagnosis
    from pybernetes.scheduler.preemption import Candidate
    from pybernetes.scheduler.profile import Profile
    from pybernetes.scheduler.snapshot import Snapshot

log = logging.getLogger(__name__)

_UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"
_EVENT_MESSAGE_LIMIT = 1024
_AT_A_STRETCH = 16
"""Decisions before everything else in the process has its turn: a turn of a busy one takes longer than they do."""
_NO_NODES = "NoNodes"
"""Stands for a plugin: it rejects every Pod while there is no node. Differs: upstream tries again and again."""
_CALM_S = 0.1
"""Without a binding under way before Events are sent: within a burst of Pods there are moments without one."""
_EXTENDED_AT_ONCE = 16
"""Pods that extenders are asked about at the same time."""


class Scheduler:
    def __init__(self, client: Client, config: SchedulerConfig, clock: Clock, random: Random) -> None:
        self._client = client
        self._config = config
        self._clock = clock
        self._random = random
        self._none_is_bound = asyncio.Event()
        name = config.profiles[0].scheduler_name
        self._recorder = EventRecorder(client, name, "", clock, unhurried=self._none_is_bound)
        self._factory = InformerFactory(client, clock, random)
        self._pods = self._factory.informer(Pod, field_selector=_UNFINISHED)
        self._nodes = self._factory.informer(Node)
        self._services = self._factory.informer(Service)
        self._namespaces = self._factory.informer(Namespace)
        self._budgets = self._factory.informer(PodDisruptionBudget)
        self._controllers: dict[str, Any] = {
            "ReplicaSet": self._factory.informer(ReplicaSet),
            "StatefulSet": self._factory.informer(StatefulSet),
            "ReplicationController": self._factory.informer(ReplicationController),
        }
        self._assumed: set[str] = set()
        """Pods that are counted on a node, whose binding the watch has not confirmed yet."""
        self._waiting: dict[str, asyncio.Future[str]] = {}
        """What Pods that ask for permission are told: "" to go on, or why not."""
        self.metrics = SchedulerMetrics()
        self.synced = asyncio.Event()
        """Set once the first state of the cluster is in and Pods are being scheduled."""

    async def run(self) -> None:
        """Schedules until cancelled; with leader election, only while leading."""
        if not self._config.leader_elect:
            await self._run()
            return
        from pybernetes.client.leader_election import LeaderElector

        elector = LeaderElector(
            self._client,
            "kube-scheduler",
            self._config.identity,
            self._clock,
            self._random,
            lease_duration_s=self._config.lease_duration_s,
            renew_deadline_s=self._config.renew_deadline_s,
            retry_period_s=self._config.retry_period_s,
        )
        await elector.run(self._run)

    async def _run(self) -> None:
        self._start()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._factory.start(group)
                await self._factory.wait_synced()
                if not self.snapshot.node_count:
                    log.info("no nodes are registered yet; pods will wait")
                self.synced.set()
                if self._extenders:
                    for number in range(_EXTENDED_AT_ONCE):
                        group.create_task(self._schedule_extended(), name=f"extenders {number}")
                await self._schedule_forever()
        finally:
            self.queue.close()
            await self._extenders.close()
            await self._recorder.stop()

    def _start(self) -> None:
        from pybernetes.scheduler.devices.view import DeviceView
        from pybernetes.scheduler.explain import Explanations
        from pybernetes.scheduler.extender_answers import EXTENDER
        from pybernetes.scheduler.extenders import Extenders
        from pybernetes.scheduler.handle import Handle
        from pybernetes.scheduler.pod_groups import PodGroups
        from pybernetes.scheduler.profile import Profile
        from pybernetes.scheduler.snapshot import Snapshot
        from pybernetes.scheduler.storage_view import StorageView

        gates = FeatureGates(self._config.feature_gates)
        devices = DeviceView(self._factory.informer, extended_resources=gates.enabled("DRAExtendedResource"))
        groups = PodGroups(self._factory.informer, self._pods) if gates.enabled("GangScheduling") else None
        storage = StorageView(self._factory.informer)
        handle = Handle(
            self._client,
            self._default_selector,
            self.metrics,
            self._clock,
            budgets=lambda: self._budgets.lister.list(),
            namespace_labels=self._namespace_labels,
            namespaces=lambda selector: [n.metadata.name or "" for n in self._namespaces.lister.list("", selector)],
            pod=self._pods.lister.get,
            choose=self._random.choice_index,
            start=self._beside,
            activate=lambda uid: self.queue.activate(uid),
            ungate=lambda uid: self.queue.ungate(uid),
            event=self._recorder.event,
            withdraw=lambda uid: self.snapshot.nominations.remove(uid),
            storage=storage,
            devices=devices,
            pod_groups=groups,
            is_placed=lambda uid: self.snapshot.node_of(uid) is not None,
            allow=lambda uid: self._permit(uid, ""),
            reject=self._permit,
        )
        self.profiles: dict[str, Profile] = {
            profile.scheduler_name: Profile(profile, handle) for profile in self._config.profiles
        }
        self._extenders: Extenders = Extenders(self._config.extenders)
        self._extended: asyncio.PriorityQueue[tuple[Any, int, QueuedPodInfo]] = asyncio.PriorityQueue()
        if self._extenders:
            for profile in self.profiles.values():
                profile.extend(EXTENDER, self._extenders)
        self.snapshot: Snapshot = Snapshot()
        self.explanations: Explanations = Explanations()
        self.queue = SchedulingQueue(
            {
                name: QueueProfile(
                    profile.queue_sort.sort_key,
                    profile.pre_enqueue,
                    {**profile.registrations, _NO_NODES: [events.Registration(events.NODE_ADD)]},
                )
                for name, profile in self.profiles.items()
            },
            self._config,
            self._clock,
        )
        self._attempts = itertools.count()
        self._binding_slots = _Slots(self._config.parallel_bindings, self._none_is_bound)
        self._status_slots = asyncio.Semaphore(self._config.parallel_bindings)
        self._nodes.add_handler(self._node_added, self._node_updated, self._node_deleted)
        self._pods.add_handler(self._pod_added, self._pod_updated, self._pod_deleted)
        storage.follow(self.queue.move)
        devices.follow(self.queue.move)
        if groups is not None:
            groups.follow(self.queue.move)
        self._pods.add_handler(on_delete=storage.pod_gone)
        self._nodes.add_handler(on_delete=lambda node: storage.node_gone())

    def _beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._group.create_task(work, name=name)

    def _namespace_labels(self, name: str) -> Mapping[str, str]:
        namespace = self._namespaces.lister.get("", name)
        return {} if namespace is None else namespace.metadata.labels

    def _default_selector(self, pod: Pod) -> Any:
        return default_selector(
            pod,
            self._services.lister.list(pod.metadata.namespace or ""),
            lambda kind, name: (
                self._controllers[kind].lister.get(pod.metadata.namespace or "", name)
                if kind in self._controllers
                else None
            ),
        )

    # What the informers tell

    def _node_added(self, node: Node) -> None:
        self.snapshot.set_node(node)
        self.queue.move(events.NODE_ADD, None, node)

    def _node_updated(self, old: Node, new: Node) -> None:
        self.snapshot.set_node(new)
        for event in events.node_changes(old, new):
            self.queue.move(event, old, new)

    def _node_deleted(self, node: Node) -> None:
        self.snapshot.remove_node(node.metadata.name or "")
        self.queue.move(events.NODE_DELETE, node, None)

    def _pod_added(self, pod: Pod) -> None:
        if is_finished(pod):
            return
        if pod.spec.nodeName:
            self._pod_placed(pod)
        elif self._is_ours(pod):
            if pod.status.nominatedNodeName:
                self.snapshot.nominations.set(PodInfo(pod), pod.status.nominatedNodeName)
            self.queue.add(pod)
            if pod.spec.schedulingGroup is not None:
                self.queue.move(events.UNSCHEDULED_POD_ADD, None, pod)

    def _pod_updated(self, old: Pod, new: Pod) -> None:
        if is_finished(new):
            if not is_finished(old):
                self._pod_deleted(new)
        elif not new.spec.nodeName:
            self._waiting_pod_updated(old, new)
        elif not old.spec.nodeName:
            self._pod_placed(new)
        else:
            self.snapshot.place_pod(new)
            for event in events.pod_changes(old, new):
                self.queue.move(event, old, new)

    def _pod_deleted(self, pod: Pod) -> None:
        uid = pod.metadata.uid or ""
        self.queue.delete(uid)
        self._assumed.discard(uid)
        self._permit(uid, "the pod is deleted")
        self.explanations.forget(uid)
        node_name = self.snapshot.node_of(uid)
        self.snapshot.unplace(uid)
        promised = self.snapshot.nominations.node_of(uid)
        self.snapshot.nominations.remove(uid)
        if node_name or pod.spec.nodeName:
            self.queue.move(events.ASSIGNED_POD_DELETE, pod, None)
        elif promised or pod.status.nominatedNodeName:
            self._promise_gone(pod)

    def _pod_placed(self, pod: Pod) -> None:
        """Bound, by us or by somebody else: the watch has the last word on where it runs."""
        uid = pod.metadata.uid or ""
        self.snapshot.place_pod(pod)
        self.snapshot.nominations.remove(uid)
        self._assumed.discard(uid)
        self.queue.delete(uid)
        self.queue.move(events.ASSIGNED_POD_ADD, None, pod)

    def _waiting_pod_updated(self, old: Pod, new: Pod) -> None:
        uid = new.metadata.uid or ""
        if uid in self._assumed:
            if new.metadata.deletionTimestamp and not old.metadata.deletionTimestamp:
                self._forget(uid, new)
        elif self._is_ours(new):
            nominations = self.snapshot.nominations
            before, now = old.status.nominatedNodeName or "", new.status.nominatedNodeName or ""
            if before != now or nominations.node_of(uid) == now:
                nominations.set(PodInfo(new), now)
            self.queue.update(old, new)
            if before and before != now:
                self._promise_gone(old)

    def _promise_gone(self, pod: Pod) -> None:
        """What a node was promised to a Pod is free for Pods of at most its priority."""
        priority = pod.spec.priority or 0
        self.queue.move(events.ASSIGNED_POD_DELETE, pod, None, lambda queued: queued.info.priority <= priority)

    def _is_ours(self, pod: Pod) -> bool:
        return (pod.spec.schedulerName or "") in self.profiles

    def _attempt_over(self, queued: QueuedPodInfo, result: str) -> None:
        took_s = time.perf_counter() - queued.attempt_started_s if queued.attempt_started_s else 0.0
        self.metrics.attempt(queued.pod.spec.schedulerName or "", result, took_s)

    def figures(self) -> Iterator[str]:
        """Lines in Prometheus' text form."""
        if not self.synced.is_set():
            return
        pending = self.queue.pending()
        blocked = Counter(
            (plugin, queued.pod.spec.schedulerName or "")
            for queued in (*pending["unschedulable"], *pending["gated"], *pending["backoff"])
            for plugin in queued.rejectors
        )
        cache = {
            "nodes": self.snapshot.node_count,
            "pods": self.snapshot.pod_count,
            "assumed_pods": len(self._assumed),
        }
        yield from self.metrics.lines({name: len(pods) for name, pods in pending.items()}, blocked, cache)

    # Explaining

    def explained(self, asked: Mapping[str, str]) -> dict[str, Any] | None:
        """The newest decision on the Pod `namespace`/`name`, per plugin and node, and what would make it fit.

        Or what it waits for before there is one. None when nothing is known. Its text is for people.
        """
        from pybernetes.scheduler.algorithm import NoFit
        from pybernetes.scheduler.explain import told, undecided
        from pybernetes.scheduler.suggest import changes

        pod = self._pods.lister.get(asked.get("namespace", ""), asked.get("name", ""))
        if pod is None or not self.synced.is_set():
            return None
        info = PodInfo(pod)
        explanation = self.explanations.get(info.uid)
        waits = not pod.spec.nodeName and (explanation is None or isinstance(explanation.result, NoFit))
        if waits and (held := undecided(info, self.profiles)) is not None:
            return held
        if explanation is None:
            return None
        wanted = changes(self.profiles[pod.spec.schedulerName or ""], info, self.snapshot) if waits else []
        return told(explanation, wanted)

    # Deciding

    async def _schedule_forever(self) -> None:
        for number in itertools.count(1):
            queued = await self.queue.pop()
            with cause.caused_by(queued.cause):
                await self._schedule_one(queued)
            if number % _AT_A_STRETCH == 0:
                await asyncio.sleep(0)

    async def _schedule_extended(self) -> None:
        """Decides the Pods that extenders want to see, one after the other, beside the loop."""
        while True:
            *_, queued = await self._extended.get()
            with cause.caused_by(queued.cause):
                if not self._is_settled(queued):
                    await self._schedule_with_extenders(queued)

    async def _schedule_one(self, queued: QueuedPodInfo) -> None:
        info = queued.info
        if self._is_settled(queued):
            return
        if not self.snapshot.node_count:
            self._fail(queued, "no nodes available to schedule pods", None, rejectors={_NO_NODES})
            return
        if self._extenders and self._extenders.want(info):
            key = self.profiles[info.pod.spec.schedulerName or ""].queue_sort.sort_key(queued)
            self._extended.put_nowait((key, next(self._attempts), queued))
            return
        await self._decide(queued, None)

    async def _schedule_with_extenders(self, queued: QueuedPodInfo) -> None:
        from pybernetes.scheduler.extenders import ExtenderFailed, ask

        info = queued.info
        try:
            profile = self.profiles[info.pod.spec.schedulerName or ""]
            answers = await ask(self._extenders, profile, info, self.snapshot)
            candidates = None if self._is_settled(queued) else await self._decide(queued, answers)
            if candidates:
                answers.candidates = await self._extenders.preempt(info, candidates, self.snapshot)
                if not self._is_settled(queued):
                    await self._decide(queued, answers)
        except ExtenderFailed as error:
            self._fail(queued, str(error), None, reason="SchedulerError")
        except Exception as error:
            log.exception("scheduling %s failed", info.key)
            self._fail(queued, f"running the plugins: {error}", None, reason="SchedulerError")

    def _is_settled(self, queued: QueuedPodInfo) -> bool:
        """Whether there is nothing to decide: the Pod is gone or going, or has its node."""
        info = queued.info
        if info.terminating:
            message = f"skip schedule deleting pod: {info.key}"
            self._recorder.event(info.pod, "Warning", "FailedScheduling", message)
        elif info.uid not in self._assumed:
            current = self._pods.lister.get(info.pod.metadata.namespace or "", info.pod.metadata.name or "")
            if current is not None and current.metadata.uid == info.uid and not current.spec.nodeName:
                return False
        self.queue.done(info.uid)
        return True

    async def _decide(self, queued: QueuedPodInfo, answers: Answers | None) -> list[Candidate] | None:
        """Decides, and sees to it. What it returns, extenders have to be asked about before anything is decided."""
        from pybernetes.scheduler.algorithm import Decision, schedule
        from pybernetes.scheduler.extender_answers import tell, to_ask_about
        from pybernetes.scheduler.framework import CycleState

        info = queued.info
        profile = self.profiles[info.pod.spec.schedulerName or ""]
        state = CycleState()
        if answers is not None:
            tell(state, answers)
        start_s = time.perf_counter()
        queued.attempt_started_s = start_s
        try:
            result = schedule(profile, state, info, self.snapshot, self._random.choice_index)
        except PluginFailed as error:
            self._fail(queued, str(error), None, reason="SchedulerError")
            return None
        except Exception as error:
            # A fault in a plugin must not end scheduling for every other Pod.
            log.exception("scheduling %s failed", info.key)
            self._fail(queued, f"running the plugins: {error}", None, reason="SchedulerError")
            return None
        self.metrics.algorithm.add(time.perf_counter() - start_s)
        candidates = to_ask_about(state)
        if candidates:
            return candidates
        self.explanations.keep(info, result, self._clock.now())
        if isinstance(result, Decision):
            await self._take(profile, state, queued, result)
        else:
            self._unschedulable(queued, result)
        return None

    def _unschedulable(self, queued: QueuedPodInfo, result: NoFit) -> None:
        self._fail(queued, result.diagnosis.message(), result.diagnosis, nominate=result.nominate)

    async def _take(self, profile: Profile, state: CycleState, queued: QueuedPodInfo, decision: Decision) -> None:
        """Assumes, reserves and asks for permission; then binds beside the next decisions."""
        info, node_name = queued.info, decision.node_name
        self.snapshot.place(info, node_name)
        self.snapshot.nominations.remove(info.uid)
        self._assumed.add(info.uid)
        status = profile.reserve(state, info, node_name)
        waits: dict[str, float] = {}
        if status.success:
            status, waits = profile.permit(state, info, node_name)
        if not status.success and not status.wait:
            self._refused(profile, state, queued, node_name, status)
            return
        if waits:
            # Known before the binding begins: permission may come at once.
            self._waiting[info.uid] = asyncio.get_running_loop().create_future()
        at_once = not waits and not profile.waits_before_binding(state, info, node_name)
        if at_once:
            await self._binding_slots.acquire()
        work = self._bind(profile, state, queued, node_name, waits, has_slot=at_once)
        self._group.create_task(work, name=f"bind {info.key}")

    # Binding

    async def _bind(
        self,
        profile: Profile,
        state: CycleState,
        queued: QueuedPodInfo,
        node_name: str,
        waits: dict[str, float],
        *,
        has_slot: bool,
    ) -> None:
        """One that waits for others first takes its slot once it goes on."""
        info = queued.info
        try:
            refusal = await self._permission(info.uid, waits) if waits else ""
            if refusal:
                plugin = min(waits, key=lambda name: waits[name])
                self._refused(profile, state, queued, node_name, unschedulable(refusal).of(plugin))
                return
            self.queue.done(info.uid)
            status = await _answered(profile.pre_bind(state, info, node_name), info)
            if status.success:
                if not has_slot:
                    await self._binding_slots.acquire()
                    has_slot = True
                status = await _answered(profile.bind(state, info, node_name), info)
            if status.success:
                message = f"Successfully assigned {info.key} to {node_name}"
                self._recorder.event(info.pod, "Normal", "Scheduled", message)
                self._attempt_over(queued, "scheduled")
                self.metrics.pod_attempts.add(queued.attempts)
            else:
                log.info("binding %s to %s failed: %s", info.key, node_name, status.message)
                self._refused(profile, state, queued, node_name, status)
        finally:
            if has_slot:
                self._binding_slots.release()

    async def _permission(self, uid: str, waits: Mapping[str, float]) -> str:
        """ "" once plugins let the Pod go on, why not otherwise."""
        told = self._waiting[uid]
        plugin = min(waits, key=lambda name: waits[name])
        try:
            async with asyncio.timeout(waits[plugin]):
                return await told
        except TimeoutError:
            return f"timed out waiting on permit by {plugin}"
        finally:
            del self._waiting[uid]

    def _permit(self, uid: str, refusal: str) -> None:
        told = self._waiting.get(uid)
        if told is not None and not told.done():
            told.set_result(refusal)

    def _refused(
        self, profile: Profile, state: CycleState, queued: QueuedPodInfo, node_name: str, status: Status
    ) -> None:
        """Reserve, Permit or Bind said no: the place is free again, the Pod comes back."""
        info = queued.info
        profile.unreserve(state, info, node_name)
        if info.uid in self._assumed:
            self._forget(info.uid, info.pod)
        if status.rejected:
            queued_message = f"0/1 nodes are available: 1 {status.message}."
            self._fail(queued, queued_message, None, rejectors={status.plugin})
        else:
            self._fail(queued, status.message, None, reason="SchedulerError")

    def _forget(self, uid: str, pod: Pod) -> None:
        self._assumed.discard(uid)
        self.snapshot.unplace(uid)
        self.queue.move(events.ASSIGNED_POD_DELETE, pod, None, lambda queued: queued.info.uid != uid)

    # Failing

    def _fail(
        self,
        queued: QueuedPodInfo,
        message: str,
        diagnosis: Diagnosis | None,
        *,
        nominate: str | None = "",
        rejectors: set[str] | None = None,
        reason: str = "Unschedulable",
    ) -> None:
        """Puts the Pod back and says why: an event, and the condition PodScheduled."""
        queued.unschedulable_plugins = set(diagnosis.unschedulable_plugins) if diagnosis else rejectors or set()
        queued.pending_plugins = set(diagnosis.pending_plugins) if diagnosis else set()
        self._attempt_over(queued, "unschedulable" if queued.rejectors else "error")
        info = queued.info
        current = self._pods.lister.get(info.pod.metadata.namespace or "", info.pod.metadata.name or "")
        if current is None or current.spec.nodeName or current.metadata.uid != info.uid:
            self.queue.done(info.uid)
            return
        if current.metadata.resourceVersion != info.pod.metadata.resourceVersion:
            queued.info = PodInfo(current)
        promised = (current.status.nominatedNodeName or "") if nominate is None else nominate
        self.snapshot.nominations.set(queued.info, promised)
        self.queue.add_unschedulable(queued)
        text = message if len(message) <= _EVENT_MESSAGE_LIMIT else message[: _EVENT_MESSAGE_LIMIT - 4] + " ..."
        self._recorder.event(current, "Warning", "FailedScheduling", text)
        change = _status_change(current, message, reason, nominate, format_time(self._clock.now()))
        if change is not None:
            self._group.create_task(self._write_status(current, change), name=f"status {info.key}")

    async def _write_status(self, pod: Pod, change: dict[str, Any]) -> None:
        meta = pod.metadata
        body = {"metadata": {"uid": meta.uid}, "status": change}
        try:
            async with self._status_slots:
                await self._client.patch(
                    Pod, meta.name or "", meta.namespace or "", body, patch_type="strategic", subresource="status"
                )
        except NotFound:
            return
        except (StatusError, OSError) as error:
            log.info("cannot write the condition of %s/%s: %s", meta.namespace, meta.name, error)


class _Slots:
    """For so many bindings at a time; `free` is set while none is taken, and has been for a moment."""

    def __init__(self, count: int, free: asyncio.Event) -> None:
        self._left = asyncio.Semaphore(count)
        self._taken = 0
        self._free = free
        self._calm: asyncio.TimerHandle | None = None
        free.set()

    async def acquire(self) -> None:
        await self._left.acquire()
        self._taken += 1
        self._free.clear()
        if self._calm is not None:
            self._calm.cancel()
            self._calm = None

    def release(self) -> None:
        self._left.release()
        self._taken -= 1
        if not self._taken:
            self._calm = asyncio.get_running_loop().call_later(_CALM_S, self._free.set)


async def _answered(work: Coroutine[Any, Any, Status], info: PodInfo) -> Status:
    try:
        return await work
    except (StatusError, OSError) as error:
        return failed(error)
    except Exception as error:
        # A fault in a plugin must not end the scheduler.
        log.exception("binding %s failed", info.key)
        return failed(error)


def _status_change(pod: Pod, message: str, reason: str, nominate: str | None, now: str) -> dict[str, Any] | None:
    """The patch of a Pod's status, or None when it already says so."""
    change: dict[str, Any] = {}
    if nominate is not None and (pod.status.nominatedNodeName or "") != nominate:
        change["nominatedNodeName"] = nominate or None
    old = condition_of(pod.status.conditions, "PodScheduled")
    if old is None or (old.status, old.reason, old.message) != ("False", reason, message):
        changed = old is None or old.status != "False"
        condition: dict[str, Any] = {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastProbeTime": None,
            "lastTransitionTime": now if changed or old is None else old.lastTransitionTime,
        }
        if pod.metadata.generation:
            condition["observedGeneration"] = pod.metadata.generation
        change["conditions"] = [condition]
    return change or None
