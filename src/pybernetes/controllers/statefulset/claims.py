"""Who owns the claims of a StatefulSet's Pods, so that they go when persistentVolumeClaimRetentionPolicy says. Pure.

Retain and Retain: nobody. Delete with the set: the set. Delete when scaled down: the Pod that is scaled away.
Source: pkg/controller/statefulset/stateful_set_utils.go.
"""

from __future__ import annotations

from pybernetes.api.apps.v1 import StatefulSet
from pybernetes.api.core.v1 import PersistentVolumeClaim, Pod
from pybernetes.api.meta.v1 import OwnerReference
from pybernetes.client.objects import KubernetesObject
from pybernetes.controllers.runtime.owners import controller_reference
from pybernetes.controllers.statefulset.pods import in_range

RETAIN = "Retain"
DELETE = "Delete"


def retention(set_: StatefulSet) -> tuple[str, str]:
    """(when deleted, when scaled)."""
    policy = set_.spec.persistentVolumeClaimRetentionPolicy
    if policy is None:
        return RETAIN, RETAIN
    return policy.whenDeleted or RETAIN, policy.whenScaled or RETAIN


def wanted_owner(set_: StatefulSet, pod: Pod) -> KubernetesObject | None:
    """Whose deletion should take the claims of the Pod along."""
    when_deleted, when_scaled = retention(set_)
    if when_scaled == DELETE and not in_range(set_, pod):
        return pod
    if when_deleted != DELETE:
        return None
    return set_


def is_up_to_date(claim: PersistentVolumeClaim, set_: StatefulSet, pod: Pod) -> bool:
    """False when the claim's owners must be written. A claim of an earlier set or Pod of the name is left alone."""
    if is_stale(claim, set_) or is_stale(claim, pod):
        return True
    owned_by_us = [ref for ref in claim.metadata.ownerReferences if _uid_of(ref, set_, pod)]
    if has_unexpected_controller(claim, set_, pod):
        return not owned_by_us
    if any(not ref.controller for ref in owned_by_us):
        return False
    wanted = wanted_owner(set_, pod)
    return [ref.uid for ref in owned_by_us] == ([wanted.metadata.uid] if wanted is not None else [])


def owners(claim: PersistentVolumeClaim, set_: StatefulSet, pod: Pod) -> list[OwnerReference]:
    """The claim's owner references as they should be; another controller's are kept and then none added."""
    others = [ref for ref in claim.metadata.ownerReferences if not _means(ref, set_) and not _means(ref, pod)]
    wanted = wanted_owner(set_, pod)
    if wanted is None or has_unexpected_controller(claim, set_, pod):
        return others
    return [*others, controller_reference(wanted)]


def has_unexpected_controller(claim: PersistentVolumeClaim, set_: StatefulSet, pod: Pod) -> bool:
    """Something else would delete the claim; then the policy cannot hold."""
    if retention(set_) == (RETAIN, RETAIN):
        return False
    for ref in claim.metadata.ownerReferences:
        if _means(ref, set_) or _means(ref, pod):
            if not _uid_of(ref, set_, pod):
                return True
        elif ref.controller:
            return True
    return False


def is_stale(claim: PersistentVolumeClaim, owner: KubernetesObject) -> bool:
    """It belongs to an earlier object of the owner's name."""
    first = next((ref for ref in claim.metadata.ownerReferences if _means(ref, owner)), None)
    return first is not None and first.uid != (owner.metadata.uid or "")


def _means(ref: OwnerReference, owner: KubernetesObject) -> bool:
    return (ref.apiVersion, ref.kind, ref.name) == (owner.apiVersion, owner.kind, owner.metadata.name)


def _uid_of(ref: OwnerReference, set_: StatefulSet, pod: Pod) -> bool:
    return ref.uid in (set_.metadata.uid, pod.metadata.uid)
