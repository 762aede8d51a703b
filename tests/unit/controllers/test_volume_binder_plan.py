"""What the binder decides next, by upstream's cases. Source: pkg/controller/volume/persistentvolume tests."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery import volume_claims
from pybernetes.controllers.volume_binder import plan, writes

_COMPLETED = {"pv.kubernetes.io/bind-completed": "yes"}


def claim(annotations: dict[str, str] | None = None, **spec: Any) -> PersistentVolumeClaim:
    basics = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    meta = {"name": "c", "namespace": "default", "uid": "uid-c", "annotations": annotations or {}}
    return msgspec.convert(
        {"metadata": meta, "spec": basics | spec, "status": {"phase": "Pending"}}, PersistentVolumeClaim
    )


def volume(
    name: str = "v", size: str = "1Gi", phase: str = "Available", meta: dict[str, Any] | None = None, **spec: Any
) -> PersistentVolume:
    basics = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}}
    metadata = {"name": name, **(meta or {})}
    return msgspec.convert({"metadata": metadata, "spec": basics | spec, "status": {"phase": phase}}, PersistentVolume)


def ref(uid: str | None = "uid-c", name: str = "c") -> dict[str, Any]:
    return {"name": name, "namespace": "default", **({"uid": uid} if uid else {})}


def a_class(mode: str = "Immediate", provisioner: str = "example.com/disk") -> StorageClass:
    return msgspec.convert(
        {"metadata": {"name": "fast"}, "provisioner": provisioner, "volumeBindingMode": mode}, StorageClass
    )


def step(
    of: PersistentVolumeClaim,
    volumes: list[PersistentVolume] | None = None,
    class_: StorageClass | None = None,
    default: str | None = None,
    pods: list[Pod] | None = None,
) -> plan.ClaimStep:
    found = {v.metadata.name: v for v in volumes or []}
    return plan.claim_step(of, volumes or [], found.get(of.spec.volumeName), class_, default, pods or [])


CHOICES: dict[str, tuple[PersistentVolumeClaim, list[PersistentVolume], str | None]] = {
    "the smallest that is large enough": (claim(), [volume("big", "9Gi"), volume("fits", "2Gi")], "fits"),
    "none is large enough": (claim(), [volume("small", "1Mi")], None),
    "one set aside for it, if larger": (claim(), [volume("a"), volume("b", "9Gi", claimRef=ref(None))], "b"),
    "one set aside for another is not taken": (claim(), [volume("a", claimRef=ref(None, "other"))], None),
    "one of an earlier claim of the name": (claim(), [volume("a", claimRef=ref("uid-before"))], None),
    "of its class alone": (claim(storageClassName="fast"), [volume("a")], None),
    "fewer access modes before size": (
        claim(),
        [volume("many", accessModes=["ReadWriteOnce", "ReadWriteMany"]), volume("one", "5Gi")],
        "one",
    ),
    "all access modes": (claim(accessModes=["ReadWriteOnce", "ReadWriteMany"]), [volume("a")], None),
    "the volume mode": (claim(volumeMode="Block"), [volume("a")], None),
    "labels": (
        claim(selector={"matchLabels": {"disk": "fast"}}),
        [volume("a"), volume("b", "9Gi", meta={"labels": {"disk": "fast"}})],
        "b",
    ),
    "not yet available": (claim(), [volume("a", phase="Released")], None),
    "being deleted": (claim(), [volume("a", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})], None),
    "the attributes class": (claim(volumeAttributesClassName="gold"), [volume("a")], None),
}


@pytest.mark.parametrize("case", CHOICES)
def test_choice(case: str) -> None:
    of, volumes, name = CHOICES[case]
    found = volume_claims.best_match(of, volumes, bound_only=False)
    assert (found.metadata.name if found else None) == name


def test_what_waits_for_a_consumer_is_bound_only_to_what_is_set_aside() -> None:
    of, waits = claim(storageClassName="fast"), a_class("WaitForFirstConsumer")
    free, kept = volume("a", storageClassName="fast"), volume("b", storageClassName="fast", claimRef=ref(None))
    assert isinstance(step(of, [free], waits), plan.Wait)
    assert step(of, [free, kept], waits) == plan.Bind(kept)


TOLD: dict[str, tuple[plan.ClaimStep, str]] = {
    "no class": (step(claim()), "FailedBinding"),
    "first consumer": (step(claim(storageClassName="fast"), class_=a_class("WaitForFirstConsumer")), "WaitFor"),
    "no such class": (step(claim(storageClassName="fast")), 'storageclass.storage.k8s.io "fast" not found'),
    "no provisioner": (
        step(claim(storageClassName="fast"), class_=a_class(provisioner="kubernetes.io/no-provisioner")),
        "no volume plugin matched name: kubernetes.io/no-provisioner",
    ),
    "taken": (step(claim(volumeName="v"), [volume(claimRef=ref("x", "y"))]), "already bound to a different claim"),
    "too small": (step(claim(volumeName="v"), [volume(size="1Mi")]), "requested PV is too small"),
    "other class": (step(claim(volumeName="v"), [volume(storageClassName="x")]), "storageClassName does not match"),
    "lost volume": (step(claim(_COMPLETED, volumeName="v")), "has lost its PersistentVolume"),
    "lost reference": (step(claim(_COMPLETED)), "has lost reference to PersistentVolume"),
    "misbound": (step(claim(_COMPLETED, volumeName="v"), [volume(claimRef=ref("x"))]), "Two claims are bound"),
}


@pytest.mark.parametrize("case", TOLD)
def test_told(case: str) -> None:
    found, text = TOLD[case]
    assert isinstance(found, plan.Wait | plan.Lose)
    assert found.told is not None and text in f"{found.told.reason} {found.told.message}"


def test_the_other_steps_of_a_claim() -> None:
    assert step(claim(), default="fast") == plan.TakeDefaultClass("fast")
    assert isinstance(step(claim(storageClassName=""), default="fast"), plan.Wait)
    assert step(claim(storageClassName="fast"), class_=a_class()) == plan.Provision("example.com/disk")
    asked = claim({"volume.kubernetes.io/selected-node": "n"}, storageClassName="fast")
    assert step(asked, class_=a_class("WaitForFirstConsumer")) == plan.Provision("example.com/disk")
    assert step(claim(volumeName="absent")) == plan.Wait()


VOLUMES: dict[str, tuple[PersistentVolume, PersistentVolumeClaim | None, Any]] = {
    "free": (volume(), None, plan.SetPhase("Available")),
    "set aside": (volume(claimRef=ref(None)), None, plan.SetPhase("Available")),
    "its claim is gone": (volume(claimRef=ref()), None, plan.Reclaim()),
    "bound": (volume(claimRef=ref()), claim(volumeName="v"), plan.SetPhase("Bound")),
    "half bound": (volume(claimRef=ref()), claim(), plan.LookAtClaim()),
    "its claim took another": (volume(claimRef=ref()), claim(volumeName="w"), plan.Unbind()),
    "made for a claim that took another": (
        volume(
            meta={"annotations": {"pv.kubernetes.io/provisioned-by": "x"}},
            claimRef=ref(),
            persistentVolumeReclaimPolicy="Delete",
        ),
        claim(volumeName="w"),
        plan.Reclaim(),
    ),
}


@pytest.mark.parametrize("case", VOLUMES)
def test_step_of_a_volume(case: str) -> None:
    of, its_claim, wanted = VOLUMES[case]
    assert plan.volume_step(of, its_claim) == wanted


def test_both_sides_are_written_once() -> None:
    of, it = claim(), volume()
    taken = writes.volume_bound(it, of)
    assert taken is not None and taken.metadata.annotations == {"pv.kubernetes.io/bound-by-controller": "yes"}
    assert writes.volume_bound(taken, of) is None
    bound = writes.claim_bound(of, taken)
    assert bound is not None and set(bound.metadata.annotations) == {
        *_COMPLETED,
        "pv.kubernetes.io/bound-by-controller",
    }
    assert writes.claim_bound(bound, taken) is None
    told = writes.claim_status(bound, "Bound", taken)
    assert told is not None and told.status.capacity == {"storage": "1Gi"}
    assert writes.claim_status(told, "Bound", taken) is None


def test_what_a_user_set_aside_stays_set_aside() -> None:
    given = writes.volume_bound(volume(claimRef=ref(None)), claim())
    assert given is not None and not given.metadata.annotations
    free = writes.volume_unbound(given)
    assert free.spec.claimRef is not None and not free.spec.claimRef.uid
    chosen = writes.volume_bound(volume(), claim())
    assert chosen is not None and writes.volume_unbound(chosen).spec.claimRef is None
