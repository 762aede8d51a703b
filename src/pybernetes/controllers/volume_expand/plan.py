"""Whether a claim has to grow. Pure. Source: pkg/controller/volume/expand/expand_controller.go."""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim
from pybernetes.apimachinery import quantity, volume_claims

EXTERNAL = "waiting for an external controller to expand this PVC"


def size(claim: PersistentVolumeClaim) -> str:
    """What it has now."""
    return claim.status.capacity.get("storage", "0")


def may_have_to_grow(old: PersistentVolumeClaim | None, new: PersistentVolumeClaim) -> bool:
    """Whether the change is one to look at."""
    if new.status.phase != "Bound":
        return False
    if old is None:
        return True
    more = quantity.compare(volume_claims.requested(new), volume_claims.requested(old)) > 0
    return more or quantity.compare(size(new), size(old)) > 0


def is_of(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    ref = volume.spec.claimRef
    return ref is not None and (ref.namespace, ref.uid) == (claim.metadata.namespace, claim.metadata.uid)


def has_to_grow(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """It asks for more than it has, or a growth is not finished on the node."""
    begun = volume_claims.SIZE_BEFORE_RESIZE in volume.metadata.annotations
    return begun or quantity.compare(volume_claims.requested(claim), size(claim)) > 0
