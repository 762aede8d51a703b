"""Carries out one migration of a resource after the other. A key is GROUP/RESOURCE.

Differs: objects come from a list in pages, where upstream reads them from the garbage collector's monitors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pybernetes.api.storagemigration.v1beta1 import StorageVersionMigration
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apimachinery.times import format_time
from pybernetes.client.discovery import preferred_resources
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller, TryAgain
from pybernetes.controllers.storage_version_migrator import plan

_MANAGER = "storage-version-migrator-controller"
_PAGE = 500
_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False, ("get", "patch")
)
_TRANSIENT = (
    errors.ServerTimeout,
    errors.TooManyRequests,
    errors.ServiceUnavailable,
    errors.InternalError,
    errors.Timeout,
)


class StorageVersionMigratorController(Controller):
    name = "storage-version-migrator-controller"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        migrations = self.informer(StorageVersionMigration)
        migrations.add_index("resource", _resource_of)
        self._migrations = migrations.lister
        migrations.add_handler(self._changed, lambda old, new: self._changed(new), self._changed)

    def _changed(self, migration: StorageVersionMigration) -> None:
        self.queue.add("/".join(plan.resource_of(migration)))

    async def reconcile(self, key: str) -> None:
        group, _, plural = key.partition("/")
        migration = plan.next_of(self._migrations.by_index("resource", key))
        if migration is None:
            return
        try:
            if not plan.is_true(migration, "Running"):
                await self._mark_definition(group, plural, migration.metadata.name or "", "")
                await self._say(migration, "Running", "The migration is running")
            elif plan.is_over(migration):
                outcome = "Succeeded" if plan.is_true(migration, "Succeeded") else "Failed"
                await self._mark_definition(group, plural, migration.metadata.name or "", outcome)
                await self.client.update_status(plan.ended(migration, format_time(self.clock.now())))
            else:
                await self._migrate(migration, group, plural)
        except errors.NotFound:
            return  # It is gone; what comes next is told by the informer.

    async def _migrate(self, migration: StorageVersionMigration, group: str, plural: str) -> None:
        resource = await self._resource(group, plural)
        if resource is None:
            if not plan.is_impatient(migration, self.clock.now()):
                raise TryAgain(f"{plural}.{group} is not served yet")
            await self._fail(migration, "resource does not exist in discovery")
            return
        if not set(resource.verbs) >= plan.NEEDED_VERBS:
            await self._fail(migration, f'resource "{plural}.{group}" does not support migration')
            return
        version = migration.status.resourceVersion
        if not version:
            changed = fresh(migration)
            changed.status.resourceVersion = (await self.client.dynamic.list(resource, limit=1)).resource_version
            await self.client.update_status(changed)
            return
        async for tree in self._objects(resource):
            if plan.is_due(tree, version) and (problem := await self._rewrite(resource, tree)):
                await self._fail(migration, problem)
                return
        await self._say(migration, "Succeeded", "")

    async def _objects(self, resource: Resource) -> AsyncIterator[dict[str, Any]]:
        token = ""
        while True:
            page = await self.client.dynamic.list(resource, limit=_PAGE, continue_=token)
            for tree in page.items:
                yield tree
            token = page.continue_
            if not token:
                return

    async def _rewrite(self, resource: Resource, tree: dict[str, Any]) -> str:
        """What stands against it, "" for nothing. Raises StatusError for what may pass."""
        meta = tree["metadata"]
        body = plan.rewrite(tree, resource.api_version, resource.kind)
        try:
            await self.client.dynamic.patch(
                resource,
                meta["name"],
                meta.get("namespace", ""),
                body,
                patch_type="apply",
                field_manager=_MANAGER,
            )
        except errors.Conflict:
            return ""  # Written since, or gone: there is nothing left to do.
        except _TRANSIENT:
            raise
        except errors.StatusError as error:
            return str(error)
        return ""

    async def _resource(self, group: str, plural: str) -> Resource | None:
        found = await preferred_resources(self.client)
        return next((r for r in found if r.group == group and r.plural == plural), None)

    async def _mark_definition(self, group: str, plural: str, name: str, outcome: str) -> None:
        """Tells the CustomResourceDefinition of the resource, if it has one."""
        try:
            definition = await self.client.dynamic.get(_DEFINITIONS, f"{plural}.{group}")
        except errors.NotFound:
            return
        body = plan.definition_status(definition, name, outcome, format_time(self.clock.now()))
        await self.client.dynamic.patch(
            _DEFINITIONS,
            f"{plural}.{group}",
            "",
            body,
            patch_type="apply",
            subresource="status",
            field_manager="migration-runner-controller",
            force=True,
        )

    async def _fail(self, migration: StorageVersionMigration, why: str) -> None:
        await self._say(migration, "Failed", f"migration encountered unhandled error: {why}")

    async def _say(self, migration: StorageVersionMigration, kind: str, message: str) -> None:
        now = format_time(self.clock.now())
        await self.client.update_status(plan.with_condition(migration, kind, message, now))


def _resource_of(migration: StorageVersionMigration) -> list[str]:
    return ["/".join(plan.resource_of(migration))]
