"""Local volumes with a file system: folders as they are; disks formatted when empty, and mounted.

    plugins/kubernetes.io/local-volume/mounts/NAME       the file system of a disk, once a node
    pods/UID/volumes/kubernetes.io~local-volume/NAME     the same, bound for a pod

Source: pkg/volume/local/local.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pybernetes.api.core.v1 import LocalVolumeSource, Pod
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.volumes import disks, mounts, ownership
from pybernetes.kubelet.volumes.payload import VolumeError

FOLDER = "kubernetes.io~local-volume"


def place_of(root: Path, source: LocalVolumeSource, uid: str, name: str) -> Path:
    """What a pod is shown of the PersistentVolume `name`."""
    folder = Path(source.path)
    return _bind(root, uid, name) if folder.is_block_device() else folder


async def set_up(
    root: Path, source: LocalVolumeSource, pod: Pod, name: str, options: Sequence[str], read_only: bool
) -> None:
    """A folder that is missing holds no data, so none is made up for it. Raises VolumeError, OSError."""
    folder = Path(source.path)
    place = place_of(root, source, uid_of(pod), name)
    if place != folder:
        whole = _mount(root, name)
        # Before the bind: what the pod has there says that the disk is in use.
        await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True, mode=0o750)
        await disks.format_and_mount(folder, whole, source.fsType or "", [*(["ro"] if read_only else []), *options])
        if not mounts.is_mount_point(place):
            mounts.mount(str(whole), place, flags=mounts.MS_BIND)
    await asyncio.to_thread(_give, place, pod, read_only)


def _give(place: Path, pod: Pod, read_only: bool) -> None:
    if not place.is_dir():
        raise VolumeError(f'path "{place}" does not exist')
    ownership.give_to_pod(place.resolve(), pod, read_only)  # it may be a link of the administrator's


def names_of(root: Path, uid: str) -> list[str]:
    """The disks that a pod has."""
    return [place.name for place in (root / "pods" / uid / "volumes" / FOLDER).glob("*")]


def release(root: Path, names: Sequence[str]) -> None:
    """Unmounts those of the disks that no pod has any more. Raises OSError."""
    for name in names:
        whole = _mount(root, name)
        if any((root / "pods").glob(f"*/volumes/{FOLDER}/{name}")):
            continue
        if mounts.is_mount_point(whole):
            mounts.unmount(whole)
        with suppress(OSError):
            whole.rmdir()


def _mount(root: Path, name: str) -> Path:
    return root / "plugins" / "kubernetes.io" / "local-volume" / "mounts" / name


def _bind(root: Path, uid: str, name: str) -> Path:
    return root / "pods" / uid / "volumes" / FOLDER / name
