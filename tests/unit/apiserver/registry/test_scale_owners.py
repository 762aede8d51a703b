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


def test_the_object_keeps_its_other_fields() -> None:
    taken = [entry("c", REPLICAS, "Apply", "autoscaling/v1")]
    found = {e["manager"]: e for e in scale_owners.of_parent(PARENT, taken, PATH, "apps/v1")}
    assert found["a"]["fieldsV1"] == {"f:spec": {"f:paused": {}}}
    assert found["b"]["fieldsV1"] == {"f:spec": {"f:paused": {}}}
    assert found["c"] == entry("c", REPLICAS, "Apply")


def test_who_owned_only_the_replicas_is_gone() -> None:
    assert scale_owners.of_parent([entry("a", REPLICAS)], [], PATH, "apps/v1") == []
