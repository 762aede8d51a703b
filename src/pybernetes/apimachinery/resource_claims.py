"""How Pods and the claims to devices that they name belong together: to controllers and to the scheduler. Pure.

Source: dynamic-resource-allocation/resourceclaim/resourceclaim.go.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import Pod, PodResourceClaim
from pybernetes.api.resource.v1 import ResourceClaim, ResourceClaimConsumerReference
from pybernetes.apimachinery.fresh import fresh

FINALIZER = "resource.kubernetes.io/delete-protection"


def claim_name(pod: Pod, wanted: PodResourceClaim) -> str | None:
    """The claim's name; "" when it is not needed, None when it has not been made yet."""
    if wanted.resourceClaimName is not None:
        return wanted.resourceClaimName
    for status in pod.status.resourceClaimStatuses:
        if status.name == wanted.name:
            return status.resourceClaimName or ""
    return None


def is_for(pod: Pod, claim: ResourceClaim) -> bool:
    """Whether the claim was made for the Pod."""
    return any(ref.controller and ref.uid == pod.metadata.uid for ref in claim.metadata.ownerReferences)


def is_reserved_for(pod: Pod, claim: ResourceClaim) -> bool:
    return any(reference.uid == pod.metadata.uid for reference in claim.status.reservedFor)


def reserved(claim: ResourceClaim, pod: Pod) -> ResourceClaim:
    changed = fresh(claim)
    reference = ResourceClaimConsumerReference(
        resource="pods", name=pod.metadata.name or "", uid=pod.metadata.uid or ""
    )
    changed.status.reservedFor.append(reference)
    return changed
