"""Volumes of a CSI driver in pods: a driver of the tests' own, which is a process and mounts."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Node, PersistentVolume, PersistentVolumeClaim, Secret
from pybernetes.api.storage.v1 import CSIDriver, CSINode, VolumeAttachment
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.csi_volumes import attachment_name, unique_name
from pybernetes.kubelet.volumes import mounts
from tests.csi_driver import CsiDriver

from .harness import NODE, Cluster, eventually, play, shell
from .private_containerd import IMAGE, PrivateContainerd

pytestmark = pytest.mark.e2e
DRIVER = "csi.example.com"
HANDLE = "volume-1"
IDLE = "trap 'exit 0' TERM; sleep 3600 & wait"
READS = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
MOUNT = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}


@contextlib.asynccontextmanager
async def driver(cluster: Cluster, **spec: Any) -> AsyncIterator[CsiDriver]:
    """A running driver with its CSIDriver object, registered."""
    made = CsiDriver(cluster.new_folder("driver"), registry(cluster), DRIVER)
    spec = {
        "attachRequired": False,
        "fsGroupPolicy": "File",
        "volumeLifecycleModes": ["Persistent", "Ephemeral"],
        **spec,
    }
    await cluster.admin.create(msgspec.convert({"metadata": {"name": DRIVER}, "spec": spec}, CSIDriver))
    made.start()
    try:
        await registered(cluster)
        yield made
        await cluster.delete_all()
    finally:
        made.kill()
        for socket in registry(cluster).iterdir():
            socket.unlink()
        await cluster.admin.delete(CSIDriver, DRIVER)


def registry(cluster: Cluster) -> Path:
    return Path(cluster.config().root_dir, "plugins_registry")


async def registered(cluster: Cluster) -> None:
    async def look() -> bool:
        node = await csi_node(cluster)
        return node is not None and any(each.name == DRIVER for each in node.spec.drivers or ())

    await eventually(look)


async def csi_node(cluster: Cluster) -> CSINode | None:
    with contextlib.suppress(errors.NotFound):
        return await cluster.admin.get(CSINode, NODE)
    return None


async def claim(cluster: Cluster, name: str = "data", handle: str = HANDLE, **volume: Any) -> None:
    """A claim that is bound to a volume of the driver, as a provisioner and the binder leave them."""
    mode = volume.pop("volumeMode", "Filesystem")
    csi = volume.pop("csi", {})
    if csi is not None:
        volume["csi"] = {"driver": DRIVER, "volumeHandle": handle, "fsType": "ext4", **csi}
    amount = {"storage": "1Gi"}
    asked = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": amount},
            "volumeName": f"pv-{name}",
            "storageClassName": "",
            "volumeMode": mode,
        },
    }
    made = await cluster.admin.create(msgspec.convert(asked, PersistentVolumeClaim))
    about = {"namespace": "default", "name": name, "uid": made.metadata.uid}
    spec = {
        "capacity": amount,
        "accessModes": ["ReadWriteOnce"],
        "claimRef": about,
        "persistentVolumeReclaimPolicy": "Retain",
        "volumeMode": mode,
        **volume,
    }
    await cluster.admin.create(msgspec.convert({"metadata": {"name": f"pv-{name}"}, "spec": spec}, PersistentVolume))
    made.status.phase, made.status.capacity = "Bound", amount
    made.status.accessModes = ["ReadWriteOnce"]
    await cluster.admin.update_status(made)


def below(cluster: Cluster) -> list[Path]:
    """What is mounted below the kubelet's root."""
    return mounts.mounts_below(Path(cluster.config().root_dir))


def test_a_claim_is_staged_once_and_published_for_each_pod(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        async with driver(cluster) as csi:
            csi.order(node={"id": "here", "most": 7, "topology": {"example.com/rack": "r1"}})
            csi.kill()
            csi.start()
            node = await eventually(lambda: limited(cluster))
            assert [each.nodeID for each in node.spec.drivers or ()] == ["here"]
            assert [each.topologyKeys for each in node.spec.drivers or ()] == [["example.com/rack"]]
            labelled = await cluster.admin.get(Node, NODE)
            assert labelled.metadata.labels["example.com/rack"] == "r1"
            assert json.loads(labelled.metadata.annotations["csi.volume.kubernetes.io/nodeid"]) == {DRIVER: "here"}

            await claim(cluster, mountOptions=["noatime"], csi={"volumeAttributes": {"a": "b"}})
            await cluster.create("one", [shell(f"echo hello > /data/file; {IDLE}", **MOUNT)], volumes=[READS])
            await cluster.running("one")
            part = [*MOUNT["volumeMounts"], {"name": "data", "mountPath": "/part", "subPath": "a/b"}]
            two = shell(f"cat /data/file; {IDLE}", volumeMounts=part)
            await cluster.create(
                "two", [two], volumes=[{**READS, "persistentVolumeClaim": {"claimName": "data", "readOnly": True}}]
            )
            pod = await cluster.running("two")
            assert await cluster.exec(pod, "cat", "/data/file") == "hello\n"
            assert await cluster.exec(pod, "ls", "/data") == "a\nfile\n"

            (stage,) = csi.calls("NodeStageVolume")[:1]
            root = Path(cluster.config().root_dir)
            assert stage["volume_capability"] == {
                "mount": {"fs_type": "ext4", "mount_flags": ["noatime"]},
                "access_mode": {"mode": "SINGLE_NODE_WRITER"},
            }
            assert stage["volume_context"] == {"a": "b"}
            staging = Path(stage["staging_target_path"])
            assert (
                staging.parent.parent == root / "plugins/kubernetes.io/csi" / DRIVER and staging.name == "globalmount"
            )
            assert json.loads((staging.parent / "vol_data.json").read_text()) == {
                "driverName": DRIVER,
                "volumeHandle": HANDLE,
            }
            first, second = csi.calls("NodePublishVolume")
            assert first["target_path"] == str(
                root / "pods" / uid_of(cluster, "one") / "volumes/kubernetes.io~csi/pv-data/mount"
            )
            assert second["readonly"] and "readonly" not in first
            record = json.loads((Path(first["target_path"]).parent / "vol_data.json").read_text())
            assert record == {
                "attachmentID": attachment_name(DRIVER, HANDLE, NODE),
                "driverName": DRIVER,
                "nodeName": NODE,
                "specVolID": "pv-data",
                "volumeHandle": HANDLE,
                "volumeLifecycleMode": "Persistent",
            }
            await cluster.delete("one", 0)
            await cluster.gone("one")
            assert not csi.calls("NodeUnstageVolume")
            assert staging in below(cluster)
            await cluster.delete("two", 0)
            await cluster.gone("two")
            assert len(csi.calls("NodeUnpublishVolume")) == 2 and len(csi.calls("NodeUnstageVolume")) == 1
            assert not below(cluster)
            assert not staging.parent.exists()
            assert (csi.folder / "volumes" / HANDLE / "file").read_text() == "hello\n"

    play(containerd, scene)


async def limited(cluster: Cluster) -> CSINode | None:
    node = await csi_node(cluster)
    found = [each for each in (node.spec.drivers or () if node is not None else ()) if each.allocatable is not None]
    return node if found and found[0].allocatable is not None and found[0].allocatable.count == 7 else None


def uid_of(cluster: Cluster, name: str) -> str:
    return next(r.uid for r in cluster.kubelet.runners.values() if r.worker.pod.metadata.name == name)


def test_a_volume_is_used_when_the_api_says_that_it_is_attached(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        async with driver(cluster, attachRequired=True) as csi:
            await claim(cluster)
            await cluster.create("attached", [shell(IDLE, **MOUNT)], volumes=[READS])
            name = unique_name(DRIVER, HANDLE)

            async def in_use() -> bool:
                return name in ((await cluster.admin.get(Node, NODE)).status.volumesInUse or ())

            await eventually(in_use)
            assert not csi.calls("NodeStageVolume", "NodePublishVolume")
            attachment = {
                "metadata": {"name": attachment_name(DRIVER, HANDLE, NODE)},
                "spec": {"attacher": DRIVER, "nodeName": NODE, "source": {"persistentVolumeName": "pv-data"}},
            }
            made = await cluster.admin.create(msgspec.convert(attachment, VolumeAttachment))
            made.status.attached, made.status.attachmentMetadata = True, {"lun": "4"}
            await cluster.admin.update_status(made)
            attached = {"status": {"volumesAttached": [{"name": name, "devicePath": ""}]}}
            await cluster.admin.patch(Node, NODE, "", attached, subresource="status")
            await cluster.running("attached")
            for call in csi.calls("NodeStageVolume", "NodePublishVolume"):
                assert call["publish_context"] == {"lun": "4"}
            await cluster.delete("attached", 0)
            await cluster.gone("attached")

            async def left() -> bool:
                return name not in ((await cluster.admin.get(Node, NODE)).status.volumesInUse or ())

            await eventually(left)
            assert csi.calls("NodeUnstageVolume")

    play(containerd, scene)


def test_a_pod_that_waits_for_a_volume_can_go(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        async with driver(cluster, attachRequired=True) as csi:
            await claim(cluster)
            await cluster.create("waits", [shell(IDLE, **MOUNT)], volumes=[READS])
            await cluster.until_runners(lambda runners: "waits" in runners)
            await cluster.delete("waits")
            await cluster.gone("waits")
            assert not csi.calls("NodeStageVolume", "NodePublishVolume", "NodeUnpublishVolume")

    play(containerd, scene)


def test_what_a_driver_refuses_is_told_and_tried_again(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        async with driver(cluster) as csi:
            csi.order(fail={"NodeStageVolume": "INTERNAL"})
            await claim(cluster)
            await cluster.create("again", [shell(IDLE, **MOUNT)], volumes=[READS])
            text = 'FailedMount: MountVolume.MountDevice failed for volume "pv-data" : '
            text += "rpc error: code = Internal desc = told to fail"

            async def told() -> bool:
                return text in await cluster.events("again")

            await eventually(told)
            labels = f'driver_name="{DRIVER}",grpc_status_code="Internal",method_name="/csi.v1.Node/NodeStageVolume"'
            assert cluster.figures()[f'csi_operations_seconds_count{{{labels},migrated="false"}}'] >= 1
            staging = Path(csi.calls("NodeStageVolume")[0]["staging_target_path"])
            csi.order(fail={"NodePublishVolume": "DEADLINE_EXCEEDED"})

            async def halfway() -> bool:
                return bool(csi.calls("NodePublishVolume"))

            await eventually(halfway)
            assert staging in below(cluster)
            await cluster.delete("again", 0)
            await cluster.gone("again")
            assert csi.calls("NodeUnstageVolume")
            assert csi.calls("NodeUnpublishVolume"), "nobody knows how far it had come"
            assert not below(cluster)

    play(containerd, scene)


def test_what_a_kubelet_left_is_found_by_the_next(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        async with driver(cluster) as csi:
            await claim(cluster)
            await claim(cluster, "other", "volume-2")
            other = {"name": "data", "persistentVolumeClaim": {"claimName": "other"}}
            await cluster.create("stays", [shell(IDLE, **MOUNT)], volumes=[READS])
            await cluster.create("goes", [shell(IDLE, **MOUNT)], volumes=[other])
            pod = await cluster.running("stays")
            await cluster.running("goes")
            await cluster.stop_kubelet()
            await cluster.delete("goes", 0)
            await cluster.start_kubelet()
            await cluster.gone("goes")

            async def unstaged() -> bool:
                return [call["volume_id"] for call in csi.calls("NodeUnstageVolume")] == ["volume-2"]

            await eventually(unstaged)
            after = await cluster.running("stays")
            assert after.status.containerStatuses[0].containerID == pod.status.containerStatuses[0].containerID
            await cluster.exec(after, "touch", "/data/after")
            await cluster.delete("stays", 0)
            await cluster.gone("stays")
            assert not below(cluster)

    play(containerd, scene)


def test_a_driver_that_is_away_gets_its_volume_back_later(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        async with driver(cluster) as csi:
            await claim(cluster)
            await cluster.create("pod", [shell(IDLE, **MOUNT)], volumes=[READS])
            await cluster.running("pod")
            csi.kill()
            await cluster.delete("pod", 0)

            async def cleaning() -> bool:
                return any(r.worker.stage.name == "CLEANING" for r in cluster.kubelet.runners.values())

            await eventually(cleaning)
            assert below(cluster)
            csi.start()
            await cluster.until_runners(lambda runners: "pod" not in runners)
            assert not below(cluster)

    play(containerd, scene)


def test_an_inline_volume_knows_its_pod(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        requests = [{"audience": "store", "expirationSeconds": 3600}]
        async with driver(cluster, podInfoOnMount=True, tokenRequests=requests) as csi:
            key = Secret(data={"password": "c2VjcmV0"})
            key.metadata.name, key.metadata.namespace = "key", "default"
            await cluster.admin.create(key)
            inline = {"driver": DRIVER, "volumeAttributes": {"k": "v"}, "nodePublishSecretRef": {"name": "key"}}
            volumes = [{"name": "data", "csi": inline}]
            context = {"fsGroup": 4321}
            await cluster.create("inline", [shell(IDLE, **MOUNT)], volumes=volumes, securityContext=context)
            pod = await cluster.running("inline")
            (call,) = csi.calls("NodePublishVolume")
            tokens = json.loads(call["volume_context"].pop("csi.storage.k8s.io/serviceAccount.tokens"))
            assert tokens["store"]["token"] and tokens["store"]["expirationTimestamp"]
            assert call["volume_context"] == {
                "k": "v",
                "csi.storage.k8s.io/pod.name": "inline",
                "csi.storage.k8s.io/pod.namespace": "default",
                "csi.storage.k8s.io/pod.uid": pod.metadata.uid,
                "csi.storage.k8s.io/serviceAccount.name": "default",
                "csi.storage.k8s.io/ephemeral": "true",
            }
            assert call["secrets"] == {"password": "secret"}
            assert "staging_target_path" not in call and not csi.calls("NodeStageVolume")
            assert (await cluster.exec(pod, "stat", "-c", "%g", "/data")).strip() == "4321"

    play(containerd, scene)


def test_a_volume_that_grew_is_made_larger_and_measured(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        async with driver(cluster) as csi:
            await claim(cluster)
            await cluster.create("grows", [shell(IDLE, **MOUNT)], volumes=[READS])
            await cluster.running("grows")
            larger = {"spec": {"capacity": {"storage": "2Gi"}}}
            await cluster.admin.patch(PersistentVolume, "pv-data", "", larger)
            waits = {"type": "FileSystemResizePending", "status": "True"}
            told = {
                "conditions": [waits],
                "allocatedResources": {"storage": "2Gi"},
                "allocatedResourceStatuses": {"storage": "NodeResizePending"},
            }
            await cluster.admin.patch(PersistentVolumeClaim, "data", "default", {"status": told}, subresource="status")
            (runner,) = cluster.kubelet.runners.values()
            runner.look_at_volumes()

            async def grown() -> bool:
                status = (await cluster.admin.get(PersistentVolumeClaim, "data", "default")).status
                done = status.capacity["storage"] == "2Gi" and not status.conditions
                return done and not status.allocatedResourceStatuses

            await eventually(grown)
            (call,) = csi.calls("NodeExpandVolume")
            assert call["capacity_range"] == {"required_bytes": str(2 << 30)}
            done = f'FileSystemResizeSuccessful: MountVolume.NodeExpandVolume succeeded for volume "pv-data"  {NODE}'
            assert done in await cluster.events("grows") and done in await cluster.events("data")

            (found,) = await cluster.kubelet.node.volumes.stats(runner.worker.pod, only_claims=True)
            assert (found.claim, found.stats.used, found.stats.inodes_free) == (("default", "data"), 400, 90)

    play(containerd, scene)


def test_asked_again_from_time_to_time(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        async with driver(cluster, requiresRepublish=True) as csi:
            await cluster.create("again", [shell(IDLE, **MOUNT)], volumes=[{"name": "data", "csi": {"driver": DRIVER}}])
            await cluster.running("again")
            (runner,) = cluster.kubelet.runners.values()
            runner.look_at_volumes()

            async def twice() -> bool:
                return len(csi.calls("NodePublishVolume")) >= 2

            await eventually(twice)

    play(containerd, scene)


def test_devices_are_given_to_containers_as_such(containerd: PrivateContainerd, loop_device: str) -> None:
    async def scene(cluster: Cluster) -> None:
        async with driver(cluster) as csi:
            (csi.folder / "device").write_text(loop_device)
            await claim(cluster, volumeMode="Block", accessModes=["ReadWriteOnce"])
            device = {"volumeDevices": [{"name": "data", "devicePath": "/dev/data"}]}
            await cluster.create("device", [shell(IDLE, **device)], volumes=[READS])
            pod = await cluster.running("device")
            assert (await cluster.exec(pod, "sh", "-c", "test -b /dev/data && head -c 4 /dev/data")) == "here"
            root = Path(cluster.config().root_dir)
            devices = root / "plugins/kubernetes.io/csi/volumeDevices"
            (stage,) = csi.calls("NodeStageVolume")
            (publish,) = csi.calls("NodePublishVolume")
            assert stage["volume_capability"] == {"block": {}, "access_mode": {"mode": "SINGLE_NODE_WRITER"}}
            assert stage["staging_target_path"] == str(devices / "staging/pv-data")
            assert publish["target_path"] == str(devices / "publish/pv-data" / uid_of(cluster, "device"))
            await cluster.stop_kubelet()
            await cluster.start_kubelet()
            await cluster.delete("device", 0)
            await cluster.gone("device")
            assert csi.calls("NodeUnstageVolume") and not below(cluster)
            assert not [place for place in devices.rglob("*") if place.name not in ("staging", "publish")]

    play(containerd, scene)


def test_a_local_volume_may_be_a_device(containerd: PrivateContainerd, loop_device: str) -> None:
    async def scene(cluster: Cluster) -> None:
        affinity = {"required": {"nodeSelectorTerms": [{"matchFields": [NODE_ITSELF]}]}}
        local = {"local": {"path": loop_device}, "nodeAffinity": affinity}
        await claim(cluster, volumeMode="Block", csi=None, **local)
        device = {"volumeDevices": [{"name": "data", "devicePath": "/dev/data"}]}
        await cluster.create("local", [shell(IDLE, **device)], volumes=[READS])
        pod = await cluster.running("local")
        assert (await cluster.exec(pod, "head", "-c", "4", "/dev/data")) == "here"
        assert len(below(cluster)) >= 1
        await cluster.delete("local", 0)
        await cluster.gone("local")
        assert not below(cluster)
        await cluster.create("mounts", [shell(IDLE, **MOUNT)], volumes=[READS])

        async def told() -> bool:
            text = "volume data has volumeMode Block, but is specified in volumeMounts"
            return any(text in event for event in await cluster.events("mounts"))

        await eventually(told)

    play(containerd, scene)


NODE_ITSELF = {"key": "metadata.name", "operator": "In", "values": [NODE]}


@pytest.fixture
def loop_device(tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "disk"
    file.write_bytes(b"here" + bytes(1 << 20))
    made = subprocess.run(["losetup", "--find", "--show", str(file)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no loop devices: {made.stderr.strip()}")
    device = made.stdout.strip()
    yield device
    subprocess.run(["losetup", "--detach", device], check=True)


def test_an_image_as_a_volume(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        mounts = [{"name": "data", "mountPath": "/image"}, {"name": "data", "mountPath": "/only", "subPath": "bin"}]
        image = [{"name": "data", "image": {"reference": IMAGE, "pullPolicy": "IfNotPresent"}}]
        await cluster.create("image", [shell(IDLE, volumeMounts=mounts)], volumes=image)
        pod = await cluster.running("image")
        said = await cluster.exec(pod, "sh", "-c", "ls -d /image/bin/sh /only/sh; touch /image/x 2>&1 || true")
        assert said.splitlines()[:2] == ["/image/bin/sh", "/only/sh"]
        assert "Read-only file system" in said
        await cluster.stop_kubelet()
        await cluster.start_kubelet()
        await cluster.delete("image")
        await cluster.gone("image")
        assert str(pod.metadata.uid) not in containerd.ctr("snapshots", "list").stdout

        missing = [{"name": "data", "image": {"reference": "none/such:1", "pullPolicy": "Never"}}]
        await cluster.create("missing", [shell(IDLE, **MOUNT)], volumes=missing)
        await cluster.until("missing", lambda p: "ErrImageNeverPull" in str(p.status.containerStatuses))

    play(containerd, scene)


@pytest.mark.skipif(shutil.which("mount.nfs") is not None, reason="NFS can be mounted here")
def test_nfs_without_its_helper_is_told(containerd: PrivateContainerd) -> None:
    async def scene(cluster: Cluster) -> None:
        nfs = [{"name": "data", "nfs": {"server": "127.0.0.1", "path": "/export"}}]
        await cluster.create("nfs", [shell(IDLE, **MOUNT)], volumes=nfs)

        async def told() -> bool:
            found = [event for event in await cluster.events("nfs") if event.startswith("FailedMount")]
            return any("mount failed: this node has no /sbin/mount.nfs" in event for event in found)

        await eventually(told)

    play(containerd, scene)
