"""One decision: which node for this Pod, or why none. Pure: no I/O, no clock; chance comes in as a parameter.

Source: pkg/scheduler/schedule_one.go, schedulePod. Differs: all nodes are always looked at, because an
array answers for all of them at once; upstream looks at a share of a large cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pybernetes.scheduler import extender_answers
from pybernetes.scheduler.columns import Ints
from pybernetes.scheduler.extender_answers import EXTENDER
from pybernetes.scheduler.framework import CycleState, Diagnosis
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Profile
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import PluginFailed

_RUNNERS_UP = 3
_TAKEN = np.iinfo(np.int64).min


@dataclass(slots=True, frozen=True)
class ScoredNode:
    node_name: str
    total: int
    by_plugin: dict[str, int]
    """Weighted."""


@dataclass(slots=True, frozen=True)
class Decision:
    node_name: str
    feasible: int
    evaluated: int
    scores: tuple[ScoredNode, ...]
    """The chosen node and the runners-up; empty when only one node was feasible."""
    diagnosis: Diagnosis


@dataclass(slots=True, frozen=True)
class NoFit:
    diagnosis: Diagnosis
    nominate: str | None
    """Node to nominate after preemption; "" clears the nomination, None leaves it."""


def schedule(
    profile: Profile, state: CycleState, info: PodInfo, snapshot: Snapshot, choose: Callable[[int], int]
) -> Decision | NoFit:
    """Filters, scores and chooses; among equals `choose(count)` says which. Raises PluginFailed."""
    nominated = snapshot.nominations.node_of(info.uid)
    rows, diagnosis, status = profile.find_feasible(state, info, snapshot)
    if not status.success and not status.rejected:
        raise PluginFailed(status)
    answers = extender_answers.told(state)
    if answers is not None:
        rows = answers.strike_out(diagnosis, rows)
    if not len(rows):
        node_name, status = profile.post_filter(state, info, snapshot, diagnosis)
        diagnosis.post_filter_message = status.message
        return NoFit(diagnosis, node_name if profile.post_filter_plugins else "")
    # A node promised to the Pod by an earlier preemption is taken whenever it fits.
    promised = snapshot.row_of.get(nominated, -1) if nominated else -1
    if promised >= 0 and promised in rows:
        rows = np.array([promised])
    names = diagnosis.names
    if len(rows) == 1:
        return Decision(names[rows[0]], 1, diagnosis.node_count, (), diagnosis)
    total, parts, status = profile.score(state, info, snapshot, rows)
    if not status.success:
        raise PluginFailed(status)
    if answers is not None and answers.scores:
        parts[EXTENDER] = answers.score(names, rows)
        total += parts[EXTENDER]
    best = (total == total.max()).nonzero()[0]
    chosen = int(best[choose(len(best))])
    table = tuple(
        [
            ScoredNode(names[rows[i]], int(total[i]), {name: int(scores[i]) for name, scores in parts.items()})
            for i in _order(total, best, chosen)
        ]
    )
    return Decision(names[rows[chosen]], len(rows), diagnosis.node_count, table, diagnosis)


def _order(total: Ints, best: Ints, chosen: int) -> list[int]:
    """The chosen node and the runners-up: by score, then by row."""
    if len(best) > _RUNNERS_UP:
        others = [int(i) for i in best[: _RUNNERS_UP + 1] if i != chosen]
        return [chosen, *others[:_RUNNERS_UP]]
    order = [chosen]
    left = total.copy()
    for _ in range(min(_RUNNERS_UP, len(total) - 1)):
        # Among many equal scores this is far cheaper than a partition.
        left[order[-1]] = _TAKEN
        order.append(int(left.argmax()))
    return order
