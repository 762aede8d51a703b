"""The Secrets that a Pod names, in whichever field. Pure. Source: pkg/api/v1/pod/util.go (VisitPodSecretNames)."""

from __future__ import annotations

from pybernetes.api.core.v1 import Pod, Volume
from pybernetes.apimachinery.pods import AnyContainer, containers_of


def secrets_of(pod: Pod) -> set[str]:
    found = {ref.name for ref in pod.spec.imagePullSecrets}
    for container in containers_of(pod.spec):
        found |= secrets_of_container(container)
    for volume in pod.spec.volumes:
        found |= _secrets_of_volume(volume)
    return {name for name in found if name}


def secrets_of_container(container: AnyContainer) -> set[str]:
    found = {each.secretRef.name for each in container.envFrom if each.secretRef}
    found |= {e.valueFrom.secretKeyRef.name for e in container.env if e.valueFrom and e.valueFrom.secretKeyRef}
    return {name for name in found if name}


def _secrets_of_volume(volume: Volume) -> set[str | None]:
    found: set[str | None] = set()
    if volume.secret:
        found.add(volume.secret.secretName)
    if volume.projected:
        found |= {source.secret.name for source in volume.projected.sources or [] if source.secret}
    if volume.azureFile:
        found.add(volume.azureFile.secretName)
    for holder in (volume.cephfs, volume.rbd, volume.flexVolume, volume.scaleIO, volume.iscsi, volume.storageos):
        if holder and holder.secretRef:
            found.add(holder.secretRef.name)
    if volume.csi and volume.csi.nodePublishSecretRef:
        found.add(volume.csi.nodePublishSecretRef.name)
    return found
