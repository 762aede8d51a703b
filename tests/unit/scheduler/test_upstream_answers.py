"""Our scheduler and upstream's, on the same 10,000 clusters: the same nodes, reasons, scores and victims.

Every sixteenth case is judged each time; all of them when soaking.
"""

from __future__ import annotations

import os

from tests.unit.scheduler.upstream_answers import answers, checksum, judged
from tests.unit.scheduler.upstream_cases import draw_case

STEP = 1 if os.environ.get("SOAK") else 16


def test_same_verdicts_scores_and_victims() -> None:
    recorded = answers()
    assert len(recorded) == 10_000
    different = []
    for seed in range(0, len(recorded), STEP):
        case = draw_case(seed)
        of, answer = recorded[seed]
        assert checksum(case) == of, "the cases are no longer those that upstream judged: record its answers anew"
        if judged(case) != answer:
            different.append(seed)
    assert not different
