"""Exponential back-off as upstream counts it, for restarts and image pulls. Pure: time is passed in.

Source: staging/src/k8s.io/client-go/util/flowcontrol/backoff.go.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Entry:
    delay_s: float
    last_update_s: float


class BackOff:
    """Delays per key: `initial_s`, doubling to `max_s`, forgotten after twice `max_s` without an update."""

    def __init__(self, initial_s: float = 10.0, max_s: float = 300.0) -> None:
        self.initial_s = initial_s
        self.max_s = max_s
        self._entries: dict[str, _Entry] = {}

    def delay_s(self, key: str) -> float:
        entry = self._entries.get(key)
        return entry.delay_s if entry else 0.0

    def until(self, key: str, since_s: float) -> float:
        """When the back-off that began at `since_s` ends; 0.0 without one."""
        entry = self._entries.get(key)
        if entry is None or since_s - entry.last_update_s > 2 * self.max_s:
            return 0.0
        return since_s + entry.delay_s

    def next(self, key: str, since_s: float, now_s: float) -> None:
        """Counts one more attempt: the delay doubles, or starts over when the last one is long ago."""
        entry = self._entries.get(key)
        if entry is None or since_s - entry.last_update_s > 2 * self.max_s:
            self._entries[key] = _Entry(self.initial_s, now_s)
        else:
            entry.delay_s = min(entry.delay_s * 2, self.max_s)
            entry.last_update_s = now_s

    def last_update_s(self, key: str) -> float:
        entry = self._entries.get(key)
        return entry.last_update_s if entry else 0.0

    def reset(self, key: str) -> None:
        self._entries.pop(key, None)
