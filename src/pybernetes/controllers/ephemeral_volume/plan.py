"""The claim that a Pod's own ephemeral volume is made of. Pure. Source: pkg/controller/volume/ephemeral."""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolumeClaim, Pod, Volume
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import volume_claims
from pybernetes.apimachinery.fresh import fresh
from pybernetes.controllers.runtime.owners import controller_reference


def has_own_volumes(pod: Pod) -> bool:
    return any(volume.ephemeral is not None for volume in pod.spec.volumes)


def claim_for(pod: Pod, volume: Volume) -> PersistentVolumeClaim | None:
    """None for a volume of another kind. The Pod owns the claim, which goes with it."""
    template = volume.ephemeral.volumeClaimTemplate if volume.ephemeral is not None else None
    if template is None:
        return None
    return PersistentVolumeClaim(
        metadata=ObjectMeta(
            name=volume_claims.claim_name(pod, volume),
            namespace=pod.metadata.namespace,
            annotations=dict(template.metadata.annotations),
            labels=dict(template.metadata.labels),
            ownerReferences=[controller_reference(pod)],
        ),
        spec=fresh(template.spec),
    )
