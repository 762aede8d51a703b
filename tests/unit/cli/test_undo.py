from __future__ import annotations

from typing import Any

import pytest

from pybernetes.cli.history import moment
from pybernetes.cli.undo import plan
from pybernetes.cluster.errors import ClusterError


def obj(replicas: int, ready: int = 0, **meta: Any) -> dict[str, Any]:
    meta = {"name": "web", "uid": "u", **meta}
    return {
        "apiVersion": "apps/v1",
        "kind": "D",
        "metadata": meta,
        "spec": {"replicas": replicas},
        "status": {"r": ready},
    }


def entry(revision: int, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    return {"revision": revision, "previous": old, "object": new, "user": "alice", "verb": "update", "time": "t"}


def test_the_last_change_that_is_no_status_is_taken_back() -> None:
    now = obj(3, 3, resourceVersion="9", labels={"tier": "x"})
    entries = [entry(1, None, obj(2)), entry(2, obj(2), obj(3, labels={"tier": "x"})), entry(3, obj(3), obj(3, 3))]
    found = plan(entries, now, "d/web")
    assert (found.verb, found.undone["revision"]) == ("update", 2)
    assert found.tree == obj(2, 3, resourceVersion="9"), "with the version of now, so that nothing newer is lost"


def test_what_a_controller_notes_with_the_status_is_passed_over() -> None:
    noted = obj(3, annotations={"deployment.kubernetes.io/revision": "2"})
    entries = [entry(1, None, obj(2)), entry(2, obj(2), obj(3)), entry(3, obj(3), noted) | {"verb": "update status"}]
    assert plan(entries, noted, "d/web").undone["revision"] == 2


def test_a_deleted_object_is_made_anew() -> None:
    old = obj(2, 1, creationTimestamp="t", managedFields=[{}], labels={"a": "b"})
    found = plan([entry(1, None, old), entry(2, old, None)], None, "d/web")
    assert found.verb == "create"
    assert found.tree["metadata"] == {"name": "web", "labels": {"a": "b"}}
    assert "status" not in found.tree


@pytest.mark.parametrize(
    ("entries", "now", "why"),
    [
        pytest.param([], None, "nothing is known", id="never was"),
        pytest.param([], obj(1), "older than", id="history gone"),
        pytest.param([{"revision": 1}], obj(1), "older than", id="versions gone"),
        pytest.param([entry(1, None, obj(1))], obj(1), "creation", id="created"),
        pytest.param([entry(1, obj(1), obj(2))], obj(2, deletionTimestamp="t"), "being deleted", id="on its way out"),
    ],
)
def test_what_cannot_be_undone(entries: list[dict[str, Any]], now: dict[str, Any] | None, why: str) -> None:
    with pytest.raises(ClusterError, match=why):
        plan(entries, now, "d/web")


def test_moments() -> None:
    assert moment("1234", 0) == {"at": 1234}
    assert moment("5m", 600.5) == {"time": "1970-01-01T00:05:00.500000Z"}
    assert moment("2026-01-02T15:04:05Z", 0) == {"time": "2026-01-02T15:04:05Z"}
    with pytest.raises(ClusterError, match="no revision, time or age"):
        moment("yesterday", 0)
