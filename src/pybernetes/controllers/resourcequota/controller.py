"""Keeps the status of ResourceQuotas: limits as in the spec, use as counted. Source: pkg/controller/resourcequota.

Admission charges what comes in; this counts again when something goes or changes, and soon after every
charge, so that what was charged and then refused is given back. Metadata of Secrets, ConfigMaps and
`count/…` resources is watched only while some quota counts them.
Differs: upstream watches every resource there is and looks at all quotas every five minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from pybernetes.api.core.v1 import PersistentVolumeClaim, Pod, ResourceQuota, Service
from pybernetes.api.resource.v1 import DeviceClass, ResourceClaim
from pybernetes.apimachinery import errors, quota
from pybernetes.apimachinery.extended_resources import ClassesByResource
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.quota import ResourceKey
from pybernetes.client.discovery import preferred_resources
from pybernetes.client.informer import Informer
from pybernetes.client.metadata import MetadataSource, PartialObject
from pybernetes.controllers.resourcequota import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller

_RECOUNT_S = 3.0
"""After a change of the status: whatever was charged has been stored, or never will be."""
_NEEDED_VERBS = {"list", "watch"}
_KINDS: dict[ResourceKey, type[Any]] = {
    quota.PODS: Pod,
    quota.SERVICES: Service,
    quota.CLAIMS: PersistentVolumeClaim,
    quota.DEVICE_CLAIMS: ResourceClaim,
    ("", "resourcequotas"): ResourceQuota,
}
"""Looked at as a whole; of all other resources the metadata is enough."""


class ResourceQuotaController(Controller):
    name = "resourcequota-controller"
    queue_name = "resourcequota_primary"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._informers: dict[ResourceKey, Informer[Any]] = {}
        quotas = self.informer(ResourceQuota)
        self._quotas = quotas.lister
        for key, cls in _KINDS.items():
            self._informers[key] = self.informer(cls)
            self._follow(key, self._informers[key])
        classes = self.informer(DeviceClass)
        self._classes = classes.lister
        self._of_devices = FeatureGates(context.config.feature_gates).enabled("DRAExtendedResource")
        classes.add_handler(self._class_changed, lambda old, new: self._class_changed(new), self._class_changed)
        quotas.add_handler(on_add=self._quota_seen, on_update=self._quota_updated, on_delete=self._quota_deleted)
        self._monitors: dict[ResourceKey, asyncio.Task[None]] = {}
        """Of the informers that are not shared."""
        self._look_again = asyncio.Event()

    def background(self) -> list[Coroutine[Any, Any, None]]:
        return [self._monitor()]

    async def reconcile(self, key: str) -> None:
        found = self._quotas.by_key(key)
        if found is None:
            return
        wanted = plan.counted(found)
        if not all(key in self._informers and self._informers[key].has_synced for key in wanted):
            self._look_again.set()  # its quotas are queued when the count is there
        namespace, now = found.metadata.namespace or "", self.clock.now()
        known = {key: i.lister.list(namespace) for key, i in self._informers.items() if i.has_synced}
        status = plan.status(found, known, now, self._behind_resources())
        if plan.differs(found.status, status):
            changed = fresh(found)
            changed.status = status
            try:
                await self.client.update_status(changed)
            except errors.NotFound:
                return
        wait_s = plan.next_release_s(known[quota.PODS], now)
        if wait_s is not None:
            self.queue.add_after(key, wait_s)

    # What has to be counted.

    async def _monitor(self) -> None:
        """Watches the metadata of what quotas count, as long as they do."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._look_again.wait()
                self._look_again.clear()
                wanted = {key for found in self._quotas.list() for key in plan.counted(found)} - _KINDS.keys()
                for key in self._monitors.keys() - wanted:
                    del self._informers[key]
                    self._monitors.pop(key).cancel()
                if wanted - self._monitors.keys():
                    await self._start(wanted - self._monitors.keys(), group)

    async def _start(self, wanted: set[ResourceKey], group: asyncio.TaskGroup) -> None:
        try:
            served = await preferred_resources(self.client)
        except (errors.StatusError, OSError, ValueError) as error:
            self.log.info("%s: cannot discover resources: %s", self.name, error)
            return
        for resource in served:
            key = (resource.group, resource.plural)
            if key not in wanted or not resource.namespaced or not set(resource.verbs) >= _NEEDED_VERBS:
                continue
            informer: Informer[PartialObject] = Informer(MetadataSource(self.client, resource), self.random)
            self._informers[key] = informer
            self._monitors[key] = group.create_task(informer.run(), name=informer.name)
            await informer.wait_synced()
            self._follow(key, informer)
            self._queue_counting(key, self._quotas.list())

    # What may change a count.

    def _follow(self, key: ResourceKey, informer: Informer[Any]) -> None:
        def gone(obj: Any) -> None:
            self._queue_counting(key, self._quotas.list(obj.metadata.namespace or ""))

        def updated(old: Any, new: Any) -> None:
            quotas = self._quotas.list(new.metadata.namespace or "")
            if quotas and self._counts_otherwise(key, old, new):
                self._queue_counting(key, quotas)

        informer.add_handler(on_update=updated, on_delete=gone)

    def _counts_otherwise(self, key: ResourceKey, old: Any, new: Any) -> bool:
        if key not in _KINDS:
            return False
        if bool(old.metadata.deletionTimestamp) != bool(new.metadata.deletionTimestamp) or old.spec != new.spec:
            return True
        if key == quota.CLAIMS and quota.attributes_classes(old) != quota.attributes_classes(new):
            return True
        now = self.clock.now()
        return quota.usage(key, old, now) != quota.usage(key, new, now)

    def _queue_counting(self, key: ResourceKey, quotas: Iterable[ResourceQuota]) -> None:
        behind = self._behind_resources()
        for found in quotas:
            if quota.names_of(key, found.spec.hard, behind):
                self.enqueue(found)

    def _behind_resources(self) -> ClassesByResource:
        return ClassesByResource(self._classes.list()) if self._of_devices else quota.NO_CLASSES

    def _class_changed(self, changed: DeviceClass) -> None:
        """What devices are called may have changed, and with it what claims count for."""
        for found in self._quotas.list():
            self.enqueue(found)

    def _quota_seen(self, found: ResourceQuota) -> None:
        self._look_again.set()
        self.enqueue(found)

    def _quota_updated(self, old: ResourceQuota, new: ResourceQuota) -> None:
        if old.spec != new.spec:
            self._quota_seen(new)
        elif old.status != new.status:
            self.queue.add_after(f"{new.metadata.namespace}/{new.metadata.name}", _RECOUNT_S)

    def _quota_deleted(self, found: ResourceQuota) -> None:
        self._look_again.set()
