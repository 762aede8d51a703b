"""What the volume plugins know of storage: claims, volumes, classes, drivers; with what the scheduler has assumed.

Fed by informers. A change of any of these may let a waiting Pod go on; which Pods, the plugins' hints say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment
from pybernetes.apimachinery import volume_claims
from pybernetes.client.informer import Informer
from pybernetes.client.newest import Newest
from pybernetes.client.objects import key_of
from pybernetes.scheduler.events import EventResource
from pybernetes.scheduler.following import Move, Waiters, handlers
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.status import Status, unresolvable

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
        self.waiters = Waiters()
        """For claims, or a volume of theirs, by the keys of the claims."""

    def follow(self, move: Move) -> None:
        """Tells the queue of every change."""
        for resource, informer in self._informers.items():
            informer.add_handler(*handlers(resource, move, self._seen))

    def pod_gone(self, pod: Pod) -> None:
        """Whoever binds its claims need not wait on."""
        for name in volume_claims.claim_names(pod):
            self.waiters.wake(f"{pod.metadata.namespace}/{name}")

    def node_gone(self) -> None:
        self.waiters.wake_all()

    def _seen(self, old: Any, new: Any) -> None:
        obj = new or old
        if isinstance(obj, PersistentVolumeClaim):
            self.waiters.wake(key_of(obj))
        elif isinstance(obj, PersistentVolume) and obj.spec.claimRef is not None:
            self.waiters.wake(f"{obj.spec.claimRef.namespace}/{obj.spec.claimRef.name}")

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


def _class_of(volume: PersistentVolume) -> list[str]:
    return [volume_claims.class_of_volume(volume)]


def _node_of(attachment: VolumeAttachment) -> list[str]:
    return [attachment.spec.nodeName]
