"""Looks every ten seconds whether the node runs short, frees what nobody uses, and else ends one pod at a time.

Source: pkg/kubelet/eviction/eviction_manager.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.tolerations import any_tolerates
from pybernetes.host.clock import Clock
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.client import CriError
from pybernetes.kubelet.eviction import ranking
from pybernetes.kubelet.eviction import thresholds as t
from pybernetes.kubelet.eviction.signals import Signals
from pybernetes.kubelet.pod_spec import is_critical, uid_of
from pybernetes.kubelet.resources.admission import Rejection
from pybernetes.kubelet.resources.node_allocatable import PODS
from pybernetes.kubelet.resources.requests import qos_class

_LOG = logging.getLogger(__name__)
_PERIOD_S = 10.0
_STORAGE_PERIOD_S = 60.0
_CLEAN_UP_S = 30.0
_DISK = ("ephemeral-storage", "inodes")
_AT_ONCE_S = 1


class Host(Protocol):
    """What the eviction needs of the kubelet."""

    def pods_that_run(self) -> list[Pod]: ...

    def evict(self, pod: Pod, why: ranking.Reason, grace_period_s: int, *, disruption: bool) -> None: ...

    async def gone(self, pod: Pod) -> None:
        """Returns once nothing of the pod runs any more."""
        ...

    async def free_disk(self) -> None:
        """Removes dead containers and unused images."""
        ...

    def pressure_changed(self, conditions: frozenset[str]) -> None: ...

    def tell_node(self, reason: str, message: str) -> None: ...


class Eviction:
    """Raises ValueError where the thresholds make no sense."""

    def __init__(self, config: KubeletConfig, signals: Signals, host: Host, clock: Clock) -> None:
        self._thresholds = t.parse(
            config.eviction_hard,
            config.eviction_soft,
            config.eviction_soft_grace_period,
            config.eviction_minimum_reclaim,
            pods_are_held=PODS in config.enforce_node_allocatable,
        )
        self._transition_s = config.eviction_pressure_transition_period_s
        self._longest_grace_s = config.eviction_max_pod_grace_period_s
        self._signals = signals
        self._host = host
        self._clock = clock
        self._state = t.State()
        self._measured_s = 0.0
        self.conditions: frozenset[str] = frozenset()
        self.evictions: Counter[str] = Counter()
        """Pods that were ended, by what there was too little of."""

    async def run(self) -> None:
        while True:
            try:
                evicted = await self.look()
            except (CriError, OSError) as error:
                _LOG.warning("what the node is short of cannot be seen to, trying on: %s", error)
                evicted = None
            if evicted is None:
                await asyncio.sleep(_PERIOD_S)
                continue
            try:
                async with asyncio.timeout(_CLEAN_UP_S):
                    await self._host.gone(evicted)
            except TimeoutError:
                _LOG.warning("pod %s was evicted and is not gone yet", uid_of(evicted))

    def refuses(self, pod: Pod) -> Rejection | None:
        """Whether a new pod is turned away while the node is short of something."""
        if not self.conditions or is_critical(pod):
            return None
        if self.conditions == {"MemoryPressure"}:
            tolerated = any_tolerates(pod.spec.tolerations, "node.kubernetes.io/memory-pressure", "", "NoSchedule")
            if qos_class(pod) != "BestEffort" or tolerated:
                return None
        return Rejection("Evicted", f"The node had condition: [{' '.join(sorted(self.conditions))}]. ")

    async def look(self) -> Pod | None:
        """One look; the pod that was ended because of it."""
        observed = await self._signals.observe()
        view = t.look(self._state, self._thresholds, observed, self._clock.now(), self._transition_s)
        if view.conditions != self.conditions:
            self.conditions = view.conditions
            self._host.pressure_changed(view.conditions)
        evicted = await self._check_storage()
        if evicted is not None or not view.due:
            return evicted
        resource = t.RESOURCES[view.due[0].signal]
        self._host.tell_node("EvictionThresholdMet", f"Attempting to reclaim {resource}")
        disk: ranking.Disk = "one"
        if resource in _DISK and self._signals.images_apart:
            disk = "images" if view.due[0].signal in t.OF_IMAGES else "rest"
        if resource in _DISK and disk != "rest":
            await self._host.free_disk()
            observed = await self._signals.observe()
            if not t.met(self._thresholds, observed, with_reclaim=True):
                return None
        return await self._evict_one(resource, view.due, observed, disk)

    async def _evict_one(
        self, resource: str, due: tuple[t.Threshold, ...], observed: Mapping[str, t.Observation], disk: ranking.Disk
    ) -> Pod | None:
        pods = self._host.pods_that_run()
        if not pods:
            return None
        usages = await self._signals.usages(pods)
        for pod in ranking.rank(resource, pods, usages, disk):
            if is_critical(pod):
                continue
            grace_s = _AT_ONCE_S
            if due[0].grace_s:
                own = pod.spec.terminationGracePeriodSeconds
                grace_s = self._longest_grace_s if own is None else min(self._longest_grace_s, own)
            why = ranking.reason(resource, pod, usages.get(uid_of(pod)), due, observed)
            self._host.evict(pod, why, grace_s, disruption=True)
            self.evictions[due[0].signal] += 1
            return pod
        return None

    async def _check_storage(self) -> Pod | None:
        """Ends pods that use more of the disk than they may; measured once a minute, where a pod has such a limit."""
        now_s = self._clock.now()
        if now_s - self._measured_s < _STORAGE_PERIOD_S and self._measured_s:
            return None
        limited = [pod for pod in self._host.pods_that_run() if ranking.limits_storage(pod)]
        if not limited:
            return None
        self._measured_s = now_s
        usages = await self._signals.usages(limited)
        evicted = None
        for pod in limited:
            signal, text = ranking.beyond_its_storage(pod, usages[uid_of(pod)])
            if text and not is_critical(pod):
                self._host.evict(pod, ranking.Reason(text), _AT_ONCE_S, disruption=False)
                self.evictions[signal] += 1
                evicted = pod
        return evicted
