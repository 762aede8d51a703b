"""How long a Job waits before it replaces a failed Pod. Pure. Source: pkg/controller/job/backoff_utils.go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pybernetes.api.core.v1 import Pod
from pybernetes.controllers.job.pods import all_failures, finished_at

FIRST_S = 10.0
MOST_S = 600.0


@dataclass(frozen=True, slots=True)
class Record:
    """Failures since the last success."""

    failures: int = 0
    last_failure: float = 0.0

    def after(self, succeeded: Sequence[Pod], failed: Sequence[Pod]) -> Record:
        """With the Pods that finished since."""
        ends = sorted(map(finished_at, failed))
        if not succeeded:
            return Record(self.failures + len(ends), ends[-1]) if ends else self
        last_success = max(map(finished_at, succeeded))
        later = [end for end in ends if end > last_success]
        return Record(len(later), later[-1]) if later else Record()

    def remaining_s(self, now: float) -> float:
        return remaining_s(self.failures, self.last_failure, now)


def remaining_s(failures: int, last_failure: float, now: float) -> float:
    if failures == 0:
        return 0.0
    wait_s: float = min(FIRST_S * 2.0 ** min(failures - 1, 32), MOST_S)
    return max(0.0, last_failure + wait_s - now)


def remaining_of_index_s(last_failed: Pod | None, now: float) -> float:
    if last_failed is None:
        return 0.0
    return remaining_s(all_failures(last_failed) + 1, finished_at(last_failed), now)
