"""What the volume plugins know of storage: claims, volumes, classes, drivers; with what the scheduler has assumed.

Fed by informers. A change of any of these may let a waiting Pod go on; which Pods, the plugins' hints say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment
from pybernetes.apimachinery import volume_claims
from pybernetes.client.informer import Informer
from pybernetes.client.newest import Newest
from pybernetes.client.objects import key_of
from pybernetes.scheduler.events import Action, ClusterEvent, EventResource
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.status import Status, unresolvable

Move = Callable[[ClusterEvent, Any, Any], None]

_RESOURCES = (
    (PersistentVolumeClaim, EventResource.PERSISTENT_VOLUME_CLAIM),
    (PersistentVolume, EventResource.PERSISTENT_VOLUME),
    (StorageClass, EventResource.STORAGE_CLASS),
    (CSINode, EventResource.CSI_NODE),
    (CSIDriver, EventResource.CSI_DRIVER),
    (CSIStorageCapacity, EventResource.CSI_STORAGE_CAPACITY),
    (VolumeAttachment, EventResource.VOLUME_ATTACHMENT),
)


class StorageView:
    def __init__(self, informer: Callable[[Any], Informer[Any]]) -> None:
        """`informer(cls)`: the shared informer of a kind."""
        self._informers = {resource: informer(cls) for cls, resource in _RESOURCES}
        claims = self._informers[EventResource.PERSISTENT_VOLUME_CLAIM]
        volumes = self._informers[EventResource.PERSISTENT_VOLUME]
        volumes.add_index("class", _class_of)
        self._informers[EventResource.VOLUME_ATTACHMENT].add_index("node", _node_of)
        self.claims: Newest[PersistentVolumeClaim] = Newest(claims)
        self.volumes: Newest[PersistentVolume] = Newest(volumes)
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def follow(self, move: Move) -> None:
        """Tells the queue of every change."""
        for resource, informer in self._informers.items():
            informer.add_handler(*_handlers(resource, move, self._wake_for))

    async def change(self, claims: Iterable[str]) -> None:
        """Until one of these claims, or a volume of theirs, has changed."""
        changed = asyncio.Event()
        keys = list(claims)
        for key in keys:
            self._waiting.setdefault(key, set()).add(changed)
        try:
            await changed.wait()
        finally:
            for key in keys:
                self._waiting[key].discard(changed)
                if not self._waiting[key]:
                    del self._waiting[key]

    def pod_gone(self, pod: Pod) -> None:
        """Whoever binds its claims need not wait on."""
        for name in volume_claims.claim_names(pod):
            self._wake(f"{pod.metadata.namespace}/{name}")

    def node_gone(self) -> None:
        for key in list(self._waiting):
            self._wake(key)

    def _wake(self, key: str) -> None:
        for changed in self._waiting.get(key, ()):
            changed.set()

    def _wake_for(self, obj: Any) -> None:
        if isinstance(obj, PersistentVolumeClaim):
            self._wake(key_of(obj))
        elif isinstance(obj, PersistentVolume) and obj.spec.claimRef is not None:
            self._wake(f"{obj.spec.claimRef.namespace}/{obj.spec.claimRef.name}")

    def claim(self, namespace: str, name: str) -> PersistentVolumeClaim | None:
        return self.claims.get(f"{namespace}/{name}")

    def named_by(self, info: PodInfo) -> list[PersistentVolumeClaim] | Status:
        """The claims that a Pod names; a refusal when one is not there."""
        found = []
        for key in info.claims:
            claim = self.claims.get(key)
            if claim is None:
                return unresolvable(f'persistentvolumeclaim "{key.partition("/")[2]}" not found')
            found.append(claim)
        return found

    def volumes_of_class(self, name: str) -> list[PersistentVolume]:
        return self.volumes.by_index("class", name)

    def storage_class(self, name: str) -> StorageClass | None:
        found: StorageClass | None = self._informers[EventResource.STORAGE_CLASS].lister.get("", name)
        return found

    def driver(self, name: str) -> CSIDriver | None:
        found: CSIDriver | None = self._informers[EventResource.CSI_DRIVER].lister.get("", name)
        return found

    def csi_nodes(self) -> list[CSINode]:
        return self._informers[EventResource.CSI_NODE].lister.list()

    def capacities(self) -> list[CSIStorageCapacity]:
        return self._informers[EventResource.CSI_STORAGE_CAPACITY].lister.list()

    def attachments(self, node_name: str) -> list[VolumeAttachment]:
        return self._informers[EventResource.VOLUME_ATTACHMENT].lister.by_index("node", node_name)


def _handlers(resource: EventResource, move: Move, wake: Callable[[Any], None]) -> tuple[Any, Any, Any]:
    def added(obj: Any) -> None:
        wake(obj)
        move(ClusterEvent(resource, Action.ADD), None, obj)

    def updated(old: Any, new: Any) -> None:
        wake(new)
        move(ClusterEvent(resource, Action.UPDATE), old, new)

    def deleted(obj: Any) -> None:
        wake(obj)
        move(ClusterEvent(resource, Action.DELETE), obj, None)

    return added, updated, deleted


def _class_of(volume: PersistentVolume) -> list[str]:
    return [volume_claims.class_of_volume(volume)]


def _node_of(attachment: VolumeAttachment) -> list[str]:
    return [attachment.spec.nodeName]
