"""Which claims a Pod needs made, and what to take off a claim that is used less than before. Pure.

Source: pkg/controller/resourceclaim/controller.go, dynamic-resource-allocation/resourceclaim/resourceclaim.go.
Differs: claims of PodGroups (alpha) are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pybernetes.api.core.v1 import Pod, PodResourceClaim
from pybernetes.api.meta.v1 import ObjectMeta, OwnerReference
from pybernetes.api.resource.v1 import ResourceClaim, ResourceClaimTemplate
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.pods import is_finished
from pybernetes.apimachinery.resource_claims import FINALIZER, claim_name, is_for, is_reserved_for

POD_CLAIM = "resource.kubernetes.io/pod-claim-name"
_LONGEST = 57


def claim_names(pod: Pod) -> Iterator[str]:
    """Of all claims that are known."""
    for wanted in pod.spec.resourceClaims:
        if name := claim_name(pod, wanted):
            yield name
    if (extended := pod.status.extendedResourceClaimStatus) is not None:
        yield extended.resourceClaimName


def is_done(pod: Pod) -> bool:
    """It will not run any more."""
    return is_finished(pod) or (pod.metadata.deletionTimestamp is not None and not pod.spec.nodeName)


def to_make(pod: Pod, claims: Callable[[str], ResourceClaim | None]) -> list[PodResourceClaim]:
    """Those of a template that are not there, or are somebody else's."""
    found = []
    for wanted in pod.spec.resourceClaims:
        name = claim_name(pod, wanted)
        if wanted.resourceClaimTemplateName is None or name == "":
            continue
        claim = claims(name) if name else None
        if claim is None or not is_for(pod, claim):
            found.append(wanted)
    return found


def made(pod: Pod, wanted: PodResourceClaim, claims: Iterable[ResourceClaim]) -> ResourceClaim | None:
    """A claim that was made for this and that the Pod's status does not tell yet."""
    for claim in claims:
        if is_for(pod, claim) and claim.metadata.annotations.get(POD_CLAIM) == wanted.name:
            return claim
    return None


def new_claim(pod: Pod, wanted: PodResourceClaim, template: ResourceClaimTemplate) -> ResourceClaim:
    pod_name, base = pod.metadata.name or "", f"{pod.metadata.name}-{wanted.name}-"
    if len(base) > _LONGEST:
        own, its = (len(name) * _LONGEST // len(base) for name in (pod_name, wanted.name))
        base = f"{pod_name[:own]}-{wanted.name[:its]}"
    meta = template.spec.metadata
    owner = OwnerReference(apiVersion="v1", kind="Pod", name=pod_name, uid=pod.metadata.uid or "", controller=True)
    return ResourceClaim(
        metadata=ObjectMeta(
            generateName=base,
            namespace=pod.metadata.namespace,
            labels=dict(meta.labels),
            annotations={**meta.annotations, POD_CLAIM: wanted.name},
            ownerReferences=[owner],
        ),
        spec=fresh(template.spec.spec),
    )


def to_reserve(pod: Pod, claims: Callable[[str], ResourceClaim | None]) -> list[ResourceClaim]:
    """Allocated claims of a Pod that somebody bound without the scheduler, and that it has not reserved."""
    if not pod.spec.nodeName or is_done(pod):
        return []
    found = []
    for wanted in pod.spec.resourceClaims:
        claim = claims(claim_name(pod, wanted) or "")
        if claim is None or claim.status.allocation is None:
            continue
        if wanted.resourceClaimTemplateName is not None and not is_for(pod, claim):
            continue
        if not is_reserved_for(pod, claim):
            found.append(claim)
    return found


def released(claim: ResourceClaim, gone: Iterable[str]) -> ResourceClaim | None:
    """Without the consumers of these uids, and deallocated with the last of them; None when nothing changes."""
    leaving = set(gone)
    changed = fresh(claim)
    changed.status.reservedFor = [ref for ref in claim.status.reservedFor if ref.uid not in leaving]
    held = FINALIZER in claim.metadata.finalizers
    freed = len(changed.status.reservedFor) < len(claim.status.reservedFor)
    idle = not changed.status.reservedFor
    if idle and held and (freed or claim.metadata.deletionTimestamp):
        changed.status.allocation = None
    return changed if freed or changed.status.allocation != claim.status.allocation else None


def without_finalizer(claim: ResourceClaim) -> ResourceClaim | None:
    """What is allocated to nobody need not be protected; None when it is not, or not yet."""
    unused = not claim.status.reservedFor and claim.status.allocation is None
    if not unused or FINALIZER not in claim.metadata.finalizers:
        return None
    changed = fresh(claim)
    changed.metadata.finalizers = [name for name in claim.metadata.finalizers if name != FINALIZER]
    return changed
