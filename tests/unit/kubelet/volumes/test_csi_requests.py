"""What drivers are told and what the kubelet does itself: tables."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.authentication.v1 import TokenRequestStatus
from pybernetes.api.core.v1 import PersistentVolume, Pod
from pybernetes.api.core.v1 import Volume as PodVolume
from pybernetes.api.storage.v1 import CSIDriver
from pybernetes.kubelet.volumes.csi import csi_pb2 as untyped
from pybernetes.kubelet.volumes.csi import requests
from pybernetes.kubelet.volumes.csi.mounts_on_disk import Volume

pb: Any = untyped
FILES = Volume("d", "h", "pv")


def volume(modes: list[str], **spec: Any) -> PersistentVolume:
    csi = {"driver": "d", "volumeHandle": "h"}
    return msgspec.convert(
        {"metadata": {"name": "pv"}, "spec": {"accessModes": modes, "csi": csi, **spec}}, PersistentVolume
    )


def about(**spec: Any) -> CSIDriver:
    return msgspec.convert({"metadata": {"name": "d"}, "spec": spec}, CSIDriver)


@pytest.mark.parametrize(
    ("modes", "can", "mode"),
    [
        (["ReadWriteOnce"], set(), "SINGLE_NODE_WRITER"),
        (["ReadOnlyMany"], set(), "MULTI_NODE_READER_ONLY"),
        (["ReadWriteMany"], set(), "MULTI_NODE_MULTI_WRITER"),
        (["ReadWriteOncePod"], set(), "SINGLE_NODE_WRITER"),
        (["ReadWriteOnce"], {requests.SHARED_WRITER}, "SINGLE_NODE_MULTI_WRITER"),
        (["ReadWriteOncePod"], {requests.SHARED_WRITER}, "SINGLE_NODE_SINGLE_WRITER"),
        (["ReadWriteMany", "ReadWriteOnce"], {requests.SHARED_WRITER}, "MULTI_NODE_MULTI_WRITER"),
        ([], set(), "SINGLE_NODE_WRITER"),
    ],
)
def test_access_mode(modes: list[str], can: set[int], mode: str) -> None:
    made = requests.capability(pb, FILES, volume(modes), "", frozenset(can), None)
    assert pb.VolumeCapability.AccessMode.Mode.Name(made.access_mode.mode) == mode


def test_a_device_has_neither_file_system_nor_options() -> None:
    found = volume(["ReadWriteOnce"], mountOptions=["noatime"], volumeMode="Block")
    made = requests.capability(
        pb, Volume("d", "h", "pv", block=True), found, "ext4", frozenset({requests.MOUNT_GROUP}), 5
    )
    assert made.HasField("block") and not made.HasField("mount")


@pytest.mark.parametrize(("can", "group"), [({requests.MOUNT_GROUP}, "5"), (set(), "")])
def test_the_group_is_told_to_drivers_that_see_to_it(can: set[int], group: str) -> None:
    made = requests.capability(pb, FILES, volume(["ReadWriteOnce"]), "ext4", frozenset(can), 5)
    assert made.mount.volume_mount_group == group


@pytest.mark.parametrize(
    ("driver", "modes", "fs_type", "can", "given"),
    [
        (None, ["ReadWriteOnce"], "ext4", set(), True),
        (None, ["ReadWriteOncePod"], "ext4", set(), True),
        (None, ["ReadWriteOnce"], "", set(), False),
        (None, ["ReadWriteMany"], "ext4", set(), False),
        (None, None, "ext4", set(), True),
        (about(fsGroupPolicy="ReadWriteOnceWithFSType"), ["ReadOnlyMany"], "ext4", set(), False),
        (about(fsGroupPolicy="File"), ["ReadWriteMany"], "", set(), True),
        (about(fsGroupPolicy="File"), ["ReadWriteMany"], "", {requests.MOUNT_GROUP}, False),
        (about(fsGroupPolicy="None"), ["ReadWriteOnce"], "ext4", set(), False),
    ],
)
def test_who_gives_files_to_a_group(
    driver: CSIDriver | None, modes: list[str] | None, fs_type: str, can: set[int], given: bool
) -> None:
    found = volume(modes) if modes is not None else None
    assert requests.kubelet_gives_group(driver, found, fs_type, frozenset(can)) is given


@pytest.mark.parametrize(
    ("driver", "ephemeral", "why"),
    [
        (None, False, ""),
        (None, True, 'volume mode "Ephemeral" not supported by driver d (no CSIDriver object)'),
        (about(volumeLifecycleModes=["Persistent"]), False, ""),
        (
            about(volumeLifecycleModes=["Persistent"]),
            True,
            'volume mode "Ephemeral" not supported by driver d (only supports ["Persistent"])',
        ),
    ],
)
def test_lifetimes_of_volumes(driver: CSIDriver | None, ephemeral: bool, why: str) -> None:
    assert requests.refuses_mode(driver, "d", ephemeral=ephemeral) == why


def test_an_inline_volume_has_a_handle_of_its_pod_and_name() -> None:
    pod = msgspec.convert({"metadata": {"name": "p", "uid": "u"}}, Pod)
    use = requests.use_of(pod, msgspec.convert({"name": "v", "csi": {"driver": "d"}}, PodVolume), None)
    assert use is not None
    assert use.volume.handle == "csi-e6184ce10e266134fdcfa401e8f1a95005bcd4f18d16b62b757323e2833fe9a9"
    assert use.volume.ephemeral and (use.volume.name, use.uid) == ("v", "u")


def test_tokens_are_one_attribute() -> None:
    tokens = {
        "b": TokenRequestStatus(token="2", expirationTimestamp="y"),
        "a": TokenRequestStatus(token="1", expirationTimestamp="x"),
    }
    assert requests.tokens_attribute(tokens) == {
        "csi.storage.k8s.io/serviceAccount.tokens": (
            '{"a":{"token":"1","expirationTimestamp":"x"},"b":{"token":"2","expirationTimestamp":"y"}}'
        )
    }


@pytest.mark.parametrize(
    ("code", "final"),
    [
        ("CANCELLED", False),
        ("DEADLINE_EXCEEDED", False),
        ("UNAVAILABLE", False),
        ("RESOURCE_EXHAUSTED", False),
        ("ABORTED", False),
        ("INTERNAL", True),
        ("INVALID_ARGUMENT", True),
        ("NOT_FOUND", True),
    ],
)
def test_which_errors_are_final(code: str, final: bool) -> None:
    assert requests.is_final(code) is final
