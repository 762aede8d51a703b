"""When a row of probe answers becomes a result. Pure. Source: pkg/kubelet/prober/worker.go doProbe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Thresholds:
    """Counts answers of one probe of one container."""

    success_threshold: int = 1
    failure_threshold: int = 3
    _last: bool | None = None
    _run: int = 0

    def add(self, success: bool) -> bool | None:
        """The result that this answer settles, None while the row is too short."""
        if success == self._last:
            self._run += 1
        else:
            self._last, self._run = success, 1
        needed = self.success_threshold if success else self.failure_threshold
        return success if self._run >= needed else None
