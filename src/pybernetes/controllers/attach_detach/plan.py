"""Which VolumeAttachments one volume needs, and which are to go. Pure: time comes in as a parameter.

Source: pkg/controller/volume/attachdetach/reconciler/reconciler.go, pkg/volume/csi/csi_attacher.go.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import AttachedVolume, Node, PersistentVolume, Pod
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.storage.v1 import (
    CSIDriver,
    VolumeAttachment,
    VolumeAttachmentSource,
    VolumeAttachmentSpec,
)
from pybernetes.apimachinery import csi_volumes
from pybernetes.apimachinery.pods import is_finished
from pybernetes.controllers.runtime.nodes import is_out_of_service, is_ready

_MOST_UNMOUNT_S = 360.0
"""How long a node that is not well may keep a volume that nobody uses any more."""
_KEEP_TERMINATED = "volumes.kubernetes.io/keep-terminated-pod-volumes"
_SHARED_MODES = {"ReadWriteMany", "ReadOnlyMany"}


@dataclass(slots=True)
class Steps:
    attach: list[str] = field(default_factory=list)
    """Nodes."""
    detach: list[VolumeAttachment] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Nodes that have to wait until the volume has left another one."""
    look_again_s: float = math.inf
    """Infinite: when something changes."""


def needs_attach(volume: PersistentVolume, driver: CSIDriver | None) -> bool:
    return volume.spec.csi is not None and csi_volumes.is_attached_first(driver)


def uses_volumes(pod: Pod, node: Node | None) -> bool:
    """A Pod that has ended keeps its volumes only where the node says so."""
    if not pod.spec.nodeName:
        return False
    if not is_finished(pod):
        return True
    return node is not None and node.metadata.annotations.get(_KEEP_TERMINATED) == "true"


def attachment(volume: PersistentVolume, node_name: str) -> VolumeAttachment:
    csi = volume.spec.csi
    assert csi is not None
    return VolumeAttachment(
        metadata=ObjectMeta(name=csi_volumes.attachment_name(csi.driver, csi.volumeHandle, node_name)),
        spec=VolumeAttachmentSpec(
            attacher=csi.driver,
            nodeName=node_name,
            source=VolumeAttachmentSource(persistentVolumeName=volume.metadata.name),
        ),
    )


def unique_name(volume: PersistentVolume) -> str:
    csi = volume.spec.csi
    assert csi is not None
    return csi_volumes.unique_name(csi.driver, csi.volumeHandle)


def may_share(volume: PersistentVolume) -> bool:
    """Whether it may be on several nodes at once."""
    modes = set(volume.spec.accessModes)
    return not modes or bool(modes & _SHARED_MODES)


def steps(
    volume: PersistentVolume,
    wanted: Sequence[str],
    attachments: Sequence[VolumeAttachment],
    nodes: Mapping[str, Node],
    unused_since: Mapping[str, float],
    now: float,
) -> Steps:
    """`wanted`: nodes of the Pods that use the volume; `unused_since`: by node, when the last Pod there was gone."""
    found = Steps()
    there = {each.spec.nodeName: each for each in attachments}
    for node_name, each in there.items():
        if node_name in wanted or each.metadata.deletionTimestamp is not None:
            continue
        left_s = _must_wait_s(volume, nodes.get(node_name), unused_since.get(node_name, now), now)
        if left_s > 0:
            found.look_again_s = min(left_s, found.look_again_s)
        else:
            found.detach.append(each)
    for node_name in wanted:
        if node_name in there:
            continue
        if not may_share(volume) and (there or found.attach):
            found.refused.append(node_name)
        else:
            found.attach.append(node_name)
    return found


def _must_wait_s(volume: PersistentVolume, node: Node | None, since: float, now: float) -> float:
    """Seconds until the volume may be taken from a node: none once it has unmounted it, for ever while it is well."""
    if node is None or unique_name(volume) not in (node.status.volumesInUse or ()):
        return 0.0
    if is_out_of_service(node):
        return 0.0
    return math.inf if is_ready(node) else since + _MOST_UNMOUNT_S - now


def attached_to(volumes: Sequence[tuple[PersistentVolume, VolumeAttachment]]) -> list[AttachedVolume]:
    """What a node's status says is attached."""
    names = {
        unique_name(volume)
        for volume, each in volumes
        if each.status.attached and each.metadata.deletionTimestamp is None
    }
    return [AttachedVolume(name=name, devicePath="") for name in sorted(names)]
