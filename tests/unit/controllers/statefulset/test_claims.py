"""Who owns a claim under each retention policy."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.apps.v1 import StatefulSet
from pybernetes.api.core.v1 import PersistentVolumeClaim
from pybernetes.controllers.statefulset import claims
from tests.unit.controllers.builders import make, pod

R, D = "Retain", "Delete"


def stateful_set(deleted: str, scaled: str, replicas: int = 2) -> StatefulSet:
    policy = {"whenDeleted": deleted, "whenScaled": scaled}
    spec = {"replicas": replicas, "persistentVolumeClaimRetentionPolicy": policy}
    return make(StatefulSet, {"metadata": {"name": "db", "namespace": "default", "uid": "set"}, "spec": spec})


def claim(*owners: tuple[str, str, str, bool]) -> PersistentVolumeClaim:
    versions = {"StatefulSet": "apps/v1", "Pod": "v1"}
    refs: list[dict[str, Any]] = [
        {"apiVersion": versions.get(kind, "v1"), "kind": kind, "name": name, "uid": uid, "controller": controls}
        for kind, name, uid, controls in owners
    ]
    return make(PersistentVolumeClaim, {"metadata": {"name": "data", "ownerReferences": refs}})


SET, POD = ("StatefulSet", "db", "set", True), ("Pod", "db-1", "p-db-1", True)


@pytest.mark.parametrize(
    ("deleted", "scaled", "replicas", "wanted"),
    [
        (R, R, 2, []), (R, R, 1, []),
        (D, R, 2, ["set"]), (D, R, 1, ["set"]),
        (R, D, 2, []), (R, D, 1, ["p-db-1"]),
        (D, D, 2, ["set"]), (D, D, 1, ["p-db-1"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("known", [[], [SET], [POD], [SET, POD]], ids=["none", "set", "pod", "both"])
def test_owners(deleted: str, scaled: str, replicas: int, wanted: list[str], known: list[Any]) -> None:
    set_, member, found = stateful_set(deleted, scaled, replicas), pod("db-1"), claim(*known)
    uids = [owner[2] for owner in known]
    assert claims.is_up_to_date(found, set_, member) == (uids == wanted)
    assert [ref.uid for ref in claims.owners(found, set_, member)] == wanted


def test_an_earlier_sets_claim_is_left_alone() -> None:
    earlier = claim(("StatefulSet", "db", "earlier", True))
    assert claims.is_stale(earlier, stateful_set(D, D))
    assert claims.is_up_to_date(earlier, stateful_set(D, D), pod("db-1"))


def test_another_controller_keeps_the_claim() -> None:
    set_, other = stateful_set(D, D), ("Job", "other", "o", True)
    assert claims.has_unexpected_controller(claim(other), set_, pod("db-1"))
    assert claims.is_up_to_date(claim(other), set_, pod("db-1"))
    assert not claims.is_up_to_date(claim(other, SET), set_, pod("db-1"))
    assert [ref.uid for ref in claims.owners(claim(other, SET), set_, pod("db-1"))] == ["o"]
