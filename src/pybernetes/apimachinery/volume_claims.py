"""How claims and volumes find each other: the facts that the binder, the scheduler and the node agent share. Pure.

Source: component-helpers/storage/volume/{helpers,pv_helpers}.go, component-helpers/storage/ephemeral.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pybernetes.api.core.v1 import ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod, Volume
from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.node_selector import Term, parse_term
from pybernetes.apimachinery.selectors import LabelSelector

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
"""On a claim: binding has been finished once; a claim without its volume is lost from then on."""
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
"""On either side: the binder chose the other, not a user; so it may undo that."""
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
MIGRATED_TO = "pv.kubernetes.io/migrated-to"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONER = "volume.kubernetes.io/storage-provisioner"
BETA_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"
BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
WAIT_FOR_FIRST_CONSUMER = "WaitForFirstConsumer"
SIZE_BEFORE_RESIZE = "volume.alpha.kubernetes.io/pre-resize-capacity"
"""On a volume that grows: what it had before."""
BLOCK = "Block"
_FILESYSTEM = "Filesystem"


class NotForPod(ValueError):
    """A claim has the name of a Pod's own ephemeral volume, but belongs to something else."""


def claim_name(pod: Pod, volume: Volume) -> str:
    """The claim behind a volume of a Pod, the one made for the Pod included; "" when it needs none."""
    if volume.persistentVolumeClaim is not None:
        return volume.persistentVolumeClaim.claimName
    return f"{pod.metadata.name}-{volume.name}" if volume.ephemeral is not None else ""


def claim_names(pod: Pod) -> list[str]:
    return [name for volume in pod.spec.volumes if (name := claim_name(pod, volume))]


def check_made_for(pod: Pod, claim: PersistentVolumeClaim) -> None:
    """Raises NotForPod unless the Pod is the claim's controller."""
    if not any(ref.controller and ref.uid == pod.metadata.uid for ref in claim.metadata.ownerReferences):
        raise NotForPod(
            f"PVC {claim.metadata.namespace}/{claim.metadata.name} was not created for pod "
            f"{pod.metadata.namespace}/{pod.metadata.name} (pod is not owner)"
        )


def class_of_claim(claim: PersistentVolumeClaim) -> str:
    """Its class; "" for none."""
    return claim.metadata.annotations.get(BETA_CLASS, claim.spec.storageClassName or "")


def has_class(claim: PersistentVolumeClaim) -> bool:
    """Whether the claim says anything of a class, if only that it wants none."""
    return BETA_CLASS in claim.metadata.annotations or claim.spec.storageClassName is not None


def class_of_volume(volume: PersistentVolume) -> str:
    return volume.metadata.annotations.get(BETA_CLASS, volume.spec.storageClassName or "")


def waits_for_consumer(class_: StorageClass | None) -> bool:
    return class_ is not None and class_.volumeBindingMode == WAIT_FOR_FIRST_CONSUMER


def is_bound(claim: PersistentVolumeClaim) -> bool:
    """Both sides of its binding have been written."""
    return bool(claim.spec.volumeName) and BIND_COMPLETED in claim.metadata.annotations


def reference(claim: PersistentVolumeClaim) -> ObjectReference:
    """The claimRef of a volume that is bound to the claim."""
    meta = claim.metadata
    return ObjectReference(
        apiVersion="v1",
        kind="PersistentVolumeClaim",
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resourceVersion=meta.resourceVersion,
    )


def is_meant_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """The volume is bound to the claim, or set aside for one of its name."""
    ref = volume.spec.claimRef
    if ref is None or (ref.name, ref.namespace) != (claim.metadata.name, claim.metadata.namespace):
        return False
    return not ref.uid or ref.uid == claim.metadata.uid


def modes_differ(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """One is a file system, the other a raw device."""
    return (claim.spec.volumeMode or _FILESYSTEM) != (volume.spec.volumeMode or _FILESYSTEM)


def allows_access(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    return set(claim.spec.accessModes) <= set(volume.spec.accessModes)


def requested(claim: PersistentVolumeClaim) -> str:
    return claim.spec.resources.requests.get("storage", "0")


def capacity(volume: PersistentVolume) -> str:
    return volume.spec.capacity.get("storage", "0")


def node_terms(volume: PersistentVolume) -> tuple[Term, ...] | None:
    """The nodes that reach the volume, as ORed terms; None: all of them."""
    affinity = volume.spec.nodeAffinity
    if affinity is None or affinity.required is None:
        return None
    terms = affinity.required.nodeSelectorTerms
    return tuple(parse_term(term) for term in terms if term.matchExpressions or term.matchFields)


def reaches(volume: PersistentVolume, node_name: str, labels: Mapping[str, str]) -> bool:
    terms = node_terms(volume)
    return terms is None or any(term.matches(node_name, labels) for term in terms)


def candidates(
    claim: PersistentVolumeClaim, volumes: Iterable[PersistentVolume], *, bound_only: bool = False
) -> list[PersistentVolume]:
    """Volumes that could serve the claim, the best first: one set aside for it, otherwise the smallest.

    With `bound_only`, those set aside for the claim alone. Nodes and access modes are the caller's to look at.
    """
    selector = LabelSelector.of(claim.spec.selector) if claim.spec.selector is not None else None
    class_name, size = class_of_claim(claim), quantity.parse(requested(claim))
    found: list[tuple[bool, quantity.Quantity, str, PersistentVolume]] = []
    for volume in volumes:
        meant = is_meant_for(volume, claim)
        amount = quantity.parse(capacity(volume))
        if (
            (volume.spec.claimRef is not None and not meant)
            or amount < size
            or modes_differ(claim, volume)
            or (claim.spec.volumeAttributesClassName or "") != (volume.spec.volumeAttributesClassName or "")
            or volume.metadata.deletionTimestamp is not None
        ):
            continue
        if not meant and (
            bound_only
            or volume.status.phase != "Available"
            or (selector is not None and not selector.matches(volume.metadata.labels))
            or class_of_volume(volume) != class_name
        ):
            continue
        found.append((not meant, amount, volume.metadata.name or "", volume))
    return [volume for *_, volume in sorted(found, key=lambda entry: entry[:3])]


def best_match(
    claim: PersistentVolumeClaim, volumes: Iterable[PersistentVolume], *, bound_only: bool
) -> PersistentVolume | None:
    """The volume to bind the claim to, wherever it lies: of those with the fewest access modes, the first candidate."""
    fitting = [v for v in candidates(claim, volumes, bound_only=bound_only) if allows_access(claim, v)]
    return min(fitting, key=lambda v: len(v.spec.accessModes), default=None)
