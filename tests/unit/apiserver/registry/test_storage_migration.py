"""What of a StorageVersionMigration is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.storagemigration.v1beta1 import StorageVersionMigration
from pybernetes.apimachinery.scheme import find
from pybernetes.apiserver.registry.storagemigration.strategy import StorageVersionMigrationStrategy

RESOURCE = find("storagemigration.k8s.io", "v1beta1", "storageversionmigrations")
NOTHING: Any = None


def made(resource: str = "hosts", group: str = "example.com", revision: str = "", **outcomes: str) -> Any:
    conditions = [
        {"type": kind, "status": status, "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for kind, status in outcomes.items()
    ]
    tree = {
        "spec": {"resource": {"resource": resource, "group": group}},
        "status": {"resourceVersion": revision, "conditions": conditions},
    }
    return msgspec.convert(tree, StorageVersionMigration)


@pytest.fixture
def strategy() -> StorageVersionMigrationStrategy:
    assert RESOURCE is not None
    return StorageVersionMigrationStrategy(RESOURCE, NOTHING)


@pytest.mark.parametrize(
    ("obj", "fields"),
    [
        pytest.param(made(), [], id="good"),
        pytest.param(made(group=""), [], id="core group"),
        pytest.param(made(resource=""), ["spec.resource.resource"], id="no resource"),
        pytest.param(made(resource="A_b", group="X_y"), ["spec.resource.resource", "spec.resource.group"], id="names"),
    ],
)
def test_what_is_asked_for(strategy: StorageVersionMigrationStrategy, obj: Any, fields: list[str]) -> None:
    assert [error.field for error in strategy.validate(obj)] == fields


def test_what_is_asked_for_does_not_change(strategy: StorageVersionMigrationStrategy) -> None:
    assert [error.field for error in strategy.validate_update(made("foos"), made())] == ["spec"]


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        pytest.param(made(), made(revision="12", Running="True"), [], id="begins"),
        pytest.param(made(revision="12"), made(revision="13"), ["status.resourceVersion"], id="revision changes"),
        pytest.param(made(), made(revision="x"), ["status.resourceVersion"], id="no revision"),
        pytest.param(made(), made(Succeeded="True", Failed="True"), ["status.conditions"], id="both"),
        pytest.param(made(Succeeded="True"), made(), ["status.conditions"], id="undone"),
    ],
)
def test_outcomes(strategy: StorageVersionMigrationStrategy, old: Any, new: Any, fields: list[str]) -> None:
    assert [error.field for error in strategy.validate_status_update(new, old)] == fields
