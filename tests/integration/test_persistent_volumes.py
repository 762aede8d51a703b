"""Claims and volumes end to end: real apiserver, binder, scheduler and local provisioner, virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api.apps.v1 import StatefulSet
from pybernetes.api.core.v1 import Event, Node, PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import CSIDriver, StorageClass, VolumeAttachment, VolumeAttributesClass
from pybernetes.apimachinery.user import AUTHENTICATED, UserInfo
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.local_path import plan
from pybernetes.local_path.provisioner import LocalPathProvisioner
from tests.integration.cluster_world import NODE, World, in_world, pod_template
from tests.integration.scheduled_world import ScheduledWorld

_PROVISIONER = UserInfo("system:local-path-provisioner", groups=(AUTHENTICATED,))


class StorageWorld(ScheduledWorld):
    root = Path()

    def provision(self, node: str = NODE) -> None:
        client = Client(LocalTransport(self.api.handler, _PROVISIONER), "local-path")
        made = LocalPathProvisioner(client, node, node, self.root / node, self.clock, self.random)
        self._tasks.append(asyncio.create_task(made.run()))


def claim(name: str, **spec: Any) -> dict[str, Any]:
    size = spec.pop("size", "1Gi")
    basics = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"metadata": {"name": name}, "spec": basics | spec}


def volume(name: str, size: str = "1Gi", labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    basics = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": size},
        "hostPath": {"path": f"/tmp/{name}"},
        "persistentVolumeReclaimPolicy": "Retain",
    }
    return {"metadata": {"name": name, "labels": labels or {}, "namespace": ""}, "spec": basics | spec}


def pod(name: str, *claims: str) -> dict[str, Any]:
    template = pod_template()
    volumes = [{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims]
    return {"metadata": {"name": name}, "spec": {**template["spec"], "volumes": volumes}}


async def a_class(w: World, name: str = "fast", **fields: Any) -> StorageClass:
    made = {"provisioner": plan.PROVISIONER, "volumeBindingMode": "Immediate", **fields}
    return await w.create(StorageClass, {"metadata": {"name": name, "namespace": ""}, **made})


async def the_claim(w: World, name: str) -> PersistentVolumeClaim:
    return await w.client.get(PersistentVolumeClaim, name, "default")


async def the_volume(w: World, name: str) -> PersistentVolume:
    return await w.client.get(PersistentVolume, name)


async def bound(w: World, name: str) -> bool:
    return (await the_claim(w, name)).status.phase == "Bound"


async def reasons(w: World, of: str) -> list[tuple[str, str]]:
    events = await w.items(Event)
    return [(e.reason or "", e.message or "") for e in events if e.involvedObject.name == of]


def in_storage_world(body: Any) -> None:
    in_world(body, made=StorageWorld)


def test_a_claim_takes_the_smallest_volume_that_serves_and_gives_it_back() -> None:
    async def body(w: World) -> None:
        await w.create(PersistentVolume, volume("big", "9Gi"))
        await w.create(PersistentVolume, volume("fits", "2Gi"))
        await w.create(PersistentVolume, volume("small", "500Mi"))
        await w.create(PersistentVolumeClaim, claim("c", storageClassName=""))
        await w.until(lambda: bound(w, "c"))
        found = await the_claim(w, "c")
        assert found.spec.volumeName == "fits"
        assert (found.status.capacity, found.status.accessModes) == ({"storage": "2Gi"}, ["ReadWriteOnce"])
        assert found.metadata.annotations["pv.kubernetes.io/bind-completed"] == "yes"
        taken = await the_volume(w, "fits")
        assert (taken.status.phase, taken.spec.claimRef.name) == ("Bound", "c")  # type: ignore[union-attr]
        assert (await the_volume(w, "big")).status.phase == "Available"
        await w.client.delete(PersistentVolumeClaim, "c", "default")
        await w.until(lambda: phase(w, "fits", "Released"))
        await w.settle()
        assert (await the_volume(w, "fits")).status.phase == "Released"

    in_storage_world(body)


async def phase(w: World, name: str, wanted: str) -> bool:
    return (await the_volume(w, name)).status.phase == wanted


def test_selector_mode_and_prebinding_decide() -> None:
    async def body(w: World) -> None:
        await w.create(PersistentVolume, volume("plain"))
        await w.create(PersistentVolume, volume("tagged", "5Gi", {"tier": "gold"}))
        await w.create(PersistentVolume, volume("meant", claimRef={"name": "mine", "namespace": "default"}))
        gold = {"matchLabels": {"tier": "gold"}}
        await w.create(PersistentVolumeClaim, claim("picky", storageClassName="", selector=gold))
        await w.create(PersistentVolumeClaim, claim("raw", storageClassName="", volumeMode="Block"))
        await w.create(PersistentVolumeClaim, claim("mine", storageClassName=""))
        await w.create(PersistentVolumeClaim, claim("huge", storageClassName="", volumeName="plain", size="2Gi"))
        await w.until(lambda: bound(w, "picky"))
        await w.until(lambda: bound(w, "mine"))
        await w.settle()
        assert (await the_claim(w, "picky")).spec.volumeName == "tagged"
        assert (await the_claim(w, "mine")).spec.volumeName == "meant"
        assert (await the_claim(w, "raw")).status.phase == "Pending"
        assert (
            "VolumeMismatch",
            'Cannot bind to requested volume "plain": requested PV is too small',
        ) in await reasons(w, "huge")

    in_storage_world(body)


def test_a_claim_without_class_waits_and_takes_the_default_class_when_there_is_one() -> None:
    async def body(w: World) -> None:
        await w.create(PersistentVolumeClaim, claim("c"))
        await w.settle()
        assert (await the_claim(w, "c")).status.phase == "Pending"
        assert await reasons(w, "c") == [
            ("FailedBinding", "no persistent volumes available for this claim and no storage class is set")
        ]
        await w.client.create(plan.default_class())
        await w.until(lambda: has_class(w, "c"))
        await w.settle()
        assert ("WaitForFirstConsumer", "waiting for first consumer to be created before binding") in await reasons(
            w, "c"
        )

    in_storage_world(body)


async def has_class(w: World, name: str) -> bool:
    return (await the_claim(w, name)).spec.storageClassName == plan.CLASS_NAME


def test_a_lost_volume_and_unknown_classes_are_told() -> None:
    async def body(w: World) -> None:
        await a_class(w, "manual", provisioner="kubernetes.io/no-provisioner")
        await w.create(PersistentVolumeClaim, claim("a", storageClassName="manual"))
        await w.create(PersistentVolumeClaim, claim("b", storageClassName="nowhere"))
        await w.create(PersistentVolume, volume("v"))
        await w.create(PersistentVolumeClaim, claim("c", storageClassName=""))
        await w.until(lambda: bound(w, "c"))
        await w.client.delete(PersistentVolume, "v")
        await w.client.patch(PersistentVolume, "v", "", {"metadata": {"finalizers": None}})
        await w.until(lambda: lost(w, "c"))
        await w.settle()
        assert ("ProvisioningFailed", "no volume plugin matched name: kubernetes.io/no-provisioner") in await reasons(
            w, "a"
        )
        assert ("ProvisioningFailed", 'storageclass.storage.k8s.io "nowhere" not found') in await reasons(w, "b")
        assert (
            "ClaimLost",
            "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
        ) in await reasons(w, "c")

    in_storage_world(body)


async def lost(w: World, name: str) -> bool:
    return (await the_claim(w, name)).status.phase == "Lost"


@pytest.mark.parametrize(
    ("policy", "reason", "message"),
    [
        ("Recycle", "VolumeFailedRecycle", "No recycler plugin found for the volume!"),
        (
            "Delete",
            "VolumeFailedDelete",
            'error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
        ),
    ],
)
def test_a_policy_that_nobody_can_carry_out_fails_the_volume(policy: str, reason: str, message: str) -> None:
    async def body(w: World) -> None:
        await w.create(PersistentVolume, volume("v", persistentVolumeReclaimPolicy=policy))
        await w.create(PersistentVolumeClaim, claim("c", storageClassName=""))
        await w.until(lambda: bound(w, "c"))
        await w.client.delete(PersistentVolumeClaim, "c", "default")
        await w.until(lambda: phase(w, "v", "Failed"))
        assert (await the_volume(w, "v")).status.message == message
        await w.settle()
        assert (reason, message) in await reasons(w, "v")

    in_storage_world(body)


def test_a_stateful_set_gets_a_folder_for_each_pod_on_its_node(tmp_path: Path) -> None:
    async def body(w: World) -> None:
        assert isinstance(w, StorageWorld)
        w.root = tmp_path
        await w.add_node("node-2")
        for node in (NODE, "node-2"):
            w.provision(node)
        await w.client.create(plan.default_class())
        spec = {
            "replicas": 2,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": pod_template(app="db"),
            "volumeClaimTemplates": [claim("data")],
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
        }
        await w.create(StatefulSet, {"metadata": {"name": "db"}, "spec": spec})
        await w.until(lambda: running(w, 2))
        before = {p.metadata.name: p.spec.nodeName for p in await w.items(Pod)}
        for name, node in before.items():
            found = await the_claim(w, f"data-{name}")
            assert found.metadata.annotations["volume.kubernetes.io/selected-node"] == node
            made = await the_volume(w, found.spec.volumeName or "")
            assert made.spec.local is not None
            assert made.spec.local.path == str(tmp_path / str(node) / f"pvc-{found.metadata.uid}")
            assert made.spec.local.path in folders(tmp_path)
        await w.client.delete(Pod, "db-0", "default")
        await w.until(lambda: replaced(w, "db-0"))
        await w.until(lambda: running(w, 2))
        assert {p.metadata.name: p.spec.nodeName for p in await w.items(Pod)} == before
        await w.client.delete(StatefulSet, "db", "default")
        await w.until(lambda: none_left(w))
        await w.until(lambda: empty(tmp_path))

    in_storage_world(body)


async def running(w: World, count: int) -> bool:
    return [p.status.phase for p in await w.items(Pod)] == ["Running"] * count


async def replaced(w: World, name: str) -> bool:
    found = [p for p in await w.items(Pod) if p.metadata.name == name]
    return bool(found) and found[0].metadata.deletionTimestamp is None


async def none_left(w: World) -> bool:
    return not await w.items(PersistentVolume, "") and not await w.items(PersistentVolumeClaim)


async def empty(root: Path) -> bool:
    return not folders(root)


def folders(root: Path) -> set[str]:
    return {str(path) for path in root.glob("*/*")}


def test_the_scheduler_waits_for_volumes_and_says_so() -> None:
    async def body(w: World) -> None:
        await w.add_node("node-2", zone="b")
        await a_class(w, "manual", provisioner="kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer")
        await w.create(PersistentVolumeClaim, claim("now", storageClassName=""))
        await w.create(PersistentVolumeClaim, claim("later", storageClassName="manual"))
        await w.create(Pod, pod("a", "now"))
        await w.create(Pod, pod("b", "later"))
        await w.create(Pod, pod("c", "nothing"))
        await w.settle()
        told = {name: (await reasons(w, name))[0][1] for name in "abc"}
        assert "pod has unbound immediate PersistentVolumeClaims" in told["a"]
        assert "2 node(s) didn't find available persistent volumes to bind" in told["b"]
        assert 'persistentvolumeclaim "nothing" not found' in told["c"]
        here = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}
        affinity = {"required": {"nodeSelectorTerms": [here]}}
        await w.create(PersistentVolume, volume("v", storageClassName="manual", nodeAffinity=affinity))
        await w.create(PersistentVolume, volume("w"))
        await w.until(lambda: bound(w, "now"))
        await w.until(lambda: bound(w, "later"))
        await w.until(lambda: placed(w, "b"))
        found = await w.client.get(Pod, "b", "default")
        assert found.spec.nodeName == "node-2"
        assert (await the_claim(w, "later")).spec.volumeName == "v"
        await w.until(lambda: placed(w, "a"))

    in_storage_world(body)


async def placed(w: World, name: str) -> bool:
    return bool((await w.client.get(Pod, name, "default")).spec.nodeName)


def test_a_pod_gets_volumes_of_its_own(tmp_path: Path) -> None:
    async def body(w: World) -> None:
        assert isinstance(w, StorageWorld)
        w.root = tmp_path
        w.provision()
        await w.client.create(plan.default_class())
        template = {"metadata": {"labels": {"for": "own"}}, "spec": claim("")["spec"]}
        own = pod("own")
        own["spec"]["volumes"] = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}]
        await w.create(PersistentVolumeClaim, claim("other-scratch"))
        other = pod("other")
        other["spec"]["volumes"] = own["spec"]["volumes"]
        await w.create(Pod, own)
        await w.create(Pod, other)
        await w.until(lambda: placed(w, "own"))
        made = await the_claim(w, "own-scratch")
        assert made.metadata.labels == {"for": "own"}
        assert [ref.name for ref in made.metadata.ownerReferences] == ["own"]
        await w.settle()
        text = "PVC default/other-scratch was not created for pod default/other (pod is not owner)"
        assert ("FailedBinding", f"ephemeral volume scratch: {text}") in await reasons(w, "other")
        await w.client.delete(Pod, "own", "default")
        await w.until(lambda: w.gone(PersistentVolumeClaim, "own-scratch"))
        await w.until(lambda: empty(tmp_path))

    in_storage_world(body)


def test_a_growing_claim_waits_for_a_resizer() -> None:
    async def body(w: World) -> None:
        await a_class(w, "grows", provisioner="example.com/disk", allowVolumeExpansion=True)
        await w.create(PersistentVolume, volume("v", storageClassName="grows"))
        await w.create(PersistentVolumeClaim, claim("c", storageClassName="grows"))
        await w.until(lambda: bound(w, "c"))
        bigger = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
        await w.client.patch(PersistentVolumeClaim, "c", "default", bigger)
        await w.settle()
        assert ("ExternalExpanding", "waiting for an external controller to expand this PVC") in await reasons(w, "c")

    in_storage_world(body)


def test_an_attributes_class_stays_while_it_is_used() -> None:
    async def body(w: World) -> None:
        fields = {"driverName": "example.com", "parameters": {"speed": "fast"}}
        await w.create(VolumeAttributesClass, {"metadata": {"name": "gold", "namespace": ""}, **fields})
        await w.create(PersistentVolumeClaim, claim("c", storageClassName="", volumeAttributesClassName="gold"))
        await w.until(lambda: is_protected(w))
        await w.client.delete(VolumeAttributesClass, "gold")
        await w.settle()
        assert not await w.gone(VolumeAttributesClass, "gold", "")
        await w.client.delete(PersistentVolumeClaim, "c", "default")
        await w.until(lambda: w.gone(VolumeAttributesClass, "gold", ""))

    in_storage_world(body)


async def is_protected(w: World) -> bool:
    found = await w.client.get(VolumeAttributesClass, "gold")
    return found.metadata.finalizers == ["kubernetes.io/vac-protection"]


def csi_volume(name: str, **spec: Any) -> dict[str, Any]:
    made = volume(name, csi={"driver": "disk.example.com", "volumeHandle": f"handle-{name}"}, **spec)
    del made["spec"]["hostPath"]
    return made


async def attachments(w: World) -> dict[str, VolumeAttachment]:
    return {each.spec.nodeName: each for each in await w.items(VolumeAttachment, "")}


async def is_attached_to(w: World, *nodes: str) -> bool:
    return sorted(await attachments(w)) == sorted(nodes)


def test_a_volume_is_attached_where_its_pod_is_and_follows_it() -> None:
    async def body(w: World) -> None:
        await w.add_node("node-2")
        await w.create(PersistentVolume, csi_volume("v"))
        await w.create(PersistentVolumeClaim, claim("c", storageClassName=""))
        await w.until(lambda: bound(w, "c"))
        first, second = pod("first", "c"), pod("second", "c")
        first["spec"]["nodeName"], second["spec"]["nodeName"] = NODE, "node-2"
        await w.create(Pod, first)
        await w.until(lambda: is_attached_to(w, NODE))
        made = (await attachments(w))[NODE]
        assert (made.spec.attacher, made.spec.source.persistentVolumeName) == ("disk.example.com", "v")
        assert (made.metadata.name or "").startswith("csi-")
        done = {"status": {"attached": True}}
        name = made.metadata.name or ""
        await w.client.patch(VolumeAttachment, name, "", done, patch_type="merge", subresource="status")
        await w.settle()
        assert ("SuccessfulAttachVolume", 'AttachVolume.Attach succeeded for volume "v" ') in await reasons(w, "first")
        node = await w.client.get(Node, NODE)
        in_use = "kubernetes.io/csi/disk.example.com^handle-v"
        assert [each.name for each in node.status.volumesAttached or []] == [in_use]
        mounted = {"status": {"volumesInUse": [in_use], "conditions": [{"type": "Ready", "status": "True"}]}}
        await w.client.patch(Node, NODE, "", mounted, patch_type="merge", subresource="status")

        await w.create(Pod, second)
        await w.client.delete(Pod, "first", "default")
        await w.settle()
        why = "Volume is already exclusively attached to one node and can't be attached to another"
        assert ("FailedAttachVolume", f'Multi-Attach error for volume "v" {why}') in await reasons(w, "second")
        assert await is_attached_to(w, NODE), "the node has it mounted"
        await w.client.patch(
            Node, NODE, "", {"status": {"volumesInUse": None}}, patch_type="merge", subresource="status"
        )
        await w.until(lambda: is_attached_to(w, "node-2"))
        await w.client.delete(Pod, "second", "default")
        await w.until(lambda: is_attached_to(w))

    in_storage_world(body)


def test_a_node_that_is_lost_gives_its_volumes_up_after_six_minutes_and_some_drivers_need_no_attaching() -> None:
    async def body(w: World) -> None:
        await w.create(PersistentVolume, csi_volume("v"))
        await w.create(PersistentVolumeClaim, claim("c", storageClassName=""))
        await w.until(lambda: bound(w, "c"))
        one = pod("one", "c")
        one["spec"]["nodeName"] = NODE
        await w.create(Pod, one)
        await w.until(lambda: is_attached_to(w, NODE))
        mounted = {"status": {"volumesInUse": ["kubernetes.io/csi/disk.example.com^handle-v"]}}
        await w.client.patch(Node, NODE, "", mounted, patch_type="merge", subresource="status")
        await w.client.delete(Pod, "one", "default", grace_period_s=0)
        await w.settle(300)
        assert await is_attached_to(w, NODE)
        await w.until(lambda: is_attached_to(w))

        await w.create(
            CSIDriver, {"metadata": {"name": "disk.example.com", "namespace": ""}, "spec": {"attachRequired": False}}
        )
        await w.create(Pod, one)
        await w.settle()
        assert await is_attached_to(w)

    in_storage_world(body)
