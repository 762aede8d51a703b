"""Managers of a Scale's replicas, to and from those of the object."""

from __future__ import annotations

from typing import Any

from pybernetes.apiserver.registry.generic import scale_owners

PATH = ("spec", "replicas")


def entry(manager: str, fields: dict[str, Any], operation: str = "Update", version: str = "apps/v1") -> dict[str, Any]:
    return {
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        "manager": manager,
        "operation": operation,
        "time": "2027-01-15T08:00:00Z",
    }


REPLICAS = {"f:spec": {"f:replicas": {}}}
PARENT = [entry("a", {"f:spec": {"f:replicas": {}, "f:paused": {}}}), entry("b", {"f:spec": {"f:paused": {}}})]


def test_a_scale_has_the_managers_of_the_replicas_alone() -> None:
    assert scale_owners.of_scale(PARENT, PATH) == [entry("a", REPLICAS, version="autoscaling/v1")]


def replicas_of(manager: str, operation: str = "Update") -> dict[str, Any]:
    """The entry for replicas that came from the Scale, which has no time."""
    return {k: v for k, v in entry(manager, REPLICAS, operation).items() if k != "time"}


def test_the_object_keeps_its_other_fields() -> None:
    taken = [entry("c", REPLICAS, "Apply", "autoscaling/v1")]
    found = scale_owners.of_parent(PARENT, taken, PATH, "apps/v1")
    paused = {"f:spec": {"f:paused": {}}}
    assert found == [replicas_of("c", "Apply"), entry("a", paused), entry("b", paused)]


def test_an_updater_that_keeps_the_replicas_has_them_apart() -> None:
    kept = scale_owners.of_scale(PARENT, PATH)
    found = scale_owners.of_parent(PARENT, kept, PATH, "apps/v1")
    assert found == [replicas_of("a"), entry("a", {"f:spec": {"f:paused": {}}}), PARENT[1]]


def test_an_applier_that_keeps_the_replicas_stays_as_it_is() -> None:
    parent = [entry("a", {"f:spec": {"f:replicas": {}, "f:paused": {}}}, "Apply")]
    assert scale_owners.of_parent(parent, scale_owners.of_scale(parent, PATH), PATH, "apps/v1") == parent


def test_who_wrote_nothing_of_the_scale_but_its_labels_owns_nothing() -> None:
    labelled = [entry("c", {"f:metadata": {"f:labels": {"f:q": {}}}}, version="autoscaling/v1")]
    assert scale_owners.of_parent(PARENT[1:], labelled, PATH, "apps/v1") == PARENT[1:]


def test_who_owned_only_the_replicas_is_gone() -> None:
    assert scale_owners.of_parent([entry("a", REPLICAS)], [], PATH, "apps/v1") == []
