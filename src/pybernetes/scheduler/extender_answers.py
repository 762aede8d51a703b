"""What extenders said of one Pod, as the next decision takes it. Pure.

Extenders are asked between decisions, and the cluster may change meanwhile, so their answers go by names of nodes.
Source: pkg/scheduler/schedule_one.go, findNodesThatPassExtenders and prioritizeNodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pybernetes.scheduler.columns import Bools, Ints
from pybernetes.scheduler.framework import MOST_REASONS, CycleState, Diagnosis, Refusal
from pybernetes.scheduler.preemption import Candidate

EXTENDER = "Extender"
"""Stands for a plugin: the one that refused a node, and that took part in a score."""
NOT_ASKED = "node(s) became feasible while extenders were asked"
_STATE = "ExtenderAnswers"
_CANDIDATES = "ExtenderCandidates"


@dataclass(slots=True)
class Answers:
    feasible: frozenset[str] | None = None
    """The nodes that are left; None: nobody was asked."""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    scores: dict[str, int] = field(default_factory=dict)
    """Weighted, by node; those without an entry got nothing."""
    preempts: bool = False
    """Whether an extender has a say in whom to evict."""
    candidates: list[Candidate] | None = None
    """Whom they would evict where; None: they have not been asked yet."""

    def strike_out(self, diagnosis: Diagnosis, rows: Ints) -> Ints:
        """The rows that are left; the others are refused in the diagnosis."""
        if self.feasible is None:
            return rows
        refused: Bools = np.fromiter((diagnosis.names[row] not in self.feasible for row in rows), np.bool_, len(rows))
        if not refused.any():
            return rows
        reasons: dict[str, int] = {}
        for row in rows[refused]:
            refusal = self.refusals.get(diagnosis.names[row], Refusal((NOT_ASKED,)))
            bit = min(reasons.setdefault(refusal.reasons[0], len(reasons)), MOST_REASONS - 1)
            diagnosis.failures[row] = 1 << bit
            diagnosis.unresolvable[row] = refusal.unresolvable
            diagnosis.refused_by[row] = len(diagnosis.verdicts)
        diagnosis.verdicts.append((EXTENDER, tuple(reasons)[:MOST_REASONS]))
        diagnosis.unschedulable_plugins.add(EXTENDER)
        return rows[~refused]

    def score(self, names: Sequence[str], rows: Ints) -> Ints:
        return np.fromiter((self.scores.get(names[row], 0) for row in rows), np.int64, len(rows))


def tell(state: CycleState, answers: Answers) -> None:
    """Makes the answers known to the cycle."""
    state.write(_STATE, answers)


def told(state: CycleState) -> Answers | None:
    return state.peek(_STATE, Answers)


def asked_again(state: CycleState) -> bool:
    """Whether the cycle repeats one, with what extenders have said of its candidates."""
    answers = told(state)
    return answers is not None and answers.candidates is not None


def have_a_say(state: CycleState) -> bool:
    """Whether extenders are asked about evictions."""
    answers = told(state)
    return answers is not None and answers.preempts


def left_to_evict(state: CycleState, candidates: list[Candidate]) -> list[Candidate] | None:
    """The candidates that extenders leave; None: they have to be asked about these first."""
    answers = told(state)
    assert answers is not None
    if answers.candidates is None:
        state.write(_CANDIDATES, candidates)
        return None
    return answers.candidates


def to_ask_about(state: CycleState) -> list[Candidate] | None:
    """The candidates for preemption that extenders have to be asked about."""
    return state.peek(_CANDIDATES, list)
