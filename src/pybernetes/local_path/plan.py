"""What one node's provisioner has to do for a claim or a volume. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pybernetes.api.core.v1 import (
    LocalVolumeSource,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeSpec,
    VolumeNodeAffinity,
)
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery import volume_claims

PROVISIONER = "pybernetes.io/local-path"
CLASS_NAME = "local-path"
_HOSTNAME = "kubernetes.io/hostname"
_SAFE = re.compile(r"pvc-[0-9a-f-]{36}", re.ASCII)
_READ_WRITE_MANY = ("ReadWriteMany", "ReadOnlyMany")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no volume is made for a claim: an event on the claim."""

    message: str


def default_class() -> StorageClass:
    """The class that `up` makes once."""
    return StorageClass(
        metadata=ObjectMeta(name=CLASS_NAME, annotations={"storageclass.kubernetes.io/is-default-class": "true"}),
        provisioner=PROVISIONER,
        reclaimPolicy="Delete",
        volumeBindingMode=volume_claims.WAIT_FOR_FIRST_CONSUMER,
    )


def is_ours(claim: PersistentVolumeClaim, node: str) -> bool:
    """The claim waits for a volume on this node. Source: sig-storage-lib-external-provisioner, shouldProvision."""
    notes = claim.metadata.annotations
    return (
        notes.get(volume_claims.PROVISIONER) == PROVISIONER
        and notes.get(volume_claims.SELECTED_NODE) == node
        and not claim.spec.volumeName
        and claim.metadata.deletionTimestamp is None
    )


def volume_name(claim: PersistentVolumeClaim) -> str:
    return f"pvc-{claim.metadata.uid}"


def refusal(claim: PersistentVolumeClaim, class_: StorageClass | None) -> Refusal | None:
    """None when a folder will do. Size is not looked at: the folder shares the node's disk."""
    if class_ is None:
        return Refusal(f'storageclass.storage.k8s.io "{volume_claims.class_of_claim(claim)}" not found')
    if class_.parameters:
        return Refusal(f"the class {class_.metadata.name} has parameters, and {PROVISIONER} knows none")
    if class_.mountOptions:
        return Refusal(f"the class {class_.metadata.name} has mountOptions, which a folder cannot have")
    if claim.spec.volumeMode == volume_claims.BLOCK:
        return Refusal(f"{PROVISIONER} makes folders, not volumes of volumeMode Block")
    if claim.spec.selector is not None:
        return Refusal("claim.spec.selector is not supported")
    if claim.spec.dataSource is not None or claim.spec.dataSourceRef is not None:
        return Refusal(f"{PROVISIONER} makes empty folders, not ones from a dataSource")
    if any(mode in _READ_WRITE_MANY for mode in claim.spec.accessModes):
        return Refusal("a folder is on one node: only ReadWriteOnce and ReadWriteOncePod access modes are supported")
    return None


def volume(claim: PersistentVolumeClaim, class_: StorageClass, hostname: str, path: str) -> PersistentVolume:
    """The volume to create; `hostname`: the node's label of that name."""
    only_here = NodeSelectorRequirement(key=_HOSTNAME, operator="In", values=[hostname])
    return PersistentVolume(
        metadata=ObjectMeta(name=volume_name(claim), annotations={volume_claims.PROVISIONED_BY: PROVISIONER}),
        spec=PersistentVolumeSpec(
            accessModes=list(claim.spec.accessModes),
            capacity={"storage": volume_claims.requested(claim)},
            claimRef=volume_claims.reference(claim),
            local=LocalVolumeSource(path=path),
            nodeAffinity=VolumeNodeAffinity(
                required=NodeSelector(nodeSelectorTerms=[NodeSelectorTerm(matchExpressions=[only_here])])
            ),
            persistentVolumeReclaimPolicy=class_.reclaimPolicy or "Delete",
            storageClassName=class_.metadata.name,
            volumeMode="Filesystem",
        ),
    )


def to_delete(volume: PersistentVolume, root: str) -> str:
    """The folder of a released volume that this node made; "" for any other volume.

    A path that this provisioner would not have made is never answered, whatever a volume says.
    """
    spec, notes = volume.spec, volume.metadata.annotations
    name = volume.metadata.name or ""
    if (
        notes.get(volume_claims.PROVISIONED_BY) != PROVISIONER
        or spec.persistentVolumeReclaimPolicy != "Delete"
        or volume.status.phase not in ("Released", "Failed")
        or spec.local is None
        or not _SAFE.fullmatch(name)
        or spec.local.path != f"{root}/{name}"
    ):
        return ""
    return spec.local.path
