"""What the Pods of each priority take on each node: "all below this priority gone" is a sum of columns. Pure."""

from __future__ import annotations

import numpy as np

from pybernetes.scheduler.columns import Ints, grown
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.resources import PODS


class PriorityColumns:
    def __init__(self) -> None:
        self._columns: dict[int, dict[str, Ints]] = {}
        self._users: dict[int, int] = {}

    def count(self, info: PodInfo, row: int, sign: int, capacity: int) -> None:
        priority = info.priority
        columns = self._columns.setdefault(priority, {})
        for name, amount in (*info.requests.items(), (PODS, 1)):
            column = columns.get(name)
            if column is None:
                column = columns[name] = np.zeros(capacity, np.int64)
            column[row] += sign * amount
        users = self._users.get(priority, 0) + sign
        self._users[priority] = users
        if not users:
            del self._columns[priority], self._users[priority]

    def below(self, priority: int, resource: str, rows: int) -> Ints | int:
        """What Pods of lower priority take of a resource, per node; 0 when there are none."""
        total: Ints | int = 0
        for of_priority, columns in self._columns.items():
            column = columns.get(resource)
            if of_priority < priority and column is not None:
                total = total + column[:rows]
        return total

    def grow(self, capacity: int) -> None:
        for columns in self._columns.values():
            for name in columns:
                columns[name] = grown(columns[name], capacity)
