"""Who still uses a claim or a volume that is to go. Pure.

Source: pkg/controller/volume/{pvcprotection,pvprotection}, component-helpers/storage/ephemeral.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.apimachinery import volume_claims
from pybernetes.controllers.runtime.owners import HasMetadata, is_controlled_by

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"
ATTRIBUTES_CLASS_FINALIZER = "kubernetes.io/vac-protection"


def uses(pod: Pod, claim: PersistentVolumeClaim) -> bool:
    """Only a scheduled Pod can: no kubelet starts one whose claim is being deleted."""
    if not pod.spec.nodeName:
        return False
    for volume in pod.spec.volumes:
        if volume_claims.claim_name(pod, volume) != claim.metadata.name:
            continue
        if volume.persistentVolumeClaim is not None:
            return True
        if is_controlled_by(claim, pod) and not _is_shut_down(pod):
            return True
    return False


def _is_shut_down(pod: Pod) -> bool:
    """Its volumes are free; finalizers of its own may keep the object."""
    return pod.metadata.deletionTimestamp is not None and pod.metadata.deletionGracePeriodSeconds == 0


def classes_of_claim(claim: PersistentVolumeClaim) -> list[str]:
    """The VolumeAttributesClasses that a claim wants, has, or is on the way to."""
    changing = claim.status.modifyVolumeStatus
    names = (
        claim.spec.volumeAttributesClassName,
        claim.status.currentVolumeAttributesClassName,
        changing.targetVolumeAttributesClassName if changing is not None else None,
    )
    return list(dict.fromkeys(name for name in names if name))


def classes_of_volume(volume: PersistentVolume) -> list[str]:
    return [volume.spec.volumeAttributesClassName] if volume.spec.volumeAttributesClassName else []


def wanted_finalizers(obj: HasMetadata, finalizer: str, used: bool) -> list[str] | None:
    """None when they may stay as they are."""
    meta = obj.metadata
    if meta.deletionTimestamp is None:
        return None if finalizer in meta.finalizers else [*meta.finalizers, finalizer]
    if finalizer in meta.finalizers and not used:
        return [each for each in meta.finalizers if each != finalizer]
    return None
