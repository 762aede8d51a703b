"""Which waiting Pods are promised which node, because Pods there were preempted for them. Pure."""

from __future__ import annotations

from collections.abc import Callable

from pybernetes.scheduler.pod_info import PodInfo


class Nominations:
    """Source: pkg/scheduler/backend/queue/nominator.go."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        """`changed` is told of every node whose promises change."""
        self._changed = changed
        self._node_of: dict[str, str] = {}
        self._on: dict[str, dict[str, PodInfo]] = {}

    def set(self, info: PodInfo, node_name: str) -> None:
        """Promises the node to the Pod, in place of what it was promised before; "" promises nothing."""
        self.remove(info.uid)
        if node_name:
            self._node_of[info.uid] = node_name
            self._on.setdefault(node_name, {})[info.uid] = info
            self._changed(node_name)

    def remove(self, uid: str) -> None:
        node_name = self._node_of.pop(uid, None)
        if node_name is None:
            return
        on_node = self._on[node_name]
        del on_node[uid]
        if not on_node:
            del self._on[node_name]
        self._changed(node_name)

    def node_of(self, uid: str) -> str:
        return self._node_of.get(uid, "")

    def nodes(self) -> list[str]:
        """The nodes that are promised to any Pod."""
        return list(self._on)

    def to_yield_to(self, info: PodInfo, node_name: str) -> list[PodInfo]:
        """The other Pods of at least the same priority that the node is promised to."""
        return [
            other
            for other in self._on.get(node_name, {}).values()
            if other.priority >= info.priority and other.uid != info.uid
        ]

    def below(self, priority: int, node_name: str) -> list[PodInfo]:
        return [other for other in self._on.get(node_name, {}).values() if other.priority < priority]
