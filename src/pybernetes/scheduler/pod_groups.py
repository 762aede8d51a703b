"""What the scheduler knows of groups of Pods: how many there are, and how many have a place.

Source: pkg/scheduler/backend/cache (PodGroupState).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.api.scheduling.v1alpha2 import PodGroup
from pybernetes.client.informer import Informer
from pybernetes.scheduler.events import EventResource
from pybernetes.scheduler.following import Move, handlers

_INDEX = "scheduling group"


def group_of(pod: Pod) -> str:
    """The key of its group; "" of a Pod that is on its own."""
    group = pod.spec.schedulingGroup
    return f"{pod.metadata.namespace}/{group.podGroupName}" if group is not None and group.podGroupName else ""


class PodGroups:
    def __init__(self, informer: Callable[[Any], Informer[Any]], pods: Informer[Pod]) -> None:
        """`informer(cls)`: the shared informer of a kind; `pods`: that of the Pods."""
        self._groups: Informer[PodGroup] = informer(PodGroup)
        self._pods = pods
        pods.add_index(_INDEX, _keys_of)

    def follow(self, move: Move) -> None:
        """Tells the queue of every change."""
        self._groups.add_handler(*handlers(EventResource.POD_GROUP, move, lambda old, new: None))

    def get(self, key: str) -> PodGroup | None:
        return self._groups.lister.by_key(key)

    def pods(self, key: str) -> list[Pod]:
        return self._pods.lister.by_index(_INDEX, key)


def _keys_of(pod: Pod) -> list[str]:
    key = group_of(pod)
    return [key] if key else []
