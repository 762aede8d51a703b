"""DefaultPreemption: would evicting Pods of lower priority make room?

What it says when it cannot help is upstream's. Differs: it does not evict yet; a node with Pods of
lower priority is reported as one where preemption is not helpful.
Source: framework/plugins/defaultpreemption, framework/preemption.
"""

from __future__ import annotations

from collections import Counter

from pybernetes.scheduler.framework import CycleState, Diagnosis, fit_error_message
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import Status, unschedulable

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"


class DefaultPreemption:
    name = "DefaultPreemption"

    def post_filter(
        self, state: CycleState, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis
    ) -> tuple[str | None, Status]:
        if info.pod.spec.preemptionPolicy == "Never":
            return None, unschedulable("preemption: not eligible due to preemptionPolicy=Never.")
        counts: Counter[str] = Counter()
        for row in diagnosis.resolvable().nonzero()[0]:
            lower = any(other.priority < info.priority for other in snapshot.pods_on(diagnosis.names[row]))
            counts[NOT_HELPFUL if lower else NO_VICTIMS] += 1
        hopeless = diagnosis.node_count - sum(counts.values())
        if hopeless:
            counts[NOT_HELPFUL] += hopeless
        return "", unschedulable(f"preemption: {fit_error_message(diagnosis.node_count, counts)}")
