"""What plugins may use of the scheduler that runs them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.api.policy.v1 import PodDisruptionBudget
from pybernetes.apimachinery.selectors import LabelSelector
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock, SystemClock
from pybernetes.scheduler.devices.view import DeviceView
from pybernetes.scheduler.metrics import SchedulerMetrics
from pybernetes.scheduler.pod_groups import PodGroups
from pybernetes.scheduler.storage_view import StorageView

DefaultSelector = Callable[[Pod], LabelSelector]
"""The selector of the Services and the controller that a Pod belongs to; empty when there is none."""


def _no_labels(namespace: str) -> Mapping[str, str]:
    return {}


@dataclass(slots=True, frozen=True)
class Handle:
    client: Client
    default_selector: DefaultSelector
    metrics: SchedulerMetrics = field(default_factory=SchedulerMetrics)
    clock: Clock = field(default_factory=SystemClock)
    budgets: Callable[[], Iterable[PodDisruptionBudget]] = tuple
    namespace_labels: Callable[[str], Mapping[str, str]] = _no_labels
    namespaces: Callable[[LabelSelector], Iterable[str]] = lambda selector: ()
    """The names of the namespaces that a selector matches."""
    pod: Callable[[str, str], Pod | None] = lambda namespace, name: None
    """(namespace, name) -> the Pod as the watch last showed it."""
    choose: Callable[[int], int] = lambda count: 0
    """Chance: a number below the given one."""
    start: Callable[[Coroutine[Any, Any, None], str], object] = lambda work, name: work.close()
    """Runs work beside the scheduling loop."""
    activate: Callable[[str], None] = lambda uid: None
    """Brings a waiting Pod back to the active queue."""
    ungate: Callable[[str], None] = lambda uid: None
    """Tells the queue that a PreEnqueue plugin has nothing against a Pod any more."""
    event: Callable[[Pod, str, str, str], None] = lambda pod, kind, reason, message: None
    """(about, Normal or Warning, reason, message)."""
    withdraw: Callable[[str], None] = lambda uid: None
    """Forgets which node a Pod is promised."""
    storage: StorageView | None = None
    """Claims and volumes; None: there are none to look at."""
    devices: DeviceView | None = None
    """Claims to devices; None: there are none to look at."""
    pod_groups: PodGroups | None = None
    """None: Pods are scheduled one by one."""
    is_placed: Callable[[str], bool] = lambda uid: False
    """Whether a Pod is counted on a node."""
    allow: Callable[[str], None] = lambda uid: None
    """Lets a Pod that waits for permission go on to its binding."""
    reject: Callable[[str, str], None] = lambda uid, why: None
    """Ends the wait of such a Pod; it is scheduled anew."""
