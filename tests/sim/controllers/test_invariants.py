"""Each rule finds the mistake that it is there for, and says nothing about what is right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.controllers.history import Change, Tree
from tests.sim.controllers.invariants import dangling, violations

_ACCOUNT = "system:serviceaccount:kube-system:"


class Story:
    """A history that is told change by change."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._owners: dict[str, Tree] = {}

    def put(self, kind: str, name: str, owner: str = "", user: str = "", **tree: Any) -> Story:
        """`owner`: the name of its controller, which was told before."""
        meta = {"name": name, "namespace": "default", "uid": f"uid of {name}", "generation": 1, **tree.pop("meta", {})}
        if owner:
            ref = {"kind": self._owners[owner]["kind"], "name": owner, "uid": f"uid of {owner}", "controller": True}
            meta["ownerReferences"] = [ref]
        made = {"kind": kind, "metadata": meta, **tree}
        self._owners.setdefault(name, made)
        self.changes.append(Change(len(self.changes) + 1, kind, made, user=user))
        return self

    def pod(self, name: str, owner: str, ready: bool = True, user: str = "", **more: Any) -> Story:
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}, *more.pop("conditions", [])]
        status = {"phase": more.pop("phase", "Running"), "conditions": conditions}
        spec = {"nodeName": more.pop("node", "n1")}
        meta = {"labels": {"app": "web"}, **more.pop("meta", {})}
        return self.put("Pod", name, owner, user, status=status, spec=spec, meta=meta)

    def delete(self, name: str, owner: str, user: str = "", **more: Any) -> Story:
        return self.pod(name, owner, user=user, meta={"deletionTimestamp": "now"}, **more)

    def found(self, **how: Any) -> list[str]:
        return [text.partition(": ")[2] for text in violations(self.changes, **how)[0]]


def rollout(pods: int = 4, size: int = 4, strategy: Tree | None = None) -> Story:
    """A Deployment of four, with one Pod more and one fewer allowed, that is complete."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    seen = {"observedGeneration": 1}
    story = Story().put("Deployment", "web", spec={"replicas": 4, "strategy": strategy or rolling}, status=seen)
    story.put("ReplicaSet", "web-1", "web", spec={"replicas": size}, status=seen)
    for number in range(pods):
        story.pod(f"a{number}", "web-1")
    return story


def test_what_is_right_is_not_complained_about() -> None:
    story = rollout().put("ReplicaSet", "web-2", "web", spec={"replicas": 1}, status={"observedGeneration": 1})
    story.pod("b0", "web-2", ready=False).delete("a0", "web-1").pod("b0", "web-2")
    assert story.found() == []


def test_a_surge_of_pods_and_of_sizes() -> None:
    story = rollout().put("ReplicaSet", "web-2", "web", spec={"replicas": 2}, status={"observedGeneration": 1})
    assert story.found(lagging=True) == ["Deployment web has 6 Pods, 5 at most are allowed"]
    story.pod("b0", "web-2").pod("b1", "web-2")
    assert story.found() == ["Deployment web has 6 Pods, 5 at most are allowed"]


def test_a_pod_more_than_the_size_of_its_replica_set() -> None:
    assert rollout(pods=5).found() == ["ReplicaSet web-1 has 5 Pods, its size is 4"]


def test_a_rollout_that_leaves_too_few_and_others_who_may() -> None:
    story = rollout().delete("a0", "web-1").delete("a1", "web-1")
    assert story.found() == ["Deployment web has 2 available Pods, 3 are the least"]
    story = rollout().delete("a0", "web-1").delete("a1", "web-1", user="somebody")
    assert story.found() == []
    story = rollout().pod("a0", "web-1", ready=False).delete("a1", "web-1").delete("a2", "web-1")
    assert story.found() == [], "a Pod failed by itself: what may be missed is no longer known"


def test_versions_side_by_side_though_one_is_to_follow_the_other() -> None:
    story = rollout(strategy={"type": "Recreate"})
    story.put("ReplicaSet", "web-2", "web", spec={"replicas": 4}).pod("b0", "web-2")
    assert [text.partition(" while")[0] for text in story.found()] == ["Pod b0 begins"] * 4


def budgeted() -> Story:
    budget = {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}}
    return rollout().put("PodDisruptionBudget", "web", spec=budget).pod("a3", "web-1")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("EvictionByEvictionAPI", ["budget web: 2 Pods are healthy, 3 are the least"]), ("DeletionByTaintManager", [])],
)
def test_evictions_beyond_a_budget(reason: str, expected: list[str]) -> None:
    why = [{"type": "DisruptionTarget", "status": "True", "reason": reason}]
    story = budgeted().delete("a0", "web-1", conditions=why).delete("a1", "web-1", conditions=why)
    assert story.found() == expected


def ordered() -> Story:
    return Story().put("StatefulSet", "db", spec={"replicas": 3}, status={})


def test_pods_of_a_stateful_set_out_of_order() -> None:
    story = ordered().pod("db-0", "db", ready=False).pod("db-1", "db")
    assert story.found() == ["Pod db-1 begins before [0] are ready"]
    story = ordered().pod("db-0", "db").pod("db-1", "db").pod("db-2", "db").delete("db-2", "db").delete("db-1", "db")
    assert story.found() == ["Pod db-1 goes while [2] are not ready"]


def test_daemons_twice_on_a_node_and_too_many_at_a_time() -> None:
    story = Story().put("DaemonSet", "agent", spec={}, status={"desiredNumberScheduled": 3})
    for number in range(3):
        story.pod(f"p{number}", "agent", node=f"n{number}")
    story.delete("p0", "agent", node="n0").delete("p1", "agent", node="n1")
    assert story.found() == ["DaemonSet agent runs on 1 of 3 nodes, 1 may be missing"]
    story.pod("q2", "agent", node="n2")
    assert story.found()[1:] == ["Pod q2 is one too many on n2, which has ['p2']"]


def test_jobs_that_run_too_many_or_an_index_twice_or_miscount() -> None:
    spec = {"parallelism": 1, "completionMode": "Indexed"}
    index = {"annotations": {"batch.kubernetes.io/job-completion-index": "0"}}
    story = Story().put("Job", "work", spec=spec, status={}).pod("p", "work", meta=index).pod("q", "work", meta=index)
    assert story.found() == ["Job work runs 2 Pods", "Pod q has index 0, as has ['p']"]
    story = Story().put("Job", "work", spec={}, status={}).pod("p", "work", phase="Succeeded")
    story.put("Job", "work", spec={}, status={"succeeded": 2}).put("Job", "work", spec={}, status={"succeeded": 1})
    assert story.found() == ["Job work counts 2 successes, 1 Pods succeeded", "Job work forgot successes: 2, then 1"]
    done = {"succeeded": 0, "conditions": [{"type": "Complete", "status": "True"}]}
    story = Story().put("Job", "work", spec={}, status={}).pod("p", "work", phase="Succeeded")
    story.put("Job", "work", spec={}, status=done)
    assert story.found() == ["Job work is complete with 0 successes, though 1 Pods succeeded"]


def test_a_schedule_that_forbids_it_has_two_jobs_at_work() -> None:
    story = Story().put("CronJob", "tick", spec={"concurrencyPolicy": "Forbid"})
    story.put("Job", "tick-1", "tick", spec={}).put("Job", "tick-2", "tick", spec={})
    assert story.found() == ["Job tick-2 begins while ['tick-1'] works"]


def test_what_is_collected_though_its_owner_lives_and_what_is_left_behind() -> None:
    story = rollout().delete("a0", "web-1", user=f"{_ACCOUNT}generic-garbage-collector")
    assert story.found() == ["Pod a0 is collected, though ['web-1'] lives"]
    last = story.changes[1]
    story.changes.append(Change(len(story.changes) + 1, "ReplicaSet", last.tree, deleted=True))
    assert len(dangling(violations(story.changes)[1])) == 4
