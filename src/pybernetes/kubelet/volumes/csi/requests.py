"""What drivers are told about a volume and the pod that uses it. Pure.

Source: pkg/volume/csi/csi_client.go, csi_mounter.go, csi_util.go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from pybernetes.api.authentication.v1 import TokenRequestStatus
from pybernetes.api.core.v1 import PersistentVolume, Pod
from pybernetes.api.core.v1 import Volume as PodVolume
from pybernetes.api.storage.v1 import CSIDriver
from pybernetes.apimachinery.volume_claims import BLOCK
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.volumes.csi.mounts_on_disk import Use, Volume
from pybernetes.kubelet.volumes.stats import VolumeStats

STAGE, STATS, EXPAND, SHARED_WRITER, MOUNT_GROUP = 1, 2, 3, 5, 6
"""What a driver can do, by the protocol's numbers."""
_READ_ONLY_MANY, _READ_WRITE_MANY, _READ_WRITE_ONCE = "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce"
_READ_WRITE_ONCE_POD = "ReadWriteOncePod"
_MODES = {_READ_WRITE_ONCE: 1, _READ_ONLY_MANY: 3, _READ_WRITE_MANY: 5, _READ_WRITE_ONCE_POD: 1}
_FINE_MODES = {**_MODES, _READ_WRITE_ONCE: 7, _READ_WRITE_ONCE_POD: 6}
_NOT_FINAL = {"CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED"}
_BYTES, _INODES = 1, 2
_TOKENS = "csi.storage.k8s.io/serviceAccount.tokens"


def use_of(pod: Pod, volume: PodVolume, found: PersistentVolume | None) -> Use | None:
    """The volume of a CSI driver behind a volume of a pod, None for one of another kind."""
    uid = uid_of(pod)
    if volume.csi is not None:
        handle = f"csi-{hashlib.sha256(f'{uid}{volume.name}'.encode()).hexdigest()}"
        return Use(Volume(volume.csi.driver, handle, volume.name, ephemeral=True), uid)
    if found is None or found.spec.csi is None:
        return None
    csi, name = found.spec.csi, found.metadata.name or ""
    return Use(Volume(csi.driver, csi.volumeHandle, name, block=found.spec.volumeMode == BLOCK), uid)


def capability(
    pb: Any, volume: Volume, found: PersistentVolume | None, fs_type: str, can: frozenset[int], group: int | None
) -> Any:
    """VolumeCapability: how the pod uses the volume. `group`: what a driver that sees to groups itself is to give."""
    modes = found.spec.accessModes if found is not None else []
    mode = (_FINE_MODES if SHARED_WRITER in can else _MODES).get(modes[0] if modes else _READ_WRITE_ONCE, 0)
    made = pb.VolumeCapability(access_mode=pb.VolumeCapability.AccessMode(mode=mode))
    if volume.block:
        made.block.SetInParent()
        return made
    options = found.spec.mountOptions if found is not None else []
    made.mount.CopyFrom(pb.VolumeCapability.MountVolume(fs_type=fs_type, mount_flags=options))
    if group is not None and MOUNT_GROUP in can:
        made.mount.volume_mount_group = str(group)
    return made


def about_pod(pod: Pod, *, ephemeral: bool) -> dict[str, str]:
    return {
        "csi.storage.k8s.io/pod.name": pod.metadata.name or "",
        "csi.storage.k8s.io/pod.namespace": pod.metadata.namespace or "",
        "csi.storage.k8s.io/pod.uid": uid_of(pod),
        "csi.storage.k8s.io/serviceAccount.name": pod.spec.serviceAccountName or "",
        "csi.storage.k8s.io/ephemeral": str(ephemeral).lower(),
    }


def tokens_attribute(tokens: Mapping[str, TokenRequestStatus]) -> dict[str, str]:
    """Tokens of the pod's ServiceAccount by audience, as one attribute."""
    shown = {
        audience: {"token": each.token, "expirationTimestamp": each.expirationTimestamp}
        for audience, each in sorted(tokens.items())
    }
    return {_TOKENS: msgspec.json.encode(shown).decode()}


def refuses_mode(driver: CSIDriver | None, name: str, *, ephemeral: bool) -> str:
    """Why the driver has no volumes of that lifetime, "" when it has."""
    mode = "Ephemeral" if ephemeral else "Persistent"
    about = f'volume mode "{mode}" not supported by driver {name}'
    if driver is None:
        return f"{about} (no CSIDriver object)" if ephemeral else ""
    modes = driver.spec.volumeLifecycleModes
    if mode in modes:
        return ""
    shown = " ".join(f'"{each}"' for each in modes)
    return f"{about} (only supports [{shown}])"


def kubelet_gives_group(
    driver: CSIDriver | None, found: PersistentVolume | None, fs_type: str, can: frozenset[int]
) -> bool:
    """Whether the files of a volume are given to a pod's fsGroup here: neither by the driver, nor not at all."""
    policy = (driver.spec.fsGroupPolicy if driver is not None else None) or "ReadWriteOnceWithFSType"
    if MOUNT_GROUP in can or policy == "None":
        return False
    if policy == "File":
        return True
    modes = found.spec.accessModes if found is not None else [_READ_WRITE_ONCE]
    return bool(fs_type) and any(mode in (_READ_WRITE_ONCE, _READ_WRITE_ONCE_POD) for mode in modes)


def stats_of(answer: Any) -> VolumeStats:
    """NodeGetVolumeStatsResponse."""
    found = VolumeStats()
    for each in answer.usage:
        if each.unit == _BYTES:
            found = replace(found, capacity=each.total, available=each.available, used=each.used)
        elif each.unit == _INODES:
            found = replace(found, inodes=each.total, inodes_free=each.available, inodes_used=each.used)
    return found


def is_final(code: str) -> bool:
    """Whether an error of gRPC says that the driver has stopped trying."""
    return code not in _NOT_FINAL
