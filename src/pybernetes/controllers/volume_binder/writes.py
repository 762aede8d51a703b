"""What the binder writes into claims and volumes. Pure: each answers a changed copy, or None when nothing changes.

Source: pkg/controller/volume/persistentvolume/pv_controller.go, component-helpers/storage/volume/pv_helpers.go.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim
from pybernetes.apimachinery import quantity, volume_claims
from pybernetes.apimachinery.fresh import fresh


def volume_bound(volume: PersistentVolume, claim: PersistentVolumeClaim) -> PersistentVolume | None:
    ref, meta = volume.spec.claimRef, claim.metadata
    whole = ref is not None and (ref.name, ref.namespace, ref.uid) == (meta.name, meta.namespace, meta.uid)
    chosen = (
        not volume_claims.is_meant_for(volume, claim)
        and volume_claims.BOUND_BY_CONTROLLER not in volume.metadata.annotations
    )
    if whole and not chosen:
        return None
    changed = fresh(volume)
    if not whole:
        changed.spec.claimRef = volume_claims.reference(claim)
    if chosen:
        changed.metadata.annotations[volume_claims.BOUND_BY_CONTROLLER] = "yes"
    return changed


def volume_unbound(volume: PersistentVolume) -> PersistentVolume:
    changed = fresh(volume)
    if changed.metadata.annotations.pop(volume_claims.BOUND_BY_CONTROLLER, None) is not None:
        changed.spec.claimRef = None
    elif changed.spec.claimRef is not None:
        changed.spec.claimRef.uid = None
    return changed


def volume_phase(volume: PersistentVolume, phase: str, message: str = "") -> PersistentVolume | None:
    if volume.status.phase == phase:
        return None
    changed = fresh(volume)
    changed.status.phase, changed.status.message = phase, message or None
    return changed


def claim_bound(claim: PersistentVolumeClaim, volume: PersistentVolume) -> PersistentVolumeClaim | None:
    notes = claim.metadata.annotations
    chosen = claim.spec.volumeName != volume.metadata.name
    if not chosen and volume_claims.BIND_COMPLETED in notes:
        return None
    changed = fresh(claim)
    if chosen:
        changed.spec.volumeName = volume.metadata.name
        changed.metadata.annotations.setdefault(volume_claims.BOUND_BY_CONTROLLER, "yes")
    changed.metadata.annotations.setdefault(volume_claims.BIND_COMPLETED, "yes")
    return changed


def claim_provisioner(claim: PersistentVolumeClaim, provisioner: str) -> PersistentVolumeClaim | None:
    names = (volume_claims.BETA_PROVISIONER, volume_claims.PROVISIONER)
    if claim.metadata.annotations.get(volume_claims.PROVISIONER) == provisioner:
        return None
    changed = fresh(claim)
    changed.metadata.annotations |= dict.fromkeys(names, provisioner)
    return changed


def claim_status(
    claim: PersistentVolumeClaim, phase: str, volume: PersistentVolume | None
) -> PersistentVolumeClaim | None:
    """The claim with what it says of its volume; its size follows the volume's only when it becomes bound."""
    changed = fresh(claim)
    status, becomes = changed.status, claim.status.phase != phase
    status.phase = phase
    if volume is None:
        status.accessModes, status.capacity, status.currentVolumeAttributesClassName = [], {}, None
    else:
        status.accessModes = list(volume.spec.accessModes)
        if becomes:
            before = volume.metadata.annotations.get(volume_claims.SIZE_BEFORE_RESIZE)
            size = volume_claims.capacity(volume)
            if before is not None:
                status.capacity["storage"] = _valid(before) or size
            elif "storage" not in status.capacity or quantity.compare(status.capacity["storage"], size):
                status.capacity = dict(volume.spec.capacity)
        if claim.status.phase == "Pending" and phase == "Bound":
            status.currentVolumeAttributesClassName = volume.spec.volumeAttributesClassName
    return None if changed == claim else changed


def _valid(text: str) -> str:
    try:
        quantity.parse(text)
    except quantity.QuantityError:
        return ""
    return text
