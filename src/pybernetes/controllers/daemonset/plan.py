"""Which Pods a DaemonSet needs on which nodes, how an update goes on, and its status. Pure.

Source: pkg/controller/daemon/daemon_controller.go (podsShouldBeOnNode, updateDaemonSetStatus), update.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.api.apps.v1 import ControllerRevision, DaemonSet, DaemonSetStatus
from pybernetes.api.core.v1 import Node, Pod
from pybernetes.apimachinery.pods import is_finished, is_ready
from pybernetes.controllers.daemonset.placement import (
    GENERATION_LABEL,
    Placement,
    target_node,
    template_generation,
)
from pybernetes.controllers.runtime.amounts import scaled
from pybernetes.controllers.runtime.pods import available_in
from pybernetes.controllers.runtime.revisions import REVISION_LABEL

BURST = 250
"""Most Pods created, and most deleted, in one go."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything a plan looks at."""

    daemon_set: DaemonSet
    nodes: Sequence[Node]
    pods: Mapping[str, list[Pod]]
    """By node; see `by_node`."""
    hash: str
    """Of the revision that Pods should have."""
    placement: Placement
    now: float

    def is_updated(self, pod: Pod) -> bool:
        labels = pod.metadata.labels
        if self.hash and labels.get(REVISION_LABEL) == self.hash:
            return True
        generation = template_generation(self.daemon_set)
        return generation is not None and labels.get(GENERATION_LABEL) == str(generation)

    def is_available(self, pod: Pod) -> bool:
        return available_in(pod, self.daemon_set.spec.minReadySeconds or 0, self.now) == 0


@dataclass(slots=True)
class Todo:
    create_on: list[str] = field(default_factory=list)
    """Nodes."""
    delete: list[Pod] = field(default_factory=list)
    failed: list[Pod] = field(default_factory=list)
    """Of `delete`: Pods that failed, which somebody should hear of."""
    succeeded: list[Pod] = field(default_factory=list)
    wait_s: float | None = None
    """Until a failed Pod may be replaced."""


def by_node(pods: Sequence[Pod]) -> dict[str, list[Pod]]:
    """Without Pods that are finished and being deleted, and those that are meant for no node."""
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        if is_finished(pod) and pod.metadata.deletionTimestamp:
            continue
        node = target_node(pod)
        if node is not None:
            found.setdefault(node, []).append(pod)
    return found


def manage(view: View, backoff: Callable[[str], float]) -> Todo:
    """Pods to create and to delete so that every node has what it should.

    `backoff(NODE)`: seconds until a failed Pod there may be replaced; asked once for each such Pod, and <= 0
    means that it is replaced now.
    """
    todo = Todo()
    for node in view.nodes:
        name = node.metadata.name or ""
        should_run, may_go_on = view.placement.on(node)
        here = view.pods.get(name)
        if should_run and here is None:
            todo.create_on.append(name)
        elif may_go_on:
            _keep_one(view, name, should_run, here or [], todo, backoff)
        else:
            todo.delete += [pod for pod in here or [] if not pod.metadata.deletionTimestamp]
    todo.delete += _without_node(view)
    return todo


def _keep_one(
    view: View, node: str, should_run: bool, here: Sequence[Pod], todo: Todo, backoff: Callable[[str], float]
) -> None:
    running = []
    for pod in here:
        if pod.metadata.deletionTimestamp:
            continue
        if pod.status.phase == "Failed":
            wait_s = backoff(node)
            if wait_s > 0:
                todo.wait_s = wait_s if todo.wait_s is None else min(todo.wait_s, wait_s)
                continue
            todo.failed.append(pod)
            todo.delete.append(pod)
        elif pod.status.phase == "Succeeded":
            todo.succeeded.append(pod)
            todo.delete.append(pod)
        else:
            running.append(pod)
    running = oldest_first(running)
    if not allows_surge(view.daemon_set):
        todo.delete += running[1:]
    elif not running:
        if should_run:
            todo.create_on.append(node)
    elif len(running) > 1:
        todo.delete += _surplus_of_surge(view, running)


def _surplus_of_surge(view: View, running: Sequence[Pod]) -> list[Pod]:
    """One old Pod may stay beside a new one, as long as it is ready and the new one not available."""
    new = [pod for pod in running if pod.metadata.labels.get(REVISION_LABEL) == view.hash]
    old = [pod for pod in running if pod.metadata.labels.get(REVISION_LABEL) != view.hash]
    surplus = [pod for pod in running if pod in new[1:] or pod in old[1:]]
    if new and old and (not is_ready(old[0]) or view.is_available(new[0])):
        surplus.append(old[0])
    return surplus


def _without_node(view: View) -> list[Pod]:
    """Pods pinned to nodes that are gone and never bound: nobody else deletes them."""
    names = {node.metadata.name for node in view.nodes}
    return [pod for node, pods in view.pods.items() if node not in names for pod in pods if not pod.spec.nodeName]


def oldest_first(pods: Sequence[Pod]) -> list[Pod]:
    """Bound ones before others, then by age and name."""
    return sorted(pods, key=lambda p: (not p.spec.nodeName, p.metadata.creationTimestamp or "", p.metadata.name or ""))


def allows_surge(daemon_set: DaemonSet) -> bool:
    return surge_of(daemon_set, 1) > 0


def surge_of(daemon_set: DaemonSet, nodes: int) -> int:
    strategy = daemon_set.spec.updateStrategy
    if strategy is None or strategy.type == "OnDelete" or strategy.rollingUpdate is None:
        return 0
    value = strategy.rollingUpdate.maxSurge
    return 0 if value is None else scaled(value, nodes, round_up=True)


def unavailable_of(daemon_set: DaemonSet, nodes: int) -> int:
    strategy = daemon_set.spec.updateStrategy
    if strategy is None or strategy.type == "OnDelete" or strategy.rollingUpdate is None:
        return 0
    value = strategy.rollingUpdate.maxUnavailable
    return 0 if value is None else scaled(value, nodes, round_up=True)


def rolls(daemon_set: DaemonSet) -> bool:
    strategy = daemon_set.spec.updateStrategy
    return strategy is None or strategy.type in (None, "RollingUpdate")


def roll(view: View) -> Todo:
    """The next step of a rolling update."""
    runs_on = {n.metadata.name or "" for n in view.nodes if view.placement.on(n)[0]}
    pods: dict[str, list[Pod]] = {**view.pods, **{n: [] for n in sorted(runs_on) if n not in view.pods}}
    surge = surge_of(view.daemon_set, len(runs_on))
    unavailable = unavailable_of(view.daemon_set, len(runs_on))
    if surge == 0:
        return Todo(delete=_replace(view, pods, unavailable or 1))
    return _surge(view, pods, runs_on, surge)


def _replace(view: View, pods: Mapping[str, list[Pod]], most: int) -> list[Pod]:
    """Old Pods to delete so that no more than `most` nodes are without a Pod that is available."""
    out = 0
    at_once: list[Pod] = []
    candidates: list[Pod] = []
    for here in pods.values():
        pair = _old_and_new(view, here)
        if pair is None:
            out += 1
            continue
        old, new = pair
        if old is None or new is not None:
            if old is not None or new is None or not view.is_available(new):
                out += 1
        elif not view.is_available(old):
            at_once.append(old)
            out += 1
        elif out < most:
            candidates.append(old)
    return at_once + candidates[: max(0, most - out)]


def _surge(view: View, pods: Mapping[str, list[Pod]], runs_on: set[str], most: int) -> Todo:
    """New Pods beside old ones, `most` at a time; an old one goes when its new one is available."""
    todo = Todo()
    surging = available = 0
    candidates: list[str] = []
    misplaced: list[Pod] = []
    for node, here in pods.items():
        pair = _old_and_new(view, here)
        if pair is None:
            surging += 1
            continue
        old, new = pair
        first = old or new
        if first is not None and view.is_available(first):
            available += 1
        if old is None:
            continue
        if new is not None:
            if view.is_available(new):
                todo.delete.append(old)
            else:
                surging += 1
        elif not view.is_available(old):
            if node in runs_on:
                todo.create_on.append(node)
            else:
                todo.delete.append(old)
        elif node not in runs_on:
            misplaced.append(old)
        elif surging < most:
            candidates.append(node)
    todo.delete += misplaced[: max(0, available - len(runs_on))]
    todo.create_on += candidates[: max(0, most - surging)]
    return todo


def _old_and_new(view: View, here: Sequence[Pod]) -> tuple[Pod | None, Pod | None] | None:
    """(old, new) of a node; None when there is more than one of either, which `manage` cleans up first."""
    staying = [pod for pod in here if not pod.metadata.deletionTimestamp]
    new = [pod for pod in staying if view.is_updated(pod)]
    old = [pod for pod in staying if not view.is_updated(pod)]
    if len(new) > 1 or len(old) > 1:
        return None
    return (old[0] if old else None), (new[0] if new else None)


def status(view: View, observed: bool) -> DaemonSetStatus:
    """The status to write; `observed`: the spec of this generation was acted on."""
    before = view.daemon_set.status
    desired = current = misplaced = ready = available = updated = 0
    for node in view.nodes:
        here = view.pods.get(node.metadata.name or "", [])
        if not view.placement.on(node)[0]:
            misplaced += bool(here)
            continue
        desired += 1
        if not here:
            continue
        current += 1
        pod = oldest_first(here)[0]
        ready += is_ready(pod)
        available += view.is_available(pod)
        updated += view.is_updated(pod)
    return DaemonSetStatus(
        desiredNumberScheduled=desired,
        currentNumberScheduled=current,
        numberMisscheduled=misplaced,
        numberReady=ready,
        numberAvailable=available or None,
        numberUnavailable=(desired - available) or None,
        updatedNumberScheduled=updated or None,
        observedGeneration=view.daemon_set.metadata.generation if observed else before.observedGeneration,
        collisionCount=before.collisionCount,
        conditions=list(before.conditions),
    )


def surplus_revisions(
    daemon_set: DaemonSet, old: Sequence[ControllerRevision], pods: Sequence[Pod]
) -> list[ControllerRevision]:
    """Those of `old` (in order) that the history has no room for; no Pod is of them."""
    limit = daemon_set.spec.revisionHistoryLimit
    surplus = len(old) - (10 if limit is None else limit)
    live = {pod.metadata.labels.get(REVISION_LABEL) for pod in pods}
    unused = [revision for revision in old if revision.metadata.labels.get(REVISION_LABEL) not in live]
    return unused[: max(0, surplus)]


def concerns(daemon_set: DaemonSet, node: Node, here: Sequence[Pod]) -> bool:
    """Whether a change of the node's labels or taints gives the DaemonSet something to do; `here`: its Pods there."""
    should_run, may_go_on = Placement(daemon_set).on(node)
    misplaced = (daemon_set.status.numberMisscheduled or 0) > 0
    return bool((should_run and not here) or (here and (not may_go_on or misplaced)))
