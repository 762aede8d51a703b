"""What is to be done next about one claim or one volume. Pure.

Source: pkg/controller/volume/persistentvolume/pv_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery import quantity, volume_claims
from pybernetes.apimachinery.pods import is_finished

FAILED_BINDING = "FailedBinding"
MISMATCH = "VolumeMismatch"
PROVISIONING_FAILED = "ProvisioningFailed"
EXTERNAL_PROVISIONING = "ExternalProvisioning"
FAILED_RECYCLE = "VolumeFailedRecycle"
FAILED_DELETE = "VolumeFailedDelete"
_OWN_PROVISIONERS = "kubernetes.io/"
"""Names of what upstream has built in; nothing of that is left to provision."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event."""

    reason: str
    message: str
    warning: bool = False

    @property
    def type(self) -> str:
        return "Warning" if self.warning else "Normal"


@dataclass(frozen=True, slots=True)
class Bind:
    """Write both sides, the volume's first."""

    volume: PersistentVolume


@dataclass(frozen=True, slots=True)
class TakeDefaultClass:
    name: str


@dataclass(frozen=True, slots=True)
class Provision:
    """Name the provisioner on the claim, and wait."""

    provisioner: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The claim is Pending; `pending` False leaves its status alone."""

    told: Told | None = None
    pending: bool = True


@dataclass(frozen=True, slots=True)
class Lose:
    """The claim is Lost, for good."""

    told: Told


ClaimStep = Bind | TakeDefaultClass | Provision | Wait | Lose


def claim_step(
    claim: PersistentVolumeClaim,
    volumes: Iterable[PersistentVolume],
    named: PersistentVolume | None,
    class_: StorageClass | None,
    default_class: str | None,
    pods: Sequence[Pod],
) -> ClaimStep:
    """`volumes`: all that might serve; `named`: the one the claim names; `pods`: those that use the claim."""
    if volume_claims.BIND_COMPLETED in claim.metadata.annotations:
        return _bound_claim(claim, named)
    if claim.spec.volumeName:
        return _claim_with_wish(claim, named)
    delayed = volume_claims.waits_for_consumer(class_)
    match = volume_claims.best_match(claim, volumes, bound_only=delayed)
    if match is not None:
        return Bind(match)
    if default_class is not None and not volume_claims.has_class(claim):
        return TakeDefaultClass(default_class)
    if delayed and volume_claims.SELECTED_NODE not in claim.metadata.annotations:
        return Wait(_waiting_for(pods))
    name = volume_claims.class_of_claim(claim)
    if not name:
        return Wait(Told(FAILED_BINDING, "no persistent volumes available for this claim and no storage class is set"))
    if class_ is None:
        told = Told(PROVISIONING_FAILED, f'storageclass.storage.k8s.io "{name}" not found', warning=True)
        return Wait(told, pending=False)
    if class_.provisioner.startswith(_OWN_PROVISIONERS):
        told = Told(PROVISIONING_FAILED, f"no volume plugin matched name: {class_.provisioner}", warning=True)
        return Wait(told, pending=False)
    return Provision(class_.provisioner)


def _bound_claim(claim: PersistentVolumeClaim, named: PersistentVolume | None) -> ClaimStep:
    if not claim.spec.volumeName:
        text = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
        return Lose(Told("ClaimLost", text, warning=True))
    if named is None:
        text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        return Lose(Told("ClaimLost", text, warning=True))
    ref = named.spec.claimRef
    if ref is None or ref.uid == claim.metadata.uid:
        return Bind(named)
    text = "Two claims are bound to the same volume, this one is bound incorrectly"
    return Lose(Told("ClaimMisbound", text, warning=True))


def _claim_with_wish(claim: PersistentVolumeClaim, named: PersistentVolume | None) -> ClaimStep:
    if named is None:
        return Wait()
    if named.spec.claimRef is None:
        problem = why_not(claim, named)
        if problem:
            text = f'Cannot bind to requested volume "{named.metadata.name}": {problem}'
            return Wait(Told(MISMATCH, text, warning=True))
        return Bind(named)
    if volume_claims.is_meant_for(named, claim):
        return Bind(named)
    text = f'volume "{named.metadata.name}" already bound to a different claim.'
    return Wait(Told(FAILED_BINDING, text, warning=True))


def why_not(claim: PersistentVolumeClaim, volume: PersistentVolume) -> str:
    """Why the volume cannot serve the claim that names it; "" when it can."""
    spec = volume.spec
    if volume.metadata.deletionTimestamp is not None:
        return f'the volume is marked for deletion "{volume.metadata.name}"'
    if quantity.compare(volume_claims.capacity(volume), volume_claims.requested(claim)) < 0:
        return "requested PV is too small"
    if volume_claims.class_of_volume(volume) != volume_claims.class_of_claim(claim):
        return "storageClassName does not match"
    if (claim.spec.volumeAttributesClassName or "") != (spec.volumeAttributesClassName or ""):
        return "volumeAttributesClassName does not match"
    if volume_claims.modes_differ(claim, volume):
        return "incompatible volumeMode"
    return "" if volume_claims.allows_access(claim, volume) else "incompatible accessMode"


def _waiting_for(pods: Sequence[Pod]) -> Told:
    names = [p.metadata.name or "" for p in pods if not p.spec.nodeName and not is_finished(p)]
    if not names:
        return Told("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
    whom = f"pods {','.join(names)}" if len(names) > 1 else f"pod {names[0]}"
    return Told("WaitForPodScheduled", f"waiting for {whom} to be scheduled")


@dataclass(frozen=True, slots=True)
class SetPhase:
    phase: str


@dataclass(frozen=True, slots=True)
class Reclaim:
    """The volume is Released; its policy is carried out."""


@dataclass(frozen=True, slots=True)
class Unbind:
    """The claim took another volume; this one is free again."""


@dataclass(frozen=True, slots=True)
class LookAtClaim:
    """The claim's own step finishes the binding."""


@dataclass(frozen=True, slots=True)
class TellMismatch:
    about_volume: Told
    about_claim: Told


VolumeStep = SetPhase | Reclaim | Unbind | LookAtClaim | TellMismatch


def volume_step(volume: PersistentVolume, claim: PersistentVolumeClaim | None) -> VolumeStep:
    """`claim`: the one its claimRef means, None when that is gone or another has its name."""
    ref = volume.spec.claimRef
    if ref is None or not ref.uid:
        return SetPhase("Available")
    if claim is None:
        return Reclaim()
    if not claim.spec.volumeName:
        if volume_claims.modes_differ(claim, volume):
            subject = f'Cannot bind PersistentVolume "{volume.metadata.name}" to requested PersistentVolumeClaim'
            about = f'Cannot bind PersistentVolume to requested PersistentVolumeClaim "{claim.metadata.name}"'
            why = "due to incompatible volumeMode."
            return TellMismatch(
                Told(MISMATCH, f"{about} {why}", warning=True), Told(MISMATCH, f"{subject} {why}", warning=True)
            )
        return LookAtClaim()
    if claim.spec.volumeName == volume.metadata.name:
        return SetPhase("Bound")
    provisioned = volume_claims.PROVISIONED_BY in volume.metadata.annotations
    if provisioned and volume.spec.persistentVolumeReclaimPolicy == "Delete":
        return Reclaim()
    return Unbind()


def reclaim_failure(volume: PersistentVolume) -> Told | None:
    """Why nothing can carry out the policy of a released volume; None when nothing, or somebody else, has to.

    Differs: a hostPath below /tmp is not removed from the machine that the controllers run on, nor is any recycled.
    """
    match volume.spec.persistentVolumeReclaimPolicy:
        case "Retain":
            return None
        case "Recycle":
            return Told(FAILED_RECYCLE, "No recycler plugin found for the volume!", warning=True)
        case "Delete":
            notes = volume.metadata.annotations
            provisioner = notes.get(volume_claims.PROVISIONED_BY, "")
            if provisioner:
                if not provisioner.startswith(_OWN_PROVISIONERS):
                    return None
                return Told(FAILED_DELETE, f"no volume plugin matched name: {provisioner}", warning=True)
            if volume_claims.MIGRATED_TO in notes or volume.spec.csi is not None:
                return None
            name = volume.metadata.name
            text = f'error getting deleter volume plugin for volume "{name}": no deletable volume plugin matched'
            return Told(FAILED_DELETE, text, warning=True)
    text = "Volume has unrecognized PersistentVolumeReclaimPolicy"
    return Told("VolumeUnknownReclaimPolicy", text, warning=True)
