"""PrioritySort: higher priority first, then who has waited longer."""

from __future__ import annotations

from typing import Any

from pybernetes.scheduler.pod_info import QueuedPodInfo


class PrioritySort:
    name = "PrioritySort"

    def sort_key(self, queued: QueuedPodInfo) -> tuple[Any, ...]:
        return -queued.info.priority, queued.timestamp_s
