"""Which migration of a resource may run, and what its status says. Pure.

Source: pkg/controller/storageversionmigrator (migrationrunner.go, resourceversion.go, storageversionmigrator.go).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.api.meta.v1 import Condition
from pybernetes.api.storagemigration.v1beta1 import StorageVersionMigration
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.times import parse_time

NEEDED_VERBS = {"create", "delete", "get", "list", "patch", "update", "watch"}
PATIENCE_S = 60.0
"""A resource that nobody serves may be about to be."""
_REASONS = {
    "Running": "MigrationRunning",
    "Succeeded": "StorageVersionMigrationSucceeded",
    "Failed": "StorageVersionMigrationFailed",
}


def is_true(migration: StorageVersionMigration, kind: str) -> bool:
    return condition_holds(migration.status.conditions, kind)


def is_over(migration: StorageVersionMigration) -> bool:
    return is_true(migration, "Succeeded") or is_true(migration, "Failed")


def resource_of(migration: StorageVersionMigration) -> tuple[str, str]:
    wanted = migration.spec.resource
    return wanted.group or "", wanted.resource or ""


def next_of(migrations: Iterable[StorageVersionMigration]) -> StorageVersionMigration | None:
    """The one that may run, of all for one resource: the one that does, else the oldest that waits."""
    waiting = []
    for migration in migrations:
        if is_true(migration, "Running"):
            return migration
        if not is_over(migration):
            waiting.append(migration)
    return min(waiting, key=lambda m: (m.metadata.creationTimestamp or "", m.metadata.name or ""), default=None)


def with_condition(migration: StorageVersionMigration, kind: str, message: str, now: str) -> StorageVersionMigration:
    changed = fresh(migration)
    condition = Condition(type=kind, status="True", reason=_REASONS[kind], message=message, lastTransitionTime=now)
    changed.status.conditions.append(condition)
    return changed


def ended(migration: StorageVersionMigration, now: str) -> StorageVersionMigration:
    """No longer running."""
    changed = fresh(migration)
    for condition in changed.status.conditions:
        if condition.type == "Running":
            condition.status, condition.reason, condition.message = "False", "MigrationCompleted", "Migration completed"
            condition.lastTransitionTime = now
            condition.observedGeneration = migration.metadata.generation
    return changed


def is_impatient(migration: StorageVersionMigration, now: float) -> bool:
    created = migration.metadata.creationTimestamp
    return created is None or parse_time(created) + PATIENCE_S <= now


def is_due(tree: dict[str, Any], version: str) -> bool:
    """Whether an object is as old as the migration: a newer one has been written in the new way."""
    return int(tree["metadata"].get("resourceVersion") or 0) <= int(version)


def rewrite(tree: dict[str, Any], api_version: str, kind: str) -> dict[str, Any]:
    """What is applied to write an object as it is: its identity, so that it conflicts when it has changed or gone."""
    meta = tree["metadata"]
    identity = {key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion") if meta.get(key)}
    return {"apiVersion": api_version, "kind": kind, "metadata": identity}


def definition_status(definition: dict[str, Any], name: str, outcome: str, now: str) -> dict[str, Any]:
    """What to apply to the status of a CustomResourceDefinition; `outcome`: "" at the start, Succeeded or Failed.

    After a success only the storage version is left of its stored versions, unless it has changed meanwhile.
    """
    meta = definition["metadata"]
    conditions = definition.get("status", {}).get("conditions", [])
    before: dict[str, Any] = next((c for c in conditions if c.get("type") == "StorageMigrating"), {})
    unchanged = before.get("observedGeneration") == meta.get("generation")
    message, reason = f"Migration {name} is running", "MigrationRunning"
    if outcome == "Succeeded":
        reason, message = "MigrationSucceeded", "The migration has succeeded"
        message += (
            " and the stored versions have been updated"
            if unchanged
            else " but the stored versions have not been updated due to a generation mismatch"
        )
    elif outcome:
        reason, message = "MigrationFailed", "The migration has failed"
    condition = {
        "type": "StorageMigrating",
        "status": "False" if outcome else "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": now,
        "observedGeneration": meta.get("generation"),
    }
    status: dict[str, Any] = {"conditions": [condition]}
    if outcome == "Succeeded" and unchanged:
        status["storedVersions"] = [v["name"] for v in definition["spec"]["versions"] if v.get("storage")]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": meta["name"], "resourceVersion": meta.get("resourceVersion")},
        "status": status,
    }
