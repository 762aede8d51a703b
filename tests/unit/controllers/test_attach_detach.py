"""VolumeAttachments come with the Pods that use a volume and go when a node has let go of it, or is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api.core.v1 import Node, PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import VolumeAttachment
from pybernetes.controllers.attach_detach import plan
from tests.unit.controllers.builders import NOW, make
from tests.unit.controllers.world import World, scenario

IN_USE = "kubernetes.io/csi/disk.example.com^handle"


def volume(*modes: str) -> PersistentVolume:
    spec = {
        "csi": {"driver": "disk.example.com", "volumeHandle": "handle"},
        "accessModes": modes or ["ReadWriteOnce"],
        "claimRef": {"namespace": "default", "name": "c", "uid": "c"},
    }
    return make(PersistentVolume, {"metadata": {"name": "v"}, "spec": spec})


def node(name: str = "n", ready: str = "True", in_use: tuple[str, ...] = (IN_USE,), **spec: Any) -> Node:
    status = {"conditions": [{"type": "Ready", "status": ready}], "volumesInUse": in_use}
    return make(Node, {"metadata": {"name": name}, "spec": spec, "status": status})


def attachment(name: str = "n", deleted: bool = False) -> VolumeAttachment:
    made = plan.attachment(volume(), name)
    made.metadata.deletionTimestamp = "2026-01-01T00:00:00Z" if deleted else None
    return made


OUT = {"taints": [{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]}


@pytest.mark.parametrize(
    ("held", "of", "since", "detached", "again"),
    [
        (attachment(), node(in_use=()), NOW, True, None),
        (attachment(), node(), NOW - 999, False, None),
        (attachment(), node(ready="Unknown"), NOW - 60, False, 300.0),
        (attachment(), node(ready="Unknown"), NOW - 360, True, None),
        (attachment(), node(ready="Unknown", **OUT), NOW, True, None),
        (attachment(), None, NOW, True, None),
        (attachment(deleted=True), None, NOW, False, None),
    ],
    ids=["unmounted", "in use", "not well", "not well for long", "out of service", "gone", "on its way already"],
)
def test_when_a_volume_is_taken_from_a_node(
    held: VolumeAttachment, of: Node | None, since: float, detached: bool, again: float | None
) -> None:
    found = plan.steps(volume(), [], [held], {"n": of} if of else {}, {"n": since}, NOW)
    assert (found.detach == [held]) is detached
    assert found.look_again_s == (float("inf") if again is None else again)


@pytest.mark.parametrize(
    ("modes", "held", "attach", "refused"),
    [
        (("ReadWriteOnce",), [], ["a"], ["b"]),
        (("ReadWriteOnce",), [attachment("b")], [], ["a"]),
        (("ReadWriteMany",), [], ["a", "b"], []),
        (("ReadWriteMany",), [attachment("b")], ["a"], []),
    ],
    ids=["one at a time", "another has it", "shared", "shared by another already"],
)
def test_who_gets_it(
    modes: tuple[str, ...], held: list[VolumeAttachment], attach: list[str], refused: list[str]
) -> None:
    found = plan.steps(volume(*modes), ["a", "b"], held, {}, {}, NOW)
    assert (found.attach, found.refused, found.detach) == (attach, refused, [])


def world() -> World:
    made = World("persistentvolume-attach-detach-controller")
    claim = {"metadata": {"name": "c", "namespace": "default", "uid": "c"}, "spec": {"volumeName": "v"}}
    made.api.put(volume(), "persistentvolumes")
    made.api.put(make(PersistentVolumeClaim, claim), "persistentvolumeclaims")
    made.api.put(node(), "nodes")
    made.api.put(user(), "pods")
    return made


def user(of: str = "c") -> Pod:
    spec = {"containers": [], "nodeName": "n", "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": of}}]}
    return make(Pod, {"metadata": {"name": "p", "namespace": "default"}, "spec": spec})


def nodes_with_it(w: World) -> list[str]:
    return [each["spec"]["nodeName"] for each in w.api.all("volumeattachments")]


def test_a_node_that_is_deleted_lets_go() -> None:
    async def body(w: World) -> None:
        await w.settle()
        assert nodes_with_it(w) == ["n"]
        w.api.remove("pods", "p", "default")
        await w.settle()
        assert nodes_with_it(w) == ["n"], "its kubelet has it in use"
        w.api.remove("nodes", "n")
        await w.settle()
        assert nodes_with_it(w) == []

    scenario(world, body)


def test_a_claim_that_is_gone_before_its_pod_lets_go() -> None:
    async def body(w: World) -> None:
        await w.settle()
        w.api.put(node(in_use=()), "nodes")
        w.api.remove("persistentvolumeclaims", "c", "default")
        w.api.remove("pods", "p", "default")
        await w.settle()
        assert nodes_with_it(w) == []

    scenario(world, body)


def test_a_node_that_comes_again_is_told_what_it_has() -> None:
    async def body(w: World) -> None:
        await w.settle()
        held = w.api.all("volumeattachments")[0]
        w.api.put({**held, "status": {"attached": True}}, "volumeattachments")
        await w.settle()
        told = [{"name": IN_USE, "devicePath": ""}]
        assert w.api.get("nodes", "n")["status"]["volumesAttached"] == told
        w.api.remove("nodes", "n")
        w.api.put(node(), "nodes")
        await asyncio.sleep(1)
        await w.settle()
        assert w.api.get("nodes", "n")["status"]["volumesAttached"] == told

    scenario(world, body)
