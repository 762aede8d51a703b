"""DefaultPreemption: a Pod that fits nowhere may take the place of Pods of lower priority.

The decision is made in the cycle; the evictions run beside it, and until they are asked for the Pod
waits outside the queue.
Source: framework/plugins/defaultpreemption, framework/preemption.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.events import Registration
from pybernetes.scheduler.extender_answers import asked_again, have_a_say, left_to_evict
from pybernetes.scheduler.framework import (
    CycleState,
    Diagnosis,
    PluginArguments,
    Refusal,
    Tries,
    Verdict,
    fit_error_message,
)
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import (
    Candidate,
    KnownVictims,
    VictimsByRow,
    budgets,
    choose,
    pick,
    select_victims,
    terminating_by_preemption,
)
from pybernetes.scheduler.preemption_executor import PreemptionExecutor
from pybernetes.scheduler.resources import PODS
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SUCCESS, Status, unresolvable, unschedulable

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
_WAITING = "waiting for the preemption for this pod to be finished"


class DefaultPreemption:
    name = "DefaultPreemption"

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        given = arguments.arguments
        self._percentage = int(given.get("minCandidateNodesPercentage", 10))
        self._absolute = int(given.get("minCandidateNodesAbsolute", 100))
        if not 0 <= self._percentage <= 100 or self._absolute < 0 or self._percentage + self._absolute == 0:
            raise ValueError("minCandidateNodesPercentage or minCandidateNodesAbsolute is out of range")
        self._handle = handle
        self._executor = PreemptionExecutor(handle)
        self._known = KnownVictims()

    def pre_enqueue(self, info: PodInfo) -> Status:
        return unresolvable(_WAITING) if self._executor.running(info.uid) else SUCCESS

    def events_to_register(self) -> Sequence[Registration]:
        """None: the executor tells the queue when evictions are over, and other plugins what they make room for."""
        return []

    def post_filter(
        self, tries: Tries, state: CycleState, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis
    ) -> tuple[str | None, Status]:
        if not asked_again(state):
            self._handle.metrics.preemption_attempts += 1
        reason = self._not_eligible(info, snapshot, diagnosis)
        if reason:
            return None, unschedulable(f"preemption: {reason}")
        known, rows, counts = self._candidates(tries, state, info, snapshot, diagnosis)
        if not len(rows):
            text = fit_error_message(diagnosis.node_count, +counts)
            return "", unschedulable(f"preemption: {text}")
        if have_a_say(state):
            left = left_to_evict(state, [known.candidate(row) for row in rows.tolist()])
            if not left:
                return None, unschedulable("preemption: extenders leave no node")
            best = pick(left)
        else:
            best = known.best(rows)
        choose(state, best)
        self._handle.metrics.preemption_victims.add(len(best.victims))
        self._executor.start(best, info, snapshot.nominations.below(info.priority, best.node_name))
        return best.node_name, SUCCESS

    def _not_eligible(self, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis) -> str:
        """Source: PodEligibleToPreemptOthers."""
        if info.pod.spec.preemptionPolicy == "Never":
            return "not eligible due to preemptionPolicy=Never."
        nominated = snapshot.nominations.node_of(info.uid) or info.pod.status.nominatedNodeName or ""
        row = snapshot.row_of.get(nominated, -1)
        if row < 0 or not diagnosis.resolvable()[row]:
            return ""
        if any(
            other.priority < info.priority and terminating_by_preemption(other.pod)
            for other in snapshot.pods_on(nominated)
        ):
            return "not eligible due to a terminating pod on the nominated node."
        return ""

    def _candidates(
        self, tries: Tries, state: CycleState, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis
    ) -> tuple[VictimsByRow, Ints, Counter[str]]:
        """Nodes where evictions make room, enough of them to choose from; else nodes per reason, for all."""
        counts: Counter[str] = Counter()
        if diagnosis.pre_filter_message:
            # The Pod was refused as a whole, for what no node's Pods can change.
            counts[NOT_HELPFUL] = diagnosis.node_count
            return VictimsByRow(), np.zeros(0, np.int64), counts
        hopeful = diagnosis.resolvable()
        counts[NOT_HELPFUL] = diagnosis.node_count - int(np.count_nonzero(hopeful))
        rows = self._promising(tries, state, info, snapshot, hopeful, counts)
        wanted = min(max(len(rows) * self._percentage // 100, self._absolute), len(rows))
        limits = budgets(self._handle.budgets()) if len(rows) else []
        start = self._handle.choose(len(rows)) if len(rows) else 0
        key = tries.trial_key(state, info, snapshot, rows)
        known = self._known.of(None if key is None else (info.priority, key, tuple(limits)), snapshot)
        # Of the node that is promised to the Pod itself, what others found does not hold.
        own = snapshot.row_of.get(snapshot.nominations.node_of(info.uid), -1)

        def search(row: int) -> Candidate | Refusal:
            trial = tries.node_trial(state, info, snapshot, row)
            return select_victims(trial, info, diagnosis.names[row], snapshot.pods_on(diagnosis.names[row]), limits)

        rows = np.concatenate((rows[start:], rows[:start]))
        if own >= 0:
            known.forget(own)
        found = np.zeros(0, np.int64)
        searched = 0
        while searched < len(rows) and not (len(found) >= wanted and known.breaks_nothing(found)):
            some = rows[searched : searched + max(wanted - len(found), 1)]
            found = np.concatenate((found, some[known.search(some, snapshot, search)]))
            searched += len(some)
        for row in rows.tolist() if not len(found) else ():
            told = known[row]
            # Where nobody would have to go, what refused is no filter, and no eviction changes it.
            counts.update(told.reasons if isinstance(told, Refusal) else (NOT_HELPFUL,))
        if own >= 0:
            known.forget(own)
        return known, found, counts

    def _promising(
        self,
        tries: Tries,
        state: CycleState,
        info: PodInfo,
        snapshot: Snapshot,
        hopeful: Any,
        counts: Counter[str],
    ) -> Ints:
        """The rows with Pods of lower priority and, as far as arrays can tell, room without them."""
        lower = snapshot.by_priority.below(info.priority, PODS, snapshot.rows)
        some = np.asarray(lower > 0) & hopeful
        counts[NO_VICTIMS] += int(np.count_nonzero(hopeful & ~some))
        without = tries.without_lower(state, info, snapshot)
        if without is None:
            return np.flatnonzero(some)
        verdict = without[1]
        hopeless = some & (verdict.failures != 0)
        counts.update(_reasons(verdict, hopeless))
        return np.flatnonzero(some & ~hopeless)


def _reasons(verdict: Verdict, rows: Any) -> Counter[str]:
    failures = verdict.failures[rows]
    return Counter(
        {reason: int(np.count_nonzero(failures & np.uint64(1 << bit))) for bit, reason in enumerate(verdict.reasons)}
    )
