"""What holds at every instant of a cluster whose controllers work, whatever befalls them. Pure, over a history.

A rule looks at each change beside the states before and after it. It says nothing about a workload that others
than its owner have disturbed (lost nodes, evictions) until it is whole again: then promises hold anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Protocol

from pybernetes.controllers.runtime.amounts import scaled
from tests.sim.controllers.history import (
    Change,
    State,
    Tree,
    condition,
    controller_of,
    disruption_reason,
    is_active,
    is_available,
    is_deleting,
    name_of,
    namespace_of,
    phase_of,
    uid_of,
)

_EVICTION = "EvictionByEvictionAPI"
_ACCOUNT = "system:serviceaccount:kube-system:"
_OWNERS = ("replicaset-controller", "statefulset-controller", "daemon-set-controller")
_GARBAGE_COLLECTOR = f"{_ACCOUNT}generic-garbage-collector"


class Rule(Protocol):
    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        """What the change broke. `old`: the object before it; `state`: everything after it."""
        ...


def violations(changes: Iterable[Change], *, lagging: bool = False) -> tuple[list[str], State]:
    """Every broken promise, in order, with its revision; and the state at the end.

    `lagging`: watches brought news late. Then maxSurge bounds the sizes of ReplicaSets, as upstream always has it,
    and no ReplicaSet has more Pods than its size; else it bounds the Pods themselves.
    """
    state = State()
    rules: list[Rule] = [Rollouts(lagging), ReplicaSets(), Recreation(), Ordinals(), Daemons(), Jobs(), Schedules()]
    rules += [Budgets(), Dependents()]
    found = []
    for change in changes:
        old = state.objects.get(change.key)
        if change.deleted:
            for rule in rules:  # while owners can still be found
                found += [f"revision {change.revision}: {text}" for text in rule.look(change, old, state)]
            state.apply(change)
            continue
        state.apply(change)
        for rule in rules:
            found += [f"revision {change.revision}: {text}" for text in rule.look(change, old, state)]
    return found, state


def _added(change: Change, old: Tree | None) -> bool:
    return not change.deleted and (old is None or uid_of(old) != uid_of(change.tree))


def _gone(change: Change, old: Tree | None) -> bool:
    """A Pod stopped being available."""
    return (
        change.kind == "Pod"
        and old is not None
        and is_available(old)
        and (change.deleted or not is_available(change.tree))
    )


def _taken(change: Change, old: Tree | None, controller: str) -> bool:
    """By deletion, and by the controller that owns it."""
    told = change.user == _ACCOUNT + controller if change.user else not disruption_reason(change.tree)
    return _gone(change, old) and told and (change.deleted or is_deleting(change.tree))


def _lost(change: Change, old: Tree | None, controller: str) -> bool:
    """Otherwise than by its owner's deletion."""
    return _gone(change, old) and not _taken(change, old, controller)


class Rollouts:
    """A Deployment never has more Pods than maxSurge allows, and no rollout leaves fewer than maxUnavailable does.

    A size that has changed counts once ReplicaSets have followed it; until then the wider of both bounds does.
    """

    def __init__(self, lagging: bool) -> None:
        self._lagging = lagging
        self._bounds: dict[str, tuple[int, int]] = {}
        """By uid: most Pods, fewest available ones."""

    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        deployment = change.tree if change.kind == "Deployment" else None
        if change.kind == "ReplicaSet":
            deployment = state.owner(change.tree, "Deployment")
        elif change.kind == "Pod":
            deployment = state.deployment_of(change.tree)
        if deployment is None or _is_recreated(deployment):
            return
        uid = uid_of(deployment)
        most, fewest = bounds(deployment)
        known = self._bounds.get(uid, (most, 0))
        if _lost(change, old, "replicaset-controller"):
            known = (known[0], 0)
        if change.kind == ("ReplicaSet" if self._lagging else "Pod") and _grown(change, old):
            sizes = sum(map(_size, state.owned(deployment, "ReplicaSet")))
            count = sizes if self._lagging else sum(map(is_active, state.pods_of(deployment)))
            if count > known[0]:
                yield f"Deployment {name_of(deployment)} has {count} Pods, {known[0]} at most are allowed"
        if _taken(change, old, "replicaset-controller"):
            pods = state.pods_of(deployment)
            count = sum(is_available(pod) for pod in pods if uid_of(pod) != uid_of(change.tree))
            if count < known[1]:
                yield f"Deployment {name_of(deployment)} has {count} available Pods, {known[1]} are the least"
        whole = sum(map(is_available, state.pods_of(deployment))) >= deployment["spec"].get("replicas", 1)
        complete = whole and _is_followed(deployment, state)
        self._bounds[uid] = (most, fewest) if complete else (max(most, known[0]), min(fewest, known[1]))


def bounds(deployment: Tree) -> tuple[int, int]:
    """(most Pods, fewest available ones). Source: apps/v1/types.go, ResolveFenceposts of deployment_util.go."""
    spec = deployment["spec"]
    replicas = spec.get("replicas", 1)
    rolling = spec.get("strategy", {}).get("rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge", "25%"), replicas, True)
    unavailable = scaled(rolling.get("maxUnavailable", "25%"), replicas, False)
    if surge == unavailable == 0:
        unavailable = 1
    return replicas + surge, max(0, replicas - unavailable)


def _is_recreated(deployment: Tree) -> bool:
    return bool(deployment["spec"].get("strategy", {}).get("type") == "Recreate")


def _is_followed(deployment: Tree, state: State) -> bool:
    """Controllers have seen its size, and its Pods are as many as they want."""
    sets = state.owned(deployment, "ReplicaSet")
    sizes = sum(map(_size, sets))
    count = sum(map(is_active, state.pods_of(deployment)))
    seen = all(_has_seen(each) for each in (deployment, *sets))
    return bool(seen and sizes <= bounds(deployment)[0] and sizes == count)


def _has_seen(tree: Tree) -> bool:
    return bool(tree.get("status", {}).get("observedGeneration", 0) >= tree["metadata"].get("generation", 0))


def _size(replica_set: Tree) -> int:
    return int(replica_set["spec"].get("replicas", 1))


def _grown(change: Change, old: Tree | None) -> bool:
    """A Pod that is new, or a ReplicaSet that is to have more."""
    return _added(change, old) or (change.kind == "ReplicaSet" and old is not None and _size(change.tree) > _size(old))


class ReplicaSets:
    """A ReplicaSet never has more Pods than its size: the largest one since it was last followed."""

    def __init__(self) -> None:
        self._most: dict[str, int] = {}

    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        replica_set = change.tree if change.kind == "ReplicaSet" else None
        if change.kind == "Pod":
            replica_set = state.owner(change.tree, "ReplicaSet")
        if replica_set is None:
            return
        size, uid = _size(replica_set), uid_of(replica_set)
        most = max(size, self._most.get(uid, 0))
        count = sum(map(is_active, state.owned(replica_set, "Pod")))
        if change.kind == "Pod" and _added(change, old) and count > most:
            yield f"ReplicaSet {name_of(replica_set)} has {count} Pods, its size is {most}"
        self._most[uid] = size if count <= size and _has_seen(replica_set) else most


class Recreation:
    """Two versions of a Deployment with the strategy Recreate never run side by side."""

    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        if change.kind != "Pod" or not _added(change, old):
            return
        deployment = state.deployment_of(change.tree)
        if deployment is None or not _is_recreated(deployment):
            return
        mine = controller_of(change.tree)
        for pod in state.pods_of(deployment):
            if controller_of(pod) != mine and phase_of(pod) not in ("Succeeded", "Failed"):
                yield f"Pod {name_of(change.tree)} begins while {name_of(pod)} of another version is there"


class Ordinals:
    """A StatefulSet makes and takes one Pod at a time, in order, while all others are ready."""

    def __init__(self) -> None:
        self._disturbed: set[str] = set()

    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        if change.kind != "Pod" or (owner := state.owner(change.tree, "StatefulSet")) is None:
            return
        if owner["spec"].get("podManagementPolicy") == "Parallel":
            return
        uid = uid_of(owner)
        pods = {_ordinal(pod): pod for pod in state.owned(owner, "Pod") if uid_of(pod) != uid_of(change.tree)}
        if _lost(change, old, "statefulset-controller"):
            self._disturbed.add(uid)
        replicas = owner["spec"].get("replicas", 1)
        if uid not in self._disturbed:
            mine = _ordinal(change.tree)
            if _added(change, old):
                wrong = [n for n in range(mine) if n not in pods or not is_available(pods[n])]
                if wrong:
                    yield f"Pod {name_of(change.tree)} begins before {wrong} are ready"
            if _taken(change, old, "statefulset-controller"):
                wrong = [n for n in range(min(mine, replicas)) if n not in pods or not is_available(pods[n])]
                wrong += [n for n, pod in pods.items() if n > mine and not is_available(pod)]
                if wrong:
                    yield f"Pod {name_of(change.tree)} goes while {sorted(wrong)} are not ready"
        if sum(map(is_available, state.owned(owner, "Pod"))) >= replicas:
            self._disturbed.discard(uid)


def _ordinal(pod: Tree) -> int:
    return int(name_of(pod).rpartition("-")[2])


class Daemons:
    """A DaemonSet without surge never has two Pods on a node, and takes only as many at a time as may be missing."""

    def __init__(self) -> None:
        self._disturbed: set[str] = set()

    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        if change.kind != "Pod" or (owner := state.owner(change.tree, "DaemonSet")) is None:
            return
        uid = uid_of(owner)
        others = [pod for pod in state.owned(owner, "Pod") if uid_of(pod) != uid_of(change.tree)]
        if _added(change, old):
            node = _target(change.tree)
            twice = [name_of(pod) for pod in others if is_active(pod) and _target(pod) == node]
            if twice:
                yield f"Pod {name_of(change.tree)} is one too many on {node}, which has {twice}"
        if _lost(change, old, "daemon-set-controller"):
            self._disturbed.add(uid)
        nodes = owner.get("status", {}).get("desiredNumberScheduled", 0)
        if _taken(change, old, "daemon-set-controller") and uid not in self._disturbed:
            update = owner["spec"].get("updateStrategy", {}).get("rollingUpdate") or {}
            missing = scaled(update.get("maxUnavailable", 1), nodes, True)
            count = sum(map(is_available, others))
            if count < nodes - missing:
                yield f"DaemonSet {name_of(owner)} runs on {count} of {nodes} nodes, {missing} may be missing"
        if sum(map(is_available, state.owned(owner, "Pod"))) >= nodes:
            self._disturbed.discard(uid)


def _target(pod: Tree) -> str:
    if node := pod["spec"].get("nodeName"):
        return str(node)
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return str(required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])


class Jobs:
    """A Job runs no more Pods than its parallelism, none twice for an index, and counts each once."""

    def __init__(self) -> None:
        self._succeeded: defaultdict[str, set[str]] = defaultdict(set)

    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        if change.kind == "Job":
            yield from self._counted(change.tree, old)
            return
        if change.kind != "Pod" or (job := state.owner(change.tree, "Job")) is None:
            return
        if phase_of(change.tree) == "Succeeded":
            self._succeeded[uid_of(job)].add(uid_of(change.tree))
        if not _added(change, old):
            return
        others = [pod for pod in state.owned(job, "Pod") if uid_of(pod) != uid_of(change.tree)]
        count = 1 + sum(map(is_active, others))
        if count > job["spec"].get("parallelism", 1):
            yield f"Job {name_of(job)} runs {count} Pods"
        if job["spec"].get("completionMode") == "Indexed":
            index = _index(change.tree)
            twice = [
                name_of(pod) for pod in others
                if _index(pod) == index and (is_active(pod) or phase_of(pod) == "Succeeded")
            ]  # fmt: skip
            if twice:
                yield f"Pod {name_of(change.tree)} has index {index}, as has {twice}"

    def _counted(self, job: Tree, old: Tree | None) -> Iterator[str]:
        now = job.get("status", {}).get("succeeded", 0)
        before = old.get("status", {}).get("succeeded", 0) if old else 0
        finished = len(self._succeeded[uid_of(job)])
        if now < before:
            yield f"Job {name_of(job)} forgot successes: {before}, then {now}"
        if now > finished:
            yield f"Job {name_of(job)} counts {now} successes, {finished} Pods succeeded"
        if condition(job, "Complete").get("status") == "True" and now != finished:
            yield f"Job {name_of(job)} is complete with {now} successes, though {finished} Pods succeeded"


def _index(pod: Tree) -> str:
    return str(pod["metadata"].get("annotations", {}).get("batch.kubernetes.io/job-completion-index"))


class Schedules:
    """A CronJob that forbids it never has two Jobs at work."""

    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        if change.kind != "Job" or not _added(change, old):
            return
        owner = state.owner(change.tree, "CronJob")
        if owner is None or owner["spec"].get("concurrencyPolicy") != "Forbid":
            return
        jobs = [job for job in state.owned(owner, "Job") if uid_of(job) != uid_of(change.tree)]
        busy = [name_of(job) for job in jobs if not _is_over(job) and not is_deleting(job)]
        if busy:
            yield f"Job {name_of(change.tree)} begins while {busy} works"


def _is_over(job: Tree) -> bool:
    return any(condition(job, kind).get("status") == "True" for kind in ("Complete", "Failed"))


class Budgets:
    """Nobody who respects PodDisruptionBudgets takes a Pod when no more than minAvailable (a number) are healthy."""

    def __init__(self) -> None:
        self._reached: set[str] = set()

    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        if change.kind != "Pod":
            return
        for budget in state.of_kind("PodDisruptionBudget"):
            least = budget["spec"].get("minAvailable")
            if not isinstance(least, int) or not _selects(budget, change.tree):
                continue
            uid = uid_of(budget)
            pods = [pod for pod in state.of_kind("Pod") if _selects(budget, pod)]
            count = sum(
                is_available(pod) for pod in pods if not (change.deleted and uid_of(pod) == uid_of(change.tree))
            )
            if count >= least:
                self._reached.add(uid)
            elif _gone(change, old) and uid in self._reached:
                if _respects_budgets(change, old):
                    yield f"budget {name_of(budget)}: {count} Pods are healthy, {least} are the least"
                else:
                    self._reached.discard(uid)


def _respects_budgets(change: Change, old: Tree | None) -> bool:
    """Rollouts here are to keep within them, too; nodes that are lost and whoever deletes all do not."""
    return disruption_reason(change.tree) == _EVICTION or any(_taken(change, old, owner) for owner in _OWNERS)


def _selects(budget: Tree, pod: Tree) -> bool:
    labels: dict[str, str] = pod["metadata"].get("labels", {})
    wanted: dict[str, str] = budget["spec"]["selector"]["matchLabels"]
    return namespace_of(budget) == namespace_of(pod) and wanted.items() <= labels.items()


class Dependents:
    """The garbage collector takes nothing whose owner lives."""

    def look(self, change: Change, old: Tree | None, state: State) -> Iterator[str]:
        if change.user != _GARBAGE_COLLECTOR or old is None:
            return
        if not change.deleted and (is_deleting(old) or not is_deleting(change.tree)):
            return
        refs = change.tree["metadata"].get("ownerReferences") or ()
        living = [ref["name"] for ref in refs if (o := state.by_uid.get(ref["uid"])) is not None and not is_deleting(o)]
        if living and not is_deleting(old):
            yield f"{change.kind} {name_of(change.tree)} is collected, though {living} lives"


def dangling(state: State) -> list[str]:
    """What refers to an owner that is gone: at rest there is none."""
    return [
        f"{kind} {name} belongs to {ref['kind']} {ref['name']}, which is gone"
        for (kind, _, name), tree in state.objects.items()
        for ref in tree["metadata"].get("ownerReferences") or ()
        if ref["uid"] not in state.by_uid
    ]
