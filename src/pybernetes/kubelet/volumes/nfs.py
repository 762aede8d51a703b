"""Volumes of an NFS server, mounted by the system's own helper.

Source: pkg/volume/nfs/nfs.go, vendor/k8s.io/mount-utils/mount_linux.go.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from pybernetes.api.core.v1 import NFSVolumeSource
from pybernetes.host.ip_families import bracketed
from pybernetes.kubelet.volumes import disks, mounts
from pybernetes.kubelet.volumes.payload import VolumeError

FOLDER = "kubernetes.io~nfs"
_HELPER = "/sbin/mount.nfs"


async def mount(source: NFSVolumeSource, place: Path, options: Sequence[str], read_only: bool) -> None:
    """Does nothing where it is mounted. Raises VolumeError with what the helper said, OSError."""
    if mounts.is_mount_point(place):
        return
    if shutil.which(_HELPER) is None:
        raise VolumeError(f"mount failed: this node has no {_HELPER}; it is in Debian's package nfs-common")
    chosen = [*(["ro"] if read_only or source.readOnly else []), *options]
    await disks.mount("nfs", f"{bracketed(source.server)}:{source.path}", place, chosen)
