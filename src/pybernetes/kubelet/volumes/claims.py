"""The volume behind a claim of a pod, asked of the API when the pod starts.

Source: pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod, Volume
from pybernetes.apimachinery import errors, volume_claims
from pybernetes.client.client import Client
from pybernetes.kubelet.volumes.payload import VolumeError


async def claimed_volume(client: Client | None, pod: Pod, volume: Volume) -> PersistentVolume:
    """Raises VolumeError, with the claim's name, when the claim cannot be used (yet)."""
    namespace, name = pod.metadata.namespace or "", volume_claims.claim_name(pod, volume)
    if client is None:
        raise VolumeError("cannot use persistent volume claims without an apiserver")
    try:
        claim = await _claim(client, pod, volume, namespace, name)
        return await _volume(client, claim)
    except VolumeError as error:
        raise VolumeError(f"error processing PVC {namespace}/{name}: {error}") from None


async def _claim(client: Client, pod: Pod, volume: Volume, namespace: str, name: str) -> PersistentVolumeClaim:
    try:
        claim = await client.get(PersistentVolumeClaim, name, namespace)
    except (errors.StatusError, OSError) as error:
        raise VolumeError(f"failed to fetch PVC from API server: {error}") from error
    if volume.ephemeral is not None:
        try:
            volume_claims.check_made_for(pod, claim)
        except volume_claims.NotForPod as error:
            raise VolumeError(str(error)) from None
    if claim.metadata.deletionTimestamp is not None and "kubernetes.io/pvc-protection" in claim.metadata.finalizers:
        raise VolumeError("PVC is being deleted")
    if claim.status.phase != "Bound" or not claim.spec.volumeName:
        raise VolumeError("PVC is not bound")
    return claim


async def _volume(client: Client, claim: PersistentVolumeClaim) -> PersistentVolume:
    name = claim.spec.volumeName or ""
    try:
        found = await client.get(PersistentVolume, name)
    except (errors.StatusError, OSError) as error:
        raise VolumeError(f"failed to fetch PV {name} from API server: {error}") from error
    ref = found.spec.claimRef
    if ref is None:
        raise VolumeError(f"PV object {name} has nil ClaimRef which should not happen")
    if ref.uid != claim.metadata.uid:
        raise VolumeError(f"PV {name} claimRef.uid ({ref.uid}) does not match the UID of the PVC {claim.metadata.uid}")
    return found
