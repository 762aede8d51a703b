from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.apimachinery.scheme import find
from pybernetes.cli import why
from pybernetes.cli.causes import Entry, chain, change_of, story, what, who
from pybernetes.cluster.errors import ClusterError

DEPLOYMENT = "system:serviceaccount:kube-system:deployment-controller"
REPLICASET = "system:serviceaccount:kube-system:replicaset-controller"


def entry(revision: int, user: str, verb: str, target: str, cause: int = 0, **more: Any) -> Entry:
    kind, name = target.split("/")
    plural, _, group = kind.partition(".")
    times = {"time": f"2026-01-01T00:00:{revision:02d}.500000Z", "userAgent": "kubectl/v1.36 (linux)"}
    found = {"revision": revision, "user": user, "verb": verb, "group": group, "resource": plural, "name": name}
    return {**times, **found, "namespace": "default", "causeRevision": cause, **more}


def owned(kind: str, name: str) -> dict[str, Any]:
    return {
        "metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": True}]}
    }


def waiting(reason: str) -> dict[str, Any]:
    return {"name": "c", "state": {"waiting": {"reason": reason}}}


RUNNING = {"name": "c", "state": {"running": {}}, "ready": True, "restartCount": 1}
JOURNAL = [
    entry(10, "alice", "create", "deployments.apps/web", object={"spec": {"replicas": 1}}, previous=None),
    entry(11, DEPLOYMENT, "create", "replicasets.apps/web-1", 10, object=owned("Deployment", "web"), previous=None),
    entry(12, DEPLOYMENT, "update status", "deployments.apps/web", 10, object={}, previous={}),
    entry(13, REPLICASET, "create", "pods/web-1-a", 11, object=owned("ReplicaSet", "web-1"), previous=None),
    entry(14, "system:kube-scheduler", "create binding", "pods/web-1-a", 13),
    entry(
        15, "system:node:n1", "patch status", "pods/web-1-a", 14,
        previous={"status": {"phase": "Pending"}},
        object={"status": {"phase": "Running", "containerStatuses": [RUNNING]}},
    ),
    entry(16, "system:node:n1", "patch status", "pods/web-1-a", 14, previous={"status": {}}, object={"status": {}}),
]  # fmt: skip


class FakeClient:
    """Answers journal requests from a list of entries."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries

    async def raw(self, method: str, path: str, query: str) -> Any:
        from types import SimpleNamespace
        from urllib.parse import parse_qsl

        import msgspec

        asked = dict(parse_qsl(query))
        if "revision" in asked:
            found = [e for e in self.entries if e["revision"] == int(asked["revision"])]
        else:
            wanted = (asked["resource"], asked.get("group", ""), asked["name"])
            after = int(asked.get("after", 0))
            found = [
                e for e in self.entries if (e["resource"], e["group"], e["name"]) == wanted and e["revision"] > after
            ]
        return SimpleNamespace(body=msgspec.json.encode({"items": found}))


def told(entries: list[Entry], group: str, plural: str, name: str, limit: int = 30) -> why.Told | None:
    resource = find(group, "v1", plural)
    assert resource is not None
    return asyncio.run(why.told(why.Journal(FakeClient(entries)), resource, "default", name, limit))  # type: ignore[arg-type]


def revisions(found: why.Told | None) -> list[int]:
    assert found is not None
    return [e["revision"] for e in found.entries]


def test_from_the_request_to_the_container() -> None:
    found = told(JOURNAL, "", "pods", "web-1-a")
    assert revisions(found) == [10, 11, 13, 14, 15], "a status that says nothing new is left out"
    assert found is not None
    assert [what(owner) for owner in found.owners] == ["replicasets.apps/web-1", "deployments.apps/web"]
    shown = why.text(found)
    at = -1
    for step in ("alice", "deployments.apps/web", "deployment-controller", "replicasets.apps/web-1",
                 "replicaset-controller", "pods/web-1-a", "kube-scheduler", "system:node:n1"):  # fmt: skip
        at = shown.index(step, at + 1)
    assert "asked with kubectl/v1.36" in shown
    assert "Pending → Running, c: started, ready (restart 1)" in shown


def test_owners_lead_on_where_the_cause_is_not_known() -> None:
    journal = [dict(e) for e in JOURNAL]
    journal[3]["causeRevision"] = 0
    journal[1]["causeRevision"] = 7  # trimmed from the journal
    assert revisions(told(journal, "", "pods", "web-1-a"))[:3] == [10, 11, 13]


def test_only_the_latest_life_of_a_name() -> None:
    journal = [
        *JOURNAL,
        entry(20, "bob", "delete", "pods/web-1-a", object=None, previous={}),
        entry(21, "bob", "create", "pods/web-1-a", object={}, previous=None),
    ]
    assert revisions(told(journal, "", "pods", "web-1-a")) == [21]


def test_nothing_known() -> None:
    assert told(JOURNAL, "", "pods", "nobody") is None


def test_a_chain_ends() -> None:
    loop = entry(5, "system:x", "update", "pods/a", 5)
    assert chain(loop, lambda _: loop, lambda _: loop) == [loop]


def test_the_middle_of_a_long_story_is_left_out() -> None:
    own = [entry(n, "system:node:n1", "patch", "pods/a") for n in range(1, 51)]
    entries, left_out = story([own[0]], own, 10)
    assert [e["revision"] for e in entries] == [1, 2, 3, 4, 5, 6, 46, 47, 48, 49, 50]
    assert left_out == 39


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, {"spec": {"replicas": 2}}, "replicas 2"),
        ({"spec": {"replicas": 2}}, {"spec": {"replicas": 3}}, "replicas 2 → 3"),
        (
            {"spec": {"replicas": 2}, "status": {"readyReplicas": 1}},
            {"spec": {"replicas": 2}, "status": {"readyReplicas": 2}},
            "ready 1 → 2",
        ),
        ({"metadata": {}}, {"metadata": {"deletionTimestamp": "x"}}, "marked for deletion"),
        ({"a": 1}, {"spec": {"nodeName": "n1"}}, "to node n1"),
        (
            {"status": {"containerStatuses": [waiting("ContainerCreating")]}},
            {"status": {"containerStatuses": [waiting("ImagePullBackOff")]}},
            "c: ImagePullBackOff",
        ),
        (
            {"status": {"containerStatuses": [RUNNING]}},
            {
                "status": {
                    "containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]
                }
            },
            "c: ended with 1 Error",
        ),
        ({"a": 1}, None, ""),
    ],
)
def test_changes_in_words(before: Any, after: Any, expected: str) -> None:
    assert change_of(entry(1, "x", "update", "pods/a", previous=before, object=after)) == expected


def test_names() -> None:
    assert who(entry(1, DEPLOYMENT, "create", "pods/a")) == "deployment-controller"
    assert who(entry(1, "system:node:n1", "create", "pods/a")) == "system:node:n1"
    assert [why.resource_named(t).plural for t in ("po", "Pod", "pods", "deploy", "deployments.apps", "ev")] == [
        "pods", "pods", "pods", "deployments", "deployments", "events"
    ]  # fmt: skip
    with pytest.raises(ClusterError):
        why.resource_named("things")
