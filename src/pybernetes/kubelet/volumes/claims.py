"""The volume behind a claim of a pod, asked of the API when the pod starts.

Source: pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod, Volume
from pybernetes.apimachinery import errors, volume_claims
from pybernetes.apimachinery.pods import containers_of
from pybernetes.client.client import Client
from pybernetes.kubelet.volumes.payload import VolumeError


class ClaimError(VolumeError):
    """The volume behind a claim cannot be found, or is not for the pod as it asks for it."""


def is_read_only(volume: Volume) -> bool:
    """Whatever the container's mount says."""
    claim = volume.persistentVolumeClaim
    return volume.image is not None or (claim is not None and bool(claim.readOnly))


async def claimed_volume(client: Client | None, pod: Pod, volume: Volume) -> PersistentVolume:
    """Raises ClaimError, with the claim's name, when the claim cannot be used (yet)."""
    namespace, name = pod.metadata.namespace or "", volume_claims.claim_name(pod, volume)
    if client is None:
        raise ClaimError("cannot use persistent volume claims without an apiserver")
    try:
        claim = await _claim(client, pod, volume, namespace, name)
        found = await _volume(client, claim)
    except ClaimError as error:
        raise ClaimError(f"error processing PVC {namespace}/{name}: {error}") from None
    _check_mode(pod, volume, found)
    return found


def _check_mode(pod: Pod, volume: Volume, found: PersistentVolume) -> None:
    containers = containers_of(pod.spec)
    is_block = found.spec.volumeMode == volume_claims.BLOCK
    wrongly = "volumeMounts" if is_block else "volumeDevices"
    if any(each.name == volume.name for c in containers for each in getattr(c, wrongly)):
        mode = found.spec.volumeMode or "Filesystem"
        raise ClaimError(f"volume {volume.name} has volumeMode {mode}, but is specified in {wrongly}")


async def _claim(client: Client, pod: Pod, volume: Volume, namespace: str, name: str) -> PersistentVolumeClaim:
    try:
        claim = await client.get(PersistentVolumeClaim, name, namespace)
    except (errors.StatusError, OSError) as error:
        raise ClaimError(f"failed to fetch PVC from API server: {error}") from error
    if volume.ephemeral is not None:
        try:
            volume_claims.check_made_for(pod, claim)
        except volume_claims.NotForPod as error:
            raise ClaimError(str(error)) from None
    if claim.metadata.deletionTimestamp is not None and "kubernetes.io/pvc-protection" in claim.metadata.finalizers:
        raise ClaimError("PVC is being deleted")
    if claim.status.phase != "Bound" or not claim.spec.volumeName:
        raise ClaimError("PVC is not bound")
    return claim


async def _volume(client: Client, claim: PersistentVolumeClaim) -> PersistentVolume:
    name = claim.spec.volumeName or ""
    try:
        found = await client.get(PersistentVolume, name)
    except (errors.StatusError, OSError) as error:
        raise ClaimError(f"failed to fetch PV {name} from API server: {error}") from error
    ref = found.spec.claimRef
    if ref is None:
        raise ClaimError(f"PV object {name} has nil ClaimRef which should not happen")
    if ref.uid != claim.metadata.uid:
        raise ClaimError(f"PV {name} claimRef.uid ({ref.uid}) does not match the UID of the PVC {claim.metadata.uid}")
    return found
